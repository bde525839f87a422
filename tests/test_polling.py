"""An unchanged poll reads who asks and a version, nothing else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from datasync_flask.extensions import db
from tests.support.connection import ConnectionWalk


def poll(walk: ConnectionWalk, connection_id: str, tag: str = "") -> Any:
    return walk.visitor.get(f"/connections/{connection_id}/status", headers={"HX-Request": "true", "HX-PTag": tag})


def test_an_unchanged_poll_is_two_statements(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    tag = poll(walk, walk.id).headers["HX-PTag"]
    with walk.app.app_context():
        engine = db.engine
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        assert poll(walk, walk.id, tag).status_code == 304
    finally:
        event.remove(engine, "before_cursor_execute", record)
    assert len(statements) == 2


def test_each_request_reads_its_own_row(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    tag = poll(walk, walk.id).headers["HX-PTag"]
    # Within one application context, which requests of a test may share, Flask-Login knows the person from before.
    with walk.app.app_context():
        assert poll(walk, walk.id, tag).status_code == 304
        assert poll(walk, "0" * 16, tag).status_code == 404
        walk.work()
        assert poll(walk, walk.id, tag).status_code == 200


def test_an_ended_session_gets_no_answer(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    tag = poll(walk, walk.id).headers["HX-PTag"]
    walk.visitor.post("/logout")
    assert poll(walk, walk.id, tag).status_code == 401
