"""Home answers: what needs me, how fresh is the data, what waits, what does it cost."""

from __future__ import annotations

from datetime import timedelta

import time_machine
from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.extractions.models import ExtractionObject, Run, RunObject, RunState
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.visitor import Visitor


def section(visitor: Visitor, key: str) -> str:
    found = visitor.page.xpath(f"//section[@aria-labelledby='{key}']")
    return " ".join(found[0].text_content().split()) if found else ""


def current(visitor: Visitor) -> list[str]:
    return [" ".join(link.text_content().split()) for link in visitor.page.xpath("//header//a[@aria-current='page']")]


def extraction_of(walk: ConnectionWalk, *objects: str) -> Extracting:
    with walk.app.app_context():
        db.session.get_one(Connection, walk.id).state = State.CONNECTED
        db.session.commit()
    extracting = Extracting(walk, walk.app.config["SETTINGS"].instance_dir)
    extracting.make(list(objects) or ["Account"], extracting.make_destination("duckdb", {"path": "w.duckdb"}))
    return extracting


def end(app: Flask, run_id: str, state: RunState, rows: int = 0, problem: str = "") -> None:
    with app.app_context():
        run = db.session.get_one(Run, run_id)
        run.state, run.problem, run.started_at, run.ended_at = state, problem, utcnow(), utcnow()
        run.calls_used, run.calls_max = 1138, 15000
        for row in db.session.query(RunObject).filter_by(run_id=run_id):
            row.rows = rows
        db.session.commit()


def test_a_fresh_server_shows_the_first_step(visitor: Visitor) -> None:
    visitor.get("/")
    assert "Three steps to your data" in visitor.text
    assert visitor.page.xpath("//main//a[@href='/connections/new/salesforce']")


def test_viewers_are_offered_nothing_that_they_may_not_do(sign_in) -> None:  # type: ignore[no-untyped-def]
    viewer = sign_in("viewer")
    viewer.get("/")
    assert not viewer.page.xpath("//main//a[starts-with(@href, '/connections/new')]")


def test_a_waiting_connection_shows_its_clock_and_polls(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    walk.visitor.get("/")
    assert "Sales EMEA" in section(walk.visitor, "waiting")
    assert walk.visitor.page.get_element_by_id("overview").get("hx-get") == "/home/overview"
    assert walk.visitor.get("/home/overview").status_code == 200
    assert "<html" not in walk.visitor.text


def test_a_failed_run_is_told_first_and_counted_beside_home(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    extracting = extraction_of(walk)
    end(walk.app, extracting.start(), RunState.DONE, rows=1234)
    walk.visitor.get("/")
    assert section(walk.visitor, "needs-attention") == ""
    assert "1,234" in section(walk.visitor, "fresh")
    assert "1,138 of 15,000 calls" in section(walk.visitor, "api-use")
    end(walk.app, extracting.start(), RunState.FAILED, problem="salesforce.server_error")
    walk.visitor.get("/")
    told = section(walk.visitor, "needs-attention")
    assert "To the warehouse" in told
    assert "Salesforce answered with a fault of its own" in told
    assert current(walk.visitor) == ["Home1, 1 needs attention"]
    # Good again: nothing is left to do.
    end(walk.app, extracting.start(), RunState.DONE, rows=5)
    walk.visitor.get("/")
    assert section(walk.visitor, "needs-attention") == ""
    assert current(walk.visitor) == ["Home"]


def differ(app: Flask, **gaps: int) -> None:
    """Let objects have a difference that lasts."""
    with app.app_context():
        for name, gap in gaps.items():
            db.session.query(ExtractionObject).filter_by(name=name).one().lasting_gap = gap
        db.session.commit()


def ways_out(visitor: Visitor) -> list[tuple[str, str]]:
    found = visitor.page.xpath("//section[@aria-labelledby='needs-attention']//*[self::a or self::form]")
    return [(" ".join(each.text_content().split()), each.get("action") or each.get("href")) for each in found]


def test_a_difference_that_lasts_is_told_with_the_button_that_cures_it(  # type: ignore[no-untyped-def]
    walk: ConnectionWalk, sign_in
) -> None:
    walk.make_app()
    walk.save()
    extracting = extraction_of(walk)
    end(walk.app, extracting.start(), RunState.DONE, rows=5)
    differ(walk.app, Account=2)
    walk.visitor.get("/")
    told = section(walk.visitor, "needs-attention")
    assert "1 difference To the warehouseAccount: 2 rows are missing in duckdb. Normal runs don’t fix this." in told
    page = f"/extractions/{extracting.id}"
    assert ways_out(walk.visitor) == [("Reload Account To the warehouse", f"{page}/objects/Account/reload")]
    assert current(walk.visitor) == ["Home1, 1 needs attention"]
    # Viewers can't reload; they read about it.
    viewer = sign_in("viewer")
    viewer.get("/")
    assert ways_out(viewer) == [("See how to fix it: To the warehouse", page)]
    # A run that somebody cancels cures nothing; one that is under way may.
    end(walk.app, extracting.start(), RunState.CANCELLED)
    walk.visitor.get("/")
    assert "1 difference" in section(walk.visitor, "needs-attention")
    run_id = extracting.start()
    walk.visitor.get("/")
    assert (section(walk.visitor, "needs-attention"), current(walk.visitor)) == ("", ["Home"])
    # A failure is told once, and as a failure.
    end(walk.app, run_id, RunState.FAILED, problem="salesforce.server_error")
    walk.visitor.get("/")
    assert len(ways_out(walk.visitor)) == 1
    assert current(walk.visitor) == ["Home1, 1 needs attention"]


def test_several_differences_lead_to_the_page_that_cures_each(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    extracting = extraction_of(walk, "Account", "Contact")
    end(walk.app, extracting.start(), RunState.DONE)
    differ(walk.app, Account=1, Contact=-3)
    walk.visitor.get("/")
    told = section(walk.visitor, "needs-attention")
    assert "2 differences" in told
    assert "Account: 1 row is missing in duckdb; Contact: 3 rows too many in duckdb." in told
    assert ways_out(walk.visitor) == [("See how to fix it: To the warehouse", f"/extractions/{extracting.id}")]
    assert current(walk.visitor) == ["Home1, 1 needs attention"]


def test_the_rows_of_a_day_are_those_of_all_its_runs(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    extracting = extraction_of(walk)
    end(walk.app, extracting.start(), RunState.DONE, rows=7000)
    clock.shift(timedelta(days=1, minutes=1))
    # More runs than the row of small bars has places.
    for _ in range(12):
        clock.shift(timedelta(minutes=1))
        end(walk.app, extracting.start(), RunState.DONE, rows=100)
    walk.visitor.get("/")
    assert walk.visitor.page.xpath("//section[@aria-labelledby='fresh']//td[contains(@class, 'num')]/text()") == [
        "1,200"
    ]


def test_an_extraction_that_was_begun_is_resumed_from_home(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    walk.visitor.get("/")
    assert "Choose what to load" in section(walk.visitor, "fresh")
    begun = walk.visitor.post("/extractions/setup", {"source": walk.id}).headers["Location"].split("/setup/")[0]
    walk.visitor.get("/")
    (resume,) = walk.visitor.page.xpath("//section[@aria-labelledby='fresh']//a[contains(., 'Resume')]/@href")
    assert resume == f"{begun}/setup"
    # Nothing is counted that isn't there.
    assert "0 extractions" not in walk.visitor.text


def test_a_broken_connection_leads_to_its_fix(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    with walk.app.app_context():
        connection = db.session.get_one(Connection, walk.id)
        connection.state, connection.problem = State.NEEDS_ATTENTION, "revoked"
        db.session.commit()
    walk.visitor.get("/")
    assert "Access was revoked" in section(walk.visitor, "needs-attention")
    assert walk.visitor.page.xpath(f"//main//a[@href='/connections/{walk.id}']")


def test_numbers_are_written_as_the_language_writes_them(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    extracting = extraction_of(walk)
    end(walk.app, extracting.start(), RunState.DONE, rows=14862)
    walk.visitor.get("/")
    walk.visitor.post("/language", {"language": "de", "next": "/"})
    walk.visitor.get("/")
    assert "14.862" in section(walk.visitor, "fresh")
    assert "1.138 von 15.000" in section(walk.visitor, "api-use")


def test_each_page_says_which_part_it_belongs_to(walk: ConnectionWalk) -> None:
    walk.save()
    for path, name in {
        "/": "Home", "/connections": "Connections", "/connections/new": "Connections",
        "/connections/new/duckdb": "Connections", f"/connections/{walk.id}": "Connections",
        f"/connections/{walk.id}/hand-off": "Connections", "/extractions": "Extractions",
        "/extractions/new": "Extractions", "/people": "Settings", "/audit": "Settings", "/notices": "Settings",
        "/help": "Help", "/help/errors": "Help",
    }.items():  # fmt: skip
        assert walk.visitor.get(path).status_code == 200, path
        assert current(walk.visitor) == [name], path
    walk.visitor.get("/account")
    assert current(walk.visitor) == []
