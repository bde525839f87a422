"""Allows one writer of a file at a time among all processes of this machine: a lock file beside it, locked with
flock(2), which the system releases when a process dies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from datasync_flask.destinations.base import DestinationError, Fault, Patience

ASK_AGAIN_SECONDS = 0.1


class FileLock:
    """The lock of one file or folder. A thread that has it can take it again."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        self._in_this_process, self._depth = threading.RLock(), 0

    @contextlib.contextmanager
    def held(self, patience: Patience, *, to_read: bool = False) -> Iterator[None]:
        """Hold the lock; readers can share it. Raises DestinationError when others hold it for too long, and whatever
        the patience's pause raises.
        """
        with self._in_this_process:
            if self._depth:
                yield
                return
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except OSError as error:
                is_full = error.errno == errno.ENOSPC
                raise DestinationError(Fault.DISK_FULL if is_full else Fault.NO_RIGHT, str(error), "path") from error
            try:
                self._acquire(handle, patience, fcntl.LOCK_SH if to_read else fcntl.LOCK_EX)
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
            finally:
                os.close(handle)

    def _acquire(self, handle: int, patience: Patience, kind: int) -> None:
        began, is_told = time.monotonic(), False
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if patience.for_runs is not None and time.monotonic() - began > patience.for_runs:
                    raise DestinationError(Fault.BUSY, "", "path") from None
                if not is_told:
                    patience.tell(Fault.BUSY, "")
                    is_told = True
                patience.pause(ASK_AGAIN_SECONDS)
            else:
                if is_told:
                    patience.tell("", "")
                return
