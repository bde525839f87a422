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
    Fault.LOCKED: "Another program has the file open; its name stands beside this. Close the file there, or open it "
    "there for reading only, then try again.",
    Fault.BUSY: "A run writes to this file at the moment. Try again when it is done.",
    Fault.NO_TLS: "The server doesn't offer an encrypted connection (TLS), so nothing was sent to it. Switch TLS on "
    "there; only a database on this very machine is used without it.",
    Fault.TLS_NOT_VERIFIED: "The server's certificate isn't the one expected, so nothing was sent to it. Paste the "
    "certificate of the authority (CA) that signed it, and enter the host exactly as it stands in the certificate.",
    Fault.PASSWORD_IN_CLEAR: "The server asks for the password in a way that would reveal it, so it wasn't sent. Have "
    "it ask for SCRAM-SHA-256 (PostgreSQL), or for caching_sha2_password over TLS or mysql_native_password (MySQL).",
    Fault.ASKS_FOR_FILES: "The server asked for a file of this machine (LOAD DATA LOCAL), which it never gets. Check "
    "that it is the server you mean.",
    Fault.ROW_TOO_WIDE: "This object has more fields, or longer texts in one row, than a table can hold there. Choose "
    "fewer fields for the object (the link all fields beside it).",
    Fault.NAME_REFUSED: "A name can't be used for a table, column or folder: it has to begin with a letter and have "
    "letters, digits and underscores only. Nothing was written.",
    Fault.NOT_OURS: "This file is something else, so it isn't touched. Choose another name.",
    Fault.TOO_SLOW: "There was no answer in time. Check the network, then try again.",
    Fault.UNEXPECTED: "The destination answered something unexpected; its own words stand beside this.",
}


def fault_text(fault: str) -> str:
    """Return the words for a fault in the language of the page."""
    return translated(FAULT_TEXTS[Fault(fault)]) if fault else ""
