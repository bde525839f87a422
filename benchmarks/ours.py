"""DataSync with connections and extractions that read prepared pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from benchmarks.page_server import TOKEN
from datasync_flask import create_app
from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.connections.models import SalesforceConnection, SalesforceGrant, State
from datasync_flask.database import upgrade_database
from datasync_flask.destinations.models import DESTINATION_CLASSES
from datasync_flask.extensions import db
from datasync_flask.extractions import runs
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.fork_server import RUN_ENVIRONMENT


class Ours:
    """An app with a connection, a destination and `count` extractions, whose runs the real processes do."""

    def __init__(
        self, folder: Path, origin: str, kind: str, settings: dict[str, Any], *, count: int = 1, **urls: str
    ) -> None:
        key = Fernet.generate_key().decode()
        self.variables = {
            "DATASYNC_INSTANCE_DIR": str(folder), "DATASYNC_SECRET_KEY": "x" * 32, "DATASYNC_ENCRYPTION_KEYS": key,
            "DATASYNC_SALESFORCE_HOSTS": origin, **RUN_ENVIRONMENT,
            **{f"DATASYNC_{name.upper()}": url for name, url in urls.items()},
        }  # fmt: skip
        self.app = create_app(
            Settings(instance_dir=folder, secret_key="x" * 32, encryption_keys=(key,), salesforce_hosts=(origin,),
                     **urls)
        )  # fmt: skip
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
            self.ids = []
            for number in range(count):
                extraction = Extraction(description=f"X {number}", description_key=f"x {number}", source_id=source.id,
                                        destination_id=target.id, dataset=f"ours_{number}")  # fmt: skip
                extraction.objects = [ExtractionObject(name="Account", tracking_type="date", columns={})]
                db.session.add(extraction)
                db.session.flush()
                self.ids.append(extraction.id)
            db.session.commit()

    @contextlib.contextmanager
    def claimed_run(self) -> Iterator[list[str]]:
        """Yield the command that does a run of the first extraction. Raises RuntimeError when it wasn't done."""
        with self.app.app_context():
            run_id = runs.start(self.ids[0], "benchmark").id
            holder = runs.claim(run_id)
        yield ["-m", "datasync_flask.cli", "extraction", "work", run_id, holder]
        with self.app.app_context():
            run = runs.load(run_id)
            state, problem = run.state, f"{run.problem} {run.problem_detail}"
            db.session.remove()
        if state != "done":
            raise RuntimeError(f"{state}: {problem}")

    def close(self) -> None:
        """Let go of the database and the queue."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        self.app.extensions["queue"].close()
