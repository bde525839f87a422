"""What can be wrong with a destination, in plain words: what it means and what to do."""

from __future__ import annotations

from datasync_flask.destinations.base import Fault
from datasync_flask.languages import translated

FAULT_TEXTS = {
    Fault.HOST_NOT_FOUND: "There is no computer of this name. Compare it letter by letter, or enter its IP address.",
    Fault.NOT_REACHABLE: "Nothing answers there. Check host and port, that the server runs, and the firewall.",
    Fault.PASSWORD_REFUSED: "The server refuses this username or password. Enter them again.",
    Fault.NO_DATABASE: "There is no database of this name on the server. Make it there first, or correct the name.",
    Fault.NO_RIGHT: "There is no right to write here. Whoever runs the server has to allow making and changing tables.",
    Fault.TABLE_IN_THE_WAY: "A table of this name is there already. Choose another dataset, or drop the table.",
    Fault.DISK_FULL: "The disk is full. Make room, then check again.",
    Fault.LOCKED: "Another program has the file open. Close it there, then try again.",
    Fault.NOT_OURS: "This file is something else, so it isn't touched. Choose another name.",
    Fault.TOO_SLOW: "There was no answer in time. Check the network, then try again.",
    Fault.UNEXPECTED: "The destination answered something unexpected; its own words stand beside this.",
}


def fault_text(fault: str) -> str:
    """Return the words for a fault in the language of the page."""
    return translated(FAULT_TEXTS[Fault(fault)]) if fault else ""
