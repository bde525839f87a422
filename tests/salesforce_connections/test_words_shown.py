"""What Salesforce says and nobody here knows is shown as it said it, at once, wherever a connection is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from datasync_flask import cli
from datasync_flask.accounts.models import User
from datasync_flask.accounts.people import make_token
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from datasync_flask.notices.models import Delivery
from tests.notices.test_notices import add
from tests.salesforce_connections.test_other_org import status_text
from tests.salesforce_connections.test_previous_settings import save
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting

ERROR, DESCRIPTION = "brand_new", "Nobody <b>saw</b> this"
SAID = f"{ERROR}: {DESCRIPTION}"


def api(walk: ConnectionWalk) -> dict[str, Any]:
    with walk.app.app_context():
        token = make_token(db.session.query(User).filter_by(role="admin").one(), "test", 1)
        db.session.commit()
    answer = walk.app.test_client().get(f"/api/v1/connections/{walk.id}", headers={"Authorization": f"Bearer {token}"})
    return dict(answer.json)


def mails(walk: ConnectionWalk) -> str:
    with walk.app.app_context():
        return "\n".join(db.session.scalars(db.select(Delivery.body)).all())


@pytest.fixture
def database_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """What is shown doesn't depend on the database."""
    path = tmp_path / "datasync.sqlite"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def show(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the command line says of a connection."""
    for name in ("instance_dir", "database_url", "secret_key"):
        monkeypatch.setenv(f"DATASYNC_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("DATASYNC_ENCRYPTION_KEYS", ",".join(settings.encryption_keys))

    def show(walk: ConnectionWalk, *options: str) -> str:
        return CliRunner().invoke(cli.cli, ["connection", "show", walk.id, *options]).stdout

    return show


def test_from_the_first_probe_on(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.practice.refuse("token", ERROR, DESCRIPTION, times=None)
    walk.save()
    walk.work()
    assert (walk.state, walk.reason) == ("waiting_for_propagation", "unexpected")
    assert SAID in status_text(walk)
    for _ in range(4):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert SAID in status_text(walk)


def test_words_with_a_number_of_their_own_are_the_same_words(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    for number in range(5):
        walk.practice.refuse("token", ERROR, f"Error ID: {number}1234-9876{number} (-155{number}) at 12:0{number}")
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")


def test_when_access_is_lost(walk: ConnectionWalk, show: Any) -> None:
    walk.to_connected()
    add(walk.visitor, "email", "team@example.com")
    walk.practice.refuse("token", ERROR, DESCRIPTION, times=None)
    walk.outlive_token()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert SAID in status_text(walk)
    assert api(walk)["detail"] == SAID
    assert SAID in mails(walk)
    assert SAID in show(walk)
    assert json.loads(show(walk, "--json"))["detail"] == SAID


def test_when_a_renewal_is_refused_and_the_access_from_before_works(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.practice.refuse("token", ERROR, DESCRIPTION)
    walk.allow()
    walk.work()
    assert (walk.state, walk.reason) == ("connected", "unexpected")
    assert SAID in status_text(walk)
    assert api(walk)["detail"] == SAID


def test_when_new_settings_are_refused_and_the_previous_ones_work(walk: ConnectionWalk) -> None:
    walk.to_connected()
    save(walk, client_secret="another")
    walk.practice.refuse("token", ERROR, DESCRIPTION, times=None)
    for _ in range(5):
        walk.make_due()
        walk.work()
    assert (walk.state, walk.reason) == ("connected", "unexpected")
    assert SAID in status_text(walk)


def test_when_nobody_came_back_from_a_page_that_can_be_seen_from_here(clock: Any, walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.leave_for_salesforce()
    page = f"/setup/secur/RemoteAccessErrorPage.apexp?error={ERROR}&error_description=Nobody%20saw%20this"
    walk.practice.fault("authorize", status=302, headers={"Location": page}, times=None)
    clock.shift(601)
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert f"{ERROR}: Nobody saw this" in status_text(walk)


@pytest.mark.parametrize("code", ["OAUTH_EC_APP_NOT_FOUND", "OAUTH_APP_BLOCKED", "OAUTH_APPROVAL_ERROR_GENERIC",
                                  "OAUTH_APP_ACCESS_DENIED", "OAUTH_AUTHORIZATION_BLOCKED", "cross-org oauth"])  # fmt: skip
def test_codes_of_salesforces_error_pages_are_found_under_help(walk: ConnectionWalk, code: str) -> None:
    walk.visitor.get("/help/errors")
    assert code in walk.visitor.text


@pytest.mark.slow
def test_a_run_says_the_same_as_the_connection_and_waits(walk: ConnectionWalk, tmp_path: Any) -> None:
    walk.to_connected()
    extracting = Extracting(walk, tmp_path)
    extracting.make(["Account", "Contact"], extracting.make_destination("sqlite", {"path": "w.sqlite"}))
    walk.practice.expire()
    walk.practice.refuse("token", ERROR, DESCRIPTION, times=None)
    run = extracting.run()
    assert (run.state, run.problem, run.problem_detail) == ("waiting", "salesforce.unexpected", SAID)
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert SAID in status_text(walk)
