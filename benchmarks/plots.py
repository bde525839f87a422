"""The report's pictures, drawn from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.extraction import PEERS, Cost
from benchmarks.growth import Grown
from benchmarks.pages import Request
from benchmarks.propagation_load import Simulated

FOLDER = Path(__file__).with_name("plots")
OURS, LIMIT, PEER = "#2255a4", "#9aa5b1", "#d98324"


def _saved(figure: Figure, name: str, text: str) -> str:
    """Write a figure and return its place in the report."""
    FOLDER.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "datasync"}):
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    return f"![{text}](plots/{name}.svg)"


def rates(costs: Sequence[Cost]) -> str:
    """Draw the rows per second of all ways that read everything, on one number of rows."""
    whole = [cost for cost in costs if cost.rows == costs[0].rows]
    figure = Figure((8, 0.32 * len(whole) + 1))
    axes = figure.subplots()
    names = [cost.way.removesuffix(", everything") for cost in whole]
    colours = [PEER if name.startswith(PEERS) else OURS if name.startswith("ours") else LIMIT for name in names]
    bars = axes.barh(names, [cost.rate for cost in whole], color=colours)
    axes.bar_label(bars, [f" {cost.rate:,.0f}" for cost in whole], fontsize=8)
    axes.set(xscale="log", xlabel=f"rows per second, {whole[0].rows:,} rows of 30 fields (logarithmic)")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    return _saved(figure, f"rates-{whole[0].rows}", "Rows per second of each way")


def cost_per_row(measured: Mapping[int, Sequence[Cost]]) -> str:
    """Draw how the time per row goes with the number of rows."""
    figure = Figure((7, 3.5))
    axes = figure.subplots()
    for kind, style in (("duckdb", "o-"), ("postgresql", "s-")):
        for way, name, colour in (
            (f"ours, {kind}, everything", f"ours, {kind}", OURS),
            (f"limit: the same Arrow into {kind} by hand", f"by hand, {kind}", LIMIT),
        ):
            found = [(rows, cost) for rows, costs in measured.items() for cost in costs if cost.way == way]
            axes.plot(
                [rows for rows, _ in found], [cost.seconds / rows * 1e6 for rows, cost in found], style,
                color=colour, label=name,
            )  # fmt: skip
    axes.set(xscale="log", xlabel="rows", ylabel="microseconds per row", ylim=(0, None))
    axes.legend()
    return _saved(figure, "cost-per-row", "Microseconds per row against the number of rows")


def delays(waiting: Sequence[Simulated]) -> str:
    """Draw how long it takes from known to shown."""
    figure = Figure((7, 3))
    axes = figure.subplots()
    axes.hist([each.delay for each in waiting], bins=range(24), color=OURS)
    axes.set(xlabel="seconds from when Salesforce knows the app to the page that says so", ylabel="connections")
    return _saved(figure, "delays", "Distribution of the seconds from known to shown")


def lists(measured: Sequence[Request]) -> str:
    """Draw what the list of connections takes."""
    figure = Figure((7, 2.2))
    axes = figure.subplots()
    names = [each.name for each in measured]
    axes.barh(names, [each.p95 for each in measured], color=LIMIT, label="95th percentile")
    axes.barh(names, [each.median for each in measured], color=OURS, label="median", height=0.5)
    axes.set(xlabel="milliseconds of CPU per page")
    axes.invert_yaxis()
    # Room for the legend beside the longest bar.
    axes.margins(x=0.5)
    axes.legend(loc="lower right")
    return _saved(figure, "lists", "CPU per page against the number of connections")


def growth(grown: Sequence[Grown]) -> str:
    """Draw the speed-up by more workers."""
    figure = Figure((7, 2.2))
    axes = figure.subplots()
    names = [f"{each.workers} worker{'s' if each.workers > 1 else ''}" for each in grown]
    bars = axes.barh(names, [grown[0].seconds / each.seconds for each in grown], color=OURS)
    axes.bar_label(bars, fmt=" %.2f")
    axes.set(xlabel="times as fast as one worker")
    axes.invert_yaxis()
    axes.margins(x=0.15)
    return _saved(figure, "growth", "Speed-up by more workers")
