"""Names of files in the data folder that DataSync itself keeps, or a database beside its own file."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from datasync_flask.config import Settings
from tests.support.visitor import Visitor


@pytest.fixture
def app(make_app: Callable[..., Flask], settings: Settings) -> Flask:
    """An installation whose data folder holds everything."""
    settings.instance_dir.mkdir(parents=True, exist_ok=True)
    return make_app(
        data_dir=settings.instance_dir.parent,
        queue_url=f"sqlite:///{settings.instance_dir / 'queue.sqlite'}",
    )


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "parquet"])
@pytest.mark.parametrize(
    "name", ["{}/secret_key", "{}/encryption_keys", "{}/runs/x", "{}/runs", "{}/queue.sqlite", "{}/queue.sqlite-wal",
             "{}", "w.sqlite-journal", "w.duckdb.wal", "w.sqlite-shm", "w.duckdb.tmp", "w.duckdb.tmp/x/../../{}/runs"],
)  # fmt: skip
@pytest.mark.slow
def test_they_are_refused_at_the_field(visitor: Visitor, settings: Settings, kind: str, name: str) -> None:
    values = {"description": "Mine", "path": name.format(settings.instance_dir.name), "anyway": "1"}
    assert visitor.post(f"/connections/new/{kind}", values).status_code == 422
    assert visitor.error_at("path")
    assert not list(settings.instance_dir.glob("*/_datasync_check"))


def test_others_are_taken(visitor: Visitor, settings: Settings) -> None:
    for name in ("w.sqlite", f"{settings.instance_dir.name}/data/w.sqlite"):
        values = {"description": name, "path": name, "anyway": "1"}
        assert visitor.post("/connections/new/sqlite", values).status_code == 303, visitor.text
