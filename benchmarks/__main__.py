"""Run all benchmarks and write the report."""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    destinations,
    extraction,
    growth,
    pages,
    plots,
    polling,
    propagation,
    propagation_load,
    setting,
    side_by_side,
    weight,
)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--connections", type=int, default=200, help="connections that wait (default 200)")
    parser.add_argument("--rows", type=int, default=20_000, help="rows to merge (default 20000)")
    parser.add_argument(
        "--extracted", type=int, nargs="*", default=[100_000, 1_000_000, 3_000_000], help="rows to extract"
    )
    parser.add_argument("--sliced", type=int, default=1_500_000, help="rows of a large first load (default 1500000)")
    parser.add_argument("--report", type=Path, default=Path(__file__).with_name("REPORT.md"))
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    # First: what a process takes is counted from what this one had when it began it.
    # Peers go only as far as they get in reasonable time.
    extracted = {rows: extraction.measure(rows, peers=rows <= 100_000) for rows in options.extracted}
    sliced = side_by_side.measure(options.sliced)
    slowly = extraction.measure(100_000, *side_by_side.SLOW.options)
    waiting, lists, grown = propagation_load.measure(), pages.measure(), growth.measure()
    parts = [
        "# Benchmarks",
        f"Made by `make bench` on {datetime.now(UTC):%Y-%m-%d}, commit {commit.stdout.strip() or 'unknown'}.",
        setting.report(" ".join(["python -m benchmarks", *sys.argv[1:]])),
        extraction.report(extracted),
        *(plots.rates(costs) for costs in extracted.values()),
        plots.cost_per_row(extracted),
        side_by_side.report(options.sliced, sliced, slowly),
        destinations.report(options.rows, destinations.measure(options.rows)),
        propagation.report(propagation.measure(options.connections)),
        propagation_load.report(waiting),
        plots.delays(waiting[0]),
        polling.report(polling.measure()),
        pages.report(lists),
        plots.lists(lists.lists),
        growth.report(grown),
        plots.growth(grown.grown),
        weight.report(weight.measure()),
    ]
    text = "\n\n".join(parts) + "\n"
    options.report.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
