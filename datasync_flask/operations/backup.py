"""Backup and restore: every row as one line of JSON, with the encryption keys, in one archive.

A backup doesn't depend on the kind of database: one from SQLite can be restored into PostgreSQL.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

from flask import Flask
from sqlalchemy import Boolean, Connection, DateTime, MetaData, Table, func, insert, select, text

from datasync_flask.clock import utcnow
from datasync_flask.config import Settings
from datasync_flask.database import init_migrations, revision_of, upgrade_database
from datasync_flask.extensions import db
from datasync_flask.extractions.models import OPEN_STATES

FORMAT = 1
ROWS_AT_ONCE = 500


class BackupFailed(Exception):
    """A backup can't be made or restored; the text says why and what to do."""


def make_backup(app: Flask, file: Path) -> int:
    """Write a backup to `file` (mode 600) and return its number of rows. Raises BackupFailed."""
    settings: Settings = app.config["SETTINGS"]
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            rows = _write_tables(archive)
            _put(archive, "encryption_keys", "\n".join(settings.encryption_keys).encode())
        draft.replace(file)
    except OSError as error:
        raise BackupFailed(f"{file} can't be written: {error.strerror}.") from None
    finally:
        draft.unlink(missing_ok=True)
    return rows


def _write_tables(archive: tarfile.TarFile) -> int:
    total = 0
    with db.engine.connect() as connection:
        # One snapshot for all tables: a concurrent write is either in all of them or in none.
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        else:
            # Python's sqlite3 begins a transaction only at the first write.
            connection.exec_driver_sql("BEGIN")
        about = {"format": FORMAT, "schema": revision_of(connection), "made_at": utcnow().isoformat()}
        _put(archive, "about.json", json.dumps(about).encode())
        for table in db.metadata.sorted_tables:
            with tempfile.TemporaryFile() as spool:
                for row in connection.execute(select(table).execution_options(yield_per=ROWS_AT_ONCE)):
                    spool.write(json.dumps(row._asdict(), default=_as_text).encode() + b"\n")
                    total += 1
                size = spool.tell()
                spool.seek(0)
                info = tarfile.TarInfo(f"tables/{table.name}.jsonl")
                info.size = size
                archive.addfile(info, spool)
    return total


def _as_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    archive.addfile(info, io.BytesIO(content))


def put_back(app: Flask, file: Path, *, replace: bool) -> tuple[int, str]:
    """Restore `file`; return the number of rows, and a sentence about the keys. Raises BackupFailed.

    The whole archive is read before anything is changed.
    """
    try:
        with tarfile.open(file, "r:gz") as archive:
            about = json.loads(_read(archive, "about.json"))
            if about.get("format") != FORMAT:
                raise BackupFailed(f"{file} was written by another version of DataSync.")
            keys = _read(archive, "encryption_keys").decode().split()
            for name in archive.getnames():
                if name.endswith(".jsonl"):
                    for line in cast("Iterator[bytes]", archive.extractfile(name)):
                        json.loads(line)
            _make_room(app, about["schema"], replace=replace)
            rows = _read_tables(archive)
    except (tarfile.TarError, KeyError, ValueError, EOFError, OSError) as error:
        raise BackupFailed(f"{file} is no backup that `datasync backup` wrote, or a part of one: {error}") from None
    upgrade_database(app)
    return rows, _bring_keys(app.config["SETTINGS"], keys)


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    if found is None:
        raise BackupFailed(f"The backup has no {name}.")
    return found.read()


def _make_room(app: Flask, revision: str, *, replace: bool) -> None:
    """Leave an empty database of the backup's schema."""
    users = db.metadata.tables["users"]
    in_use = db.session.scalar(select(func.count()).select_from(users)) or 0
    db.session.rollback()
    if in_use and not replace:
        raise BackupFailed(
            "The database holds accounts already, so nothing was changed. To replace everything in it: --replace"
        )
    with db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(table.delete())
    init_migrations(app)
    from flask_migrate import downgrade

    downgrade(revision=revision)


def _read_tables(archive: tarfile.TarFile) -> int:
    reflected, total = MetaData(), 0
    with db.engine.begin() as connection:
        reflected.reflect(connection)
        for table in reflected.sorted_tables:
            if f"tables/{table.name}.jsonl" not in archive.getnames():
                continue
            lines = archive.extractfile(f"tables/{table.name}.jsonl")
            rows = _rows(cast("Iterator[bytes]", lines), table, connection)
            while some := list(islice(rows, ROWS_AT_ONCE)):
                connection.execute(insert(table), some)
                total += len(some)
            _go_on_counting(connection, table)
        runs = reflected.tables.get("runs")
        if runs is not None:
            # Their working files are missing here; the next runs continue from the watermarks.
            ended = {"state": "cancelled", "ended_at": _moment(utcnow().isoformat(), connection), "due_at": None}
            connection.execute(runs.update().where(runs.c.state.in_(OPEN_STATES)).values(**ended))
    return total


def _rows(lines: Iterator[bytes], table: Table, connection: Connection) -> Iterator[dict[str, Any]]:
    moments = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    switches = {column.name for column in table.columns if isinstance(column.type, Boolean)}
    for line in lines:
        row = json.loads(line)
        for name in moments & row.keys():
            row[name] = _moment(row[name], connection)
        for name in switches & row.keys():
            row[name] = None if row[name] is None else bool(row[name])
        yield row


def _moment(value: str | None, connection: Connection) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value).astimezone(UTC)
    # SQLite has no time zones; its times are UTC.
    return moment if connection.dialect.name == "postgresql" else moment.replace(tzinfo=None)


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Make PostgreSQL's sequences continue after the restored ids."""
    if connection.dialect.name != "postgresql" or "id" not in table.c:
        return
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table.name})
    if sequence:
        highest = connection.scalar(select(func.max(table.c.id)))
        connection.execute(
            text("SELECT setval(:sequence, :value, :used)"),
            {"sequence": sequence, "value": highest or 1, "used": highest is not None},
        )


def _bring_keys(settings: Settings, keys: list[str]) -> str:
    missing = [key for key in keys if key not in settings.encryption_keys]
    if not missing:
        return "The encryption keys are the ones in use."
    kept = settings.instance_dir / "encryption_keys"
    if kept.exists() and set(kept.read_text().split()) == set(settings.encryption_keys):
        # The current key still encrypts; the backup's keys can decrypt the restored secrets.
        with kept.open("a") as file:
            file.write("".join(f"{key}\n" for key in missing))
        return f"The backup's encryption keys were added to {kept}: start DataSync again."
    return (
        "Its secrets were encrypted with other keys: put those in the file encryption_keys of the archive behind yours "
        "in DATASYNC_ENCRYPTION_KEYS."
    )
