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
    Fault.NO_BUCKET: "There is no bucket of this name at this endpoint. Make it there first, or correct the name.",
    Fault.KEY_REFUSED: "The store doesn't know this access key, or it has expired. Enter the access key and its secret "
    "key again.",
    Fault.SECRET_REFUSED: "The secret key doesn't belong to this access key, so the store refused the signature. Enter "
    "the secret key again.",
    Fault.NO_ROLE: "This machine has no role of its own to use the store with. Enter an access key and its secret key, "
    "or give the machine a role.",
    Fault.NO_RIGHT_IN_BUCKET: "The store doesn't allow this in the bucket. Have the key (or the machine's role) be "
    "allowed to list the bucket, and to read, write and delete objects below the prefix.",
    Fault.WRONG_REGION: "The bucket is in another region. Enter the region that the store shows for it.",
    Fault.CLOCK_WRONG: "The clock of this machine differs from the store's by too much, so the store refuses every "
    "signature. Have the machine set its clock by the network (NTP).",
    Fault.CERTIFICATE_REFUSED: "This machine doesn't trust the store's certificate, so nothing was sent. Enter the "
    "endpoint exactly as it stands in the certificate; where it comes from an authority of your own, have whoever runs "
    "DataSync name that authority in SSL_CERT_FILE.",
    Fault.NO_CONDITIONS: "The store ignores conditions on writing (If-Match, If-None-Match), so two writers could "
    "spoil a table. Use a newer version of the store, or another one.",
    Fault.BUCKET_FULL: "The store has no room left for this bucket. Make room there, or raise its limit.",
    Fault.CHANGED_MEANWHILE: "Something else wrote to this table at the same time, so nothing was changed. Let one "
    "program only write to it, then run again.",
    Fault.UNEXPECTED: "The destination answered something unexpected; its own words stand beside this.",
}


def fault_text(fault: str) -> str:
    """Return the words for a fault in the language of the page."""
    return translated(FAULT_TEXTS[Fault(fault)]) if fault else ""
