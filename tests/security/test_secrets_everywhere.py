"""After a full walk no planted secret is anywhere: database, queue, logs, metrics, pages, exports, working files."""

from __future__ import annotations

import io
import json
import logging
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from datasync_flask.api.transfer import export
from datasync_flask.extensions import db
from datasync_flask.operations.backup import make_backup
from datasync_flask.operations.doctor import Doctor
from datasync_flask.salesforce_connections import certificates, token_grants
from datasync_flask.security.crypto import secret_box
from tests.conftest import PASSWORD
from tests.support.connection import ConnectionWalk
from tests.support.extraction import Extracting
from tests.support.visitor import Visitor

DESTINATION_PASSWORD = "planted-destination-password"
SMTP_PASSWORD = "planted-smtp-password"
CHANNEL = "json://user:planted-channel-password@127.0.0.1:1/x"


def every_page(app: Flask, visitor: Visitor, ids: dict[str, str]) -> str:
    """Open every address that can be opened with GET, as an administrator."""
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or set()) or rule.endpoint in {"static", "operations.readyz"}:
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: ids.get(part.group(1), "x"), rule.rule)
        answer = visitor.client.get(path, base_url=visitor.address, buffered=True)
        assert answer.status_code < 500, path
        found.append(answer.text)
    return "\n".join(found)


def database_dump() -> str:
    rows: list[Any] = []
    for table in db.metadata.sorted_tables:
        rows += [dict(row._mapping) for row in db.session.execute(select(table))]
    db.session.rollback()
    return json.dumps(rows, default=str)


@pytest.mark.slow
def test_no_planted_secret_is_anywhere(
    walk: ConnectionWalk, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    app, visitor = walk.app, walk.visitor
    app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(
        update={"smtp_url": f"smtp://u:{SMTP_PASSWORD}@127.0.0.1:1"}
    )
    walk.to_connected()
    planted = {DESTINATION_PASSWORD, SMTP_PASSWORD, "planted-channel-password", PASSWORD,
               walk.salesforce_app["client_secret"]}  # fmt: skip
    extracting = Extracting(walk, tmp_path)
    warehouse = extracting.make_destination("duckdb", {"path": "w.duckdb"})
    far = {"description": "Far", "host": "127.0.0.1", "port": "1", "database": "d", "username": "u",
           "password": DESTINATION_PASSWORD, "anyway": "1"}  # fmt: skip
    assert visitor.post("/connections/new/postgresql", far).status_code == 303
    extracting.org.do("Account", "generate", count=3)
    extracting.make(["Account", "Contact"], warehouse)
    run = extracting.done()
    # Faults write more than successes do.
    visitor.get("/connections/new/salesforce")
    visitor.post("/connections/new/salesforce", walk.fields(description="", client_secret="planted-typed-secret"))
    planted.add("planted-typed-secret")
    visitor.get("/notices")
    visitor.post("/notices", {"kind": "service", "target": CHANNEL, "description": "team"})
    visitor.get("/people")
    visitor.post("/people/invite", {"email": "new@example.com", "role": "viewer"})
    planted |= set(re.findall(r"/join/([\w-]{20,})", visitor.response.text))
    visitor.get(f"/connections/{walk.id}/hand-off")
    visitor.post(f"/connections/{walk.id}/hand-off", {})
    planted |= set(re.findall(r"/hand-off/([\w-]{20,})", visitor.response.text))
    visitor.get("/account")
    visitor.post("/account/tokens", {"name": "job", "days": "30"})
    planted |= set(re.findall(r"dsp_[\w-]{20,}", visitor.response.text))
    walk.practice.expire("access")
    walk.make_due()
    walk.work()
    visitor.get("/connections/certificate")
    with app.app_context():
        newest = certificates.newest()
        assert newest is not None
        # The lines of a PEM, because what holds it may break or escape lines in its own way.
        private_key = secret_box().open(newest.private_key_sealed).splitlines()[1:-1]
        planted |= set(private_key)
        held = token_grants.current_token(walk.id).token
        planted |= {held.access_token, held.refresh_token}
    planted |= set(walk.practice.tokens())
    walk.practice.expire("refresh")
    walk.practice.expire("access")
    walk.make_due()
    walk.work()
    assert len(planted) >= 10
    with app.app_context():
        from datasync_flask.notices import sending

        sending.send_due()
        ids = {"connection_id": walk.id, "extraction_id": extracting.id, "run_id": run.id, "name": "Account",
               "kind": "duckdb", "user_id": "1"}  # fmt: skip
        places = {
            "database": database_dump(),
            "export": export(),
            "doctor": "\n".join(f"{each.text} {each.fix}" for each in Doctor(app).examine()),
            "pages": every_page(app, visitor, ids),
            "queue": repr([bytes(item) for item in app.extensions["queue"].huey.storage.enqueued_items()]),
            "log": caplog.text + capfd.readouterr().err,
            "files": "\n".join(
                path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*")
                if path.is_file() and path.suffix != ".sqlite" and "backup" not in path.name
            ),
        }  # fmt: skip
        file = tmp_path / "backup.tar.gz"
        make_backup(app, file)
        with tarfile.open(file) as archive:
            members = [archive.extractfile(name) for name in archive.getnames() if name != "encryption_keys"]
            places["backup"] = "".join((member or io.BytesIO()).read().decode() for member in members)
        db.session.remove()
    for place, text in places.items():
        assert text, place
        for secret in planted:
            assert secret not in text, (place, secret[:12])
