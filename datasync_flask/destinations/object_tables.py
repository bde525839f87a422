"""Tables in an object store: Parquet files that never change, and one place that lists the current ones.

A load writes new files beside the old ones, and then lists them there with one request, which the store refuses if
somebody else changed the list meanwhile. So readers see the table as before or as after. The place is a Delta log, or a
list of files as Hive, Athena, Trino and Redshift Spectrum read it (a symlink manifest).
"""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datasync_flask.destinations.base import DestinationError, Fault

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "_symlink_format_manifest/manifest"
DELTA_LOG = "_delta_log"
# Retired files stay for a day: somebody may be reading them.
RETIRED, RETENTION_SECONDS = "_datasync_retired.json", 24 * 3600
# Only such names in the list of old files are deleted, whoever wrote it.
_ROWS_FILE = re.compile(r"[\w.=\-]{1,200}\.parquet", re.ASCII)
# A list of files has about a hundred characters for each.
MAX_LIST_BYTES = 64_000_000


@dataclass(frozen=True)
class Place:
    """A bucket at an endpoint, with the credentials for it."""

    bucket: str
    prefix: str
    endpoint: str
    region: str
    access_key: str
    secret: str = field(repr=False)

    @property
    def is_in_clear(self) -> bool:
        """True if the connection isn't encrypted."""
        return self.endpoint.startswith("http://")

    def config(self) -> dict[str, str]:
        """The settings under the libraries' names."""
        found = {"region": self.region or "us-east-1"}
        if self.endpoint:
            found["endpoint"] = self.endpoint
        if self.access_key:
            found |= {"access_key_id": self.access_key, "secret_access_key": self.secret}
        return found


@dataclass(frozen=True)
class NewFile:
    """A new file: its name in the table's folder, its bytes and rows."""

    name: str
    size: int
    rows: int


@dataclass(frozen=True)
class Snapshot:
    """A table at one moment: its files with their bytes, the newest last, and the state that a commit must find."""

    files: Mapping[str, int]
    mark: Any = None
    schema: pa.Schema | None = None


class Log(ABC):
    """The place that lists the files of one table."""

    def __init__(self, store: Any, place: Place, folder: str) -> None:
        self._store, self._place, self.folder = store, place, folder
        self.url = f"s3://{place.bucket}/{folder}"

    @abstractmethod
    def current(self) -> Snapshot | None:
        """The table as it is now; None when there is none."""

    @abstractmethod
    def commit(self, before: Snapshot | None, gone: list[str], new: list[NewFile], schema: pa.Schema) -> None:
        """Add `new` to the list and remove `gone` from it. Raises DestinationError when the table has changed."""

    def _sizes(self) -> dict[str, int]:
        import obstore

        found: dict[str, int] = {}
        for part in obstore.list(self._store, prefix=f"{self.folder}/"):
            found |= {str(each["path"]).removeprefix(f"{self.folder}/"): int(each["size"]) for each in part}
        return found

    def _list(self, name: str) -> tuple[bytes, Any]:
        """A list in the table's folder, and its ETag."""
        import obstore

        answer = obstore.get(self._store, f"{self.folder}/{name}")
        if answer.meta["size"] > MAX_LIST_BYTES:
            raise DestinationError(Fault.UNEXPECTED, f"{self.url}/{name} has {answer.meta['size']} bytes")
        return bytes(answer.bytes()), answer.meta["e_tag"]

    def retire(self, names: list[str], current: Snapshot | None, retention_seconds: int = RETENTION_SECONDS) -> None:
        """Record files that are about to be retired, and delete those retired for long enough.

        New files are recorded too: those of a load that is killed never get into the list.
        """
        import obstore
        from obstore.exceptions import NotFoundError

        path, now = f"{self.folder}/{RETIRED}", time.time()
        try:
            noted = _noted_in(self._list(RETIRED)[0])
        except (NotFoundError, FileNotFoundError):
            noted = {}
        counts = set(current.files) if current is not None else set()
        noted = {name: since for name, since in noted.items() if name not in counts}
        old = [name for name, since in noted.items() if now - since >= retention_seconds]
        if old:
            obstore.delete(self._store, [f"{self.folder}/{name}" for name in old])
        noted = {name: since for name, since in noted.items() if name not in old} | dict.fromkeys(names, now)
        obstore.put(self._store, path, json.dumps(noted).encode())


def _noted_in(content: bytes) -> dict[str, float]:
    """When files were noted as retired; empty if it isn't such a list."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {name: since for name, since in entries if _ROWS_FILE.fullmatch(name) and isinstance(since, int | float)}


class ManifestLog(Log):
    """A list of addresses, one per line."""

    def current(self) -> Snapshot | None:
        """The table according to its list."""
        from obstore.exceptions import NotFoundError

        try:
            content, mark = self._list(MANIFEST)
            lines = content.decode().splitlines()
        except (NotFoundError, FileNotFoundError):
            if any(name.startswith(f"{DELTA_LOG}/") for name in self._sizes()):
                raise DestinationError(Fault.TABLE_IN_THE_WAY, f"{self.url} is a Delta table", "table_format") from None
            return None
        sizes = self._sizes()
        names = [line.removeprefix(f"{self.url}/") for line in lines if line]
        return Snapshot({name: sizes.get(name, 0) for name in names}, mark)

    def commit(self, before: Snapshot | None, gone: list[str], new: list[NewFile], schema: pa.Schema) -> None:
        """Replace the list, if it is still the old one."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        stay = [name for name in before.files if name not in gone] if before is not None else []
        lines = "".join(f"{self.url}/{name}\n" for name in [*stay, *(file.name for file in new)])
        try:
            obstore.put(
                self._store, f"{self.folder}/{MANIFEST}", lines.encode(),
                mode={"e_tag": before.mark} if before is not None else "create",
            )  # fmt: skip
        except (AlreadyExistsError, PreconditionError):
            raise _changed(self.url) from None


class DeltaLog(Log):
    """A Delta table's log, written by deltalake."""

    @property
    def _options(self) -> dict[str, str]:
        options = {f"aws_{name}": value for name, value in self._place.config().items()}
        return options | {"allow_http": str(self._place.is_in_clear).lower(), "timeout": "300s"}

    def current(self) -> Snapshot | None:
        """The table according to its log."""
        import pyarrow as pa
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            table = DeltaTable(self.url, storage_options=self._options)
        except TableNotFoundError:
            if MANIFEST in self._sizes():
                raise DestinationError(
                    Fault.TABLE_IN_THE_WAY, f"{self.url} is a table of plain Parquet files", "table_format"
                ) from None
            return None
        if table.protocol().min_reader_version > 1 or table.metadata().partition_columns:
            raise DestinationError(Fault.TABLE_IN_THE_WAY, f"another program changed what {self.url} is like")
        actions = pa.table(table.get_add_actions(flatten=True)).select(["path", "size_bytes"]).to_pylist()
        return Snapshot({row["path"]: row["size_bytes"] for row in actions}, table, pa.schema(table.schema()))

    def commit(self, before: Snapshot | None, gone: list[str], new: list[NewFile], schema: pa.Schema) -> None:
        """Write the next entry of the log, if there is none yet."""
        from deltalake import CommitProperties, Schema
        from deltalake.exceptions import CommitFailedError, DeltaError
        from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

        now, fields = int(time.time() * 1000), Schema.from_arrow(schema)
        added: list[Any] = [
            AddAction(file.name, file.size, {}, now, True, json.dumps({"numRecords": file.rows})) for file in new
        ]
        once = CommitProperties(max_commit_retries=0)
        try:
            if before is None:
                create_table_with_add_actions(
                    self.url, fields, added, storage_options=self._options, commit_properties=once,
                    configuration={"delta.deletedFileRetentionDuration": "interval 1 days"},
                )  # fmt: skip
                return
            if come := [each for each in fields.fields if each.name not in (before.schema or schema).names]:
                # Add the empty columns before the rows: one entry of the log can't have both.
                before.mark.alter.add_columns(come, commit_properties=once)
            removed = [RemoveAction(name, True, now, before.files[name]) for name in gone]
            before.mark.create_write_transaction([*removed, *added], "append", fields, commit_properties=once)
        except (CommitFailedError, DeltaError) as error:
            if isinstance(error, CommitFailedError) or "already exists" in str(error):
                raise _changed(self.url) from None
            raise


def _changed(url: str) -> DestinationError:
    return DestinationError(Fault.CHANGED_MEANWHILE, url)
