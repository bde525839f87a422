"""Checks destinations in a separate process: drivers are large, and a server may hang or answer without end."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasync_flask.destinations.base import DestinationError, Fault, Table
from datasync_flask.destinations.registry import open_destination

CHECK_SECONDS = 12
# Drivers keep whatever a server sends, and have threads for each processor.
MEMORY_BYTES = (1 << 30) + (os.cpu_count() or 1) * (32 << 20)


def check(kind: str, settings: dict[str, Any], data_dir: Path) -> None:
    """Check whether a destination can be used. Raises DestinationError."""
    _ask("check", kind, settings, data_dir, {})


def preview(kind: str, settings: dict[str, Any], data_dir: Path, table: Table) -> dict[str, Any]:
    """The first rows of a table: columns, rows as texts, and snippets. Raises DestinationError."""
    return _ask("preview", kind, settings, data_dir, asdict(table))


def _ask(what: str, kind: str, settings: dict[str, Any], data_dir: Path, more: dict[str, Any]) -> dict[str, Any]:
    question = {"what": what, "kind": kind, "settings": settings, "data_dir": str(data_dir), **more}
    answer = _ask_process(question | {"memory": MEMORY_BYTES})
    if answer.get("fault"):
        raise DestinationError(Fault(answer["fault"]), answer["detail"], answer["field"])
    return answer


def _ask_process(question: dict[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "datasync_flask.destinations.checking"],
            # On standard input, so that a list of processes doesn't show the password.
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        field = "endpoint" if "endpoint" in question["settings"] else "host"
        raise DestinationError(Fault.TOO_SLOW, f"no answer in {CHECK_SECONDS} seconds", field) from None
    except ValueError:
        raise DestinationError(Fault.UNEXPECTED, "the check gave no answer") from None


def answer_to(question: dict[str, Any]) -> dict[str, Any]:
    """What the process answers, as JSON has it."""
    try:
        found = open_destination(question["kind"], question["settings"], Path(question["data_dir"]))
        if question["what"] == "check":
            found.check()
            return {}
        table = Table(question["dataset"], question["name"], question["org_id"])
        shown = found.preview(table, 100)
    except DestinationError as error:
        return {"fault": error.fault, "detail": error.detail, "field": error.field}
    return {
        "columns": shown.columns,
        "rows": [[None if value is None else str(value)[:500] for value in row] for row in shown.rows],
        "snippets": found.snippets(table),
    }


if __name__ == "__main__":
    _question = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_DATA, (_question["memory"], resource.getrlimit(resource.RLIMIT_DATA)[1]))
    print(json.dumps(answer_to(_question)))
