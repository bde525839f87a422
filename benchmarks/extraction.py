"""A large object into DuckDB and PostgreSQL: ours, a peer, and what the limit is made of; on prepared pages."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from cryptography.fernet import Fernet

from benchmarks.page_server import TOKEN
from tests.support.servers import free_port, postgresql_server

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """What one way took: seconds, CPU seconds, peak memory in bytes, calls of the API."""

    way: str
    rows: int
    seconds: float
    cpu: float
    peak: int
    calls: int

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


@contextlib.contextmanager
def page_server(rows: int, changed: int, *, with_json: bool) -> Iterator[str]:
    """Yield the origin of a server of prepared pages."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.page_server", str(port), str(rows), str(changed)]
    process = subprocess.Popen([*command, *(["--json"] if with_json else [])], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def measured(way: str, rows: int, origin: str, command: Sequence[str], **variables: str) -> Cost:
    """Run a process to its end and return what it took. Raises CalledProcessError when it fails."""
    before = httpx2.get(f"{origin}/calls").json()
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=os.environ | variables, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    calls = httpx2.get(f"{origin}/calls").json() - before
    return Cost(way, rows, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, calls)


class Ours:
    """An app with one connection and one extraction, whose runs are done by the real process."""

    def __init__(self, folder: Path, origin: str, kind: str, settings: dict[str, Any]) -> None:
        from datasync_flask import create_app
        from datasync_flask.clock import utcnow
        from datasync_flask.config import Settings
        from datasync_flask.connections.models import SalesforceConnection, SalesforceGrant, State
        from datasync_flask.database import upgrade_database
        from datasync_flask.destinations.models import DESTINATION_CLASSES
        from datasync_flask.extensions import db
        from datasync_flask.extractions.models import Extraction, ExtractionObject
        from datasync_flask.extractions.processes import MEMORY_SETTINGS

        self.folder, self.origin, key = folder, origin, Fernet.generate_key().decode()
        self.variables = {
            "DATASYNC_INSTANCE_DIR": str(folder), "DATASYNC_SECRET_KEY": "x" * 32, "DATASYNC_ENCRYPTION_KEYS": key,
            "DATASYNC_SALESFORCE_HOSTS": origin, **MEMORY_SETTINGS,
        }  # fmt: skip
        self.app = create_app(
            Settings(instance_dir=folder, secret_key="x" * 32, encryption_keys=(key,), salesforce_hosts=(origin,))
        )
        upgrade_database(self.app)
        with self.app.app_context():
            box = self.app.extensions["secret_box"]
            source = SalesforceConnection(
                login_host="custom", login_url=origin, auth_method="client_credentials", client_id="x",
                client_secret_sealed=box.seal("x"), state=State.CONNECTED,
            )  # fmt: skip
            source.rename("Source")
            source.grant = SalesforceGrant(access_token_sealed=box.seal(TOKEN), instance_url=origin,
                                           api_version="62.0", granted_at=utcnow(), refreshed_at=utcnow())  # fmt: skip
            target = DESTINATION_CLASSES[kind](state=State.CONNECTED, settings=settings)
            target.rename("Target")
            db.session.add_all([source, target])
            db.session.flush()
            extraction = Extraction(description="X", description_key="x", source_id=source.id,
                                    destination_id=target.id, dataset="ours")  # fmt: skip
            extraction.objects = [ExtractionObject(name="Account", tracking_type="date", columns={})]
            db.session.add(extraction)
            db.session.commit()
            self.id = extraction.id

    def run(self, way: str, rows: int) -> Cost:
        """Do one run. Raises RuntimeError when it isn't done."""
        from datasync_flask.extensions import db
        from datasync_flask.extractions import runs

        with self.app.app_context():
            run_id = runs.start(self.id, "benchmark").id
            holder = runs.claim(run_id)
        command = ["-m", "datasync_flask.cli", "extraction", "work", run_id, holder]
        cost = measured(way, rows, self.origin, command, **self.variables)
        with self.app.app_context():
            run = runs.load(run_id)
            state, problem = run.state, f"{run.problem} {run.problem_detail}"
            db.session.remove()
        if state != "done":
            raise RuntimeError(f"{state}: {problem}")
        return cost

    def close(self) -> None:
        """Let go of the database and the queue."""
        from datasync_flask.extensions import db

        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        self.app.extensions["queue"].close()


def _ours(kind: str, folder: Path, origin: str, settings: dict[str, Any], rows: int, changed: int) -> list[Cost]:
    place = folder / f"ours-{kind}"
    place.mkdir()
    ours = Ours(place, origin, kind, settings)
    try:
        full = ours.run(f"ours, {kind}, everything", rows)
        return [full, ours.run(f"ours, {kind}, 1 % changed", changed)]
    finally:
        ours.close()


def measure(rows: int, *, peers: bool = True) -> list[Cost]:
    """Measure all ways on `rows` rows of 30 fields."""
    changed, found = max(rows // 100, 1), []
    with (
        tempfile.TemporaryDirectory() as name,
        page_server(rows, changed, with_json=peers) as origin,
        postgresql_server() as address,
    ):
        folder = Path(name)
        admin = psycopg.connect(f"postgresql://{address}/postgres", autocommit=True)
        database = f"bench_{uuid.uuid4().hex[:8]}"
        admin.execute(f'CREATE DATABASE "{database}"')
        user, _, rest = address.partition("@")
        host, _, port = rest.partition(":")
        server = {"host": host, "port": int(port), "database": database, "username": user, "password": ""}
        try:

            def way(title: str, *arguments: str) -> None:
                found.append(measured(title, rows, origin, ["-m", "benchmarks.ways", *arguments]))

            way("limit: download", "download", origin)
            way("limit: download and typed parse", "parse", origin)
            way("limit: the same Arrow into DuckDB by hand", "duckdb_by_hand", origin, str(folder / "hand.duckdb"))
            way("limit: the same Arrow into PostgreSQL by hand", "postgresql_by_hand", origin,
                f"postgresql://{address}/{database}")  # fmt: skip
            for kind, target in (("duckdb", str(folder / "scripted.duckdb")), ("postgresql", database)):
                work = folder / f"script-{kind}"
                work.mkdir()
                way(f"the same dlt calls in one script, {kind}", "dlt_calls", origin, kind, target, str(work))
            found += _ours("duckdb", folder, origin, {"path": "warehouse.duckdb"}, rows, changed)
            found += _ours("postgresql", folder, origin, server, rows, changed)
            if peers:
                for kind, target in (("duckdb", str(folder / "peers.duckdb")), ("postgresql", database)):
                    work = folder / f"peer-{kind}"
                    work.mkdir()
                    way(f"dlt with simple-salesforce, {kind}", "dlt_simple_salesforce", origin, kind, target, str(work))
        finally:
            admin.execute(f'DROP DATABASE "{database}" WITH (FORCE)')
            admin.close()
    return found


def report(costs: list[Cost]) -> str:
    """Return the section of the report."""
    rows = max(cost.rows for cost in costs)
    lines = [
        f"| {cost.way} | {cost.rows:,} | {cost.rate:,.0f} | {cost.seconds:,.1f} | {cost.cpu:,.1f} | "
        f"{cost.peak / 1e6:,.0f} | {cost.calls:,} |"
        for cost in costs
    ]
    by_way = {cost.way: cost for cost in costs}
    notes = []
    for kind in ("duckdb", "postgresql"):
        ours, script = by_way[f"ours, {kind}, everything"], by_way[f"the same dlt calls in one script, {kind}"]
        hand = by_way[f"limit: the same Arrow into {'DuckDB' if kind == 'duckdb' else 'PostgreSQL'} by hand"]
        words = f"{kind}: ours is {ours.rate / script.rate:.2f} of the same dlt calls in one script, " \
                f"{ours.rate / hand.rate:.2f} of the same Arrow loaded by hand"  # fmt: skip
        peer = by_way.get(f"dlt with simple-salesforce, {kind}")
        if peer is not None:
            words += f", {ours.rate / peer.rate:.1f} times dlt with simple-salesforce at {ours.peak / peer.peak:.1f} " \
                     "times its memory"  # fmt: skip
        notes.append(f"- {words}.")
    return "\n".join(
        [
            f"## Extraction: {rows:,} rows of 30 fields",
            "",
            "Prepared pages over loopback; each way in a process of its own, its start included.",
            "",
            "| way | rows | rows/s | seconds | CPU seconds | peak MB | API calls |",
            "|---|---|---|---|---|---|---|",
            *lines,
            "",
            *notes,
        ]
    )
