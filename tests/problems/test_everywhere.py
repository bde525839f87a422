"""Every problem of the registry is told in each place that can show it, in both languages, in that place's own words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from datasync_flask.accounts.models import User
from datasync_flask.accounts.people import make_token
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import Connection, State
from datasync_flask.destinations import service
from datasync_flask.destinations.base import DestinationError
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Run, RunObject, RunState
from datasync_flask.extractions.runs import states
from datasync_flask.notices import signals
from datasync_flask.notices.models import Delivery, Notice
from datasync_flask.problems.destination import Fault
from datasync_flask.problems.registry import ENTRIES, trouble
from datasync_flask.problems.trouble import During
from datasync_flask.salesforce_connections import lifecycle
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.notices.test_notices import add
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting

OF_RUNS = re.compile(r"\brun again|\bruns? again|before each run|\bextraction|however often", re.IGNORECASE)
OF_CONNECTIONS = re.compile(
    r"keep waiting|check again|login host here|correct it here|authenticate again", re.IGNORECASE
)
SALESFORCE = sorted(code for code in ENTRIES if code.startswith("salesforce."))
DESTINATION = sorted(code for code in ENTRIES if code.startswith("destination."))
LANGUAGES = ("en", "de")


@pytest.fixture
def database_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """What is told doesn't depend on the database."""
    path = tmp_path / "datasync.sqlite"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


class Reader:
    """Somebody who looks at all places."""

    def __init__(self, walk: ConnectionWalk) -> None:
        self.walk, self.app, self.visitor = walk, walk.app, walk.visitor
        with self.app.app_context():
            admin = db.session.query(User).filter_by(role="admin").one()
            self.token = make_token(admin, "test", 1)
            self.admin_id = admin.id
            db.session.remove()

    def speak(self, language: str) -> None:
        with self.app.app_context():
            db.session.get_one(User, self.admin_id).language = language
            db.session.commit()

    def page(self, path: str) -> str:
        answer = self.visitor.get(path)
        assert answer.status_code == 200, path
        return flat(self.visitor.page.text_content())

    def api(self, path: str, language: str) -> str:
        answer = self.app.test_client().get(
            f"/api/v1{path}",
            base_url="http://127.0.0.1:5000",
            headers={"Authorization": f"Bearer {self.token}", "Accept-Language": language},
        )
        assert answer.status_code == 200, answer.text
        return flat(json.dumps(answer.json, ensure_ascii=False).replace('\\"', '"'))

    def mail(self) -> str:
        with self.app.app_context():
            delivery = db.session.query(Delivery).order_by(Delivery.id.desc()).first()
            assert delivery is not None
            body = delivery.body
            db.session.query(Delivery).delete()
            db.session.query(Notice).delete()
            db.session.commit()
        return flat(str(body))


def flat(text: str) -> str:
    return " ".join(text.split())


def sentences(app: Flask, code: str, during: During | None, language: str) -> str:
    with app.test_request_context(), force_locale(language):
        told = trouble(code, during)
        assert told.title
        assert told.meaning
        return flat(told.meaning)


@pytest.fixture
def reader(walk: ConnectionWalk) -> Reader:
    walk.make_app()
    walk.save()
    add(walk.visitor, "email", "team@example.com")
    return Reader(walk)


def test_every_problem_is_in_german(app: Flask) -> None:
    with app.test_request_context():
        for code in ENTRIES:
            with force_locale("en"):
                english = [trouble(code, during) for during in (None, *During)]
            with force_locale("de"):
                german = [trouble(code, during) for during in (None, *During)]
            for one, other in zip(english, german, strict=True):
                assert one.meaning != other.meaning, code
                assert not set(one.steps) & set(other.steps), code


@pytest.mark.slow
def test_problems_of_salesforce_connections(reader: Reader) -> None:
    for code in SALESFORCE:
        check_salesforce_connection(reader, code)


def check_salesforce_connection(reader: Reader, code: str) -> None:
    app, connection_id = reader.app, reader.walk.id
    with app.app_context():
        connection = db.session.get_one(SalesforceConnection, connection_id)
        connection.problem, connection.state = code.partition(".")[2], State.NEEDS_ATTENTION
        signals.on_connection_moved(
            connection, before=State.CONNECTED, after=State.NEEDS_ATTENTION, event=lifecycle.Event.ACCESS_LOST
        )
        db.session.commit()
    mail = reader.mail()
    assert sentences(app, code, During.CONNECTION, "en") in mail
    assert not OF_RUNS.search(mail)
    for language in LANGUAGES:
        reader.speak(language)
        meaning = sentences(app, code, During.CONNECTION, language)
        assert meaning in reader.page(f"/connections/{connection_id}")
        assert meaning in reader.page(f"/connections/{connection_id}/status")
        assert meaning in reader.api(f"/connections/{connection_id}", language)
        with app.test_request_context(), force_locale(language):
            assert trouble(code).title in reader.page("/connections")
    reader.speak("en")
    assert not OF_RUNS.search(reader.page(f"/connections/{connection_id}/status"))


@pytest.mark.slow
def test_problems_of_destinations(reader: Reader) -> None:
    extracting = Extracting(reader.walk, reader.app.config["SETTINGS"].instance_dir)
    destination_id = extracting.make_destination("duckdb", {"path": "w.duckdb"})
    for code in DESTINATION:
        check_destination(reader, destination_id, code)


def check_destination(reader: Reader, destination_id: str, code: str) -> None:
    app = reader.app
    with app.app_context():
        connection = db.session.get_one(DestinationConnection, destination_id)
        service.record(connection, None)
        service.record(connection, DestinationError(Fault(code.partition(".")[2]), "its own words"))
        db.session.commit()
    mail = reader.mail()
    assert sentences(app, code, None, "en") in mail
    assert not OF_RUNS.search(mail)
    for language in LANGUAGES:
        reader.speak(language)
        meaning = sentences(app, code, None, language)
        for path in (f"/connections/{destination_id}", f"/connections/{destination_id}/status"):
            assert meaning in reader.page(path), path
        with app.test_request_context(), force_locale(language):
            assert trouble(code).title in reader.page("/connections")
        assert meaning in reader.api(f"/connections/{destination_id}", language)


@pytest.mark.slow
def test_problems_of_runs(reader: Reader) -> None:
    extracting = Extracting(reader.walk, reader.app.config["SETTINGS"].instance_dir)
    with reader.app.app_context():
        db.session.get_one(Connection, reader.walk.id).state = State.CONNECTED
        db.session.commit()
    extracting.make(["Account"], extracting.make_destination("duckdb", {"path": "w.duckdb"}))
    run_id = extracting.start()
    for code in sorted(ENTRIES):
        check_run(reader, extracting.id, run_id, code)


def check_run(reader: Reader, extraction_id: str, run_id: str, code: str) -> None:
    app = reader.app
    with app.app_context():
        run = db.session.get_one(Run, run_id)
        run.state, run.problem, run.ended_at = RunState.FAILED, code, utcnow()
        row = db.session.query(RunObject).filter_by(run_id=run_id).one()
        row.step, row.problem = "failed", code
        states.ended.send(run)
        db.session.commit()
    mail = reader.mail()
    assert sentences(app, code, During.RUN, "en") in mail
    if not code.startswith("destination."):
        assert not OF_CONNECTIONS.search(mail)
    for language in LANGUAGES:
        reader.speak(language)
        meaning = sentences(app, code, During.RUN, language)
        run_path = f"/extractions/{extraction_id}/runs/{run_id}"
        for path in (run_path, f"{run_path}/progress", f"/extractions/{extraction_id}"):
            assert meaning in reader.page(path), path
        assert meaning in reader.api(f"/extractions/{extraction_id}/runs/{run_id}", language)


def test_a_code_of_a_newer_version_is_an_unknown_error(app: Flask) -> None:
    with app.test_request_context():
        assert trouble("salesforce.not_invented_yet", During.RUN).title == "Unknown error"
        assert trouble("connection_failed", During.RUN).title == "Unknown error"


def test_texts_are_well_formed() -> None:
    meanings = [entry.meaning for code, entry in ENTRIES.items() if code.startswith("salesforce.")]
    assert len(set(meanings)) == len(meanings)
    for code, entry in ENTRIES.items():
        assert len(entry.title) <= 40, code
        assert entry.steps, code
        texts = (entry.meaning, *entry.steps)
        assert all(text.endswith((".", ":")) and "!" not in text for text in texts), code
