"""Runs whose process is killed (SIGKILL) while it writes files that others read: they see the old table or the new."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from datasync_flask.extractions.runs.process import RunProcesses
from tests.destinations.test_object_storage import Bucket
from tests.support import forked
from tests.support.extraction import Extracting, Org
from tests.support.servers import ObjectStore

COMPARE = "datasync_flask.extractions.runs.comparing.compare"
# The format, the call at which the process is killed, and whether the new table is already there.
IN_A_BUCKET = [
    ("parquet", "obstore.put 2", False),
    ("parquet", "obstore.put 3", False),
    ("parquet", f"{COMPARE} 1", True),
    ("delta", "deltalake.DeltaTable.create_write_transaction 1", False),
]


def killed(extracting: Extracting, where: str) -> str:
    """Do a run in a process of its own that is killed there; return its id."""
    run_id, settings = extracting.start(), extracting.app.config["SETTINGS"]
    (settings.instance_dir / "dies_at").write_text(where)
    with extracting.app.app_context():
        assert RunProcesses(settings, forked.be_killed, threading.Event()).do(run_id)
    assert extracting.stored(run_id).state == "running"
    return run_id


def change(org: Org) -> None:
    """Add, change and delete rows, and add a field."""
    changed, gone = org.ids("Account")[:2]
    org.do("Account", "fields", added={"New__c": "string"})
    org.do("Account", "update", ids=[changed], values={"Name": "changed", "New__c": "filled"})
    org.do("Account", "delete", ids=[gone])
    org.do("Account", "insert", rows=[{"Name": "new", "New__c": "filled"}])


def names(org: Org) -> dict[str, str]:
    return {row["Id"]: row["Name"] for row in org.rows("Account")}


def working_files(extracting: Extracting) -> list[Path]:
    return [file for file in (extracting.folder / "runs").rglob("*") if file.is_file()]


@pytest.mark.parametrize(("table_format", "where", "is_written"), IN_A_BUCKET)
def test_in_a_bucket(
    extracting: Extracting,
    org: Org,
    store: ObjectStore,
    tmp_path: Path,
    table_format: str,
    where: str,
    is_written: bool,
) -> None:
    bucket = Bucket(store, table_format, tmp_path)
    org.do("Account", "generate", count=5)
    destination = extracting.make_destination("object_storage", bucket.settings)
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    before = bucket.rows()
    change(org)
    run_id = killed(extracting, where)
    assert bucket.rows() == (names(org) if is_written else before)
    assert working_files(extracting)
    extracting.done_again(run_id)
    assert bucket.rows() == names(org)
    extracting.assert_same("Account", ("Name", "Industry", "New__c"))
    assert not working_files(extracting)
    # What doesn't count is on the list of files that a later load deletes.
    with bucket.others.open_input_stream(f"{bucket.path}/_datasync_retired.json") as retired:
        assert bucket.stored() - set(bucket.files()) <= json.loads(retired.read()).keys()


@pytest.mark.parametrize("where", ["os.fsync 1", f"{COMPARE} 1"])
def test_in_the_data_folder(extracting: Extracting, org: Org, where: str) -> None:
    org.do("Account", "generate", count=5)
    destination = extracting.make_destination("parquet", {"path": "lake"})
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date_deletes"})
    extracting.done()
    folder = extracting.app.config["SETTINGS"].effective_data_dir / "lake" / "crm"
    before = names(org)

    def seen() -> dict[str, str]:
        """What somebody reads who takes every Parquet file in the folder."""
        rows = [row for file in folder.rglob("*.parquet") for row in pq.read_table(file).to_pylist()]
        assert len({row["id"] for row in rows}) == len(rows)
        return {row["id"]: row["name"] for row in rows}

    change(org)
    run_id = killed(extracting, where)
    assert seen() == (before if where == "os.fsync 1" else names(org))
    extracting.done_again(run_id)
    assert seen() == names(org)
    assert {file.name for file in folder.iterdir()} == {"account.parquet", ".account.parquet.lock"}
    extracting.assert_same("Account", ("Name", "Industry", "New__c"))


def test_plain_values_that_a_killed_run_fetched_go_with_its_working_files(
    extracting: Extracting, org: Org, store: ObjectStore
) -> None:
    org.do("Account", "generate", count=2)
    destination = extracting.make_destination("object_storage", store.settings())
    extracting.make(["Account"], destination, **{"tracking_type-Account": "date"})
    extracting.done()
    extracting.edit(**{"hashed-Account": "Name"})
    run_id = killed(extracting, "obstore.put 1")
    assert any("Account 1" in str(pq.read_table(file).to_pylist()) for file in working_files(extracting))
    extracting.done_again(run_id)
    assert not working_files(extracting)
    assert "Account 1" not in {row["name"] for row in extracting.table("Account")}
