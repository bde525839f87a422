"""Secrets at rest: Fernet with a list of keys, the first encrypts, all decrypt."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import Flask, current_app


class SecretUnreadable(Exception):
    """A stored secret cannot be decrypted with any of the keys in DATASYNC_ENCRYPTION_KEYS."""


class SecretBox:
    """Encrypts and decrypts text with a key list (cryptography's MultiFernet)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernets = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        """`text` encrypted with the first key."""
        return self._fernets.encrypt(text.encode()).decode()

    def open(self, sealed: str, *, max_age: int | None = None) -> str:
        """The text in `sealed`. Raises SecretUnreadable for a wrong key, a changed text or one older than
        `max_age` seconds.
        """
        try:
            return self._fernets.decrypt(sealed.encode(), ttl=max_age).decode()
        except (InvalidToken, ValueError):
            raise SecretUnreadable("the secret cannot be read with the keys given") from None

    def rotate(self, sealed: str) -> str:
        """`sealed` encrypted again with the first key. Raises SecretUnreadable as :meth:`open` does."""
        try:
            return self._fernets.rotate(sealed.encode()).decode()
        except (InvalidToken, ValueError):
            raise SecretUnreadable("the secret cannot be read with the keys given") from None


def secret_box() -> SecretBox:
    """The box for the secrets of the current app."""
    box: SecretBox = current_app.extensions["secret_box"]
    return box


def init_app(app: Flask) -> None:
    """Add the box for its secrets to `app`."""
    app.extensions["secret_box"] = SecretBox(app.config["SETTINGS"].encryption_keys)
