"""An OpenID Connect provider that says whatever a test has it say, over real HTTP, properly signed."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server


class Missing(enum.Enum):
    """A claim that isn't sent at all."""

    MISSING = enum.auto()


MISSING = Missing.MISSING


class IdentityProvider:
    """Who signs in there next, and what the provider says of them."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.has_userinfo = True
        self.nonce = ""
        # The path of an answer that is longer than any provider's.
        self.has_no_end_at = ""
        self.says()

    def says(self, in_id_token: dict[str, Any] | None = None, in_userinfo: dict[str, Any] | None = None) -> None:
        """Set the claims; what isn't named is as it should be."""
        self.in_id_token, self.in_userinfo = in_id_token or {}, in_userinfo or {}

    def id_token(self) -> str:
        now = int(time.time())
        usual = {"iss": self.origin, "aud": "datasync", "sub": "subject-1", "iat": now, "exp": now + 300,
                 "nonce": self.nonce}  # fmt: skip
        claims = {name: value for name, value in {**usual, **self.in_id_token}.items() if value is not MISSING}
        return str(jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key))

    def userinfo(self) -> dict[str, Any]:
        usual = {"sub": self.in_id_token.get("sub", "subject-1")}
        return {name: value for name, value in {**usual, **self.in_userinfo}.items() if value is not MISSING}


def _pages(provider: IdentityProvider) -> Flask:
    app = Flask(__name__)

    @app.after_request
    def go_on(response: Response) -> Response:
        if request.path == provider.has_no_end_at:
            response.data += b" " * 3_000_000
        return response

    @app.get("/.well-known/openid-configuration")
    def configuration() -> ResponseReturnValue:
        origin = provider.origin
        found = {"issuer": origin, "authorization_endpoint": f"{origin}/authorize", "token_endpoint": f"{origin}/token",
                 "jwks_uri": f"{origin}/jwks", "id_token_signing_alg_values_supported": ["RS256"]}  # fmt: skip
        return jsonify(found | ({"userinfo_endpoint": f"{origin}/userinfo"} if provider.has_userinfo else {}))

    @app.get("/authorize")
    def authorize() -> ResponseReturnValue:
        provider.nonce = request.args.get("nonce", "")
        back = {"code": "a-code", "state": request.args["state"]}
        return redirect(f"{request.args['redirect_uri']}?{urlencode(back)}")

    @app.post("/token")
    def token() -> ResponseReturnValue:
        answer = {"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 300}
        return jsonify(answer if provider.in_id_token.get("iss") == "" else answer | {"id_token": provider.id_token()})

    @app.get("/jwks")
    def jwks() -> ResponseReturnValue:
        return jsonify(KeySet([provider.key]).as_dict(private=False))

    @app.get("/userinfo")
    def userinfo() -> ResponseReturnValue:
        return jsonify(provider.userinfo())

    return app


@contextmanager
def running_identity_provider() -> Iterator[IdentityProvider]:
    """Run a provider on a free port."""
    provider = IdentityProvider("")
    server = make_server("127.0.0.1", 0, _pages(provider), threaded=True)
    provider.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()
