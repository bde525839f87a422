"""Signals that arrive at an exact place: at each function call of the code under test."""

from __future__ import annotations

import faulthandler
import multiprocessing
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

CALLS = 150
HANGS_AFTER = 30


def _raise_at_each_call(run: Callable[[], object]) -> None:
    # A handler that waits for a lock of the interrupted code never returns to Python.
    faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
    for place in range(CALLS):
        seen = 0

        def interrupt(_frame: FrameType, event: str, _argument: Any, place: int = place) -> None:
            nonlocal seen
            # Before the program's own handlers stand, a signal ends the process.
            if event in {"return", "c_return"} and callable(signal.getsignal(signal.SIGTERM)):
                seen += 1
                if seen == place + 1:
                    signal.raise_signal(signal.SIGTERM)

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.setprofile(interrupt)
        try:
            run()
        finally:
            sys.setprofile(None)


def ends_wherever_it_is_interrupted(run: Callable[[], object]) -> bool:
    """Return whether `run` ends when SIGTERM arrives after its 1st, 2nd, … function call, in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=_raise_at_each_call, args=(run,))
    process.start()
    process.join(HANGS_AFTER + 10)
    is_over = process.exitcode == 0
    process.kill()
    process.join()
    return is_over
