"""What monitoring sees: alive, ready, metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from datasync_flask import heartbeats
from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def metrics_of(visitor: Visitor) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = visitor.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_alive(app: Flask) -> None:
    assert Visitor(app).get("/healthz").text == "ok\n"


def test_ready_needs_a_worker_that_was_seen_lately(app: Flask) -> None:
    stranger = Visitor(app)
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    assert "worker: none seen lately" in answer.text
    stopping = threading.Event()
    with app.app_context():
        thread = heartbeats.start(app, stopping)
        for _ in range(200):
            if heartbeats.alive():
                break
            thread.join(0.05)
            db.session.rollback()
    answer = stranger.get("/readyz")
    assert answer.status_code == 200
    assert answer.text.splitlines() == ["database: ok", "queue: ok, 0 waiting", "worker: 1 seen lately"]
    with time_machine.travel(utcnow() + heartbeats.SEEN_LATELY + timedelta(seconds=1)):
        assert stranger.get("/readyz").status_code == 503
    stopping.set()
    thread.join()
    assert stranger.get("/readyz").status_code == 503


def test_a_queue_that_is_away_is_told(app: Flask, make_app: Callable[..., Flask]) -> None:
    away = make_app(queue_url="redis://127.0.0.1:1/0")
    stranger = Visitor(away)
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    assert "queue: no answer" in answer.text


def test_metrics_tell_what_is_there_and_what_was_done(walk: ConnectionWalk) -> None:
    walk.to_connected()
    heartbeats.write_counts(walk.app)
    found = metrics_of(walk.visitor)
    labels = frozenset({("kind", "salesforce"), ("state", "connected")})
    assert found[("datasync_connections", labels)] == 1
    assert found[("datasync_probe_requests_total", frozenset({("outcome", "known")}))] >= 2
    assert found[("datasync_up", frozenset({("part", "database")}))] == 1
    assert found[("datasync_up", frozenset({("part", "worker")}))] == 0
    assert found[("datasync_queue_depth", frozenset())] >= 0
    shown = frozenset({("endpoint", "connections.show"), ("method", "GET"), ("status", "200")})
    assert found[("datasync_request_seconds_count", shown)] >= 1


def test_metrics_are_closed_with_a_token(make_app: Callable[..., Flask]) -> None:
    app = make_app(metrics_token="let-prometheus-in")
    stranger = Visitor(app)
    assert stranger.get("/metrics").status_code == 401
    assert stranger.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert stranger.get("/metrics", headers={"Authorization": "Bearer let-prometheus-in"}).status_code == 200


@pytest.mark.parametrize("given", ["abc\ndef-forged-line", "short", "x" * 80, "späte-nachricht"])
def test_a_request_id_that_could_forge_log_lines_is_replaced(app: Flask, given: str) -> None:
    stranger = Visitor(app)
    told = stranger.get("/healthz", headers={"X-Request-ID": given.replace("\n", " ")}).headers["X-Request-ID"]
    assert told != given
    assert len(told) == 16


def test_a_request_id_is_in_the_log(make_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]) -> None:
    app = make_app()
    mark = "proxy-made-1234"
    assert Visitor(app).get("/readyz", headers={"X-Request-ID": mark}).headers["X-Request-ID"] == mark
    assert f"request_id={mark}" in capsys.readouterr().err
