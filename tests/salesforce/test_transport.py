"""What an odd remote end can do to us, over real HTTP."""

from __future__ import annotations

import gzip

import pytest

from datasync_flask.salesforce import transport
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.transport import BoundedClient, json_of, text_of
from tests.support.practice import PracticeOrg
from tests.support.servers import free_port


def ask(practice: PracticeOrg) -> transport.httpx2.Response:
    with BoundedClient((practice.origin,)) as client:
        return client.get(practice.origin + "/services/data/")


def problem_of(practice: PracticeOrg) -> Problem:
    with pytest.raises(SalesforceError) as error:
        ask(practice)
    return error.value.problem


def test_a_proper_answer(practice: PracticeOrg) -> None:
    assert json_of(ask(practice))[0]["version"] == "64.0"


def test_redirects_are_not_followed(practice: PracticeOrg) -> None:
    practice.fault("api", status=302, headers={"Location": "https://evil.example/"})
    assert ask(practice).status_code == 302


def test_a_reset(practice: PracticeOrg) -> None:
    practice.fault("api", kind="reset")
    assert problem_of(practice) is Problem.CONNECTION_FAILED


def test_an_endless_answer_is_cut_off(practice: PracticeOrg) -> None:
    practice.fault("api", kind="endless")
    assert problem_of(practice) is Problem.NOT_SALESFORCE


def test_a_silent_remote_end(practice: PracticeOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", transport.httpx2.Timeout(0.3))
    practice.fault("api", kind="hang", seconds=1)
    assert problem_of(practice) is Problem.NO_ANSWER_IN_TIME


def test_broken_compression(practice: PracticeOrg) -> None:
    practice.fault("api", body="not gzip", headers={"Content-Encoding": "gzip"})
    assert problem_of(practice) is Problem.NOT_SALESFORCE


def test_nothing_listens() -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    with BoundedClient((origin,)) as client, pytest.raises(SalesforceError) as error:
        client.get(origin)
    assert error.value.problem is Problem.CONNECTION_FAILED


def test_no_such_host() -> None:
    with BoundedClient() as client, pytest.raises(SalesforceError) as error:
        client.get("https://no-such-org-at-all.my.salesforce.com/")
    assert error.value.problem is Problem.HOST_NOT_FOUND


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://acme.my.salesforce.com/", "https://x@acme.my.salesforce.com/"]
)
def test_nothing_is_sent_elsewhere(url: str) -> None:
    with BoundedClient() as client, pytest.raises(SalesforceError) as error:
        client.get(url)
    assert error.value.problem is Problem.UNTRUSTED_INSTANCE


@pytest.mark.parametrize("kind", ["text/html; charset=no-such-charset", "text/html; charset=utf-16", "text/html"])
def test_odd_encodings_are_read_somehow(practice: PracticeOrg, kind: str) -> None:
    practice.fault("api", body="<p>wörds</p>", headers={"Content-Type": kind})
    assert isinstance(text_of(ask(practice)), str)


def test_half_json_is_none(practice: PracticeOrg) -> None:
    practice.fault("api", body='[{"version": "6', headers={"Content-Type": "application/json"})
    assert json_of(ask(practice)) is None


def test_gzip_is_unpacked() -> None:
    response = transport.httpx2.Response(200, content=gzip.compress(b"[1]"), headers={"Content-Encoding": "gzip"})
    assert json_of(response) == [1]
