"""Whoever can choose an address at the provider opens nobody's account: identities, and how they are linked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from flask import Flask

from datasync_flask.accounts.models import Role, User, UserSession
from datasync_flask.accounts.service import create_user
from datasync_flask.extensions import db
from datasync_flask.salesforce.transport import trust
from tests.conftest import EMAIL, PASSWORD
from tests.support.identity_provider import MISSING, IdentityProvider, running_identity_provider
from tests.support.visitor import Visitor

VERIFIED = {"email": EMAIL, "email_verified": True}
# What is not a JSON true.
NOT_TRUE = [MISSING, None, False, 0, 1, 1.0, "true", "True", "false", "1", "yes", "", [], [True], {}, {"email": True}]


@pytest.fixture(scope="module")
def _running_provider() -> Iterator[IdentityProvider]:
    with running_identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(_running_provider: IdentityProvider) -> IdentityProvider:
    _running_provider.says()
    _running_provider.has_userinfo = True
    _running_provider.has_no_end_at = ""
    return _running_provider


@pytest.fixture
def make_sso_app(make_app: Callable[..., Flask], provider: IdentityProvider) -> Callable[..., Flask]:
    return partial(
        make_app, oidc_issuer=provider.origin, oidc_client_id="datasync", oidc_client_secret="s3cret",
        oidc_role_claim="groups", oidc_name="Company login",
    )  # fmt: skip


@pytest.fixture
def app(make_sso_app: Callable[..., Flask]) -> Flask:
    return make_sso_app()


@pytest.fixture
def ada(app: Flask) -> int:
    """The only administrator, who has a password and was never linked."""
    with app.app_context():
        return create_user(EMAIL, PASSWORD, Role.ADMIN).id


def walk_there_and_back(visitor: Visitor, path: str) -> Visitor:
    leaving = visitor.get(path)
    assert leaving.status_code == 302, visitor.text
    back = urlsplit(httpx2.get(leaving.headers["Location"], follow_redirects=False, verify=trust()).headers["Location"])
    visitor.get(f"{back.path}?{back.query}")
    return visitor


def come_by_sso(app: Flask) -> Visitor:
    return walk_there_and_back(Visitor(app), "/sso")


def come_by_password(app: Flask, email: str = EMAIL) -> Visitor:
    visitor = Visitor(app)
    visitor.get("/login")
    assert visitor.post("/login", {"email": email, "password": PASSWORD}).status_code == 303
    return visitor


def is_in(visitor: Visitor) -> bool:
    return visitor.get("/connections").status_code == 200


def whose(visitor: Visitor) -> str:
    visitor.get("/account")
    return str(visitor.text.split("Your account")[1].split(",")[0].strip())


def people_here(app: Flask) -> dict[str, str]:
    with app.app_context():
        found = {user.email: str(user.role) for user in db.session.query(User)}
        db.session.rollback()
        return found


def link_by_hand(app: Flask, email: str = EMAIL) -> Visitor:
    visitor = come_by_password(app, email)
    visitor.get("/account")
    assert visitor.post("/account/sso", {}).status_code == 200
    walk_there_and_back(visitor, "/account/sso/begin")
    visitor.follow()
    return visitor


@pytest.mark.parametrize("verified", NOT_TRUE, ids=repr)
@pytest.mark.parametrize("where", ["id_token", "userinfo"])
@pytest.mark.slow
def test_only_true_is_verified(app: Flask, ada: int, provider: IdentityProvider, verified: object, where: str) -> None:
    for email in (EMAIL, "new@example.com"):
        claims = {"email": email, "email_verified": verified}
        provider.says(claims if where == "id_token" else None, claims if where == "userinfo" else None)
        visitor = come_by_sso(app)
        assert visitor.response.status_code == 422
        assert "isn’t verified" in visitor.text
        assert "Link single sign-on" in visitor.text
        assert not is_in(visitor)
    assert people_here(app) == {EMAIL: "admin"}


@pytest.mark.parametrize("where", ["id_token", "userinfo"])
def test_an_account_of_before_is_linked_by_a_verified_address_and_then_by_the_subject_alone(
    app: Flask, ada: int, provider: IdentityProvider, where: str
) -> None:
    provider.says(VERIFIED if where == "id_token" else None, VERIFIED if where == "userinfo" else None)
    assert whose(come_by_sso(app)) == EMAIL
    # The address there changed, is gone, is somebody else's here or isn't verified any more: still the same person.
    with app.app_context():
        create_user("grace@example.com", PASSWORD, Role.EDITOR)
    for claims in ({"email": "grace@example.com", "email_verified": True}, {"email": "x@y.example"}, {}, {"email": 7}):
        provider.says(claims)
        assert whose(come_by_sso(app)) == EMAIL
    # Somebody else got the address: it opens nothing.
    provider.says({"sub": "subject-2", **VERIFIED})
    visitor = come_by_sso(app)
    assert visitor.response.status_code == 422
    assert "is linked to somebody else" in visitor.text
    assert not is_in(visitor)


def test_what_one_answer_says_of_an_address_isnt_believed_of_anothers(
    app: Flask, ada: int, provider: IdentityProvider
) -> None:
    for id_token, userinfo in (
        ({"email_verified": True}, {"email": EMAIL}),
        ({"email": EMAIL}, {"email": "mine@example.com", "email_verified": False}),
        ({"email": EMAIL}, {"email_verified": True}),
    ):
        provider.says(id_token, userinfo)
        assert not is_in(come_by_sso(app))
    assert people_here(app) == {EMAIL: "admin"}


@pytest.mark.parametrize("subject", [MISSING, None, "", "  ", 0, 7, True, [], ["a"], {}, "a\x00b", "x" * 256], ids=repr)
def test_without_a_proper_subject_nobody_comes_in(
    app: Flask, ada: int, provider: IdentityProvider, subject: object
) -> None:
    provider.says({"sub": subject, **VERIFIED})
    visitor = come_by_sso(app)
    assert visitor.response.status_code == 422
    assert not is_in(visitor)
    assert people_here(app) == {EMAIL: "admin"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"}, {"iss": MISSING}, {"iss": ["https://evil.example"]}, {"iss": ""},
        {"aud": "another"}, {"aud": ["another"]}, {"aud": "another", "azp": "datasync"}, {"aud": MISSING},
        {"nonce": "another"}, {"nonce": MISSING}, {"exp": 1}, {"exp": MISSING},
    ],
    ids=repr,
)  # fmt: skip
def test_an_id_token_of_another_issuer_or_for_another_client_opens_nothing(
    app: Flask, ada: int, provider: IdentityProvider, wrong: dict[str, Any]
) -> None:
    provider.says({**VERIFIED, **wrong}, VERIFIED)
    visitor = come_by_sso(app)
    assert visitor.response.status_code == 422
    assert not is_in(visitor)


@pytest.mark.parametrize("subject", ["subject-2", MISSING, None, 1], ids=repr)
def test_userinfo_about_somebody_else_opens_nothing(
    app: Flask, ada: int, provider: IdentityProvider, subject: object
) -> None:
    provider.says({}, {"sub": subject, **VERIFIED})
    visitor = come_by_sso(app)
    assert visitor.response.status_code == 422
    assert not is_in(visitor)


def test_a_provider_without_userinfo(app: Flask, ada: int, provider: IdentityProvider) -> None:
    provider.has_userinfo = False
    provider.says(VERIFIED)
    assert is_in(come_by_sso(app))
    provider.says({"sub": "another"})
    assert "didn’t give your email address" in come_by_sso(app).text


@pytest.mark.parametrize(
    "email",
    [MISSING, None, "", "ada", 7, True, [EMAIL], {"a": EMAIL}, f"{EMAIL}\x00", "ada\u200b@example.com"],
    ids=repr,
)
def test_odd_addresses(make_sso_app: Callable[..., Flask], provider: IdentityProvider, email: object) -> None:
    app = make_sso_app(oidc_domains=("example.com",))
    provider.says({"email": email, "email_verified": True})
    visitor = come_by_sso(app)
    assert visitor.response.status_code == 422
    assert "didn’t give your email address" in visitor.text
    assert people_here(app) == {}


def test_domains_hold_for_whoever_is_let_in_by_an_address(
    make_sso_app: Callable[..., Flask], provider: IdentityProvider
) -> None:
    app = make_sso_app(oidc_domains=("example.com",))
    for email in ("eve@evil.example", "eve@example.com.evil.example", "eve@notexample.com", "eve@sub.example.com"):
        provider.says({"email": email, "email_verified": True})
        assert "are not let in here" in come_by_sso(app).text
    assert people_here(app) == {}


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (MISSING, "editor"), (None, "editor"), ([], "editor"), ("", "editor"), ("superuser", "editor"), (7, "editor"),
        ({"admin": True}, "editor"), ([["admin"]], "editor"), ([{"name": "admin"}], "editor"), (True, "editor"),
        ("viewer", "viewer"), (["staff", "ADMIN"], "admin"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_role_claim_that_says_nothing_changes_nothing(
    app: Flask, ada: int, provider: IdentityProvider, groups: object, role: str
) -> None:
    with app.app_context():
        create_user("grace@example.com", PASSWORD, Role.EDITOR)
    provider.says({"email": "grace@example.com", "email_verified": True, "groups": groups})
    come_by_sso(app)
    assert people_here(app)["grace@example.com"] == role


def test_a_role_claim_never_takes_away_the_last_administrator(app: Flask, ada: int, provider: IdentityProvider) -> None:
    provider.says({**VERIFIED, "groups": ["viewer"]})
    visitor = come_by_sso(app)
    assert visitor.get("/people").status_code == 200
    assert people_here(app) == {EMAIL: "admin"}
    with app.app_context():
        create_user("second@example.com", PASSWORD, Role.ADMIN)
    assert come_by_sso(app).get("/people").status_code == 403
    assert people_here(app) == {EMAIL: "viewer", "second@example.com": "admin"}


def test_who_was_removed_comes_back_as_somebody_new(app: Flask, ada: int, provider: IdentityProvider) -> None:
    with app.app_context():
        grace = create_user("grace@example.com", PASSWORD, Role.EDITOR).id
    verified = {"email": "grace@example.com", "email_verified": True}
    provider.says(verified)
    visitor = come_by_sso(app)
    administrator = come_by_password(app)
    administrator.get("/people")
    administrator.post(f"/people/{grace}/remove", {})
    assert not is_in(visitor)
    provider.says({"email": "grace@example.com"})
    assert not is_in(come_by_sso(app))
    provider.says(verified)
    assert is_in(come_by_sso(app))
    assert people_here(app)["grace@example.com"] == "viewer"


def test_a_person_links_their_own_account(app: Flask, ada: int, provider: IdentityProvider) -> None:
    # Nothing is said of an address: the person who is signed in is proof enough.
    provider.says({})
    visitor = link_by_hand(app)
    assert "Single sign-on is linked" in visitor.response.text
    assert "Your account is linked to Company login" in visitor.text
    assert whose(come_by_sso(app)) == EMAIL
    visitor.get("/audit?event=sign_on_linked")
    assert EMAIL in visitor.text
    # Another one of theirs at the provider is linked only after the first is unlinked.
    provider.says({"sub": "subject-2"})
    assert "Unlink it, then link it again" in link_by_hand(app).response.text
    visitor.get("/account")
    visitor.post("/account/sso/unlink", {})
    provider.says({})
    assert not is_in(come_by_sso(app))
    provider.says({"sub": "subject-2"})
    link_by_hand(app)
    assert whose(come_by_sso(app)) == EMAIL


def test_nobody_links_what_another_account_is_linked_to(app: Flask, ada: int, provider: IdentityProvider) -> None:
    with app.app_context():
        create_user("grace@example.com", PASSWORD, Role.EDITOR)
    provider.says({})
    link_by_hand(app)
    assert "is linked to another account here" in link_by_hand(app, "grace@example.com").response.text
    assert whose(come_by_sso(app)) == EMAIL


def test_another_site_cannot_have_an_account_linked(app: Flask, ada: int, provider: IdentityProvider) -> None:
    visitor = come_by_password(app)
    # What another site can make a browser do: open addresses, and send forms without the token.
    assert visitor.get("/account/sso/begin").headers["Location"] == "/account"
    assert visitor.open("/account/sso", method="POST", data={}).status_code == 400
    assert visitor.get("/account/sso/begin").headers["Location"] == "/account"
    provider.says({"sub": "the attacker's"})
    assert not is_in(come_by_sso(app))


def test_linking_asks_for_the_password_after_a_while(app: Flask, ada: int, provider: IdentityProvider) -> None:
    visitor = come_by_password(app)
    with app.app_context():
        for session in db.session.query(UserSession):
            session.confirmed_at -= timedelta(hours=2)
        db.session.commit()
    visitor.get("/account")
    assert visitor.page.get_element_by_id("your_password") is not None
    assert visitor.post("/account/sso", {"your_password": "wrong one"}).status_code == 303
    assert visitor.get("/account/sso/begin").headers["Location"] == "/account"
    visitor.get("/account")
    assert visitor.post("/account/sso", {"your_password": PASSWORD}).status_code == 200


def test_whoever_has_no_password_keeps_the_link(app: Flask, ada: int, provider: IdentityProvider) -> None:
    provider.says({"email": "new@example.com", "email_verified": True})
    visitor = come_by_sso(app)
    visitor.get("/account")
    visitor.post("/account/sso/unlink", {})
    visitor.follow()
    assert "sign in any more" in visitor.response.text
    assert is_in(come_by_sso(app))


def test_signed_out_in_the_middle_of_linking(app: Flask, ada: int, provider: IdentityProvider) -> None:
    visitor = come_by_password(app)
    visitor.get("/account")
    visitor.post("/account/sso", {})
    leaving = visitor.get("/account/sso/begin").headers["Location"]
    back = urlsplit(httpx2.get(leaving, follow_redirects=False, verify=trust()).headers["Location"])
    with app.app_context():
        db.session.query(UserSession).delete()
        db.session.commit()
    assert visitor.get(f"{back.path}?{back.query}").status_code == 422
    assert not is_in(visitor)
    provider.says({})
    assert not is_in(come_by_sso(app))


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"])
def test_answers_of_the_provider_have_an_end(app: Flask, provider: IdentityProvider, ada: int, path: str) -> None:
    provider.says({"email": MISSING}, VERIFIED)
    provider.has_no_end_at = path
    visitor = Visitor(app)
    if visitor.get("/sso").status_code == 302:
        walk_there_and_back(visitor, "/sso")
    assert "The sign-on service did" in visitor.text or "The sign-on service doesn" in visitor.text
    assert visitor.get("/connections").status_code == 302
    provider.has_no_end_at = ""
    assert come_by_sso(app).get("/connections").status_code == 200
