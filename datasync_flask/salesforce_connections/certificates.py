"""The certificate that this site signs with. Like the Callback URL, it is one for all connections, so that the guide
can show it before anything is saved.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.salesforce.assertions import fingerprint, new_certified_key
from datasync_flask.salesforce_connections.models import SalesforceConnection, SigningCertificate
from datasync_flask.security.crypto import SecretUnreadable, secret_box

# Leaves enough time to upload the next one.
EXPIRES_SOON = timedelta(days=30)
_NEWEST = select(SigningCertificate).order_by(SigningCertificate.id.desc()).limit(1)


def newest() -> SigningCertificate | None:
    """The newest certificate."""
    return db.session.scalar(_NEWEST)


def make() -> SigningCertificate:
    """Create a certificate that every new propagation uses from now on; the caller commits."""
    last = newest()
    made = new_certified_key("DataSync", utcnow())
    certificate = SigningCertificate(
        id=last.id + 1 if last is not None else 1,
        pem=made.certificate,
        private_key_sealed=secret_box().seal(made.private_key),
        expires_at=made.expires_at,
    )
    try:
        with db.session.begin_nested():
            db.session.add(certificate)
    except IntegrityError:
        # Another process created one at the same moment: use that.
        return db.session.scalars(_NEWEST).one()
    return certificate


def usable() -> SigningCertificate:
    """The newest certificate; a new one if there is none, if it expires soon or if its key can't be read.

    The caller commits.
    """
    certificate = newest()
    if certificate is None or certificate.expires_at < utcnow() + EXPIRES_SOON:
        return make()
    try:
        secret_box().open(certificate.private_key_sealed)
    except SecretUnreadable:
        return make()
    return certificate


def facts_of(connection: SalesforceConnection) -> dict[str, object] | None:
    """The facts about a connection's certificate for its page."""
    certificate = connection.certificate if connection.signs else None
    if certificate is None:
        return None
    last = newest()
    return {
        "fingerprint": fingerprint(certificate.pem),
        "expires_at": certificate.expires_at,
        "is_replaced": last is not None and last.id != certificate.id,
    }


def file_of_newest() -> Response:
    """The newest certificate as a file to upload to Salesforce, created if there is none. Commits."""
    pem = usable().pem
    db.session.commit()
    headers = {"Content-Disposition": 'attachment; filename="datasync.crt"'}
    return Response(pem, mimetype="application/x-pem-file", headers=headers)
