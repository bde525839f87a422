"""Metrics in Prometheus's text format: numbers from the database, and durations of requests."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import cache

from flask import Flask, Response, g, request, request_started
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from datasync_flask import counters, heartbeats
from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db
from datasync_flask.extractions.models import OPEN_STATES, Extraction, Run
from datasync_flask.operations import health

# Several web processes on one machine combine their request times in files in this folder.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
COUNTS = {
    "probe_requests": ("outcome", "Requests made to see whether Salesforce knows an app."),
    "refreshes": ("outcome", "Access tokens renewed."),
    "runs": ("state", "Runs that ended."),
    "rows": ("", "Rows that runs read."),
    "api_calls": ("", "API calls that runs made."),
    "notices": ("outcome", "Notices sent."),
}


@cache
def _times() -> Histogram:
    return Histogram(
        "datasync_request_seconds", "Time taken to answer.", ["endpoint", "method", "status"], buckets=BUCKETS
    )


class _FromDatabase(Collector):
    """Metrics that are the same in every process."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        by_kind = GaugeMetricFamily("datasync_connections", "Connections.", labels=["kind", "state"])
        counted = select(Connection.kind, Connection.state, func.count()).group_by(Connection.kind, Connection.state)
        for kind, state, number in db.session.execute(counted):
            by_kind.add_metric([kind, str(state)], number)
        yield by_kind
        yield GaugeMetricFamily(
            "datasync_extractions", "Extractions.", value=db.session.scalar(select(func.count(Extraction.id))) or 0
        )
        running = GaugeMetricFamily("datasync_open_runs", "Runs that aren't over.", labels=["state"])
        by_run = select(Run.state, func.count()).where(Run.state.in_(OPEN_STATES)).group_by(Run.state)
        found = {str(name): number for name, number in db.session.execute(by_run)}
        for open_state in OPEN_STATES:
            running.add_metric([open_state], found.get(open_state, 0))
        yield running
        for name, (label, help_text) in COUNTS.items():
            family = CounterMetricFamily(f"datasync_{name}", help_text, labels=[label] if label else [])
            for value, number in (counters.of(name) or {"": 0}).items():
                family.add_metric([value] if label else [], number)
            yield family
        yield GaugeMetricFamily("datasync_workers", "Workers seen lately.", value=len(heartbeats.alive()))
        up = GaugeMetricFamily("datasync_up", "1 when a part answers.", labels=["part"])
        for part in health.parts():
            up.add_metric([part.name], float(part.is_well))
        yield up
        depth = health.queue_depth()
        if depth is not None:
            yield GaugeMetricFamily("datasync_queue_depth", "Tasks that wait in the queue.", value=depth)


def text() -> bytes:
    """All metrics in Prometheus's format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromDatabase())
    if SHARED_FOLDER in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_times())
    return generate_latest(registry)


def init_app(app: Flask) -> None:
    """Measure the time of each request of `app`, including refused ones."""
    request_started.connect(_begin, app)
    app.after_request(_end)


def _begin(_app: Flask) -> None:
    g.began_at = time.perf_counter()


def _end(response: Response) -> Response:
    began_at = g.get("began_at")
    if began_at is not None and request.endpoint != "static":
        labels = (request.endpoint or "none", request.method, str(response.status_code))
        _times().labels(*labels).observe(time.perf_counter() - began_at)
    return response
