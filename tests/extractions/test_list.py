"""The list of extractions: searched, filtered, sorted, edited and paused in place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.extensions import db
from datasync_flask.extractions import schedule
from datasync_flask.extractions.models import Extraction, ExtractionObject, Run, RunObject, RunState
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting


class Listed:
    """Some extractions, and the page that lists them."""

    def __init__(self, walk: ConnectionWalk) -> None:
        self.walk, self.visitor, self.app = walk, walk.visitor, walk.app
        walk.make_app()
        walk.save()
        with walk.app.app_context():
            db.session.get_one(Connection, walk.id).state = State.CONNECTED
            db.session.commit()
        self.extracting = Extracting(walk, walk.app.config["SETTINGS"].instance_dir)
        self.destination = self.extracting.make_destination("duckdb", {"path": "w.duckdb"})

    def make(self, description: str, objects: tuple[str, ...] = ("Account",), **fields: str) -> str:
        dataset = description.lower().replace(" ", "_")
        return self.extracting.make(list(objects), self.destination, description=description, dataset=dataset, **fields)

    def run(self, extraction_id: str, state: RunState, *, rows: int = 0, problem: str = "") -> str:
        self.extracting.id = extraction_id
        run_id = self.extracting.start()
        with self.app.app_context():
            run = db.session.get_one(Run, run_id)
            run.state, run.problem, run.started_at = state, problem, utcnow()
            run.ended_at = utcnow() if state.is_over else None
            for row in db.session.query(RunObject).filter_by(run_id=run_id):
                row.rows, row.expected, row.target_count = rows, 2 * rows, rows
            db.session.commit()
        return run_id

    def names(self, address: str = "/extractions") -> list[str]:
        assert self.visitor.get(address).status_code == 200
        return [str(name) for name in self.visitor.page.xpath("//tbody//a[@class='name']/text()")]

    def tabs(self) -> list[str]:
        found = self.visitor.page.xpath("//nav[contains(@class, 'tabs')]/a")
        return [" ".join(tab.text_content().split()) for tab in found]

    def patch(self, extraction_id: str, **values: str) -> int:
        return self.visitor.patch(f"/extractions/{extraction_id}", values).status_code

    def stored(self, extraction_id: str) -> Extraction:
        with self.app.app_context():
            found = db.session.get_one(Extraction, extraction_id)
            _ = found.labels
            db.session.expunge_all()
            return found


@pytest.fixture
def listed(walk: ConnectionWalk) -> Listed:
    return Listed(walk)


def test_problems_come_first_and_have_a_tab(listed: Listed) -> None:
    good, bad = listed.make("A good one"), listed.make("The bad one")
    going = listed.make("Under way")
    listed.run(good, RunState.DONE, rows=12345)
    listed.run(bad, RunState.FAILED, problem="salesforce.server_error")
    listed.run(going, RunState.RUNNING, rows=50)
    assert listed.names() == ["The bad one", "A good one", "Under way"]
    assert listed.tabs() == ["All 3", "Problems 1", "Running 1"]
    text = " ".join(listed.visitor.page.text_content().split())
    assert "Salesforce has a fault" in text
    assert "12,345" in text
    assert "50 %" in text
    assert listed.names("/extractions?state=problems") == ["The bad one"]
    assert listed.names("/extractions?state=running") == ["Under way"]
    moving = listed.visitor.page.get_element_by_id(f"row-{going}")
    assert moving.get("hx-get") == f"/extractions/{going}/row"
    listed.visitor.get(f"/extractions/{going}/row")
    tag = listed.visitor.response.headers["HX-PTag"]
    assert listed.visitor.get(f"/extractions/{going}/row", headers={"HX-PTag": tag}).status_code == 304


def test_a_run_that_left_a_difference_is_a_problem(listed: Listed) -> None:
    good, differs = listed.make("A good one"), listed.make("It differs")
    lasts = listed.make("Stays different")
    for each in (good, differs, lasts):
        listed.run(each, RunState.DONE, rows=100)
    with listed.app.app_context():
        for row in db.session.query(RunObject).join(Run).filter(Run.extraction_id != lasts):
            row.source_count = 100 if row.run.extraction_id == good else 105
        # Its newest run didn't compare it, or ended before it could.
        db.session.query(ExtractionObject).filter_by(extraction_id=lasts).one().lasting_gap = 5
        db.session.commit()
    assert listed.names() == ["It differs", "Stays different", "A good one"]
    assert listed.tabs() == ["All 3", "Problems 2"]
    assert listed.names("/extractions?state=problems") == ["It differs", "Stays different"]
    assert listed.visitor.page.xpath("//tbody//*[@data-tone='warning']/text()") == ["Done, 1 difference"] * 2
    assert len(listed.visitor.page.xpath("//tbody//a[starts-with(., 'View run')]")) == 2
    listed.run(lasts, RunState.CANCELLED)
    assert listed.names("/extractions?state=problems") == ["It differs", "Stays different"]
    assert "Cancelled" in listed.visitor.text
    assert "· 1 difference" in listed.visitor.text


def test_search_looks_at_names_of_everything_in_the_row(listed: Listed) -> None:
    listed.make("Sales nightly", ("Opportunity",))
    listed.make("Service", ("Case",))
    assert listed.names("/extractions?q=NIGHT") == ["Sales nightly"]
    assert listed.names("/extractions?q=case") == ["Service"]
    assert len(listed.names("/extractions?q=emea")) == 2
    assert listed.names("/extractions?q=nothing+like+it") == []
    assert "No extractions match" in listed.visitor.text


def test_sorting(listed: Listed) -> None:
    small, large = listed.make("Small"), listed.make("Large", ("Account", "Case"))
    listed.run(small, RunState.DONE, rows=1)
    listed.run(large, RunState.DONE, rows=100)
    assert listed.names("/extractions?sort=rows") == ["Small", "Large"]
    assert listed.names("/extractions?sort=-rows") == ["Large", "Small"]
    assert listed.names("/extractions?sort=-objects") == ["Large", "Small"]
    assert listed.names("/extractions?sort=-run") == ["Large", "Small"]
    assert listed.names("/extractions?sort=nonsense&state=nonsense&page=0") == ["Large", "Small"]


def test_labels_are_put_on_in_the_row_and_filter(listed: Listed) -> None:
    first, second = listed.make("First"), listed.make("Second")
    assert listed.patch(first, labels="finance,  nightly", was="") == 200
    assert [label.name for label in listed.stored(first).labels] == ["finance", "nightly"]
    assert listed.names("/extractions?label=Finance") == ["First"]
    assert listed.patch(first, labels="x" * 41, was="finance, nightly") == 422
    assert "A label may have at most" in listed.visitor.text
    assert "x" * 41 in listed.visitor.response.text
    # A label that only an extraction has isn't forgotten when a connection loses another one.
    listed.visitor.post(f"/connections/{listed.walk.id}/edit", listed.walk.fields(labels="temporary"))
    listed.visitor.post(f"/connections/{listed.walk.id}/edit", listed.walk.fields(labels=""))
    assert [label.name for label in listed.stored(first).labels] == ["finance", "nightly"]
    assert second


def test_description_and_schedule_are_edited_with_undo(listed: Listed) -> None:
    extraction_id = listed.make("Sales")
    other = listed.make("Other")
    assert listed.patch(extraction_id, description="Sales EMEA", was="Sales") == 200
    assert listed.visitor.page.xpath("//div[@data-toast]/form/input[@name='description']/@value") == ["Sales"]
    assert listed.patch(extraction_id, description="other", was="Sales EMEA") == 422
    assert "Another extraction has this description" in listed.visitor.text
    assert listed.patch(extraction_id, schedule="every 2 hours", was="") == 200
    assert listed.stored(extraction_id).next_run_at is not None
    assert listed.patch(extraction_id, schedule="whenever", was="every 2 hours") == 422
    assert 'value="whenever"' in listed.visitor.response.text
    assert listed.patch(extraction_id, schedule="", was="something else") == 422
    assert "Somebody changed this" in listed.visitor.text
    assert listed.patch(extraction_id, schedule="", was="every 2 hours") == 200
    assert listed.stored(extraction_id).next_run_at is None
    assert other


def test_germans_read_and_write_schedules_in_german(listed: Listed) -> None:
    extraction_id = listed.make("Vertrieb", schedule="every 15 minutes")
    listed.visitor.post("/language", {"language": "de", "next": "/"})
    listed.visitor.get(f"/extractions/{extraction_id}/row?edit=schedule")
    (shown,) = listed.visitor.page.xpath("//input[@name='schedule']/@value")
    assert shown == "Alle 15 Minuten"
    assert listed.patch(extraction_id, schedule="alle 2 Stunden", was=shown) == 200
    assert "Alle 2 Stunden" in listed.visitor.text
    assert listed.stored(extraction_id).schedule == "every 2 hours"
    # What the undo sends back.
    (before,) = listed.visitor.page.xpath("//div[@data-toast]/form/input[@name='schedule']/@value")
    assert listed.patch(extraction_id, schedule=before) == 200
    assert listed.stored(extraction_id).schedule == "every 15 minutes"


def test_a_paused_schedule_starts_nothing(listed: Listed) -> None:
    extraction_id = listed.make("Hourly", schedule="every 1 hours")
    listed.names()
    assert listed.visitor.post(f"/extractions/{extraction_id}/pause").status_code == 303
    stored = listed.stored(extraction_id)
    assert (stored.is_paused, stored.next_run_at) == (True, None)
    assert listed.names("/extractions?state=paused") == ["Hourly"]
    # Another schedule doesn't start it either.
    assert listed.patch(extraction_id, schedule="every 2 hours", was="every 1 hours") == 200
    with listed.app.app_context():
        assert schedule.start_due(utcnow() + timedelta(days=1)) == []
    assert listed.visitor.post(f"/extractions/{extraction_id}/resume").status_code == 303
    assert listed.stored(extraction_id).next_run_at is not None
    with listed.app.app_context():
        assert len(schedule.start_due(utcnow() + timedelta(days=1))) == 1


def test_pausing_in_the_row_keeps_the_focus(listed: Listed) -> None:
    path = f"/extractions/{listed.make('Nightly', schedule='0 2 * * *')}"
    for press, next_press in (("pause", "Resume"), ("resume", "Pause")):
        listed.visitor.post(f"{path}/{press}", headers={"HX-Request": "true"})
        (button,) = listed.visitor.page.xpath("//button[@autofocus]")
        assert button.text_content() == f"{next_press} Nightly"


def test_a_time_of_day_names_its_zone(listed: Listed) -> None:
    """The next run beside it stands in the reader's zone."""
    nightly = listed.make("Nightly", schedule="0 2 * * *")
    often = listed.make("Often", schedule="every 15 minutes")
    listed.names()
    assert "Every day at 02:00, UTC" in listed.visitor.text
    assert "Every 15 minutes, UTC" not in listed.visitor.text
    for extraction_id, sentence in ((nightly, "Every day at 02:00 (UTC)"), (often, "Every 15 minutes")):
        listed.visitor.get(f"/extractions/{extraction_id}")
        assert f"· {sentence}" in listed.visitor.text
    assert "Every 15 minutes (UTC)" not in listed.visitor.text


def test_viewers_see_the_list_and_change_nothing(listed: Listed, sign_in) -> None:  # type: ignore[no-untyped-def]
    extraction_id = listed.make("Sales")
    viewer = sign_in("viewer")
    viewer.get("/extractions")
    assert not viewer.page.xpath("//main//*[@data-quick-edit] | //main//form[@method='post']")
    assert viewer.patch(f"/extractions/{extraction_id}", {"description": "x"}).status_code == 403
    assert viewer.post(f"/extractions/{extraction_id}/pause").status_code == 403
