"""The checks of a connection: the same list, one verdict each, on the page, in the API and on the command line."""

from __future__ import annotations

from sqlalchemy import select

from datasync_flask.accounts.models import User
from datasync_flask.accounts.people import make_token
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import store
from datasync_flask.salesforce_connections.verdicts import checks_of
from tests.support.connection import ConnectionWalk

CODES = ["address", "app", "signed_in", "data_api", "limits", "api_calls", "visibility"]


def verdicts(walk: ConnectionWalk) -> dict[str, str]:
    """What the list says, wherever the connection is."""
    with walk.app.test_request_context():
        connection = store.load(walk.id)
        assert connection is not None
        found = checks_of(connection)
        assert all(check.text and check.title for check in found)
        return {check.code: str(check.verdict) for check in found}


def test_what_is_not_known_yet_says_so(walk: ConnectionWalk) -> None:
    walk.save(client_id="", client_secret="")
    assert verdicts(walk) == dict.fromkeys(CODES, "unknown")


def test_each_step_adds_its_verdict(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=3600)
    walk.save()
    walk.work()
    found = verdicts(walk)
    assert (found["address"], found["app"], found["signed_in"]) == ("ok", "warning", "unknown")


def test_a_connection_that_works(walk: ConnectionWalk) -> None:
    walk.to_connected()
    good = {**dict.fromkeys(CODES, "ok"), "visibility": "unknown"}
    assert verdicts(walk) == good
    items = walk.show().xpath(".//li[@data-check]")
    assert {item.get("data-check"): item.get("data-verdict") for item in items} == good
    # Nothing to do: the next step comes first.
    assert not walk.show().xpath(".//details[@open]")
    with walk.app.app_context():
        token = make_token(db.session.scalars(select(User)).first(), "test", 1)
        db.session.commit()
    answer = walk.app.test_client().get(f"/api/v1/connections/{walk.id}", headers={"Authorization": f"Bearer {token}"})
    assert {each["code"]: each["verdict"] for each in answer.json["checks"]} == good
    assert all(each.keys() == {"code", "verdict", "text"} for each in answer.json["checks"])


def test_a_german_reads_german_numbers(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.post("/language", {"language": "de"})
    (check,) = walk.show().xpath(".//li[@data-check='api_calls']")
    assert "von 15.000 API-Aufrufen" in check.text_content()


def test_a_data_api_that_is_closed_fails_alone(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.practice.fault(
        "query", status=403, headers={"Content-Type": "application/json"},
        body='[{"errorCode":"API_DISABLED_FOR_ORG","message":"API is not enabled for this Organization or Partner"}]',
    )  # fmt: skip
    walk.make_due()
    walk.work()
    assert walk.state == "needs_attention"
    items = {item.get("data-check"): item for item in walk.show().xpath(".//li[@data-check]")}
    assert [items[code].get("data-verdict") for code in CODES[:4]] == ["ok", "ok", "ok", "failed"]
    assert items["address"].xpath("ancestor::details[@open]")
