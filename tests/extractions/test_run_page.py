"""The page of a run: while it goes, when it waits, and when it failed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions.models import RunObject, RunState
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.rates import Sample, Seen
from tests.support.extraction import Extracting, Org


def going(extracting: Extracting, **values: object) -> str:
    """Put a run of Account into the middle of its way and return its address."""
    run_id = extracting.start()
    with extracting.app.app_context():
        run = states.load(run_id)
        run.state, run.started_at, run.calls_used, run.calls_max = RunState.RUNNING, utcnow(), 12_010, 15_000
        for name, value in values.pop("run", {}).items():  # type: ignore[attr-defined]
            setattr(run, name, value)
        for name, value in {"step": "reading", "started_at": run.started_at, "expected": 3000, **values}.items():
            setattr(run.objects[0], name, value)
        db.session.commit()
    return f"/extractions/{extracting.id}/runs/{run_id}"


@pytest.fixture
def made(extracting: Extracting, warehouse: str) -> Extracting:
    extracting.make(["Account"], warehouse)
    return extracting


def shown(extracting: Extracting, address: str) -> str:
    assert extracting.walk.visitor.get(address).status_code == 200
    return extracting.walk.visitor.text


def test_rows_of_rows_and_that_the_page_may_be_closed(made: Extracting) -> None:
    address = going(made, rows=1500, pages=1, job_id="1", started_at=utcnow() - timedelta(seconds=30))
    text = shown(made, address)
    assert "1,500 of about 3,000 rows" in text
    assert "You can close this page. The run continues." in text
    assert "0 of 1 done" in text
    assert made.walk.visitor.page.xpath("//title")[0].text.startswith("Run of To the warehouse")
    section = made.walk.visitor.page.get_element_by_id("run-progress")
    assert (section.tag, section.get("data-title"), section.get("data-news")) == ("section", "50 %", "Running")
    assert [bar.get("value") for bar in section.xpath(".//progress")] == ["1500", "1500"]
    assert section.xpath(".//details[@id='technical-log'][not(@open)]")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"job_id": "1"}, "Waiting for Salesforce to prepare the data (bulk job, 0 s so far)"),
        ({}, "Not started yet"),
        ({"rows": 3000, "pages": 1, "is_read": True}, "Read, waiting to be written"),
        ({"rows": 3000, "step": "writing"}, "Writing to the destination"),
        ({"rows": 3000, "step": "waiting_for_file"}, "Waiting for another run that writes to this file"),
        ({"run": {"cancel_asked": True}}, "Stopping after the current batch…"),
        ({"run": {"state": RunState.QUEUED}}, "Starting…"),
    ],
)
def test_what_it_waits_for(made: Extracting, values: dict[str, object], message: str) -> None:
    assert message in shown(made, going(made, **values))


def test_a_pause_says_how_many_calls_are_used(made: Extracting) -> None:
    text = shown(made, going(made, run={"state": RunState.PAUSED, "problem": "run.quota", "due_at": utcnow()}))
    assert "12,010 of 15,000 API calls are used today, and this extraction pauses at 12,000." in text


def test_the_connection_that_is_waited_for_has_its_button(made: Extracting) -> None:
    shown(made, going(made, run={"state": RunState.WAITING, "problem": "salesforce.revoked"}))
    (button,) = made.walk.visitor.page.xpath("//*[@id='run-progress']//a[contains(@class, 'go')]")
    assert button.text == "Reconnect Sales EMEA"
    assert button.get("href").endswith(f"/connections/{made.walk.id}")


def test_rows_per_second_are_those_of_the_last_seconds(made: Extracting) -> None:
    address = going(made, rows=1000, pages=1, job_id="1", started_at=utcnow() - timedelta(seconds=60))

    def rows_per_second(seconds_ago: float, rows: int) -> str:
        at = utcnow().timestamp() - seconds_ago
        text = shown(made, f"{address}/progress?seen={Seen((Sample(at, {'Account': rows}),))}")
        return text.partition("Reading")[2].partition(" rows/s")[0].strip(" ,")

    assert 95 <= int(rows_per_second(10, 0)) <= 100
    assert "about 2 min left" in shown(
        made, f"{address}/progress?seen={Seen((Sample(utcnow().timestamp() - 10, {'Account': 0}),))}"
    )
    # Nothing moves, or nobody knows.
    assert "left" not in shown(made, f"{address}/progress")
    assert not rows_per_second(10, 1000)[:3].isdigit()
    assert not rows_per_second(60, 0)[:3].isdigit()
    for seen in ("x", "1~Account", "1~Account:x;", "nan~Account:1", "9" * 3000):
        assert "Reading" in shown(made, f"{address}/progress?seen={seen}")


def test_what_a_page_has_seen_is_carried_along_and_forgotten() -> None:
    now = utcnow()
    seen = Seen()
    for second in range(40):
        seen = seen.then(now + timedelta(seconds=second), {"Account": second * 100})
    assert 4 <= len(seen.samples) <= 6
    assert Seen.parse(str(seen)).per_second("Account", 3900, now + timedelta(seconds=39)) == pytest.approx(100, abs=2)


def test_a_failure_says_what_is_intact_and_retries_the_rest(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Account", "generate", count=2)
    extracting.make(["Account", "Gone__c"], warehouse)
    run = extracting.run()
    text = shown(extracting, f"/extractions/{extracting.id}/runs/{run.id}")
    assert "Loaded: Account." in text
    assert "Not loaded: Gone__c. What was in the destination before is still there, unchanged." in text
    visitor = extracting.walk.visitor
    (form,) = [form for form in visitor.page.forms if "Retry these" in form.text_content()]
    answer = visitor.post(form.get("action"), dict(form.form_values()))
    retried = extracting.stored(answer.headers["Location"].rsplit("/", 1)[-1])
    assert [row.name for row in retried.objects] == ["Gone__c"]
    extracting.work_on(retried.id)
    text = shown(extracting, f"/extractions/{extracting.id}?runs=problems")
    assert "Problems 2" in text
    assert "Last run failed" in text
    # The object that it failed at, in Salesforce's words.
    assert "Gone__c: NOT_FOUND" in text


def test_a_paused_run_that_was_cancelled_promises_nothing(made: Extracting) -> None:
    address = going(made, run={"state": RunState.PAUSED, "problem": "run.quota", "due_at": utcnow()})
    assert "API calls used up." in shown(made, address)
    made.walk.visitor.post(f"{address}/cancel")
    text = shown(made, address)
    assert "Cancelled" in text
    assert "continues by itself" not in text
    assert "API calls used up" not in text


def test_objects_that_a_failed_run_never_began_are_not_waiting(made: Extracting) -> None:
    address = going(made, step="waiting", started_at=None, run={"state": RunState.FAILED, "ended_at": utcnow()})
    shown(made, address)
    row = made.walk.visitor.page.xpath("//*[@data-object='Account']")[0]
    assert "Not loaded" in row.text_content()
    with made.app.app_context():
        assert db.session.query(RunObject).count() == 1


def test_what_is_paused_does_not_turn_and_the_time_runs_on(made: Extracting) -> None:
    """The clock is the browser's: a poll that brings nothing new leaves it going."""
    began = utcnow() - timedelta(seconds=30)
    address = going(made, rows=1500, pages=1, run={"state": RunState.PAUSED, "started_at": began})
    shown(made, address)
    section = made.walk.visitor.page.get_element_by_id("run-progress")
    assert section.xpath(".//*[contains(@class, 'dot')][not(contains(@class, 'now'))]")
    clocks = section.xpath(".//time[@data-style='clock']/@datetime")
    assert list(map(datetime.fromisoformat, clocks)) == [began.replace(microsecond=0)]
    shown(made, f"/extractions/{made.id}")
    (pill,) = made.walk.visitor.page.xpath("//dl[@class='kpis']//*[contains(@class, 'pill')]")
    assert pill.text_content() == "Paused"


def test_a_destination_names_the_extractions_that_load_into_it(made: Extracting, warehouse: str) -> None:
    text = shown(made, f"/connections/{warehouse}")
    assert made.walk.visitor.page.xpath("//section[@aria-labelledby='used-by']//a/@href") == [f"/extractions/{made.id}"]
    assert "File or folder" in text
    unused = made.make_destination("duckdb", {"path": "unused.duckdb"})
    assert "No extractions load into it yet." in shown(made, f"/connections/{unused}")
