"""A destination that is changed to lead to another place: whose tables are there, and what the next run writes."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

from tests.extractions.test_tables import first as first
from tests.extractions.test_tables import form, refused
from tests.support.extraction import Extracting, Org


def move(extracting: Extracting, destination: str, path: str) -> int:
    """Have a destination lead to another file; return the answer's status."""
    visitor = extracting.walk.visitor
    return int(visitor.post(f"/connections/{destination}/edit", {"description": "Warehouse", "path": path}).status_code)


def test_a_destination_that_moves_has_its_tables_decided_when_it_is_saved(first: Extracting, warehouse: str) -> None:
    visitor = first.walk.visitor
    answer = visitor.post("/connections/new/sqlite", {"description": "Other", "path": "other.sqlite"})
    other = answer.headers["Location"].rsplit("/", 1)[-1]
    assert visitor.post("/extractions/new", form(first, other)).status_code == 303
    assert move(first, warehouse, "other.sqlite") == 422
    assert "“Second”" in visitor.error_at("path")
    assert "Account" in visitor.error_at("path")
    # Nothing of it was stored: here it still has its table, and there the other one.
    assert "“To the warehouse”" in refused(first, warehouse, description="New")
    assert move(first, warehouse, "third.sqlite") == 303
    answer = visitor.post("/connections/new/sqlite", {"description": "Third", "path": "third.sqlite"})
    assert "“To the warehouse”" in refused(first, answer.headers["Location"].rsplit("/", 1)[-1], description="New")
    answer = visitor.post("/connections/new/sqlite", {"description": "Before", "path": "w.sqlite"})
    former = answer.headers["Location"].rsplit("/", 1)[-1]
    assert visitor.post("/extractions/new", form(first, former, description="New")).status_code == 303


def test_a_destination_that_moved_gets_everything(first: Extracting, org: Org, warehouse: str) -> None:
    first.edit(**{"tracking_type-Account": "date_deletes"})
    first.done()
    assert move(first, warehouse, "moved.sqlite") == 303
    first.age_watermarks(hours=1)
    org.do("Account", "generate", count=1)
    assert first.done().objects[0].is_whole
    first.assert_same("Account")


def test_a_destination_that_moved_leaves_other_tables_alone(first: Extracting, warehouse: str) -> None:
    first.done()
    other = first.app.config["SETTINGS"].effective_data_dir / "moved.sqlite"
    with closing(sqlite3.connect(other)) as file:
        file.execute("CREATE TABLE crm_account (id TEXT, theirs TEXT)")
        file.execute("INSERT INTO crm_account VALUES ('1', 'precious')")
        file.commit()
    assert move(first, warehouse, "moved.sqlite") == 303
    run = first.run()
    assert (run.state, run.problem) == ("failed", "destination.table_in_the_way")
    with closing(sqlite3.connect(other)) as file:
        assert file.execute("SELECT theirs FROM crm_account").fetchall() == [("precious",)]
        file.execute("DROP TABLE crm_account")
    first.done()
    first.assert_same("Account")


def test_a_destination_that_moved_with_its_tables_goes_on_with_them(
    first: Extracting, org: Org, warehouse: str
) -> None:
    first.done()
    folder = first.app.config["SETTINGS"].effective_data_dir
    shutil.copy(folder / "w.sqlite", folder / "moved.sqlite")
    assert move(first, warehouse, "moved.sqlite") == 303
    org.do("Account", "generate", count=1)
    first.done()
    first.assert_same("Account")
