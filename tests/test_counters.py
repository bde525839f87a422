"""Counts that a worker keeps in memory between two beats."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from datasync_flask import counters
from datasync_flask.extensions import db


def test_what_could_not_be_written_down_is_written_the_next_time(app: Flask) -> None:
    with app.app_context():
        counters.unwritten().add("probe_requests", "known", 2)
        counters.unwritten().add("probe_requests", "client_unknown", 1)
        db.session.execute(text("ALTER TABLE counters RENAME TO away"))
        db.session.commit()
        with pytest.raises(DBAPIError):
            counters.unwritten().write_down()
        db.session.execute(text("ALTER TABLE away RENAME TO counters"))
        db.session.commit()
        counters.unwritten().add("probe_requests", "known", 3)
        counters.unwritten().write_down()
        counters.unwritten().write_down()
        assert counters.of("probe_requests") == {"known": 5, "client_unknown": 1}
