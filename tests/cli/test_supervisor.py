"""The program that runs web and worker: told to stop at any moment, it stops."""

from __future__ import annotations

import pytest

from datasync_flask.cli import supervisor
from datasync_flask.cli.supervisor import Supervisor
from tests.support.interrupted import ends_wherever_it_is_interrupted

pytestmark = pytest.mark.slow


def test_a_signal_stops_it_wherever_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CHECK_SECONDS", 0.0001)
    assert ends_wherever_it_is_interrupted(lambda: Supervisor([]).run())
