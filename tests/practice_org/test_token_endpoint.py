"""The token endpoint as shipped clients use it: HTTP Basic, public clients, signed tokens of all kinds, OpenID."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from datasync_flask.clock import utcnow
from datasync_flask.salesforce.assertions import new_certified_key
from tests.practice_org.conftest import Client
from tests.support.practice import PracticeOrg

CALLBACK = "http://localhost/callback"
VERIFIER = "v" * 64
KEY = new_certified_key("Clients", utcnow())


def ask(practice: PracticeOrg, auth: tuple[str, str] | None = None, **form: str) -> tuple[int, dict[str, Any]]:
    answer = practice.http.post("/services/oauth2/token", data=form, auth=auth)
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    return answer.status_code, answer.json()


def signed_in(practice: PracticeOrg, app: dict[str, Any], scope: str = "", **form: str) -> dict[str, Any]:
    """Allow the app as a person does, and return what its code is worth."""
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    query = {
        "response_type": "code", "client_id": app["client_id"], "redirect_uri": CALLBACK, "scope": scope,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }  # fmt: skip
    back = practice.answer_as_person(f"{practice.origin}/services/oauth2/authorize?{urlencode(query)}")
    (code,) = parse_qs(urlsplit(back).query)["code"]
    grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    status, answer = ask(practice, **{**grant, "client_id": app["client_id"], **form})
    assert status == 200, answer
    return answer


def test_http_basic_as_well_as_the_body(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK, client_credentials=True, run_as="ada@practice.example")
    pair, form = (app["client_id"], app["client_secret"]), {"grant_type": "client_credentials"}
    assert ask(practice, pair, **form)[0] == 200
    assert ask(practice, client_id=pair[0], client_secret=pair[1], **form)[0] == 200
    refused = {"error": "invalid_client", "error_description": "invalid client credentials"}
    assert ask(practice, (pair[0], "wrong"), **form) == (400, refused)
    assert ask(practice, client_id=pair[0], **form) == (400, refused)
    assert ask(practice, ("nobody", "wrong"), **form)[1]["error"] == "invalid_client_id"
    assert ask(practice)[1]["error"] == "invalid_client_id"


def test_a_public_client(practice: PracticeOrg) -> None:
    app = practice.register(CALLBACK, secret_required=False)
    first = signed_in(practice, app, client_secret="")
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": app["client_id"]}
    assert ask(practice, **form)[0] == 200
    assert ask(practice, client_secret="wrong", **form)[1]["error"] == "invalid_client"


@pytest.fixture
def signing(practice: PracticeOrg) -> dict[str, Any]:
    return practice.register(
        CALLBACK, jwt_bearer=True, certificate=KEY.certificate, admin_approved_only=True, user_approved=True
    )


def assertion(practice: PracticeOrg, app: dict[str, Any], **claims: Any) -> tuple[int, dict[str, Any]]:
    usual = {
        "iss": app["client_id"], "sub": "ada@practice.example", "aud": practice.origin, "exp": int(time.time()) + 180,
    }  # fmt: skip
    token = jwt.encode({"alg": "RS256"}, {**usual, **claims}, RSAKey.import_key(KEY.private_key))
    return ask(practice, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=token)


def test_how_clients_write_when_an_assertion_ends(practice: PracticeOrg, signing: dict[str, Any]) -> None:
    now = time.time()
    for exp in (int(now) + 180, int(now) + 86400, now + 60.5, int(now * 1000) + 300, str(int(now) + 300)):
        assert assertion(practice, signing, exp=exp)[0] == 200, exp
    for exp in (int(now) - 10, str(int(now) - 10), "soon", None, []):
        assert assertion(practice, signing, exp=exp) == (
            400, {"error": "invalid_grant", "error_description": "invalid assertion"},
        )  # fmt: skip


def test_whom_an_assertion_may_be_for(practice: PracticeOrg, signing: dict[str, Any]) -> None:
    own, login = practice.origin, "https://login.salesforce.com"
    for audience in (
        own,
        f"{own}/",
        login,
        f"{login}/",
        "https://test.salesforce.com",
        [login],
        f"{own}/services/oauth2/token",
    ):
        assert assertion(practice, signing, aud=audience)[0] == 200, audience
    for audience in ("https://example.com", None, 5, []):
        assert assertion(practice, signing, aud=audience)[1]["error_description"] == "audience is invalid"
    practice.change_org(audience=login)
    assert assertion(practice, signing, aud=own)[0] == 400
    assert assertion(practice, signing, aud=f"{login}/")[0] == 200


def test_assertions_that_are_none(practice: PracticeOrg) -> None:
    for text in ("", "a.b", "a.b.c", "é"):
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert ask(practice, grant_type=grant, assertion=text)[0] == 400
    assert ask(practice, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer")[0] == 400


def test_introspection(client: Client) -> None:
    pair, token = (client.app["client_id"], client.app["client_secret"]), client.token["access_token"]

    def introspect(auth: tuple[str, str], value: str) -> tuple[int, dict[str, Any]]:
        answer = client.practice.http.post("/services/oauth2/introspect", data={"token": value}, auth=auth)
        return answer.status_code, answer.json()

    status, found = introspect(pair, token)
    assert status == 200
    assert (found["active"], found["client_id"], found["token_type"]) == (True, pair[0], "access_token")
    assert found["exp"] > time.time() >= found["iat"] == found["nbf"]
    assert introspect(pair, "nonsense") == (200, {"active": False})
    assert introspect((pair[0], "wrong"), token)[0] == 401
    client.practice.http.get(f"/services/oauth2/revoke?token={token}").raise_for_status()
    assert introspect(pair, token) == (200, {"active": False})


def test_openid_connect(practice: PracticeOrg) -> None:
    document = practice.http.get("/.well-known/openid-configuration").json()
    assert document["token_endpoint"] == f"{practice.origin}/services/oauth2/token"
    app = practice.register(CALLBACK, scopes=["api", "openid", "refresh_token"])
    answer = signed_in(practice, app, client_secret=app["client_secret"])
    keys = KeySet.import_key_set(practice.http.get(document["jwks_uri"]).json())
    claims = jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == (document["issuer"], app["client_id"], answer["id"])
    plain = signed_in(practice, app, scope="api", client_secret=app["client_secret"])
    assert "id_token" not in plain
    assert "refresh_token" not in plain


@pytest.mark.parametrize(
    ("scopes", "status"), [("api web", 200), ("api id", 200), ("api openid", 200), ("full", 200), ("api", 403)]
)
def test_userinfo_by_scope(practice: PracticeOrg, scopes: str, status: int) -> None:
    app = practice.register(CALLBACK, scopes=[*scopes.split(), "refresh_token"])
    token = signed_in(practice, app, scope=scopes, client_secret=app["client_secret"])["access_token"]
    answer = practice.http.get("/services/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
    if status == 403:
        assert answer.text == "Bad_OAuth_Token"
    assert practice.http.get("/services/oauth2/userinfo").text == "Missing_OAuth_Token"


def test_unknown_error_to_order(client: Client) -> None:
    client.practice.refuse("token", "unknown_error", "retry your request")
    form = {"grant_type": "client_credentials"}
    pair = (client.app["client_id"], client.app["client_secret"])
    answer = client.practice.http.post("/services/oauth2/token", data=form, auth=pair)
    assert (answer.status_code, answer.json()["error"]) == (400, "unknown_error")
    assert client.sign_in()["access_token"] != client.token["access_token"]
