"""Single sign-on against a real OpenID Connect provider that runs beside the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from flask import Flask

from datasync_flask.accounts.models import User
from datasync_flask.extensions import db
from datasync_flask.salesforce.transport import trust
from tests.conftest import PASSWORD
from tests.support.servers import free_port, wait_until_open
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A provider program in a process of its own."""
    port = free_port()
    log = (tmp_path_factory.mktemp("provider") / "log").open("wb")
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    wait_until_open(port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()
    log.close()


@pytest.fixture
def sso_app(make_app: Callable[..., Flask], issuer: str) -> Flask:
    return make_app(
        oidc_issuer=issuer, oidc_client_id="datasync", oidc_client_secret="s3cret",
        oidc_domains=("example.com",), oidc_role_claim="groups", oidc_name="Company login",
    )  # fmt: skip


def know(issuer: str, email: str, **claims: object) -> None:
    """Let the provider know a person."""
    httpx2.put(
        f"{issuer}/users/{email}", json={"email": email, "email_verified": True, **claims}, verify=trust()
    ).raise_for_status()


def sign_in(app: Flask, email: str, target: str = "/connections") -> Visitor:
    visitor = Visitor(app)
    answer = visitor.get(f"/sso?next={target}")
    assert answer.status_code == 302, visitor.text
    assert "code_challenge_method=S256" in answer.headers["Location"]
    back = httpx2.post(answer.headers["Location"], data={"sub": email}, follow_redirects=False, verify=trust())
    assert back.status_code == 302, back.text
    parts = urlsplit(back.headers["Location"])
    visitor.get(f"{parts.path}?{parts.query}")
    return visitor


def role_of(app: Flask, email: str) -> str:
    with app.app_context():
        found = str(db.session.query(User).filter_by(email=email).one().role)
        db.session.rollback()
        return found


def test_a_person_of_the_company_comes_in_with_the_role_of_their_groups(sso_app: Flask, issuer: str) -> None:
    know(issuer, "grace@example.com", groups=["staff", "editor"])
    visitor = sign_in(sso_app, "grace@example.com", "/extractions")
    assert visitor.response.headers["Location"] == "/extractions"
    assert visitor.get("/connections/new").status_code == 200
    assert role_of(sso_app, "grace@example.com") == "editor"
    assert "Company login" in Visitor(sso_app).get("/login").text
    # Another role there is another role here, at the next sign-in.
    know(issuer, "grace@example.com", groups=["viewer"])
    sign_in(sso_app, "grace@example.com")
    assert role_of(sso_app, "grace@example.com") == "viewer"


def test_without_a_role_somebody_only_reads_and_has_no_password(sso_app: Flask, issuer: str) -> None:
    know(issuer, "new@example.com")
    assert sign_in(sso_app, "new@example.com").get("/connections").status_code == 200
    assert role_of(sso_app, "new@example.com") == "viewer"
    stranger = Visitor(sso_app)
    stranger.get("/login")
    assert stranger.post("/login", {"email": "new@example.com", "password": PASSWORD}).status_code == 422


@pytest.mark.parametrize(
    ("email", "claims", "message"),
    [
        ("eve@evil.example", {}, "Addresses of evil.example are not let in here."),
        ("eve@example.com", {"email_verified": False}, "isn’t verified"),
    ],
)
def test_who_is_not_let_in(sso_app: Flask, issuer: str, email: str, claims: dict[str, object], message: str) -> None:
    know(issuer, email, **claims)
    visitor = sign_in(sso_app, email)
    assert visitor.response.status_code == 422
    assert message in visitor.text
    assert visitor.get("/connections").status_code == 302


def test_an_answer_that_nobody_asked_for_opens_nothing(sso_app: Flask) -> None:
    visitor = Visitor(sso_app)
    for query in ("", "?code=abc&state=made-up", "?error=access_denied&state=x", "?code=a&code=b"):
        assert visitor.get(f"/sso/callback{query}").status_code == 422
        assert visitor.get("/connections").status_code == 302


def test_a_provider_that_is_away_says_so(make_app: Callable[..., Flask]) -> None:
    visitor = Visitor(make_app(oidc_issuer="http://127.0.0.1:1", oidc_client_id="x"))
    assert visitor.get("/sso").status_code == 422
    assert "doesn’t answer" in visitor.text


def test_without_a_provider_there_is_no_such_way(app: Flask) -> None:
    assert Visitor(app).get("/sso").status_code == 404
    assert Visitor(app).get("/sso/callback?code=a&state=b").status_code == 404
