"""Reads slices of one large object, each by its own job, several side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from structlog.contextvars import bind_contextvars, get_contextvars

from datasync_flask.extractions.runs.calls_left import WaitsForBulk

AT_ONCE = 3

T = TypeVar("T")


def side_by_side(slices: Sequence[Callable[[], Generator[T]]]) -> Iterator[tuple[int, T]]:
    """Yield the steps of slices as they happen, each with its slice's position.

    An error of one slice stops the others after their next step, and is raised when all have stopped. If a slice
    waits for the Bulk API, the others continue to their end.
    """
    steps, is_over = SimpleQueue[tuple[int, T | None]](), threading.Event()
    mark = partial(bind_contextvars, **get_contextvars())

    def read(position: int) -> None:
        try:
            with closing(slices[position]()) as found:
                while not is_over.is_set() and (step := next(found, None)) is not None:
                    steps.put((position, step))
        except WaitsForBulk:
            raise
        except BaseException:
            is_over.set()
            raise
        finally:
            steps.put((position, None))

    error: BaseException | None = None
    with ThreadPoolExecutor(AT_ONCE, "slice", mark) as pool:
        readings = [pool.submit(read, position) for position in range(len(slices))]
        left = len(readings)
        try:
            while left:
                position, step = steps.get()
                if step is not None:
                    yield position, step
                    continue
                left -= 1
                if error is None or isinstance(error, WaitsForBulk):
                    error = readings[position].exception() or error
        finally:
            is_over.set()
    if error is not None:
        raise error
