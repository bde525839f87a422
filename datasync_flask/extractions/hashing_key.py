"""The key for hashing personal data: one for all tables, created when first needed, encrypted like all secrets."""

from __future__ import annotations

import hmac
import secrets

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from datasync_flask.extensions import db
from datasync_flask.extractions.models import ExtractionObject, HashingKey
from datasync_flask.security.crypto import secret_box

KEY_BYTES = 32
_ID = 1


def make_new() -> bytes:
    """Another key in the place of the one there is, readable or not; the caller commits.

    Tables with hashes of the old one are loaded again by their next runs.
    """
    key, stored = secrets.token_hex(KEY_BYTES), db.session.get(HashingKey, _ID)
    _load_unmarked_again()
    if stored is None:
        db.session.add(HashingKey(id=_ID, key_sealed=secret_box().seal(key)))
    else:
        stored.key_sealed = secret_box().seal(key)
    return bytes.fromhex(key)


def _load_unmarked_again() -> None:
    """Have tables loaded again whose hashes are from before it was written down which key they are of."""
    for chosen in db.session.scalars(select(ExtractionObject)):
        before = chosen.loaded_as
        if before is not None and before.hashed and not before.key:
            chosen.watermark = None


def mark() -> str:
    """What tells the key from another one, and nothing else about it; commits as `hashing_key` does."""
    return hmac.digest(hashing_key(), b"which key", "sha256").hex()[:16]


def hashing_key() -> bytes:
    """The key; commits if it has to be created. Raises SecretUnreadable."""
    stored = db.session.get(HashingKey, _ID)
    if stored is None:
        make_new()
        try:
            db.session.commit()
        except IntegrityError:
            # Another process created it meanwhile.
            db.session.rollback()
        stored = db.session.get_one(HashingKey, _ID)
    return bytes.fromhex(secret_box().open(stored.key_sealed))
