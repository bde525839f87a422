"""A setting is declared once: here one more, in memory, shows up wherever settings do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from datasync_flask.accounts.models import User
from datasync_flask.accounts.people import make_token
from datasync_flask.api.transfer import bring, export
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import settings
from datasync_flask.salesforce_connections.models import SalesforceConnection
from datasync_flask.salesforce_connections.settings import SalesforceSettings, setting
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


@dataclass
class WithRegion(SalesforceSettings):
    region: str = setting("Region", "region", "", choices={"": "Nowhere", "emea": "Europe", "apac": "Asia"})


@pytest.fixture
def region(monkeypatch: pytest.MonkeyPatch) -> str:
    """Before the app is made; the value is kept in a column that drafts leave empty."""
    stored = property(
        lambda connection: connection.org_name or "",
        lambda connection, value: setattr(connection, "org_name", value),
    )
    monkeypatch.setattr(SalesforceConnection, "region", stored, raising=False)
    monkeypatch.setattr(settings, "SalesforceSettings", WithRegion)
    return "region"


@pytest.fixture
def call(region: str, walk: ConnectionWalk, people: dict[str, int]) -> Callable[..., Any]:
    assert region in settings.SalesforceSettings.declared()
    with walk.app.app_context():
        token = make_token(db.session.get_one(User, people["editor"]), "test", 1)
        db.session.remove()

    def call(method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return (
            walk.app.test_client()
            .open(f"/api/v1{path}", method=method, base_url="http://127.0.0.1:5000", headers=headers, **options)
            .get_json()
        )

    return call


def test_form_and_history(region: str, walk: ConnectionWalk) -> None:
    walk.visitor.get("/connections/new/salesforce")
    assert walk.visitor.page.xpath(f"//label[@for='{region}']/text()") == ["Region"]
    walk.save(client_id="", region="emea")
    walk.visitor.get(f"/connections/{walk.id}/edit")
    assert walk.visitor.page.xpath("//select[@name='region']/option[@selected]/@value") == ["emea"]
    refused = walk.visitor.post(f"/connections/{walk.id}/edit", walk.fields(client_id="", region="mars"))
    assert refused.status_code == 422
    saved = walk.visitor.post(f"/connections/{walk.id}/edit", walk.fields(client_id="", region="apac"))
    assert saved.status_code == 303
    walk.show()
    assert "Changed: region from Europe to Asia" in walk.visitor.text


def test_what_is_saved_now(region: str, walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save(client_id="", region="emea")
    walk.visitor.get(f"/connections/{walk.id}/edit")
    seen = walk.visitor.page.xpath("//input[@name='edited']/@value")[0]
    other = sign_in("editor")
    other.get(f"/connections/{walk.id}/edit")
    assert other.post(f"/connections/{walk.id}/edit", walk.fields(client_id="", region="apac")).status_code == 303
    late = walk.fields(client_id="", region="", edited=seen)
    assert walk.visitor.post(f"/connections/{walk.id}/edit", late).status_code == 422
    facts = walk.visitor.page.xpath("//dl[@class='facts']/*/text()")
    assert facts[facts.index(region.capitalize()) + 1] == "Asia"


def test_api_and_files(call: Callable[..., Any], walk: ConnectionWalk) -> None:
    described = call("GET", "/openapi.json")["components"]["schemas"]["ConnectionSettings"]["properties"]
    assert described["region"]["type"] == "string"
    walk.id = call("POST", "/connections", json={"kind": "salesforce", "description": "X", "region": "emea"})["id"]
    assert call("GET", f"/connections/{walk.id}")["region"] == "emea"
    assert call("PATCH", f"/connections/{walk.id}", json={"region": "apac"})["region"] == "apac"
    with walk.app.app_context():
        found = yaml.safe_load(export())
        assert found["connections"][0]["region"] == "apac"
        found["connections"][0]["region"] = "emea"
        assert [each.errors for each in bring(yaml.safe_dump(found))] == [""]
        assert yaml.safe_load(export()) == found
        db.session.rollback()
