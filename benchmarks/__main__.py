"""Run all benchmarks and write the report."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import destinations, extraction, growth, pages, polling, propagation, watching, weight


def machine() -> str:
    """Return what the figures were measured on."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores ({model}), {platform.platform()}, Python {platform.python_version()}"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--watches", type=int, default=12, help="connections to watch (default 12)")
    parser.add_argument("--rows", type=int, default=5_000, help="rows to merge (default 5000)")
    parser.add_argument(
        "--extracted", type=int, nargs="*", default=[100_000, 1_000_000, 3_000_000], help="rows to extract"
    )
    parser.add_argument("--report", type=Path, default=Path(__file__).with_name("REPORT.md"))
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    # Peers go only as far as they get in reasonable time.
    # First: what a process takes is counted from what this one had when it began it.
    extracted = {rows: extraction.measure(rows, peers=rows <= 100_000) for rows in options.extracted}
    parts = [
        "# Benchmarks",
        f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}, "
        f"on {machine()}.",
        propagation.report(propagation.measure(options.watches)),
        watching.report(watching.measure()),
        destinations.report(options.rows, destinations.measure(options.rows)),
        pages.report(pages.measure()),
        polling.report(polling.measure()),
        weight.report(weight.measure()),
        extraction.report(extracted),
        growth.report(growth.measure()),
    ]
    text = "\n\n".join(parts) + "\n"
    options.report.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
