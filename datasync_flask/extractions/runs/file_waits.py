"""How long a run waits for a file that another run or program has open, and how it shows that."""

from __future__ import annotations

from collections.abc import Callable

from datasync_flask.destinations.base import Fault, Patience
from datasync_flask.extractions.runs import states

# How long a run waits for another program that has the destination's file open.
PROGRAM_SECONDS = 60.0


class FileWaits:
    """Tracks which object of a run is at which step, and shows waiting there. Use it in an app context."""

    def __init__(self, run_id: str, pause: Callable[[float], None]) -> None:
        self._run_id, self._at = run_id, (0, "")
        # Another run always ends at some time, so wait for it without a limit.
        self.patience = Patience(PROGRAM_SECONDS, None, pause, self._tell)

    def prepare(self, row_id: int, step: str) -> None:
        """Note which object is being prepared; its step stays the same."""
        self._at = (row_id, step)

    def begin(self, row_id: int, step: str) -> None:
        """Set an object's step, and show it; commits."""
        self._at = (row_id, step)
        states.note_object(row_id, step=step)

    def _tell(self, what: str, who: str) -> None:
        row_id, step = self._at
        if what == Fault.LOCKED:
            states.log(self._run_id, f"waits up to {PROGRAM_SECONDS:.0f} seconds for another program: {who}")
            step = "waiting_to_open"
        elif what:
            states.log(self._run_id, "waits for another run that writes to this file or table")
            step = "waiting_for_file"
        states.touch(self._run_id)
        states.note_object(row_id, step=step)
