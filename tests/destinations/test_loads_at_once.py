"""Loads into one PostgreSQL database at the same moment, from processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from datasync_flask.extractions.runs.process import RUN_ENVIRONMENT, forks
from tests.support import forked
from tests.support.program import wait_for
from tests.support.servers import postgresql_settings


@pytest.fixture
def address(new_postgresql_database: Callable[[], str]) -> str:
    return new_postgresql_database()


@pytest.fixture
def connection(address: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(f"postgresql://{address}") as connection:
        yield connection


def test_first_loads_and_merges_lose_nothing_and_share_nothing(
    address: str, connection: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [("crm", "account"), ("crm", "contact"), ("other", "account")]
    # The fork server that starts here is also that of later tests.
    for name, value in RUN_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    forks.set_forkserver_preload(["datasync_flask.extractions.runs.preloaded"])
    ready, processes = forks.Barrier(len(places)), []
    for number, place in enumerate(places):
        arguments = (postgresql_settings(address), place, tmp_path / str(number), ready)
        processes.append(forks.Process(target=forked.load_a_few_times, args=arguments))
        processes[-1].start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * len(places)
    for dataset, table in places:
        rows = connection.execute(f'SELECT id, name FROM "{dataset}"."{table}" ORDER BY id').fetchall()
        assert rows == [("1", f"{dataset} {table} 1"), ("2", f"{dataset} {table} 3"), ("3", f"{dataset} {table} 3")]
    schemas = {
        name: connection.execute(f"SELECT DISTINCT schema_name FROM {name}._dlt_loads ORDER BY 1").fetchall()
        for name in ("crm", "other")
    }
    assert schemas == {"crm": [("crm_account",), ("crm_contact",)], "other": [("other_account",)]}


@pytest.mark.parametrize("what", ["schema", "table"])
def test_what_another_load_creates_meanwhile_is_no_fault(
    address: str, connection: psycopg.Connection[Any], tmp_path: Path, what: str
) -> None:
    """As if another load had created it, and hadn't committed yet."""
    if what == "table":
        forked.load(postgresql_settings(address), ("other", "account"), tmp_path / "other", 1)
        connection.execute("CREATE SCHEMA crm")
        connection.commit()
        connection.execute("CREATE TABLE crm._dlt_loads (LIKE other._dlt_loads)")
    else:
        connection.execute("CREATE SCHEMA crm")

    def commit() -> None:
        with psycopg.connect(f"postgresql://{address}", autocommit=True) as watching:
            waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            wait_for(lambda: watching.execute(waiting).fetchone())
        connection.commit()

    with ThreadPoolExecutor(1) as pool:
        committed = pool.submit(commit)
        forked.load(postgresql_settings(address), ("crm", "account"), tmp_path / "crm", 1)
        committed.result()
    assert connection.execute("SELECT count(*) FROM crm.account").fetchone() == (2,)
