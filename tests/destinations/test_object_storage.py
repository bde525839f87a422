"""Tables in a real object store, read by programs of others while they are written; in both formats."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import time_machine
import trustme
from deltalake import DeltaTable
from pyarrow.fs import FileSelector, S3FileSystem

from datasync_flask.clock import utcnow
from datasync_flask.destinations import object_storage, object_tables
from datasync_flask.destinations.base import Column, ColumnType, Destination, DestinationError, Fault, Load, Table
from datasync_flask.destinations.registry import open_destination
from tests.support.killed import Killed, die, killed_at
from tests.support.servers import ObjectStore, free_port, object_store, wait_until_open
from tests.support.store_proxy import refusing

TABLE = Table("crm", "account")
COLUMNS = (Column("id", ColumnType.TEXT), Column("name", ColumnType.TEXT))
FORMATS = ["parquet", "delta"]


class Bucket:
    """A destination, and what others see of its table."""

    def __init__(self, store: ObjectStore, table_format: str, folder: Path) -> None:
        self.settings = store.settings(table_format=table_format)
        self.format, self.folder = table_format, folder
        self.others = S3FileSystem(
            access_key="reader", secret_key="reader-secret", endpoint_override=f"127.0.0.1:{store.port}", scheme="http",
            region="us-east-1",
        )  # fmt: skip
        self.path = f"{self.settings['bucket']}/{self.settings['prefix']}/crm/account"
        self.delta = {
            "AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-secret", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.settings["endpoint"], "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip

    def open(self, **changes: str) -> Destination:
        return open_destination("object_storage", self.settings | changes, self.folder)

    def load(self, rows: dict[str, str], to: Destination | None = None, **how: Any) -> None:
        work = self.folder / uuid.uuid4().hex
        work.mkdir()
        pq.write_table(pa.table({"id": list(rows), "name": list(rows.values())}), work / "1.parquet")
        how = {"replaces": False, **how}
        (to or self.open()).load(Load(TABLE, COLUMNS, (work / "1.parquet",), len(rows), work_dir=work, **how))

    def files(self) -> list[str]:
        """The files that count."""
        if self.format == "delta":
            return sorted(file.rpartition("/")[2] for file in self.delta_table().file_uris())
        with self.others.open_input_stream(f"{self.path}/_symlink_format_manifest/manifest") as manifest:
            lines = manifest.read().decode().splitlines()
        assert all(line.startswith(f"s3://{self.path}/") for line in lines)
        return sorted(line.rpartition("/")[2] for line in lines)

    def delta_table(self) -> DeltaTable:
        return DeltaTable(f"s3://{self.path}", storage_options=self.delta)

    def rows(self) -> dict[str, str]:
        """The table as other programs read it."""
        if self.format == "delta":
            found = self.delta_table().to_pyarrow_table()
        else:
            found = pa.concat_tables(
                [pq.read_table(f"{self.path}/{name}", filesystem=self.others) for name in self.files()],
                promote_options="default",
            )
        assert found.num_rows == len(set(found.column("id").to_pylist()))
        return dict(zip(found.column("id").to_pylist(), found.column("name").to_pylist(), strict=True))

    def stored(self) -> set[str]:
        """All files with rows, whether they count or not."""
        found = self.others.get_file_info(FileSelector(self.path))
        return {each.base_name for each in found if each.base_name.endswith(".parquet")}


@pytest.fixture(params=FORMATS)
def bucket(request: pytest.FixtureRequest, store: ObjectStore, tmp_path: Path) -> Bucket:
    return Bucket(store, request.param, tmp_path)


def test_others_read_while_it_writes(bucket: Bucket, store: ObjectStore) -> None:
    """Each load gives all rows the number of the load: a reader never sees two of them, or some of the rows."""
    keys = [f"{number:04}" for number in range(300)]
    bucket.load(dict.fromkeys(keys, "0"), replaces=True)
    code = (
        "import os, sys, json\n"
        "from pathlib import Path\n"
        "from tests.destinations.test_object_storage import Bucket\n"
        "from tests.support.servers import ObjectStore\n"
        "bucket = Bucket(ObjectStore(int(sys.argv[1]), 0), sys.argv[2], Path(sys.argv[3]))\n"
        "bucket.path, seen = sys.argv[4], []\n"
        "print('ready', flush=True)\n"
        "while not Path(sys.argv[3], 'over').exists():\n"
        "    rows = bucket.rows()\n"
        "    seen.append([len(rows), sorted(set(rows.values()))])\n"
        "print(json.dumps(seen), flush=True)\n"
        # Arrow's threads end as they like.
        "os._exit(0)\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(store.port), bucket.format, str(bucket.folder), bucket.path],
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(1, 13):
        bucket.load(dict.fromkeys(keys, str(number)), replaces=number % 2 == 0)
    (bucket.folder / "over").touch()
    seen = json.loads(reader.communicate(timeout=60)[0])
    assert reader.returncode == 0
    assert {count for count, _ in seen} == {300}
    assert {len(names) for _, names in seen} == {1}
    assert len({names[0] for _, names in seen}) > 1, "the reader saw one load only"
    assert set(bucket.rows().values()) == {"12"}


def test_a_merge_leaves_files_alone_that_it_is_not_about(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_storage, "SMALL_BYTES", 0)
    bucket.load({"a1": "x", "a2": "x"}, replaces=True)
    first = bucket.files()
    bucket.load({"b1": "x", "b2": "x"})
    second = bucket.files()
    assert set(first) < set(second)
    # Between the ids of the first file, and none of them.
    bucket.load({"a15": "x", "b2": "y"})
    assert set(first) < set(bucket.files())
    assert not (set(second) - set(first)) & set(bucket.files())
    assert bucket.rows() == {"a1": "x", "a2": "x", "a15": "x", "b1": "x", "b2": "y"}
    assert bucket.open().delete(TABLE, ["b1"], marks=False) == 1
    assert set(first) < set(bucket.files())
    before = bucket.files()
    bucket.open().delete(TABLE, ["nobody"], marks=False)
    assert bucket.files() == before


@pytest.mark.parametrize("replaces", [True, False])
def test_an_id_that_comes_twice_is_there_once(bucket: Bucket, replaces: bool) -> None:
    pq.write_table(pa.table({"id": ["1", "2"], "name": ["a", "b"]}), bucket.folder / "1.parquet")
    pq.write_table(pa.table({"id": ["2", "3"], "name": ["b", "c"]}), bucket.folder / "2.parquet")
    files = (bucket.folder / "1.parquet", bucket.folder / "2.parquet")
    bucket.open().load(Load(TABLE, COLUMNS, files, 4, replaces=replaces, work_dir=bucket.folder))
    assert bucket.rows() == {"1": "a", "2": "b", "3": "c"}


def test_small_files_become_one(bucket: Bucket) -> None:
    for number in range(5):
        bucket.load({str(number): "x"})
    assert len(bucket.files()) == 1
    assert len(bucket.rows()) == 5


@pytest.mark.parametrize("where", ["retire", "put", "commit"])
def test_killed_in_the_middle(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    bucket.load({"1": "old", "2": "old"}, replaces=True)
    before = bucket.files()
    with monkeypatch.context() as patched:
        if where == "put":
            real, done = obstore.put, list[Any]()

            def put(*arguments: Any, **named: Any) -> Any:
                done.append(arguments)
                return real(*arguments, **named) if len(done) == 1 else die()

            patched.setattr("obstore.put", put)
        else:
            kind = object_tables.DeltaLog if bucket.format == "delta" else object_tables.ManifestLog
            patched.setattr(kind, where, die)
        with pytest.raises(Killed):
            bucket.load({"1": "new", "3": "new"})
    assert bucket.files() == before
    assert bucket.rows() == {"1": "old", "2": "old"}
    bucket.load({"1": "new", "3": "new"})
    assert bucket.rows() == {"1": "new", "2": "old", "3": "new"}


def test_what_does_not_count_any_more_goes_after_a_day(bucket: Bucket) -> None:
    bucket.load({"1": "a"}, replaces=True)
    first = set(bucket.files())
    kind = object_tables.DeltaLog if bucket.format == "delta" else object_tables.ManifestLog
    with killed_at(kind, "commit"):
        bucket.load({"1": "b"}, replaces=True)
    lost = bucket.stored() - first
    assert len(lost) == 1
    bucket.load({"1": "c"}, replaces=True)
    # Somebody may still read the file of before.
    assert bucket.stored() == first | lost | set(bucket.files())
    with time_machine.travel(utcnow() + timedelta(hours=25)):
        bucket.load({"1": "d"}, replaces=True)
        assert not (first | lost) & bucket.stored()
        assert len(bucket.stored()) == 2
    assert bucket.rows() == {"1": "d"}


@pytest.mark.parametrize("what", ["elsewhere", "no list", "no JSON", "too long"])
def test_what_others_wrote_into_the_list_of_old_files(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bucket.load({"a": "x"})
    files, folder = bucket.files(), f"{bucket.settings['prefix']}/crm/account"
    own = obstore.store.S3Store(
        "lake", endpoint=bucket.settings["endpoint"], region="us-east-1", access_key_id="writer",
        secret_access_key="writer-secret", client_options={"allow_http": True},
    )  # fmt: skip
    obstore.put(own, f"{folder}/sub/kept.parquet", b"x")
    lists = {
        "elsewhere": json.dumps({"sub/kept.parquet": 0, "../contact/x.parquet": 0, "_delta_log": 0, "a.parquet": "x"}),
        "no list": "[1]",
        "no JSON": "{",
        "too long": " " * 2000,
    }
    obstore.put(own, f"{folder}/_datasync_retired.json", lists[what].encode())
    if what == "too long":
        monkeypatch.setattr(object_tables, "MAX_LIST_BYTES", 1000)
        with pytest.raises(DestinationError, match="has 2000 bytes"):
            bucket.load({"b": "y"})
        assert bucket.files() == files
        return
    bucket.load({"b": "y"})
    assert bucket.rows() == {"a": "x", "b": "y"}
    assert bytes(obstore.get(own, f"{folder}/sub/kept.parquet").bytes()) == b"x"


def test_somebody_else_writes_at_the_same_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.load({"1": "a"}, replaces=True)
    kind = object_tables.DeltaLog if bucket.format == "delta" else object_tables.ManifestLog
    real = kind.commit

    def late(*arguments: Any) -> None:
        monkeypatch.setattr(kind, "commit", real)
        bucket.load({"2": "theirs"})
        real(*arguments)

    monkeypatch.setattr(kind, "commit", late)
    with pytest.raises(DestinationError) as error:
        bucket.load({"3": "ours"})
    assert error.value.fault is Fault.CHANGED_MEANWHILE
    assert bucket.rows() == {"1": "a", "2": "theirs"}
    bucket.load({"3": "ours"})
    assert bucket.rows() == {"1": "a", "2": "theirs", "3": "ours"}


def test_two_make_a_table_at_the_same_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = object_tables.DeltaLog if bucket.format == "delta" else object_tables.ManifestLog
    real = kind.commit

    def late(*arguments: Any) -> None:
        monkeypatch.setattr(kind, "commit", real)
        bucket.load({"2": "theirs"})
        real(*arguments)

    monkeypatch.setattr(kind, "commit", late)
    with pytest.raises(DestinationError) as error:
        bucket.load({"3": "ours"})
    assert error.value.fault is Fault.CHANGED_MEANWHILE
    assert bucket.rows() == {"2": "theirs"}


def test_a_table_keeps_its_format(bucket: Bucket) -> None:
    bucket.load({"1": "a"}, replaces=True)
    other = bucket.open(table_format="parquet" if bucket.format == "delta" else "delta")
    assert other.has_table(TABLE)
    for do in (lambda: bucket.load({"2": "b"}, other, replaces=True), lambda: other.preview(TABLE, 1)):
        with pytest.raises(DestinationError) as error:
            do()
        assert error.value.fault is Fault.TABLE_IN_THE_WAY
    assert bucket.rows() == {"1": "a"}


@pytest.mark.parametrize("part", ["_delta_log", "manifest"])
def test_the_last_step_is_refused(bucket: Bucket, store: ObjectStore, part: str) -> None:
    if (part == "_delta_log") != (bucket.format == "delta"):
        part = "account/"
    bucket.load({"1": "a"}, replaces=True)

    def rule(method: str, path: str) -> tuple[int, str] | None:
        return (403, "AccessDenied") if method == "PUT" and part in path else None

    with refusing(rule, store.port) as endpoint, pytest.raises(DestinationError) as error:
        bucket.load({"1": "b"}, bucket.open(endpoint=endpoint))
    assert error.value.fault is Fault.NO_RIGHT_IN_BUCKET
    assert bucket.rows() == {"1": "a"}


def test_a_time_of_day_is_text_in_delta(store: ObjectStore, tmp_path: Path) -> None:
    bucket = Bucket(store, "delta", tmp_path)
    columns = (COLUMNS[0], Column("opens", ColumnType.TIME))
    pq.write_table(pa.table({"id": ["1"], "opens": pa.array([time(9, 30)], pa.time64("us"))}), tmp_path / "1.parquet")
    for replaces in (True, False):
        load = Load(TABLE, columns, (tmp_path / "1.parquet",), 1, replaces=replaces, work_dir=tmp_path)
        bucket.open().load(load)
    assert bucket.delta_table().to_pyarrow_table().to_pylist() == [{"id": "1", "opens": "09:30:00"}]


@pytest.mark.slow
def test_over_tls_with_an_authority_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, port = trustme.CA(), free_port()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    options = (
        f"-s3.port.https={port}",
        f"-s3.cert.file={tmp_path}/certificate.pem",
        f"-s3.key.file={tmp_path}/key.pem",
    )
    with object_store(*options) as store:
        wait_until_open(port)
        for table_format in FORMATS:
            bucket = Bucket(store, table_format, tmp_path)
            secure = {"endpoint": f"https://127.0.0.1:{port}"}
            with pytest.raises(DestinationError) as error:
                bucket.open(**secure).has_table(TABLE)
            assert error.value.fault is Fault.CERTIFICATE_REFUSED
            with monkeypatch.context() as patched:
                patched.setenv("SSL_CERT_FILE", f"{tmp_path}/authority.pem")
                bucket.open(**secure).check()
                bucket.load({"1": "a"}, bucket.open(**secure))
            assert bucket.rows() == {"1": "a"}


def test_many_rows_in_several_files(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are rolled over, and a preview reads the first rows only."""
    monkeypatch.setattr(object_storage, "FILE_SIZE", "1MB")
    bucket.load({f"{number:07}": uuid.uuid4().hex * 8 for number in range(200_000)}, replaces=True)
    assert len(bucket.files()) > 1
    assert bucket.open().count(TABLE, without_deleted=True) == 200_000
    assert len(bucket.open().preview(TABLE, 100).rows) == 100
    bucket.load({"0000001": "changed", "9999999": "new"})
    assert bucket.open().count(TABLE, without_deleted=True) == 200_001
    assert bucket.rows()["0000001"] == "changed"
