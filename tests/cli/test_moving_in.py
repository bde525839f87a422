"""Settings of other tools on the command line: the page's list, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cli.test_commands import run  # noqa: F401 (a fixture)
from tests.moving_in.support import FILES


@pytest.mark.usefixtures("app")
def test_a_file_of_another_tool_becomes_drafts(run: Any, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "warehouse.yaml").write_text(
        "datasync: 1\nconnections:\n- {kind: duckdb, description: Warehouse, path: w.duckdb}\n"
    )
    own = run("connection", "import", "warehouse.yaml", "--json")
    assert (own.exit_code, json.loads(own.stdout)[0]["what"]) == (0, "made")

    shown = run("connection", "import", str(FILES / "airbyte_api.json"), "--destination", "warehouse", "--preview")
    assert shown.exit_code == 0, shown.output
    assert "read as  Airbyte: source-salesforce" in shown.stdout
    assert "left     Sales org, Refresh token: Two programs" in shown.stdout
    assert "draft" not in shown.stdout
    assert json.loads(run("connection", "list", "--json").stdout) == []

    made = run("connection", "import", str(FILES / "airbyte_api.json"), "--destination", "warehouse", "--json")
    assert made.exit_code == 0, made.output
    found = json.loads(made.stdout)
    assert [each["description"] for each in found["connections"]] == ["Sales org"]
    assert [each["description"] for each in found["extractions"]] == ["Sales to the warehouse"]
    assert {"verdict": "taken", "subject": "Sales org", "about": "Login host", "text": "test.salesforce.com"} in found[
        "remarks"
    ]
    (draft,) = json.loads(run("connection", "list", "--json").stdout)
    assert (draft["state"], draft["client_id"]) == ("draft", "3MVG9sales.sales.sales.sales")

    streams = run(
        "connection", "import", "-", "--source", "Sales org", "--destination", "Warehouse",
        typed=(FILES / "properties.json").read_text(),
    )  # fmt: skip
    assert streams.exit_code == 0, streams.output
    assert "draft    extraction" in streams.stdout
    assert "SECRET" not in shown.output + made.output + streams.output


@pytest.mark.usefixtures("app")
def test_what_cannot_be_imported_says_why(run: Any, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\x00")
    picture = run("connection", "import", "picture.png")
    assert (picture.exit_code, "isn’t a text file" in picture.output) == (1, True)
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    endless = run("connection", "import", "endless.json")
    assert (endless.exit_code, "at most 20 MB" in endless.output) == (1, True)
    nobody = run("connection", "import", str(FILES / "config.json"), "--destination", "nowhere")
    assert (nobody.exit_code, "no such connection" in nobody.output) == (1, True)
    alone = run("connection", "import", str(FILES / "properties.json"))
    assert (alone.exit_code, "Choose the source" in alone.output) == (1, True)
    assert run("connection", "import", "-", typed="datasync: 2").exit_code == 1


def test_the_commands_help_names_the_tools(app: Flask, run: Any) -> None:  # noqa: F811
    assert "tap-salesforce, Meltano, Airbyte, dlt or ingestr" in " ".join(
        run("connection", "import", "--help").output.split()
    )
