"""An extraction in tests: an org with rows that change, runs done in this process, source and destination compared."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import VALID_TO, Destination, Table
from datasync_flask.destinations.registry import open_destination
from datasync_flask.destinations.service import settings_of
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.names import snake_case
from datasync_flask.extractions.runs import lease, states
from datasync_flask.extractions.runs.runner import Runner
from tests.support.connection import ConnectionWalk
from tests.support.practice import PracticeOrg


class Org:
    """The practice org's rows, changed over HTTP."""

    def __init__(self, practice: PracticeOrg) -> None:
        self.http = practice.http

    def do(self, name: str, what: str, **order: Any) -> list[str]:
        answer = self.http.post("/practice/data", json={"object": name, "do": what, **order}, timeout=60)
        answer.raise_for_status()
        return list(answer.json()["ids"])

    def rows(self, name: str, *, with_deleted: bool = False) -> list[dict[str, Any]]:
        found = self.http.get(f"/practice/data/{name}", timeout=60).json()
        return [row for row in found if with_deleted or not row.get("IsDeleted")]

    def ids(self, name: str) -> list[str]:
        return [row["Id"] for row in self.rows(name)]


class Extracting:
    """One extraction and what can be done with it."""

    def __init__(self, walk: ConnectionWalk, folder: Path) -> None:
        self.walk, self.folder = walk, folder
        self.app: Flask = walk.app
        self.org = Org(walk.practice)
        self.id = ""

    def make_destination(self, kind: str, settings: dict[str, Any]) -> str:
        response = self.walk.visitor.post(f"/connections/new/{kind}", {"description": kind, **settings})
        assert response.status_code == 303, self.walk.visitor.text
        return str(response.headers["Location"].rsplit("/", 1)[-1])

    def make(self, objects: list[str], destination: str, **fields: Any) -> str:
        data = {
            "description": "To the warehouse", "source": self.walk.id, "destination": destination, "dataset": "crm",
            "objects": objects, "schedule": "", "timezone": "UTC", **fields,
        }  # fmt: skip
        response = self.walk.visitor.post("/extractions/new", data)
        assert response.status_code == 303, self.walk.visitor.text
        self.id = response.headers["Location"].rsplit("/", 1)[-1]
        return self.id

    def edit(self, **fields: Any) -> None:
        self.walk.visitor.get(f"/extractions/{self.id}/edit")
        form = self.walk.visitor.page.get_element_by_id("extraction-form")
        values: dict[str, Any] = {}
        for name, value in form.form_values():
            values.setdefault(name, []).append(value)
        if "schedule" in fields:
            # As text, not as the picker has it.
            del values["repeat"]
        response = self.walk.visitor.post(f"/extractions/{self.id}/edit", {**values, **fields})
        assert response.status_code == 303, self.walk.visitor.text

    def start(self) -> str:
        with self.app.app_context():
            return states.start(self.id, "test").id

    def work_on(self, run_id: str) -> None:
        """Be the run's process."""
        with self.app.app_context():
            lease_id = states.claim(run_id)
        assert lease_id
        Runner(self.app, run_id, lease_id).run()

    def go_on(self, run_id: str) -> Run:
        """Do a run after its pause; return it, detached."""
        with self.app.app_context():
            db.session.get_one(Run, run_id).due_at = utcnow()
            db.session.commit()
        self.work_on(run_id)
        return self.stored(run_id)

    def run(self) -> Run:
        """Start a run, do it to its end and return it, detached."""
        run_id = self.start()
        self.work_on(run_id)
        return self.stored(run_id)

    def stored(self, run_id: str) -> Run:
        with self.app.app_context():
            run = states.load(run_id)
            _ = [row.notes for row in run.objects]
            db.session.expunge_all()
            return run

    def done_again(self, run_id: str) -> Run:
        """Take up a run whose process died, and do it to its end."""
        with self.app.app_context():
            db.session.get_one(Run, run_id).heartbeat_at = utcnow() - lease.SILENT_FOR - timedelta(seconds=1)
            db.session.commit()
        self.work_on(run_id)
        run = self.stored(run_id)
        assert run.state == "done", (run.problem, run.problem_detail)
        return run

    def done(self) -> Run:
        run = self.run()
        assert run.state == "done", (run.problem, run.problem_detail)
        return run

    def open(self) -> tuple[Destination, str]:
        with self.app.app_context():
            extraction = db.session.get_one(Extraction, self.id)
            found = extraction.destination
            return open_destination(found.kind, settings_of(found), self.app.config["SETTINGS"].effective_data_dir), (
                extraction.dataset
            )

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows that a reader of the destination sees; with history, those that hold now."""
        destination, dataset = self.open()
        shown = destination.preview(Table(dataset, snake_case(name)), 100_000)
        names = [column.lower() for column, _ in shown.columns]
        found = [dict(zip(names, row, strict=True)) for row in shown.rows]
        return [row for row in found if row.get(VALID_TO) is None]

    def age_watermarks(self, **shift: Any) -> None:
        """Pretend the last runs were longer ago."""
        with self.app.app_context():
            for chosen in db.session.get_one(Extraction, self.id).objects:
                for name in ("watermark", "loaded_at", "read_whole_at", "ids_compared_at", "formulas_fresh_at"):
                    value = getattr(chosen, name)
                    if value is not None:
                        setattr(chosen, name, value - timedelta(**shift))
            db.session.commit()

    def assert_same(
        self, name: str, fields: tuple[str, ...] = ("Name", "Industry", "AnnualRevenue", "Score__c")
    ) -> None:
        """Compare source and destination row by row: none lost, none doubled, none stale."""
        here = self.table(name)
        assert len({row["id"] for row in here}) == len(here), "a row is there twice"
        by_id = {row["id"]: row for row in here}
        there = {row["Id"]: row for row in self.org.rows(name)}
        assert by_id.keys() == there.keys()
        for row_id, row in there.items():
            for field in fields:
                if field in row:
                    assert plain(by_id[row_id][snake_case(field)]) == plain(row[field]), (row_id, field)


def only(fields: list[str], form: dict[str, str]) -> dict[str, str]:
    """What a form of fields sends when these are loaded and all others are left out."""
    names = [name for name in form if name.startswith("treatment-")]
    return {name: "load" if name.removeprefix("treatment-") in fields else "leave_out" for name in names}


def plain(value: Any) -> Any:
    """A value as both sides can be compared: destinations have types of their own."""
    if isinstance(value, bool) or value is None or value == "":
        return value or None
    if isinstance(value, int | float | Decimal):
        return round(float(value), 6)
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    try:
        return round(float(text), 6)
    except ValueError:
        return text
