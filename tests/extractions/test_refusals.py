"""What Salesforce refuses while a run is under way: it goes on, by another way where there is one, or says why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from datasync_flask.extensions import db
from datasync_flask.extractions.models import ExtractionObject
from datasync_flask.salesforce import api, query
from datasync_flask.salesforce.api import SalesforceApi
from tests.extractions.test_faults import make_silent
from tests.support.extraction import Extracting, Org
from tests.support.killed import Killed, killed_at


def refusal(code: str, message: str = "") -> str:
    return json.dumps([{"errorCode": code, "message": message}])


@pytest.fixture
def small(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """A few rows of an object of which Salesforce says that it is large: it is read by a job."""
    org.do("Account", "generate", count=30)
    extracting.walk.practice.fault("recordCount", body='{"sObjects":[{"name":"Account","count":9000}]}', times=None)
    extracting.walk.practice.change_org(result_page_rows=10)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    return extracting


def page_of(extracting: Extracting, run_id: str) -> str:
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run_id}")
    return extracting.walk.visitor.text


def test_at_salesforces_own_limit_it_pauses_and_says_so_in_its_words(small: Extracting) -> None:
    body = refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    small.walk.practice.fault("results", status=403, body=body, times=1)
    run = small.run()
    assert (run.state, run.problem) == ("paused", "run.quota")
    text = page_of(small, run.id)
    # The org counts late: by its numbers, most calls are left.
    assert "Salesforce says that the org’s API calls of the last 24 hours are used up." in text
    assert "TotalRequests Limit exceeded." in text
    assert "extraction pauses at" not in text


ENDED = {"status": 401, "body": refusal("INVALID_SESSION_ID", "Session expired or invalid")}
DOWN = {"status": 503, "body": "<html>Service Unavailable</html>"}


def test_a_clock_of_another_age_hides_no_change(
    extracting: Extracting, org: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row_id,) = org.do("Account", "insert", rows=[{"Name": "Before"}])
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    with monkeypatch.context() as patch:
        patch.setattr(api, "time_of", lambda _: datetime(9998, 1, 1, tzinfo=UTC))
        extracting.done()
    org.do("Account", "update", ids=[row_id], values={"Name": "After"})
    extracting.done()
    extracting.assert_same("Account", ("Name",))


@pytest.mark.parametrize("at", ["describe", "jobs", "job", "results", "resultPages"])
@pytest.mark.parametrize(
    "answer",
    [
        {"body": ""},
        {"body": "<html><body>Our proxy says hello</body></html>", "headers": {"Content-Type": "text/html"}},
        {"body": '{"name": "Acc', "headers": {"Content-Type": "application/json"}},
        {"body": '{"a": 1}', "headers": {"Content-Encoding": "gzip"}},
    ],
    ids=["empty", "html", "half", "not unpacked"],
)
def test_an_answer_that_is_none_is_asked_for_again(small: Extracting, at: str, answer: dict[str, Any]) -> None:
    small.walk.practice.fault(at, **answer)
    run = small.done()
    small.assert_same("Account")
    assert run.objects[0].notes == ["The first run loads everything."]


@pytest.mark.parametrize("pages", [0, 2])
def test_a_job_that_somebody_deletes_meanwhile_is_replaced(small: Extracting, pages: int) -> None:
    for _ in range(pages):
        small.walk.practice.fault("results", kind="pass")
    small.walk.practice.fault("results", status=404, body=refusal("NOT_FOUND", "The requested resource does not exist"))
    small.done()
    small.assert_same("Account")
    assert small.walk.practice.requests()["jobs"] == 2


def test_a_job_that_is_always_gone_ends_the_run(small: Extracting) -> None:
    gone = refusal("NOT_FOUND", "The requested resource does not exist")
    small.walk.practice.fault("results", status=404, body=gone, times=None)
    run = small.run()
    assert (run.state, run.problem) == ("failed", "salesforce.not_found")
    assert small.walk.practice.requests()["jobs"] == 2


def test_a_job_without_a_state_ends_the_run(small: Extracting) -> None:
    small.walk.practice.fault("job", body='{"id": "750000000000001AAA"}', times=None)
    run = small.run()
    assert (run.state, run.problem) == ("failed", "salesforce.not_salesforce")
    assert "a job without a state" in page_of(small, run.id)


@pytest.mark.parametrize("at", ["describe", "recordCount", "jobs", "job", "results"])
def test_a_503_and_then_an_ended_session_is_no_revocation(small: Extracting, at: str) -> None:
    for answer in (DOWN, ENDED):
        small.walk.practice.fault(at, **answer)
    small.done()
    small.assert_same("Account")


def test_a_token_that_ends_at_every_page_is_renewed_each_time(small: Extracting) -> None:
    for _ in range(3):
        small.walk.practice.fault("results", **ENDED)
        small.walk.practice.fault("results", kind="pass")
    before = small.walk.practice.requests()["token"]
    small.done()
    assert small.walk.practice.requests()["token"] == before + 3
    small.assert_same("Account")


def test_a_session_refused_for_good_has_its_own_reason(small: Extracting) -> None:
    small.walk.practice.fault("describe", **ENDED, times=None)
    run = small.run()
    assert (run.state, run.problem) == ("waiting", "salesforce.session_refused")
    assert (small.walk.state, small.walk.reason) == ("needs_attention", "session_refused")
    assert "wasn’t revoked" in page_of(small, run.id)


@pytest.mark.parametrize(
    ("error", "description", "problem"),
    [
        ("invalid_client_id", "client identifier invalid", "app_gone"),
        ("invalid_grant", "inactive organization", "org_inactive"),
        ("invalid_grant", "app must be installed into org", "app_not_installed"),
        (
            "invalid_client",
            "Cross-org OAuth flows are not supported for this external client app",
            "app_of_another_org",
        ),
        ("unauthorized_client", "not enabled for this app", "code_flow_not_enabled"),
        ("invalid_client", "invalid client credentials", "secret_refused"),
    ],
)
def test_what_only_a_person_can_help_waits_for_the_connection(
    small: Extracting, error: str, description: str, problem: str
) -> None:
    small.walk.practice.fault("describe", **ENDED)
    small.walk.practice.refuse("token", error, description, times=None)
    run = small.run()
    assert (run.state, run.problem) == ("waiting", f"salesforce.{problem}")
    assert small.walk.state == "needs_attention"


def test_the_token_endpoint_asks_to_retry(small: Extracting) -> None:
    small.walk.practice.expire()
    small.walk.practice.refuse("token", "unknown_error", "retry your request")
    small.done()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached for the org"),
        (400, "LIMIT_EXCEEDED", "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded"),
        (400, "FeatureNotEnabled", "Async API not enabled"),
        (403, "API_DISABLED_FOR_ORG", "The Bulk API is not enabled for this Organization."),
        (403, "INSUFFICIENT_ACCESS", "You don’t have permission"),
    ],
)
def test_what_bulk_refuses_goes_by_rest(small: Extracting, status: int, code: str, message: str) -> None:
    small.walk.practice.fault("jobs", status=status, body=refusal(code, message), times=None)
    run = small.done()
    small.assert_same("Account")
    assert message in page_of(small, run.id).replace("&#39;", "'")


def test_a_place_that_rest_forgot_is_read_again_from_the_beginning(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "generate", count=2100)
    extracting.make(["Account"], warehouse)
    extracting.walk.practice.fault("query", kind="pass")
    extracting.walk.practice.fault("query", status=400, body=refusal("INVALID_QUERY_LOCATOR", "invalid query locator"))
    extracting.done()
    extracting.assert_same("Account")


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_killed_while_rest_reads_it_goes_on_where_it_was(
    extracting: Extracting, org: Org, warehouse: str, is_forgotten: bool
) -> None:
    org.do("Account", "generate", count=5900)
    extracting.make(["Account"], warehouse)
    original, asked = query.next_page, list[str]()

    def next_page(api: SalesforceApi, path: str) -> query.QueryPage:
        if asked:
            raise Killed
        asked.append(path)
        return original(api, path)

    run_id = extracting.start()
    with killed_at(query, "next_page", next_page):
        extracting.work_on(run_id)
    assert extracting.stored(run_id).objects[0].rows == 2000
    practice = extracting.walk.practice
    if is_forgotten:
        practice.fault("query", status=400, body=refusal("INVALID_QUERY_LOCATOR", "invalid query locator"))
    before = practice.requests()["query"]
    make_silent(extracting, run_id)
    extracting.work_on(run_id)
    assert (extracting.stored(run_id).state, extracting.stored(run_id).objects[0].rows) == ("done", 5900)
    extracting.assert_same("Account")
    # The four pages that are left, or the refusal and all six; then the count.
    assert practice.requests()["query"] - before == (8 if is_forgotten else 5)


@pytest.mark.parametrize(
    "fault", [DOWN, {"kind": "reset"}, {"status": 400, "body": refusal("QUERY_TIMEOUT")}, {"body": "7"}]
)
def test_a_count_that_does_not_come_fails_nothing(small: Extracting, fault: dict[str, Any]) -> None:
    # By a job only the count is a query.
    small.walk.practice.fault("query", **fault, times=None)
    small.walk.practice.fault("recordCount", **fault)
    run = small.done()
    assert run.objects[0].source_count is None
    assert "count this object’s rows in time" in page_of(small, run.id)
    small.walk.practice.clear_faults()
    small.assert_same("Account")


def test_one_call_counts_all_objects(extracting: Extracting, org: Org, warehouse: str) -> None:
    names = ["Account", "Contact", "Opportunity"]
    for name in names:
        org.do(name, "generate", count=3)
    extracting.make(names, warehouse)
    extracting.done()
    requests = extracting.walk.practice.requests()
    assert requests["recordCount"] == 1
    assert requests.get("jobs", 0) == 0


def test_sizes_that_are_not_told_cost_no_job_for_a_small_table(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "generate", count=3)
    extracting.walk.practice.change_org(limits_forbidden=True)
    extracting.make(["Account"], warehouse)
    extracting.done()
    extracting.assert_same("Account")
    assert extracting.walk.practice.requests().get("jobs", 0) == 0


def test_a_date_that_no_query_filters_by_never_tells_of_changes(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "fields", added={"Touched__c": "datetime"})
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    extracting.done()
    org.do("Account", "unfilterable", fields=["SystemModstamp", "Touched__c"])
    visitor = extracting.walk.visitor
    address = f"/extractions/{extracting.id}/objects/Account"
    visitor.get(address)
    assert 'value="Touched__c" ' not in visitor.text.partition("<fieldset")[0]
    assert "LastModifiedDate (default)" in visitor.text
    refused = visitor.post(address, {"cursor": "Touched__c", "which": "all"})
    assert refused.status_code == 422
    assert "filter by Touched__c" in visitor.text
    org.do("Account", "update", ids=org.ids("Account")[:1], values={"Name": "Changed"})
    extracting.done()
    extracting.assert_same("Account")


def test_a_chosen_date_that_lost_its_filter_is_told(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "fields", added={"Touched__c": "datetime"})
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date"})
    address = f"/extractions/{extracting.id}/objects/Account"
    assert extracting.walk.visitor.post(address, {"cursor": "Touched__c", "which": "all"}).status_code == 303
    org.do("Account", "unfilterable", fields=["Touched__c"])
    for _ in range(2):
        run = extracting.done()
        text = page_of(extracting, run.id)
        assert "filter by the date chosen to detect changes" in text, text
    extracting.assert_same("Account")


def test_a_filter_that_salesforce_refuses_is_shown_in_its_words(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    org.do("Account", "generate", count=3)
    extracting.make(["Account"], warehouse)
    with extracting.app.app_context():
        # Saved by a version that didn't try filters, or good until the org changed.
        db.session.query(ExtractionObject).one().filter = "CreatedDate > '2024-01-01T00:00:00Z'"
        db.session.commit()
    run = extracting.run()
    assert (run.state, run.problem) == ("failed", "salesforce.query_refused")
    assert "should not be enclosed in quotes" in page_of(extracting, run.id)
