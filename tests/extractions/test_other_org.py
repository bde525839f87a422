"""No run writes rows of two orgs into one table; an org that moves in the middle of a run is followed."""

from __future__ import annotations

import pytest

from datasync_flask.extensions import db
from datasync_flask.extractions.runs import reading
from datasync_flask.notices.models import Delivery
from datasync_flask.problems.registry import ENTRIES
from datasync_flask.salesforce_connections import store
from tests.notices.test_notices import add
from tests.salesforce_connections.test_other_org import OTHER, choose
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting, Org


@pytest.fixture
def destination(extracting: Extracting) -> str:
    """What is decided before the first write is the same for each kind."""
    return extracting.make_destination("sqlite", {"path": "w.sqlite"})


def use_other_org(walk: ConnectionWalk) -> None:
    walk.practice.change_org(org_id=OTHER, org_name="Other Org")
    walk.allow()
    walk.work()
    choose(walk, "use")
    assert walk.state == "connected"


def page(extracting: Extracting) -> str:
    extracting.walk.visitor.get(f"/extractions/{extracting.id}")
    return extracting.walk.visitor.text


def test_an_extraction_of_another_org_stops_until_somebody_chooses(
    extracting: Extracting, org: Org, destination: str
) -> None:
    org.do("Account", "generate", count=20)
    extracting.make(["Account"], destination)
    extracting.done()
    assert "Practice Org" in page(extracting)
    use_other_org(extracting.walk)
    org.do("Account", "hard_delete", ids=org.ids("Account")[:13])
    run = extracting.run()
    assert (run.state, run.problem) == ("failed", "run.loaded_from_other_org")
    assert len(extracting.table("Account")) == 20
    assert "The tables are from another org" in page(extracting)
    assert (
        extracting.walk.visitor.post(f"/extractions/{extracting.id}/other-org", {"choice": "reload"}).status_code == 303
    )
    assert "The tables are from another org" not in page(extracting)
    extracting.done()
    extracting.assert_same("Account")
    assert len(extracting.table("Account")) == 7


def test_the_old_org_is_read_from_while_nobody_has_decided(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], destination)
    extracting.done()
    walk = extracting.walk
    walk.practice.change_org(org_id=OTHER, org_name="Other Org")
    walk.allow()
    walk.work()
    walk.practice.change_org(org_id="00D5g000004PrctEAC", org_name="Practice Org")
    extracting.done()


def test_another_dataset(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], destination)
    extracting.done()
    use_other_org(extracting.walk)
    choice = {"choice": "dataset", "dataset": "other_crm"}
    assert extracting.walk.visitor.post(f"/extractions/{extracting.id}/other-org", choice).status_code == 303
    extracting.done()
    extracting.assert_same("Account")


def test_a_run_follows_an_org_that_moved(extracting: Extracting, org: Org, destination: str) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], destination)
    walk = extracting.walk
    with walk.app.app_context():
        connection = store.load(walk.id)
        assert connection is not None
        assert connection.grant is not None
        connection.grant.instance_url = "https://gone.invalid.my.salesforce.com"
        db.session.commit()
    before = walk.practice.requests()["token"]
    extracting.done()
    assert walk.practice.requests()["token"] == before + 1
    extracting.assert_same("Account")


def told(code: str) -> str:
    return f'[{{"errorCode":"{code}","message":"As told"}}]'


@pytest.mark.parametrize(
    ("status", "body", "problem", "reason"),
    [
        (301, "<html>", "data_api_closed", "api_disabled"),
        (404, "<html>", "data_api_closed", "api_disabled"),
        (403, "<html>Access Denied", "data_api_closed", "api_disabled"),
        (403, told("FORBIDDEN"), "data_api_closed", "api_disabled"),
        (403, told("API_DISABLED_FOR_ORG"), "api_disabled_for_org", "api_disabled"),
        (403, told("INACTIVE_ORG"), "org_inactive", "blocked"),
        (403, told("LOGIN_DURING_RESTRICTED_TIME"), "ip_restricted", "ip_restricted"),
        (400, told("BRAND_NEW"), "data_api_closed", "api_disabled"),
    ],
)
def test_a_closed_data_api_is_the_same_on_run_connection_and_notice(
    extracting: Extracting, org: Org, destination: str, status: int, body: str, problem: str, reason: str
) -> None:
    org.do("Account", "generate", count=5)
    extracting.make(["Account"], destination)
    add(extracting.walk.visitor, "email", "team@example.com")
    headers = {"Location": "https://acme.my.salesforce.com/"}
    extracting.walk.practice.fault("api", status=status, body=body, headers=headers, times=None)
    run = extracting.run()
    assert (run.state, run.problem) == ("waiting", f"salesforce.{problem}")
    assert (extracting.walk.state, extracting.walk.reason) == ("needs_attention", reason)
    meaning = ENTRIES[f"salesforce.{problem}"].meaning
    assert meaning in extracting.walk.visitor.text
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert meaning in extracting.walk.visitor.text
    with extracting.app.app_context():
        mail = "\n".join(db.session.scalars(db.select(Delivery.body)).all())
    assert meaning in mail
    assert run.problem_detail in mail
    extracting.walk.practice.clear_faults()
    extracting.walk.visitor.post(f"/connections/{extracting.walk.id}/check")
    extracting.walk.work()
    assert extracting.walk.state == "connected"


@pytest.mark.parametrize("at", ["describe", "jobs", "job", "results"])
@pytest.mark.parametrize("status", [302, 404])
def test_an_address_that_fails_in_the_middle_is_asked_for_once(
    extracting: Extracting, org: Org, destination: str, at: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that a few rows come in bulk.
    monkeypatch.setattr(reading, "REST_ROWS", 10)
    org.do("Account", "generate", count=40)
    extracting.make(["Account"], destination)
    headers = {"Location": "https://acme.my.salesforce.com/", "Content-Type": "text/html"}
    extracting.walk.practice.fault(at, status=status, body="<html>", headers=headers)
    before = extracting.walk.practice.requests()["token"]
    extracting.done()
    assert extracting.walk.practice.requests()["token"] == before + 1
    extracting.assert_same("Account")
