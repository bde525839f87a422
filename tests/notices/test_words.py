"""A connection's problem is told in a connection's words, a run's in a run's, for every code that can be stored."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from datasync_flask.connections.models import SalesforceConnection, State
from datasync_flask.destinations.base import Fault
from datasync_flask.extensions import db
from datasync_flask.extractions.texts import PROBLEMS, problem_words
from datasync_flask.notices import signals
from datasync_flask.notices.models import Delivery, Notice
from datasync_flask.salesforce.errors import Problem
from datasync_flask.salesforce_connections import lifecycle
from tests.notices.test_notices import add
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

OF_RUNS = re.compile(r"\brun again|\bruns? again|before each run|\bextraction|however often", re.IGNORECASE)
OF_CONNECTIONS = re.compile(
    r"go on waiting|check again|login host here|correct it here|authenticate again", re.IGNORECASE
)


def told(app: Flask) -> str:
    with app.app_context():
        delivery = db.session.query(Delivery).order_by(Delivery.id.desc()).first()
        assert delivery is not None
        body = delivery.body
        db.session.query(Delivery).delete()
        db.session.query(Notice).delete()
        db.session.commit()
    return str(body)


def test_connections(walk: ConnectionWalk) -> None:
    add(walk.visitor, "email", "team@example.com")
    walk.save()
    with walk.app.app_context():
        token = walk.visitor  # a signed-in administrator
    for problem in Problem:
        with walk.app.app_context():
            connection = db.session.get_one(SalesforceConnection, walk.id)
            connection.problem, connection.state = problem.value, State.NEEDS_ATTENTION
            signals.on_connection_moved(
                connection, before=State.CONNECTED, after=State.NEEDS_ATTENTION, event=lifecycle.Event.ACCESS_LOST
            )
            db.session.commit()
        assert not OF_RUNS.search(told(walk.app)), problem
        token.get(f"/connections/{walk.id}/status")
        assert not OF_RUNS.search(token.text), problem


def test_destinations(walk: ConnectionWalk, visitor: Visitor) -> None:
    from datasync_flask.destinations.texts import fault_text

    with walk.app.test_request_context():
        for fault in Fault:
            assert not OF_RUNS.search(fault_text(fault)), fault


def test_runs(app: Flask) -> None:
    stored = [*Problem, *PROBLEMS, *(f"destination_{fault}" for fault in Fault)]
    with app.test_request_context():
        for problem in stored:
            words = problem_words(str(problem))
            assert words
            if str(problem).startswith("destination_"):
                continue
            assert not OF_CONNECTIONS.search(words), problem
    assert json.dumps(stored)


@pytest.mark.parametrize("problem", ["connection_failed", "server_error", "no_answer_in_time", "not_salesforce"])
def test_the_same_code_in_two_tongues(walk: ConnectionWalk, problem: str) -> None:
    walk.save()
    with walk.app.app_context():
        connection = db.session.get_one(SalesforceConnection, walk.id)
        connection.problem = problem
        assert "Run again" not in signals._meaning(connection)
        assert "run again" not in signals._meaning(connection)
    with walk.app.test_request_context():
        assert "un again" in problem_words(problem)
