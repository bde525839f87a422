from __future__ import annotations

import contextlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
import time_machine
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from datasync_flask.extensions import db
from datasync_flask.operations import key_rotation
from datasync_flask.security.crypto import SecretBox, SecretUnreadable
from tests.support.connection import ConnectionWalk

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@given(st.text(max_size=200))
def test_what_is_sealed_can_be_opened_and_cannot_be_read(secret: str) -> None:
    sealed = SecretBox([OLD]).seal(secret)
    assert SecretBox([NEW, OLD]).open(sealed) == secret
    assert len(secret) < 4 or secret not in sealed


@given(st.text(max_size=50), st.integers(0, 60), st.integers(1, 255))
def test_a_changed_byte_is_refused(secret: str, place: int, change: int) -> None:
    sealed = bytearray(urlsafe_b64decode(SecretBox([OLD]).seal(secret)))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(SecretUnreadable):
        SecretBox([OLD]).open(urlsafe_b64encode(sealed).decode())


@given(st.text(max_size=50), st.integers(0, 60), st.integers(1, 255))
def test_a_changed_character_never_makes_another_secret(secret: str, place: int, change: int) -> None:
    sealed = bytearray(SecretBox([OLD]).seal(secret).encode())
    sealed[place % len(sealed)] ^= change
    # Base64 has two characters for the same six bits: such a text still says the same.
    with contextlib.suppress(SecretUnreadable):
        assert SecretBox([OLD]).open(sealed.decode("latin-1")) == secret


def test_the_first_key_encrypts_and_rotation_moves_to_it() -> None:
    sealed = SecretBox([OLD]).seal("secret")
    rotated = SecretBox([NEW, OLD]).rotate(sealed)
    assert SecretBox([NEW]).open(rotated) == "secret"
    with pytest.raises(SecretUnreadable):
        SecretBox([OTHER]).open(sealed)
    with pytest.raises(SecretUnreadable):
        SecretBox([OTHER]).rotate(sealed)


def test_a_secret_can_have_an_age() -> None:
    with time_machine.travel(1_000_000_000, tick=False) as traveller:
        sealed = SecretBox([OLD]).seal("secret")
        assert SecretBox([OLD]).open(sealed, max_age=10) == "secret"
        traveller.shift(11)
        with pytest.raises(SecretUnreadable):
            SecretBox([OLD]).open(sealed, max_age=10)


def test_rotating_all_stored_secrets(walk: ConnectionWalk, encryption_key: str) -> None:
    walk.to_connected()
    walk.leave_for_salesforce()
    walk.app.extensions["secret_box"] = SecretBox([NEW, encryption_key])
    with walk.app.app_context():
        assert key_rotation.rotate_all() == (5, 0)
    walk.app.extensions["secret_box"] = SecretBox([NEW])
    walk.visitor.post(f"/connections/{walk.id}/disconnect")
    walk.allow()
    walk.work()
    assert walk.state == "connected"
    walk.app.extensions["secret_box"] = SecretBox([OTHER])
    with walk.app.app_context():
        # The client secret, the two tokens, and the one that still waits for its revocation.
        assert key_rotation.rotate_all() == (0, 5)


def test_the_database_holds_no_secret_in_the_clear(walk: ConnectionWalk) -> None:
    walk.to_connected()
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    walk.come_back(location)
    code = location.split("code=")[1].split("&")[0].replace("%3D", "=")
    secrets = [walk.salesforce_app["client_secret"], code, *walk.practice.tokens()]
    with walk.app.app_context():
        dump = ""
        for table in db.metadata.sorted_tables:
            dump += repr(db.session.execute(text(f'SELECT * FROM "{table.name}"')).all())
    pages = walk.visitor.get(f"/connections/{walk.id}").text + walk.visitor.get(f"/connections/{walk.id}/edit").text
    for secret in secrets:
        assert secret not in dump
        assert secret not in pages
