"""DataSync with connections and extractions that read prepared pages."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import psutil
from cryptography.fernet import Fernet

from benchmarks.page_server import TOKEN
from datasync_flask import create_app
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.connections.models import State
from datasync_flask.database import upgrade_database
from datasync_flask.destinations.models import class_of
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.runs.process import RunProcesses, forks
from datasync_flask.salesforce_connections.models import SalesforceConnection, SalesforceGrant
from datasync_flask.worker import do_run


@dataclass(frozen=True)
class Ran:
    """What a run took: seconds, CPU seconds, peak memory in bytes."""

    seconds: float
    cpu: float
    peak: int


class Ours:
    """An app with a connection, a destination and `count` extractions, whose runs the real processes do."""

    def __init__(
        self, folder: Path, origin: str, kind: str, settings: dict[str, Any], *, count: int = 1, **urls: str
    ) -> None:
        key = Fernet.generate_key().decode()
        self.variables = {
            "DATASYNC_INSTANCE_DIR": str(folder), "DATASYNC_SECRET_KEY": "x" * 32, "DATASYNC_ENCRYPTION_KEYS": key,
            "DATASYNC_SALESFORCE_HOSTS": origin,
            **{f"DATASYNC_{name.upper()}": url for name, url in urls.items()},
        }  # fmt: skip
        self.app = create_app(
            Settings(instance_dir=folder, secret_key="x" * 32, encryption_keys=(key,), salesforce_hosts=(origin,),
                     **urls)
        )  # fmt: skip
        # Says what the process that runs are forked from has to load.
        RunProcesses(self.app.config["SETTINGS"], do_run, threading.Event())
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
            target = class_of(kind)(state=State.CONNECTED, settings=settings)
            target.rename("Target")
            db.session.add_all([source, target])
            db.session.flush()
            self.ids = []
            for number in range(count):
                extraction = Extraction(description=f"X {number}", description_key=f"x {number}", source_id=source.id,
                                        destination_id=target.id, dataset=f"ours_{number}")  # fmt: skip
                extraction.objects = [ExtractionObject(name="Account", tracking_type="date", columns={})]
                db.session.add(extraction)
                db.session.flush()
                self.ids.append(extraction.id)
            db.session.commit()

    def run(self, number: int = 0) -> Ran:
        """Have a run of an extraction done as a worker does it, and return what it took. Raises RuntimeError when it
        wasn't done.

        The first one starts the process that it and the later ones are forked from.
        """
        with self.app.app_context():
            run_id = states.start(self.ids[number], "benchmark").id
            lease_id = states.claim(run_id)
            db.session.remove()
        before, peak = self._cpu(), 0
        begun = time.perf_counter()
        ours, theirs = forks.Pipe()
        process = forks.Process(target=do_run, args=(self.app.config["SETTINGS"], run_id, lease_id, theirs))
        with ours, theirs:
            process.start()
            forked = psutil.Process(process.pid)
            while not wait([process.sentinel], 0.02):
                peak = max(peak, peak_of(forked))
        seconds = time.perf_counter() - begun
        psutil.wait_procs([forked], 10)
        with self.app.app_context():
            run = states.load(run_id)
            state, problem = run.state, f"{run.problem} {run.problem_detail}"
            db.session.remove()
        if state != "done":
            raise RuntimeError(f"{state}: {problem}")
        return Ran(seconds, self._cpu() - before, peak)

    def _cpu(self) -> float:
        """The CPU seconds of the process that runs are forked from, and of all that ended."""
        return sum(cpu_of(process) for process in _called("datasync fork server"))

    def close(self) -> None:
        """Let go of the database and the queue."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        self.app.extensions["queue"].close()


def cpu_of(process: psutil.Process) -> float:
    """The CPU seconds of a process and of those that it waited for."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _called(title: str) -> list[psutil.Process]:
    """The processes under this one that call themselves `title`."""
    return [process for process in psutil.Process().children(recursive=True) if process.cmdline()[:1] == [title]]


def peak_of(process: psutil.Process) -> int:
    """The most bytes that a process had in memory until now, or 0 when it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0
