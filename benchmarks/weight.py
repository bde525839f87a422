"""Start and weight: time to the first page, idle memory, import time, size of what is installed."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from tests.support.program import command_of, wait_for
from tests.support.servers import free_port

HEAVY = ("pyarrow", "dlt", "duckdb", "apprise")


@dataclass(frozen=True)
class Weight:
    """Seconds and bytes."""

    first_start: float
    start: float
    import_time: float
    pss: dict[str, int]
    installed: int
    heavy_modules: tuple[str, ...]


def _until_first_page(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    variables = {"DATASYNC_INSTANCE_DIR": str(folder), "DATASYNC_PORT": str(port)}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "datasync_flask.cli", "run"], env=os.environ | variables,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while True:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/login", timeout=5).status_code == 200:
                return process, time.perf_counter() - begun
        except httpx2.TransportError:
            time.sleep(0.02)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    process.wait()


def _commands(process: subprocess.Popen[bytes]) -> list[tuple[str, psutil.Process]]:
    own = psutil.Process(process.pid)
    return [(command_of(each), each) for each in [own, *own.children(recursive=True)]]


def _both_there(process: subprocess.Popen[bytes]) -> bool:
    # The worker is forked after the web process, which may have shown its page before.
    return {"web", "worker"} <= {name for name, _ in _commands(process)}


def _pss(process: subprocess.Popen[bytes]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, each in _commands(process):
        found[name] = found.get(name, 0) + each.memory_full_info().pss
    return found


def _installed() -> int:
    """The bytes of DataSync's own requirements, theirs included, as they are installed here."""
    wanted, seen, total = ["datasync-flask"], set[str](), 0
    while wanted:
        name = wanted.pop()
        key = name.lower().replace("_", "-")
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        total += sum(Path(str(file.locate())).stat().st_size for file in distribution.files or ()
                     if Path(str(file.locate())).is_file())  # fmt: skip
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                wanted.append("".join(c if c.isalnum() or c in "-_." else " " for c in requirement).split()[0])
    return total


def measure(idle_seconds: float = 15) -> Weight:
    """Measure on a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        process, first = _until_first_page(folder, port)
        _stop(process)
        process, again = _until_first_page(folder, port)
        wait_for(lambda: _both_there(process))
        time.sleep(idle_seconds)
        pss = _pss(process)
        _stop(process)
    script = (
        "import time, sys; b = time.perf_counter(); from datasync_flask import PAGES, PARTS; "
        "from datasync_flask.cli.serve import load; load((*PARTS, 'cli.web_server', 'worker', *PAGES)); "
        f"print(time.perf_counter() - b, *[m for m in {HEAVY!r} if m in sys.modules])"
    )
    seconds, *heavy = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    return Weight(first, again, float(seconds), pss, _installed(), tuple(heavy))


def report(weight: Weight) -> str:
    """The section of the report."""
    rows = "\n".join(f"| {name} | {size / 1e6:,.0f} MB |" for name, size in sorted(weight.pss.items()))
    heavy = ", ".join(weight.heavy_modules) or "none of " + ", ".join(HEAVY)
    total = sum(weight.pss.values())
    return f"""## Start and weight

| what | measured |
|---|---|
| first start, database made, to the first page | {weight.first_start:.1f} s |
| start to the first page | {weight.start:.1f} s |
| import of the app | {weight.import_time:.2f} s |
| installed, all requirements included | {weight.installed / 1e6:,.0f} MB |

Idle memory (PSS), `datasync run`:

| process | PSS |
|---|---|
{rows}
| together | {total / 1e6:,.0f} MB |

Imported before a run needs them: {heavy}. Most of a start is importing SQLAlchemy, Flask and its extensions, Authlib \
and the app itself; the database is prepared meanwhile, by the other core."""
