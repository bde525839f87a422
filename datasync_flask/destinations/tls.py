"""How a connection to a database server is encrypted, and whose certificate is trusted."""

from __future__ import annotations

import enum
import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi

# The most characters in a bundle of certificate authorities.
MAX_CA = 100_000


class Tls(enum.StrEnum):
    """The TLS settings of a connection to a server."""

    OFF = "off"
    REQUIRED = "required"
    VERIFIED = "verified"


def is_this_machine(host: str) -> bool:
    """True for an address that never leaves this machine: loopback, or the folder of a Unix socket."""
    if host.startswith("/") or host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_host(host: str) -> bool:
    """True for one name, one address, or the folder of a Unix socket; libpq would also accept a list of hosts."""
    if host.startswith("/"):
        return re.fullmatch(r"(/[\w.\-]+)+/?", host) is not None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return re.fullmatch(r"[\w]([\w.\-]*[\w.])?", host) is not None
    return True


def default_tls(host: str) -> Tls:
    """The default: nothing goes unencrypted to another machine."""
    return Tls.OFF if is_this_machine(host) else Tls.REQUIRED


def tls_of(settings: Mapping[str, Any]) -> Tls:
    """The TLS setting in stored settings; older ones may have none."""
    return Tls(settings.get("tls") or default_tls(str(settings.get("host", ""))))


def check_certificates(pem: str) -> None:
    """Raise ValueError for anything but certificates in PEM (RFC 7468), and for a private key."""
    if "PRIVATE KEY" in pem:
        raise ValueError("a private key")
    try:
        ssl.create_default_context(cadata=pem)
    except ssl.SSLError as error:
        raise ValueError(str(error)) from None


def trusted_file() -> str:
    """The file with the certificates that this machine trusts."""
    found = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return found if found and Path(found).is_file() else certifi.where()


def ssl_context(tls: Tls, pem: str) -> ssl.SSLContext | None:
    """Python's TLS context for checking a server; None if nothing is encrypted."""
    if tls is Tls.OFF:
        return None
    if tls is Tls.VERIFIED:
        context = ssl.create_default_context(cadata=pem) if pem else ssl.create_default_context(cafile=trusted_file())
        # A company's own CA often lacks the extensions that the strict profile requires (RFC 5280).
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", ssl.VerifyFlags(0))
        return context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
