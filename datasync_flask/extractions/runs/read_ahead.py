"""Reads an answer ahead of its parser, so that the line to Salesforce doesn't wait for the processor."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# How much of an answer may wait for its parser, packed: most of a page, so that its lane is soon free for the next one.
AHEAD_BYTES = 1024 * 1024


@contextmanager
def read_ahead(pieces: Iterator[bytes], when_read: Callable[[], None]) -> Iterator[Iterator[bytes]]:
    """Yield the pieces while a thread reads the next ones; `when_read` is called after the last one was read.

    The block begins when there is much to take, so that an answer that hangs keeps no parser. Taking a piece raises
    what reading it raised. When the block ends, nothing reads any more.
    """
    ahead = _Ahead()
    thread = threading.Thread(target=ahead.read, args=(pieces, when_read), name="read-ahead", daemon=True)
    thread.start()
    try:
        ahead.wait()
        yield ahead.taken()
    finally:
        ahead.leave()
        thread.join()


class _Ahead:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting, self._size = deque[bytes](), 0
        self._is_read, self._is_left = False, False
        self._error: Exception | None = None

    def read(self, pieces: Iterator[bytes], when_read: Callable[[], None]) -> None:
        try:
            for piece in pieces:
                with self._changed:
                    self._changed.wait_for(lambda: self._size < AHEAD_BYTES or self._is_left)
                    if self._is_left:
                        return
                    self._waiting.append(piece)
                    self._size += len(piece)
                    # Waking the parser for every piece would cost more than reading it.
                    if len(self._waiting) == 1 or self._size >= AHEAD_BYTES:
                        self._changed.notify_all()
        except Exception as error:
            self._error = error
        finally:
            when_read()
            with self._changed:
                self._is_read = True
                self._changed.notify_all()

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._size >= AHEAD_BYTES or self._is_read)

    def taken(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_read)
                if not self._waiting:
                    break
                piece = self._waiting.popleft()
                was_full = self._size >= AHEAD_BYTES
                self._size -= len(piece)
                if was_full:
                    self._changed.notify_all()
            yield piece
        if self._error is not None:
            raise self._error

    def leave(self) -> None:
        with self._changed:
            self._is_left = True
            self._changed.notify_all()
