"""A process that has loaded what a run needs and is forked for each run, as loading it would take each over a second.

The worker asks over a Unix socket, one request at a time, and hands over one end of a socket pair of the run. That pair
is all that the two ever need: the process closes its end by ending, however it ends, and takes the closing of the
worker's end as the order to stop, be it given or be the worker gone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

log = logging.getLogger(__name__)

IDLE_SECONDS = 600.0
# A machine with much to do may take this long to load everything.
START_SECONDS = 60.0
END_SECONDS = 5.0
LONGEST_REQUEST = 4096
# How a process says its own number, before anything else.
_NUMBER = struct.Struct("=q")
RUN_ENVIRONMENT = {
    # A quarter less memory at its peak, at the same speed.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    # A process that is forked must not have threads.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "OPENBLAS_NUM_THREADS": "1",
}


class NotForked(Exception):
    """No process could be made, twice; the log of the server's own process says why."""


class Forked(socket.socket):
    """The worker's end of a process's socket; `number` is the process's number (pid)."""

    number: int = 0

    def kill(self) -> None:
        """End the process, whatever it does, and wait a little until it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)
        deadline = time.monotonic() + END_SECONDS
        while heard(self, END_SECONDS) != b"" and time.monotonic() < deadline:
            pass


class ForkServer:
    """The worker's side: starts the server when a process is asked for, and ends it after `idle_seconds` without one.

    `command` gets the number of the server's end of the socket as its last argument.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._command, self.environment, self._idle_seconds = command, environment, idle_seconds
        self._lock = threading.Lock()
        self._server: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._running = 0
        self._idle: threading.Timer | None = None

    @contextmanager
    def forked(self, *words: str) -> Iterator[Forked]:
        """Yield our end of a new process's socket; `words` say what it is to do. Raises NotForked."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            process = self._fork(" ".join(words).encode())
            self._running += 1
        try:
            with process:
                yield process
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._idle = threading.Timer(self._idle_seconds, self._end_idle)
                    self._idle.daemon = True
                    self._idle.start()

    def close(self) -> None:
        """End the server; processes that it forked go on."""
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            self._end()

    def _fork(self, request: bytes) -> Forked:
        # The server that is there may have been killed: the second request goes to a new one.
        for _ in range(2):
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    socket.send_fds(self._control(), [request], [theirs.fileno()])
                ours.settimeout(START_SECONDS)
                if number := ours.recv(_NUMBER.size):
                    process = Forked(fileno=ours.detach())
                    (process.number,) = _NUMBER.unpack(number)
                    return process
            except OSError as error:
                log.warning("the process that runs are forked from doesn't answer: %s", error)
            ours.close()
            self._end()
        raise NotForked

    def _control(self) -> socket.socket:
        if self._server is None:
            ours, theirs = socket.socketpair()
            with theirs:
                number = theirs.fileno()
                process = subprocess.Popen([*self._command, str(number)], env=self.environment, pass_fds=[number])
            self._server = process, ours
        return self._server[1]

    def _end_idle(self) -> None:
        with self._lock:
            if not self._running:
                self._end()

    def _end(self) -> None:
        if self._server is None:
            return
        process, control = self._server
        self._server = None
        control.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def for_runs(environment: Mapping[str, str] = os.environ) -> ForkServer:
    """Return access to the server whose processes do runs."""
    command = [sys.executable, "-m", "datasync_flask.cli", "extraction", "fork-server"]
    return ForkServer(command, {**RUN_ENVIRONMENT, **environment})


def heard(process: socket.socket, seconds: float | None) -> bytes | None:
    """Wait up to `seconds` (None: as long as it takes) for a sign of the other side.

    Return what it sent, b"" when it has closed, None for nothing.
    """
    process.settimeout(seconds)
    try:
        return process.recv(4096)
    except TimeoutError:
        return None
    except OSError:
        return b""


def has_ended(process: socket.socket, seconds: float | None) -> bool:
    """Wait up to `seconds` (None: as long as it takes) for the other side to close, and return whether it has."""
    return heard(process, seconds) == b""


def serve(control: socket.socket, work: Callable[[Sequence[str], socket.socket], None]) -> NoReturn:
    """Be the server until the worker closes `control`, then end the process: call `work` in a new process for each
    request, with its words and its end of the socket pair.
    """
    signal.signal(signal.SIGCHLD, _reap)
    # Ctrl-C reaches every process of a terminal; when this one ends is said by the worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        request, handed_over, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 1)
        if not request:
            _end()
        # A process that can't be made is told by the socket: both its ends are closed then.
        with socket.socket(fileno=handed_over[0]) as process:
            try:
                is_child = os.fork() == 0
            except OSError:
                log.exception("no process could be forked")
                continue
            if is_child:
                control.close()
                _be_forked(request.decode().split(), process, work)


def _be_forked(words: Sequence[str], process: socket.socket, work: Callable[..., None]) -> None:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        process.send(_NUMBER.pack(os.getpid()))
        work(words, process)
    except Exception:
        log.exception("a forked process ended by a fault")
    finally:
        _end()


def _end() -> NoReturn:
    # All is written and closed; taking down every module that was loaded would take Python another half second.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _reap(_number: int, _frame: FrameType | None) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
