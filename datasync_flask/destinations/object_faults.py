"""The meaning of an object store's answers, and of errors of the libraries that read and write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from datasync_flask.destinations.base import DestinationError, Fault

# By the code in the store's answer: Amazon's names, which MinIO, SeaweedFS, Ceph and R2 also use.
_BY_CODE = {
    "NoSuchBucket": (Fault.NO_BUCKET, "bucket"),
    "InvalidBucketName": (Fault.NO_BUCKET, "bucket"),
    "InvalidAccessKeyId": (Fault.KEY_REFUSED, "access_key"),
    "ExpiredToken": (Fault.KEY_REFUSED, "access_key"),
    "InvalidToken": (Fault.KEY_REFUSED, "access_key"),
    "SignatureDoesNotMatch": (Fault.SECRET_REFUSED, "password"),
    "RequestTimeTooSkewed": (Fault.CLOCK_WRONG, ""),
    "AuthorizationHeaderMalformed": (Fault.WRONG_REGION, "region"),
    "PermanentRedirect": (Fault.WRONG_REGION, "region"),
    "IllegalLocationConstraintException": (Fault.WRONG_REGION, "region"),
    "AccessDenied": (Fault.NO_RIGHT_IN_BUCKET, "bucket"),
    "AllAccessDisabled": (Fault.NO_RIGHT_IN_BUCKET, "bucket"),
    "NotImplemented": (Fault.NO_CONDITIONS, "endpoint"),
    "QuotaExceeded": (Fault.BUCKET_FULL, "bucket"),
    "InsufficientStorage": (Fault.BUCKET_FULL, "bucket"),
    "XMinioStorageFull": (Fault.BUCKET_FULL, "bucket"),
    "SlowDown": (Fault.TOO_SLOW, "endpoint"),
    "ServiceUnavailable": (Fault.TOO_SLOW, "endpoint"),
}
# By the libraries' words, in this order; the first match counts.
_BY_PHRASE = (
    (r"no space left", Fault.DISK_FULL, ""),
    (r"invalid peer certificate|unknownissuer|notvalidforname|certificate", Fault.CERTIFICATE_REFUSED, "endpoint"),
    (r"invalidcontenttype|corrupt message|invalidmessage|tls handshake|handshakefailure", Fault.NO_TLS, "endpoint"),
    (r"dns error|failed to lookup address|name or service not known", Fault.HOST_NOT_FOUND, "endpoint"),
    (r"no credentials|credentials? (were|was|is) not|169\.254\.|credentialsnotloaded", Fault.NO_ROLE, "access_key"),
    (r"timed ?out|timedout|timeout", Fault.TOO_SLOW, "endpoint"),
    (r"connection refused|tcp connect|unreachable|connect\b", Fault.NOT_REACHABLE, "endpoint"),
    (r"\b403\b|forbidden|permission ?denied|unauthenticated", Fault.NO_RIGHT_IN_BUCKET, "bucket"),
    (r"\b30[1278]\b|redirect without location", Fault.WRONG_REGION, "region"),
    (r"\b507\b", Fault.BUCKET_FULL, "bucket"),
)  # fmt: skip
_CODE, _MESSAGE = re.compile(r"<Code>(\w+)</Code>"), re.compile(r"<Message>([^<]{1,300})</Message>")


def meaning_of(error: Exception) -> DestinationError:
    """The meaning of an error. The libraries' texts contain addresses, but never a secret or a signature."""
    text = str(error)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if code is not None:
        fault, field = _BY_CODE.get(code[1], (Fault.UNEXPECTED, ""))
        return DestinationError(fault, f"{code[1]}: {message[1]}" if message else code[1], field)
    # Before the dash come address, time and number of tries; after the empty line, the library's internals.
    told = text.partition("\n\nDebug source:")[0].rpartition(" - ")[2]
    low = text.lower().replace("retry_timeout", "")
    for pattern, fault, field in _BY_PHRASE:
        if re.search(pattern, low):
            return DestinationError(fault, told, field)
    return DestinationError(Fault.UNEXPECTED, told)


@contextmanager
def faults(doing: str = "") -> Iterator[None]:
    """Turn errors in the block into DestinationErrors; `doing` goes before the store's own words."""
    try:
        yield
    except DestinationError:
        raise
    except Exception as error:
        found = meaning_of(error)
        detail = f"{doing}: {found.detail}" if doing else found.detail
        raise DestinationError(found.fault, detail, found.field) from error
