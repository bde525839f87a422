"""What the data API refuses, told apart by status, code and words; tried again, renewed, or given up, over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from datasync_flask.salesforce import oauth, objects, query
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.data_refusals import REFUSALS, classify_api_error
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.identity import check_access
from datasync_flask.salesforce.oauth import AppCredentials, TokenAnswer
from tests.support.practice import PracticeOrg


def refusal(code: str, message: str = "") -> str:
    return json.dumps([{"errorCode": code, "message": message}])


ENDED = {"status": 401, "body": refusal("INVALID_SESSION_ID", "Session expired or invalid")}
DOWN = {"status": 503, "body": "<html>Service Unavailable</html>"}


class Caller:
    """Calls of an org, with the seconds that were waited and the tokens that were given up."""

    def __init__(self, practice: PracticeOrg) -> None:
        app = practice.register("https://x.example/cb", client_credentials=True, run_as="ada@practice.example")
        self.app = AppCredentials(practice.origin, app["client_id"], app["client_secret"], (practice.origin,))
        self.practice, self.waited, self.stale = practice, list[float](), list[str]()
        token = oauth.exchange_without_person(self.app)
        self.api = SalesforceApi(token, "66.0", self.refresh, (practice.origin,), wait=self.waited.append)

    def refresh(self, stale: TokenAnswer) -> TokenAnswer:
        self.stale.append(stale.access_token)
        return oauth.exchange_without_person(self.app)

    def problem(self) -> Problem:
        with pytest.raises(SalesforceError) as error:
            objects.describe(self.api, "Account")
        return error.value.problem


@pytest.fixture
def caller(practice: PracticeOrg) -> Caller:
    return Caller(practice)


@pytest.mark.parametrize(
    "answers",
    [[DOWN, ENDED], [ENDED, DOWN, ENDED], [ENDED, ENDED], [DOWN, DOWN, ENDED, DOWN], [ENDED, DOWN, DOWN, DOWN, ENDED]],
)
def test_an_ended_session_is_renewed_whatever_came_before(caller: Caller, answers: list[dict[str, Any]]) -> None:
    for answer in answers:
        caller.practice.fault("describe", **answer)
    assert objects.describe(caller.api, "Account").name == "Account"
    assert len(set(caller.stale)) == len(caller.stale) == answers.count(ENDED)


def test_a_token_that_the_answer_repeats_is_not_shown(caller: Caller) -> None:
    token = caller.api.token.access_token
    caller.practice.fault("describe", status=400, body=refusal("ODD", f"Bearer {token} isn't known"), times=None)
    with pytest.raises(SalesforceError) as error:
        objects.describe(caller.api, "Account")
    assert error.value.detail == "ODD: Bearer \u2026 isn't known"


@pytest.mark.parametrize(
    ("usage", "told"), [("api-usage=99999999999999999999/1", None), ("api-usage=3/15000", (3, 15000))]
)
def test_a_number_of_calls_that_no_org_has_is_none(caller: Caller, usage: str, told: tuple[int, int] | None) -> None:
    """The database takes no larger ones."""
    caller.api.usage = None
    caller.api._note(httpx2.Response(200, headers={"Sforce-Limit-Info": usage}))
    assert caller.api.usage == told


@pytest.mark.parametrize(("times", "is_well"), [(1, True), (3, True), (None, False)])
def test_a_renewal_may_give_the_same_token_again(caller: Caller, times: int | None, is_well: bool) -> None:
    """While a session is valid, Salesforce may answer with it as often as it is asked."""
    held = caller.api.token
    caller.api = SalesforceApi(held, "66.0", lambda _: held, (caller.practice.origin,), wait=caller.waited.append)
    caller.practice.fault("describe", **ENDED, times=times)
    if is_well:
        assert objects.describe(caller.api, "Account").name == "Account"
    else:
        assert caller.problem() is Problem.SESSION_REFUSED
    assert caller.waited == [0.5, 2.0, 8.0][:times]


def test_a_token_that_is_refused_however_new_is_no_revocation(caller: Caller) -> None:
    caller.practice.fault("describe", **ENDED, times=None)
    assert caller.problem() is Problem.SESSION_REFUSED
    assert 1 <= len(caller.stale) <= 3


def test_what_the_token_endpoint_says_while_renewing_is_tried_again_too(caller: Caller) -> None:
    caller.practice.fault("describe", **ENDED, times=2)
    caller.practice.refuse("token", "unknown_error", "retry your request")
    assert objects.describe(caller.api, "Account").name == "Account"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (406, ""), (420, ""), (429, ""), (502, "<html>"), (503, ""), (504, ""), (408, ""),
        (200, "<html><title>Salesforce</title>Hang tight, we're setting things up for you</html>"),
        (503, "<html>We are down for maintenance.</html>"),
        (404, "<html><h1>Scheduled maintenance</h1></html>"), (403, "This instance is under maintenance."),
        (200, "<p>Your sandbox is being refreshed.</p>"),
        (400, refusal("UNKNOWN_EXCEPTION", "An unexpected error occurred.")),
        (500, refusal("UNKNOWN_EXCEPTION", "An unexpected error occurred.")),
        (503, refusal("SERVER_UNAVAILABLE", "busy")),
        (400, refusal("TXN_SECURITY_METERING_ERROR", "unable to enforce")),
        (400, refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")),
        (403, refusal("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")),
        (403, refusal("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")),
        (400, refusal("NOBODY_KNOWS_THIS", "yet")),
    ],
)  # fmt: skip
def test_what_passes_is_tried_again(caller: Caller, status: int, body: str) -> None:
    caller.practice.fault("describe", status=status, body=body, times=2)
    assert objects.describe(caller.api, "Account").name == "Account"
    assert len(caller.waited) == 2


@pytest.mark.parametrize("status", [200, 403, 404, 503])
@pytest.mark.parametrize(
    "text",
    [
        "<p>We\u2019re setting things\nup for you</p>", "<h1>Down for <b>maintenance</b></h1>",
        "Hang tight while we set things up.", "Salesforce is performing maintenance.", "<p>Site maintenance in progress</p>",
        "Your sandbox is being activated.", "This organization is being migrated.", "We are in maintenance mode.",
    ],
)  # fmt: skip
def test_maintenance_has_its_own_reason_in_runs_and_checks_alike(caller: Caller, status: int, text: str) -> None:
    caller.practice.fault("describe", status=status, body=text, times=None)
    with pytest.raises(SalesforceError) as error:
        objects.describe(caller.api, "Account")
    assert error.value.problem is Problem.MAINTENANCE
    caller.practice.fault("query", status=status, body=text, times=None)
    with pytest.raises(SalesforceError) as error:
        check_access(caller.api)
    assert error.value.problem is Problem.MAINTENANCE


def test_what_never_passes_is_given_up_and_shown_as_it_came(caller: Caller) -> None:
    caller.practice.fault("describe", status=400, body=refusal("NOBODY_KNOWS_THIS", "yet"), times=None)
    with pytest.raises(SalesforceError) as error:
        objects.describe(caller.api, "Account")
    assert error.value.problem is Problem.UNEXPECTED
    assert error.value.detail == "NOBODY_KNOWS_THIS: yet"
    assert caller.practice.requests()["describe"] == 3


@pytest.mark.parametrize(
    ("told", "waited"),
    [
        ("7", 7.0), ("86400", 30.0), ("9" * 300, 30.0), ("Thu, 01 Jan 1970 00:00:00 GMT", None), ("soon", None),
        ("-5", None), ("Fri, 31 Dec 9999 23:59:59 GMT", 30.0), ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None), ("sp\u00e4ter", None),
    ],
)  # fmt: skip
def test_retry_after_is_kept_to_within_bounds(caller: Caller, told: str, waited: float | None) -> None:
    caller.practice.fault("describe", status=429, headers={"Retry-After": told})
    objects.describe(caller.api, "Account")
    assert caller.waited == [waited] if waited else caller.waited[0] < 1


@pytest.mark.parametrize(
    ("status", "code", "message", "problem"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Problem.REQUEST_LIMIT_EXCEEDED),
        (400, "LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached for the org",
         Problem.BULK_LIMIT_REACHED),
        (400, "LIMIT_EXCEEDED", "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded",
         Problem.BULK_LIMIT_REACHED),
        (400, "FeatureNotEnabled", "Async API not enabled", Problem.NOT_IN_BULK),
        (400, "INVALID_FIELD", "No such column 'X__c' on entity 'Account'.", Problem.FIELD_GONE),
        (400, "INVALID_FIELD", "field 'X__c' can not be filtered in a query call", Problem.QUERY_REFUSED),
        (400, "INVALID_FIELD", "field 'X__c' can not be sorted in a query call", Problem.QUERY_REFUSED),
        (400, "INVALID_FIELD", "value of filter criterion for field 'X' must be of type dateTime and should not be "
         "enclosed in quotes", Problem.QUERY_REFUSED),
        (400, "EXTERNAL_OBJECT_EXCEPTION", "timed out", Problem.EXTERNAL_SOURCE),
        (400, "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's", Problem.QUERY_REFUSED),
        (400, "INVALID_QUERY_LOCATOR", "invalid query locator", Problem.LOCATOR_GONE),
        (403, "INSUFFICIENT_ACCESS", "insufficient access", Problem.NO_ACCESS),
        (401, "INVALID_SESSION_ID", "This session is not valid for use with the API", Problem.API_SCOPE_MISSING),
        (403, "INVALID_SESSION_ID", "This session is not valid for use with the REST API", Problem.API_SCOPE_MISSING),
        (403, "INACTIVE_ORG", "the org is inactive", Problem.ORG_INACTIVE),
        (403, "ORG_LOCKED", "org locked", Problem.ORG_INACTIVE),
        (403, "TRIAL_EXPIRED", "trial expired", Problem.ORG_INACTIVE),
        (403, "LOGIN_DURING_RESTRICTED_TIME", "outside login hours", Problem.IP_RESTRICTED),
        (403, "LOGIN_DURING_RESTRICTED_DOMAIN", "not from here", Problem.IP_RESTRICTED),
        (403, "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE", "later", Problem.SERVER_ERROR),
    ],
)  # fmt: skip
def test_codes_and_words(status: int, code: str, message: str, problem: Problem) -> None:
    assert classify_api_error(status, json.loads(refusal(code, message)), "").problem is problem


def test_of_several_errors_the_known_one_decides_and_all_are_told() -> None:
    body = [{"errorCode": "NEW", "message": "odd"}, {"errorCode": "INVALID_TYPE", "message": "no X"}, 7]
    error = classify_api_error(400, body, "")
    assert error.problem is Problem.OBJECT_GONE
    assert error.detail == "NEW: odd; INVALID_TYPE: no X"


def test_errors_in_xml_and_on_pages() -> None:
    xml = "<?xml version='1.0'?><error><exceptionCode>INVALID_TYPE</exceptionCode><exceptionMessage>X</exceptionMessage></error>"
    assert classify_api_error(400, None, xml).problem is Problem.OBJECT_GONE
    page = "<html><head><style>p {}</style></head><body><h1>No</h1> way</body></html>"
    assert classify_api_error(418, None, page).detail == "No way"


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.status} {row.code} {row.words}")
def test_each_row_is_found(row: Any) -> None:
    assert row.source
    body = [{"errorCode": row.code.rstrip("…"), "message": row.words}] if row.code or row.words else None
    assert classify_api_error(row.status or 400, body, "").problem is row.problem


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "hang", "seconds": 2},
        {"status": 503},
        {"status": 400, "body": refusal("INVALID_TYPE", "x")},
        {"status": 403, "body": refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")},
        {"body": '{"totalSize": true, "done": true, "records": []}'},
        {"body": '{"totalSize": -4}'},
        {"body": "[]"},
        {"body": "<html>"},
    ],
    ids=str,
)
def test_a_count_that_does_not_come_is_none(
    caller: Caller, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasync_flask.salesforce.api.COMFORT", _impatient())
    caller.practice.fault("query", **fault)
    assert query.count(caller.api, "Account") is None
    assert caller.practice.requests()["query"] == 1
    assert query.count(caller.api, "Account") == 0


def _impatient() -> Any:
    import dataclasses

    import httpx2

    from datasync_flask.salesforce.answers import COMFORT

    return dataclasses.replace(COMFORT, timeout=httpx2.Timeout(0.5))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"sObjects":[{"count":1,"name":"Account"},{"count":3,"name":"Other"},{"name":"Contact"},7]}', {"Account": 1}),
        ('{"sObjects":{}}', {}), ("[]", {}), ("<html>", {}), ('{"sObjects":[{"count":"1","name":"Account"}]}', {}),
    ],
)  # fmt: skip
def test_record_counts_take_what_is_a_number(caller: Caller, body: str, expected: dict[str, int]) -> None:
    caller.practice.fault("recordCount", body=body)
    assert objects.record_counts(caller.api, ["Account", "Contact"]) == expected
    caller.practice.fault("recordCount", status=403, body=refusal("FORBIDDEN", "no"))
    assert objects.record_counts(caller.api, ["Account"]) == {}
    assert objects.record_counts(caller.api, ["Account", "Contact"]) == {"Account": 0, "Contact": 0}
