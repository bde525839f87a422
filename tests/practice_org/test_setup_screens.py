"""The practice org is a program of its own: its screens lead from a new app to its key and secret."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx2
import pytest

from datasync_flask.practice_org.org import PASSWORD, USERNAME, Org
from tests.support.practice import PracticeOrg

SETUP = "/lightning/setup"


@pytest.fixture
def administrator(practice: PracticeOrg) -> httpx2.Client:
    practice.http.post("/login", data={"username": USERNAME, "pw": PASSWORD})
    return practice.http


def test_setup_needs_a_log_in(practice: PracticeOrg) -> None:
    answer = practice.http.get(f"{SETUP}/home")
    assert answer.status_code == 302
    assert "startURL" in answer.headers["location"]
    wrong = practice.http.post("/login", data={"username": USERNAME, "pw": "wrong"})
    assert "Please check your username and password" in wrong.text


@pytest.mark.parametrize("menu", ["ManageExternalClientApplication", "NavigationMenus"])
def test_an_app_is_made_and_changed(administrator: httpx2.Client, menu: str) -> None:
    form = {
        "name": "DataSync",
        "contact_email": "a@b.example",
        "callback_urls": "https://x.example/cb",
        "scopes": ["api"],
    }
    assert "You must enter a value" in administrator.post(f"{SETUP}/{menu}/new", data=form | {"callback_urls": ""}).text
    made = administrator.post(f"{SETUP}/{menu}/new", data=form)
    client_id = re.search(rf"{menu}/(3MVG9[^\"/\s]+)", made.headers.get("location", "") + "\n" + made.text)
    assert client_id is not None
    path = f"{SETUP}/{menu}/{client_id.group(1)}"
    assert "https://x.example/cb" in administrator.get(path).text
    assert "Consumer Secret" in administrator.get(f"{path}/consumer").text
    administrator.post(f"{path}/edit", data=form | {"callback_urls": "https://y.example/cb"})
    assert "https://y.example/cb" in administrator.get(path).text
    administrator.post(path, data={"refresh_policy": "immediate", "permitted_users": "admin", "run_as": USERNAME})
    assert 'value="immediate" selected' in administrator.get(path).text
    assert "DataSync" in administrator.get(f"{SETUP}/{menu}/home").text
    administrator.post(f"{SETUP}/ConnectedAppsUsage/home", data={"client_id": client_id.group(1), "action": "block"})
    assert "Blocked" in administrator.get(f"{SETUP}/ConnectedAppsUsage/home").text


@pytest.mark.parametrize("path", [f"{SETUP}/Nothing/home", f"{SETUP}/NavigationMenus/unknown", f"{SETUP}/Nothing/new"])
def test_what_there_is_not(administrator: httpx2.Client, path: str) -> None:
    assert administrator.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/practice/apps", "[]"),
        ("POST", "/practice/apps", "not json"),
        ("POST", "/practice/faults", "{}"),
        ("POST", "/practice/faults", '{"at": "token", "unknown": 1}'),
        ("PATCH", "/practice/org", '{"unknown": 1}'),
    ],
)
def test_wrong_orders_are_refused(practice: PracticeOrg, method: str, path: str, body: str) -> None:
    assert practice.http.request(method, path, content=body).status_code == 400


def test_state_outlives_the_program(tmp_path: Path) -> None:
    state = tmp_path / "org.json"
    org = Org(propagation=0, state=state)
    app = org.register({"callback_urls": ["https://x.example/cb"], "scopes": ["api", "refresh_token"]})
    tokens = org.new_tokens(app, app.scopes)
    again = Org(propagation=0, state=state)
    assert again.known_app(app.client_id) == app
    assert again.live_access(tokens["access_token"]) is not None
    again.kill_family(again.tokens[tokens["refresh_token"]].family)
    assert Org(state=state).live_access(tokens["access_token"]) is None


def test_a_changed_callback_url_has_to_propagate_too() -> None:
    org = Org()
    app = org.register({"callback_urls": ["https://x.example/cb"], "propagation_seconds": 0.2})
    org.change(app, {"callback_urls": ["https://y.example/cb"]})
    assert app.effective_callback_urls() == ["https://x.example/cb"]
    app.callbacks_known_at = time.time() - 1
    assert app.effective_callback_urls() == ["https://y.example/cb"]
