"""This version beside an earlier one, in turn on one machine: ``python -m benchmarks.before COMMIT``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import extraction
from benchmarks.compared import settings_of
from benchmarks.side_by_side import LOOPBACK, SLOW, Line

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(__file__).with_name("measured_there.py")
# Rows, the line to Salesforce, the destination, and whether more than a worker's first run is measured.
RUNS = (
    (1_000, LOOPBACK, "duckdb", "all"),
    (1_500_000, SLOW, "duckdb", "first"),
    (3_000_000, LOOPBACK, "postgresql", "first"),
)
UNITS = {
    "polls": "Polls as they are served, requests a second",
    "answers": "The same in the web process, milliseconds of CPU",
    "probes": "Probes, milliseconds of a worker's CPU",
}
# What a version measured, in the order of its names; a name has one value for each round.
Found = dict[str, list[float]]


@contextlib.contextmanager
def earlier(commit: str) -> Iterator[Path]:
    """Yield a folder with that version and a virtual environment of what it requires."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], check=True, cwd=ROOT)
        try:
            subprocess.run([sys.executable, "-m", "venv", tree / ".venv"], check=True)
            pip = [tree / ".venv/bin/python", "-m", "pip", "--disable-pip-version-check", "-q", "install"]
            for arguments in (
                ["-r", "requirements/base.txt"],
                ["-r", "requirements/dev.txt"],
                ["--no-deps", "-e", "."],
            ):
                subprocess.run([*pip, *arguments], check=True, cwd=tree)
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True, cwd=ROOT)


def _measured(tree: Path, *arguments: str) -> list[tuple[str, float]]:
    answer = subprocess.run(
        [tree / ".venv/bin/python", PROGRAM, *arguments],
        check=True, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return [(name, value) for name, value in json.loads(answer.stdout.splitlines()[-1])]


def _in_turn(trees: Sequence[Path], rounds: int, *arguments: str) -> list[Found]:
    """What each version measured; a machine that slows down meanwhile slows both."""
    found: list[Found] = [{} for _ in trees]
    for _ in range(rounds):
        for tree, of_it in zip(trees, found, strict=True):
            for name, value in _measured(tree, *arguments):
                of_it.setdefault(name, []).append(value)
    return found


def _runs(trees: Sequence[Path], rows: int, line: Line, kind: str, which: str) -> list[Found]:
    found = []
    with extraction.page_server(rows, max(rows // 100, 1), *line.options) as origin:
        for tree in trees:
            # Each has a database of its own: both name their tables alike.
            with extraction.database() as url:
                settings = settings_of(kind, url if kind == "postgresql" else "warehouse.duckdb")
                found += _in_turn([tree], 1, "runs", origin, kind, json.dumps(settings), which)
    return found


def table(commit: str, before: Found, now: Found) -> str:
    """What both versions measured, and the quotient."""
    lines = [f"| | {commit} | now | now / {commit} |", "|---|---|---|---|"]
    for name, values in before.items():
        old, new = statistics.median(values), statistics.median(now[name])
        lines.append(f"| {name} | {old:,.2f} | {new:,.2f} | {new / old:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.before")
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=3, help="how often each version measures requests (default 3)")
    parser.add_argument("--report", type=Path, default=Path(__file__).with_name("BEFORE.md"))
    options = parser.parse_args()
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True, cwd=ROOT)
    parts = [
        f"# This version beside {options.commit}",
        f"Made by `python -m benchmarks.before {options.commit}` on {datetime.now(UTC):%Y-%m-%d}, commit "
        f"{head.stdout.strip()}. Each version has its own requirements and measures the same on the same machine, in "
        f"turn; requests in {options.rounds} round{'s' * (options.rounds > 1)} (the median counts), runs once. A run "
        "reads an object of 30 fields.",
    ]
    with earlier(options.commit) as tree:
        trees = tree, ROOT
        for what, title in UNITS.items():
            parts += [f"## {title}", table(options.commit, *_in_turn(trees, options.rounds, what))]
        for rows, line, kind, which in RUNS:
            parts += [
                f"## Runs: {rows:,} rows into {kind}, {line}",
                table(options.commit, *_runs(trees, rows, line, kind, which)),
            ]
    text = "\n\n".join(parts) + "\n"
    options.report.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
