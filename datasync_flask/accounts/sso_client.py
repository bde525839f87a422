"""How the sign-on service is asked: Authlib's client, whose answers have an end in bytes and in time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from authlib.integrations.flask_client.apps import FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session

# A description, keys, tokens and claims, unpacked.
MAX_BYTES = 1_000_000
TOTAL_SECONDS = 20.0
_PIECE_BYTES = 65_536


class BoundedSession(OAuth2Session):
    """Reads no more of an answer than it may be long, and no longer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for adapter in self.adapters.values():
            adapter.send = _bounded(adapter.send)  # type: ignore[method-assign]


def _bounded(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_and_read(request: Any, **options: Any) -> Any:
        until = time.monotonic() + TOTAL_SECONDS
        response = send(request, **{**options, "stream": True})
        content = b""
        try:
            for piece in response.iter_content(_PIECE_BYTES):
                content += piece
                if len(content) > MAX_BYTES:
                    raise ValueError("an answer of the sign-on service is too long")
                if time.monotonic() > until:
                    raise ValueError("an answer of the sign-on service takes too long")
        finally:
            response.close()
        response._content, response._content_consumed = content, True
        return response

    return send_and_read


class SignOnClient(FlaskOAuth2App):
    """Authlib's client of a provider over bounded sessions."""

    client_cls = BoundedSession
