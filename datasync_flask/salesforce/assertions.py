"""Signed tokens instead of secrets: the certificate for the app in Salesforce, and the signed assertions.

Sources: RFC 7523 section 3; Salesforce help "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from authlib.oauth2.rfc7523 import JWTBearerGrant
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey

from datasync_flask.salesforce.hosts import PRODUCTION, SANDBOX

GRANT_TYPE = JWTBearerGrant.GRANT_TYPE
# Salesforce refuses lifetimes over three minutes; a little less tolerates a clock that is slightly fast.
LIFETIME_SECONDS = 120
# A clock difference that the lifetime tolerates.
CLOCK_MAY_DIFFER_SECONDS = 60
# Long, because a person has to upload the next one, and access ends if nobody does.
CERTIFICATE_LIFETIME = timedelta(days=3650)
# The smallest key that Salesforce accepts; it doesn't accept elliptic curves here.
KEY_BITS = 2048


@dataclass(frozen=True)
class CertifiedKey:
    """A private key and its certificate, both in PEM."""

    certificate: str
    private_key: str
    expires_at: datetime


def new_certified_key(name: str, now: datetime) -> CertifiedKey:
    """A new RSA key with a self-signed certificate for `name`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    expires_at = now + CERTIFICATE_LIFETIME
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Valid from a little earlier, because clocks differ.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(expires_at)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return CertifiedKey(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        private.decode(),
        expires_at.replace(microsecond=0),
    )


def fingerprint(certificate: str) -> str:
    """The SHA-256 fingerprint of a PEM certificate, as browsers and Salesforce's pages show it."""
    return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256()).hex(":").upper()


def audiences(origin: str) -> tuple[str, ...]:
    """The audiences for which an org with this login origin may accept an assertion, the likeliest first.

    The documentation names login and test.salesforce.com. Orgs whose old host names no longer redirect (Spring '26)
    accept only their own address, which others refuse.
    """
    if origin in {PRODUCTION, SANDBOX}:
        return (origin,)
    host = urlsplit(origin).hostname or ""
    return (origin, SANDBOX if ".sandbox." in host or ".scratch." in host else PRODUCTION)


def sign(private_key: str, *, client_id: str, username: str, audience: str) -> str:
    """The assertion (RFC 7523 section 3) with which the app requests a token for `username`."""
    signed: str = JWTBearerGrant.sign(
        RSAKey.import_key(private_key),
        issuer=client_id,
        audience=audience,
        subject=username,
        alg="RS256",
        expires_in=LIFETIME_SECONDS,
    )
    return signed
