"""The key for hashing personal data: one for all tables, created when first needed, encrypted like all secrets."""

from __future__ import annotations

import secrets

from sqlalchemy.exc import IntegrityError

from datasync_flask.extensions import db
from datasync_flask.extractions.models import HashingKey
from datasync_flask.security.crypto import secret_box

KEY_BYTES = 32
_ID = 1


def hashing_key() -> bytes:
    """The key; commits if it has to be created. Raises SecretUnreadable."""
    stored = db.session.get(HashingKey, _ID)
    if stored is None:
        db.session.add(HashingKey(id=_ID, key_sealed=secret_box().seal(secrets.token_hex(KEY_BYTES))))
        try:
            db.session.commit()
        except IntegrityError:
            # Another process created it meanwhile.
            db.session.rollback()
        stored = db.session.get_one(HashingKey, _ID)
    return bytes.fromhex(secret_box().open(stored.key_sealed))
