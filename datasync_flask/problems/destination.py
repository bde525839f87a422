"""What can be wrong with a destination."""

from __future__ import annotations

import enum

from datasync_flask.problems.trouble import Entry, Responsible


class Fault(enum.StrEnum):
    """What a destination's driver reports."""

    HOST_NOT_FOUND = "host_not_found"
    NOT_REACHABLE = "not_reachable"
    PASSWORD_REFUSED = "password_refused"
    NO_DATABASE = "no_database"
    NO_RIGHT = "no_right"
    TABLE_IN_THE_WAY = "table_in_the_way"
    DISK_FULL = "disk_full"
    LOCKED = "locked"
    BUSY = "busy"
    NO_TLS = "no_tls"
    TLS_NOT_VERIFIED = "tls_not_verified"
    PASSWORD_IN_CLEAR = "password_in_clear"
    ASKS_FOR_FILES = "asks_for_files"
    ROW_TOO_WIDE = "row_too_wide"
    NAME_REFUSED = "name_refused"
    NOT_OURS = "not_ours"
    TOO_SLOW = "too_slow"
    NO_BUCKET = "no_bucket"
    KEY_REFUSED = "key_refused"
    SECRET_REFUSED = "secret_refused"
    NO_ROLE = "no_role"
    NO_RIGHT_IN_BUCKET = "no_right_in_bucket"
    WRONG_REGION = "wrong_region"
    CLOCK_WRONG = "clock_wrong"
    CERTIFICATE_REFUSED = "certificate_refused"
    NO_CONDITIONS = "no_conditions"
    BUCKET_FULL = "bucket_full"
    CHANGED_MEANWHILE = "changed_meanwhile"
    UNEXPECTED = "unexpected"


DESTINATION: dict[Fault, Entry] = {
    Fault.HOST_NOT_FOUND: Entry(
        "Host not found", "There is no host of this name.", ("Check the spelling, or use an IP address.",)
    ),
    Fault.NOT_REACHABLE: Entry(
        "Host doesn’t answer",
        "Nothing answers at this host and port.",
        ("Check host and port, that the server runs, and the firewall.",),
    ),
    Fault.PASSWORD_REFUSED: Entry(
        "Password refused", "The server refuses this username or password.", ("Enter them again.",)
    ),
    Fault.NO_DATABASE: Entry(
        "Database not found",
        "There is no database of this name on the server.",
        ("Create it there first, or correct the name.",),
    ),
    Fault.NO_RIGHT: Entry(
        "No right to write",
        "The user has no right to write here.",
        ("Ask whoever runs the server for the right to create and change tables.",),
    ),
    Fault.TABLE_IN_THE_WAY: Entry(
        "Table already there",
        "A table of this name is already there, and DataSync didn’t create it.",
        ("Choose another schema, prefix or folder, or drop the table.",),
    ),
    Fault.DISK_FULL: Entry(
        "Disk full",
        "The disk is full.",
        ("Make room, then check again.",),
        responsible=Responsible.OPERATOR,
        during_run="The disk is full. Make room, then run again: nothing is lost.",
    ),
    Fault.LOCKED: Entry(
        "File is open elsewhere",
        "Another program has the file open; its name is beside this.",
        ("Close the file there, or open it there for reading only, then try again.",),
    ),
    Fault.BUSY: Entry("File in use", "A run is writing to this file.", ("Try again when it is done.",)),
    Fault.NO_TLS: Entry(
        "No encrypted connection",
        "The server doesn’t offer an encrypted connection (TLS), so nothing was sent to it.",
        ("Switch TLS on there. Only a database on this very machine is used without it.",),
    ),
    Fault.TLS_NOT_VERIFIED: Entry(
        "Certificate not verified",
        "The server’s certificate isn’t the one expected, so nothing was sent to it.",
        (
            "Paste the certificate of the authority (CA) that signed it, and enter the host exactly as it is in the "
            "certificate.",
        ),
    ),
    Fault.PASSWORD_IN_CLEAR: Entry(
        "Password would be revealed",
        "The server asks for the password in a way that would reveal it, so it wasn’t sent.",
        (
            "Set the server to ask for SCRAM-SHA-256 (PostgreSQL), or for caching_sha2_password over TLS or "
            "mysql_native_password (MySQL).",
        ),
    ),
    Fault.ASKS_FOR_FILES: Entry(
        "Server asks for files",
        "The server asked for a file of this machine (LOAD DATA LOCAL). DataSync never sends one.",
        ("Check that it is the server you mean.",),
    ),
    Fault.ROW_TOO_WIDE: Entry(
        "Row too wide",
        "This object has more fields, or longer texts in one row, than a table can hold there.",
        ("Choose fewer fields for the object (the link in its column Fields).",),
    ),
    Fault.NAME_REFUSED: Entry(
        "Name not allowed",
        "A name can’t be used for a table, column or folder. Nothing was written.",
        ("Use a name that begins with a letter and has only letters, digits and underscores.",),
    ),
    Fault.NOT_OURS: Entry(
        "File is something else", "This file is something else, so it isn’t changed.", ("Choose another name.",)
    ),
    Fault.TOO_SLOW: Entry("No answer in time", "There was no answer in time.", ("Check the network, then try again.",)),
    Fault.NO_BUCKET: Entry(
        "Bucket not found",
        "There is no bucket of this name at this endpoint.",
        ("Create it there first, or correct the name.",),
    ),
    Fault.KEY_REFUSED: Entry(
        "Access key refused",
        "The store doesn’t know this access key, or it has expired.",
        ("Enter the access key and its secret key again.",),
    ),
    Fault.SECRET_REFUSED: Entry(
        "Secret key refused",
        "The secret key doesn’t belong to this access key, so the store refused the signature.",
        ("Enter the secret key again.",),
    ),
    Fault.NO_ROLE: Entry(
        "No role on this machine",
        "This machine has no role of its own that the store accepts.",
        ("Enter an access key and its secret key, or give the machine a role.",),
    ),
    Fault.NO_RIGHT_IN_BUCKET: Entry(
        "No right in this bucket",
        "The store doesn’t allow this in the bucket.",
        (
            "Allow the key (or the machine’s role) to list the bucket, and to read, write and delete objects below the "
            "prefix.",
        ),
    ),
    Fault.WRONG_REGION: Entry(
        "Wrong region", "The bucket is in another region.", ("Enter the region that the store shows for it.",)
    ),
    Fault.CLOCK_WRONG: Entry(
        "Clock is wrong",
        "The clock of this machine differs too much from the store’s, so the store refuses every signature.",
        ("Set the machine’s clock by the network (NTP).",),
        responsible=Responsible.OPERATOR,
    ),
    Fault.CERTIFICATE_REFUSED: Entry(
        "Store’s certificate not trusted",
        "This machine doesn’t trust the store’s certificate, so nothing was sent.",
        (
            "Enter the endpoint exactly as it is in the certificate. If it comes from an authority of your own, ask "
            "whoever runs DataSync to name that authority in SSL_CERT_FILE.",
        ),
    ),
    Fault.NO_CONDITIONS: Entry(
        "Store ignores conditions",
        "The store ignores conditions on writing (If-Match, If-None-Match), so two writers could damage a table.",
        ("Use a newer version of the store, or another one.",),
    ),
    Fault.BUCKET_FULL: Entry(
        "Bucket full", "The store has no room left for this bucket.", ("Make room there, or raise its limit.",)
    ),
    Fault.CHANGED_MEANWHILE: Entry(
        "Table changed by another program",
        "Something else wrote to this table at the same time, so nothing was changed.",
        ("Let only one program write to it, then try again.",),
    ),
    Fault.UNEXPECTED: Entry(
        "Unexpected answer",
        "The destination answered something unexpected; its own words are beside this.",
        ("Fix what they name, then try again.",),
    ),
}
