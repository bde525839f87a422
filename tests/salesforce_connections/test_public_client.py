"""An app that requires no secret: PKCE alone, and no secret goes anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_flask.practice_org import token_views
from tests.support.connection import ConnectionWalk

PUBLIC = {"client_secret": "", "client_secret_use": "none"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What the practice org's token endpoint is sent."""
    forms: list[dict[str, str]] = []
    real = token_views.count_and_fault

    def noted(at: str, client_id: str = "") -> Any:
        if at == "token":
            forms.append(dict(token_views.request.form))
        return real(at, client_id)

    monkeypatch.setattr(token_views, "count_and_fault", noted)
    return forms


def test_the_whole_way_without_a_secret(walk: ConnectionWalk, sent: list[dict[str, str]]) -> None:
    walk.make_app(secret_required=False)
    walk.save(**PUBLIC)
    walk.work()
    assert walk.state == "ready_to_authorize"
    walk.allow()
    walk.work()
    assert walk.state == "connected", walk.visitor.text
    assert "not needed" in walk.visitor.text
    walk.outlive_token()
    assert walk.state == "connected"
    assert {form["grant_type"] for form in sent} == {"authorization_code", "refresh_token"}
    assert not any("client_secret" in form for form in sent)
    assert all("code_verifier" in form for form in sent if form["grant_type"] == "authorization_code")


def test_an_app_that_requires_its_secret_says_so(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(**PUBLIC)
    for _ in range(3):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "secret_refused")
    assert "untick Require secret for Web Server Flow" in walk.visitor.text


def test_a_missing_secret_is_still_a_draft(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(client_secret="")
    assert walk.state == "draft"
    assert "The Client Secret is still missing" in walk.visitor.text


def test_a_secret_beside_the_choice_to_have_none(walk: ConnectionWalk) -> None:
    walk.make_app()
    fields = walk.fields(client_secret_use="none")
    assert walk.visitor.post("/connections/new/salesforce", fields).status_code == 422
    assert "Leave this empty" in walk.visitor.error_at("client_secret")


def test_a_form_without_the_choice_leaves_it_and_the_stored_secret_goes_with_it(walk: ConnectionWalk) -> None:
    walk.to_ready(secret_required=False)
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", client_secret_use="none")
    assert walk.stored().client_secret_sealed == ""
    walk.visitor.post(f"/connections/{walk.id}/edit", {"description": "Renamed"})
    stored = walk.stored()
    assert (stored.description, stored.client_secret_use) == ("Renamed", "none")
    walk.work()
    assert walk.state == "ready_to_authorize"
