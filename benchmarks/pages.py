"""Polls and pages: what an unchanged poll costs beside a bare view, and how pages grow with what they list."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import event

from datasync_flask import create_app
from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import public
from datasync_flask.accounts.service import create_user
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.connections.models import State
from datasync_flask.database import upgrade_database
from datasync_flask.extensions import db
from datasync_flask.extractions.models import ObjectCatalog
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.salesforce_connections.models import SalesforceConnection

EMAIL, PASSWORD = "bench@example.com", "a long bench password"
ORIGIN = "http://127.0.0.1:5000"


@dataclass(frozen=True)
class Request:
    """What one kind of request took: median and 95th percentile in milliseconds of CPU, queries, bytes."""

    name: str
    median: float
    p95: float
    queries: int
    size: int


class Site:
    """An app in this process with connections in it, and a signed-in client."""

    def __init__(self, folder: Path, connections: int) -> None:
        key = Fernet.generate_key().decode()
        self.app: Flask = create_app(Settings(instance_dir=folder, secret_key="x" * 32, encryption_keys=(key,)))
        self.app.add_url_rule("/bare", "bare", public(lambda: "constant"))
        upgrade_database(self.app)
        with self.app.app_context():
            create_user(EMAIL, PASSWORD, Role.ADMIN)
            for number in range(connections):
                made = SalesforceConnection(state=State.WAITING if number % 10 == 0 else State.DRAFT, client_id="x")
                made.rename(f"Connection {number:06}")
                if made.state is State.WAITING:
                    made.problem = "client_unknown"
                    made.propagation_started_at = made.last_probe_at = made.next_probe_at = utcnow()
                db.session.add(made)
            db.session.commit()
            waiting = db.session.query(SalesforceConnection).filter_by(state=State.WAITING).first()
            self.waiting_id = waiting.id if waiting else ""
            db.session.remove()
        self.client = self.app.test_client()
        page = self.client.get("/login", base_url=ORIGIN).text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        data = {"email": EMAIL, "password": PASSWORD, "csrf_token": token}
        assert self.client.post("/login", data=data, base_url=ORIGIN).status_code == 303

    def draft_of_org(self, objects: int) -> str:
        """The address where objects of an org with so many are chosen; a third are custom, a tenth of packages."""
        entries: list[list[Any]] = [["Account", "Account", False, False, True]]
        for number in range(1, objects):
            package = f"package{number % 7}__" if number % 10 == 0 else ""
            is_custom = bool(package) or number % 3 == 0
            name = f"{package}Object_with_a_name_{number}{'__c' if is_custom else ''}"
            entries.append([name, f"Object with a label {number}", is_custom, number % 5 == 0, number % 50 != 0])
        counts = {entry[0]: number * 17 for number, entry in enumerate(entries) if number % 2}
        with self.app.app_context():
            source = SalesforceConnection(state=State.CONNECTED, client_id="x")
            source.rename(f"Org of {objects}")
            db.session.add(source)
            db.session.flush()
            db.session.add(ObjectCatalog(connection_id=source.id, entries=entries, counts=counts, counted_at=utcnow()))
            draft = ExtractionDraft(source_id=source.id, settings={})
            db.session.add(draft)
            db.session.commit()
            path = f"/extractions/{draft.id}/setup/objects"
            db.session.remove()
        return path

    def get(self, path: str, **headers: str) -> Any:
        """An answer."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, base_url=ORIGIN, headers=sent)

    def close(self) -> None:
        """Let go of database and queue."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        self.app.extensions["queue"].close()


def _measured(asked: Sequence[tuple[str, Site, Callable[[], Any]]], times: int) -> list[Request]:
    """Ask all in turn, `times` times: a machine that slows down meanwhile slows them all."""
    sizes, queries = [], []
    for _, site, ask in asked:
        sizes.append(len(ask().data))
        queries.append(_queries(site, ask))
    taken: list[list[float]] = [[] for _ in asked]
    for _ in range(times):
        for (_, _, ask), of_it in zip(asked, taken, strict=True):
            begun = time.process_time()
            ask()
            of_it.append((time.process_time() - begun) * 1000)
    return [
        Request(name, statistics.median(of_it), sorted(of_it)[int(times * 0.95) - 1], count, size)
        for (name, _, _), of_it, count, size in zip(asked, taken, queries, sizes, strict=True)
    ]


def _queries(site: Site, ask: Callable[[], Any]) -> int:
    found = 0

    def count(*_: Any) -> None:
        nonlocal found
        found += 1

    with site.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    ask()
    event.remove(engine, "before_cursor_execute", count)
    return found


@dataclass(frozen=True)
class Measured:
    """The costs of polls, of the list by its connections, and of choosing objects by how many the org has."""

    polls: list[Request]
    lists: list[Request]
    choices: list[Request]


def measure(sizes: tuple[int, ...] = (100, 1_000, 10_000), times: int = 200) -> Measured:
    """Ask for all pages."""
    with contextlib.ExitStack() as stack:
        sites = []
        for size in sizes:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            sites.append(stack.enter_context(contextlib.closing(Site(folder, size))))
        lists = [
            (f"{size:,} connections", site, partial(site.get, "/connections"))
            for size, site in zip(sizes, sites, strict=True)
        ]
        choices = [
            (f"{objects} objects", sites[0], partial(sites[0].get, sites[0].draft_of_org(objects)))
            for objects in (20, 900)
        ]
        fewer = max(times // 4, 5)
        return Measured(_polls(sites[0], times), _measured(lists, fewer), _measured(choices, fewer))


def _polls(site: Site, times: int) -> list[Request]:
    path = f"/connections/{site.waiting_id}/status"
    tag = site.get(path, HX_Request="true").headers["ETag"]
    asked = [
        ("a bare Flask view that returns a constant", site, lambda: site.get("/bare")),
        ("an unchanged poll (304)", site, lambda: site.get(path, HX_Request="true", If_None_Match=tag)),
        ("the same fragment rendered", site, lambda: site.get(path, HX_Request="true")),
    ]
    return _measured(asked, times)


def report(found: Measured) -> str:
    """The section of the report."""

    def table(requests: list[Request]) -> str:
        rows = [
            f"| {each.name} | {each.median:.2f} | {each.p95:.2f} | {each.queries} | {each.size:,} |"
            for each in requests
        ]
        return "\n".join(["| request | CPU ms, median | p95 | queries | bytes |", "|---|---|---|---|---|", *rows])

    bare, unchanged, _ = found.polls
    growth, more = (group[-1].median / group[0].median for group in (found.lists, found.choices))
    return "\n\n".join(
        [
            "## Polls and pages",
            "CPU time in the web process, without gunicorn and the network.",
            table(found.polls),
            f"An unchanged poll does {bare.median / unchanged.median:.2f} of the bare view's requests per CPU "
            "second; it reads who asks and the version of the row.",
            table(found.lists),
            f"The largest list takes {growth:.2f} times the smallest one's.",
            table(found.choices),
            f"Choosing objects in the larger org takes {more:.2f} times as long as in the smaller one.",
        ]
    )
