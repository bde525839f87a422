"""Makes a program end with the supervisor that started it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def stop_with_parent() -> None:
    """In a child: end when the supervisor is gone, even if killed, so that no port or queue stays in use."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="stop_with_parent").start()
