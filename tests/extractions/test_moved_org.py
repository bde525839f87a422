"""An org that leaves its address in the middle of a run: the login host is asked once, and the run goes on there."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datasync_flask.extractions.runs import reading
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.old_address import OldAddress, old_address

NEW = {"Location": "https://acme-new.my.salesforce.com/"}
LOG_IN = {"Location": "https://login.salesforce.com/?ec=302&startURL=%2Fservices%2Fdata"}
PAGE = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
LEFT_BEHIND: dict[str, dict[str, Any]] = {
    "301": {"status": 301, "headers": NEW},
    "302 to log-in": {"status": 302, "headers": LOG_IN},
    "303": {"status": 303, "headers": NEW},
    "307": {"status": 307, "headers": NEW},
    "308": {"status": 308, "headers": NEW},
    "a redirect to nowhere": {"status": 302, "headers": {"Location": "http://["}},
    "a redirect without a target": {"status": 302},
    "404": {"status": 404, "headers": PAGE, "body": "<h1>Not here</h1>"},
    "404 without a body": {"status": 404},
    "404 in JSON": {
        "status": 404, "headers": JSON,
        "body": json.dumps([{"errorCode": "URL_NOT_RESET", "message": "Destination URL not reset."}]),
    },
    "410 page": {"status": 410, "headers": PAGE, "body": "<h1>URL No Longer Exists</h1>"},
    "200 page": {"status": 200, "headers": PAGE, "body": "<h1>URL No Longer Exists</h1>"},
    "DNS": {"status": 502},
    "nothing listens": {},
}  # fmt: skip


@pytest.fixture
def old(walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch) -> Iterator[OldAddress]:
    """Where the org is when the connection is made; its name is looked up only while the org is there."""
    with old_address(walk.practice.origin, "localhost") as found:
        trusted = (*walk.app.config["SETTINGS"].salesforce_hosts, found.origin)
        object.__setattr__(walk.app.config["SETTINGS"], "salesforce_hosts", trusted)
        yield found


@pytest.fixture
def extracting(walk: ConnectionWalk, old: OldAddress, tmp_path: Path) -> Extracting:
    walk.to_ready()
    walk.practice.fault("token", kind="change", headers={"instance_url": old.origin})
    walk.allow()
    walk.work()
    assert walk.state == "connected", walk.visitor.text
    stored = walk.stored().grant
    assert stored is not None
    assert stored.instance_url == old.origin
    return Extracting(walk, tmp_path)


def forget_name(monkeypatch: pytest.MonkeyPatch, old: OldAddress) -> None:
    real = socket.getaddrinfo

    def looked_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if old.has_left and host in {"localhost", b"localhost"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.mark.parametrize("left", LEFT_BEHIND)
@pytest.mark.parametrize("way", ["rest", "bulk"])
def test_a_run_goes_on_where_the_org_is_now(
    extracting: Extracting, old: OldAddress, left: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, rows = extracting.walk, 2100
    if way == "bulk":
        monkeypatch.setattr(reading, "REST_ROWS", 10)
        walk.practice.change_org(result_page_rows=20)
        rows = 60
    if left == "DNS":
        forget_name(monkeypatch, old)
    extracting.org.do("Account", "generate", count=rows)
    extracting.make(["Account"], extracting.make_destination("sqlite", {"path": "w.sqlite"}))
    before = walk.practice.requests()["token"]
    old.leave_after(
        "/query/" if way == "bulk" else "/query?q=SELECT+Id", 2 if way == "bulk" else 1, **LEFT_BEHIND[left]
    )
    extracting.done()
    assert old.has_left
    extracting.assert_same("Account")
    assert walk.practice.requests()["token"] == before + 1
    stored = walk.stored().grant
    assert stored is not None
    assert stored.instance_url == walk.practice.origin
    assert (walk.state, walk.reason) == ("connected", "")


def test_where_the_login_host_knows_no_better_the_run_says_so_and_waits(
    extracting: Extracting, old: OldAddress
) -> None:
    walk = extracting.walk
    extracting.org.do("Account", "generate", count=5)
    extracting.make(["Account"], extracting.make_destination("sqlite", {"path": "w.sqlite"}))
    walk.practice.fault(
        "token", kind="change", headers={"instance_url": "https://gone.invalid.my.salesforce.com"}, times=None
    )
    old.leave_after("/services/data", 1, **LEFT_BEHIND["301"])
    run = extracting.run()
    assert (run.state, run.problem) == ("waiting", "salesforce.instance_moved")
    assert (walk.state, walk.reason) == ("needs_attention", "unreachable")
    assert "the login host itself works" in walk.visitor.text
    walk.practice.clear_faults()
    walk.make_due()
    walk.work()
    assert walk.state == "connected", walk.visitor.text


def test_a_network_that_is_down_is_not_blamed_on_the_address(extracting: Extracting, old: OldAddress) -> None:
    """Nothing listens at the org's address, and the login host says that it is still the one."""
    walk = extracting.walk
    walk.practice.fault("token", kind="change", headers={"instance_url": old.origin}, times=None)
    old.leave_after("/services/data", 1)
    before = walk.practice.requests()["token"]
    for _ in range(3):
        walk.visitor.post(f"/connections/{walk.id}/check")
        walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unreachable")
    assert "can’t connect to Salesforce" in walk.visitor.text
    # Each check asks once, not each request of it.
    assert walk.practice.requests()["token"] <= before + 3
