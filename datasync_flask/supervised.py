"""A process that another one looks after knows which, and ends with it."""

from __future__ import annotations

import os
import signal
import threading
import time

PARENT_VARIABLE = "DATASYNC_SUPERVISOR_PID"


def stop_with_parent() -> None:
    """In a child: end when the supervisor is gone, even killed, so that no port and no queue stays taken."""
    parent = os.environ.get(PARENT_VARIABLE, "")
    if not parent.isdigit():
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="stop_with_parent").start()
