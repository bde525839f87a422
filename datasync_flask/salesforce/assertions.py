"""Signed tokens instead of secrets: the certificate that an app in Salesforce holds, and what is signed for it.

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
# Salesforce refuses what holds longer than three minutes; a little less bears a clock that is a little fast.
LIFETIME_SECONDS = 120
# A difference between the clocks that the lifetime bears.
CLOCK_MAY_DIFFER_SECONDS = 60
# Whoever forgets to replace a certificate loses access: as long as is usual where a person has to upload it.
CERTIFICATE_LIFETIME = timedelta(days=3650)
# The least that Salesforce takes; it takes no elliptic curves for this.
KEY_BITS = 2048


@dataclass(frozen=True)
class CertifiedKey:
    """A private key and its certificate, both in PEM."""

    certificate: str
    private_key: str
    expires_at: datetime


def new_certified_key(name: str, now: datetime) -> CertifiedKey:
    """A new RSA key with a certificate that it signed itself, in `name`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    expires_at = now + CERTIFICATE_LIFETIME
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ: valid from a little earlier.
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
    """The SHA-256 fingerprint of a PEM certificate, as browsers and Salesforce's pages write it."""
    return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256()).hex(":").upper()


def audiences(origin: str) -> tuple[str, ...]:
    """The audiences under which an org with this login origin may take an assertion, the likeliest first.

    The documentation names login and test.salesforce.com; orgs whose old host names no longer redirect (Spring '26)
    take their own address only, others refuse it.
    """
    if origin in {PRODUCTION, SANDBOX}:
        return (origin,)
    host = urlsplit(origin).hostname or ""
    return (origin, SANDBOX if ".sandbox." in host or ".scratch." in host else PRODUCTION)


def sign(private_key: str, *, client_id: str, username: str, audience: str) -> str:
    """The assertion (RFC 7523 section 3) by which the app asks for a token in the name of `username`."""
    signed: str = JWTBearerGrant.sign(
        RSAKey.import_key(private_key),
        issuer=client_id,
        audience=audience,
        subject=username,
        alg="RS256",
        expires_in=LIFETIME_SECONDS,
    )
    return signed
