"""A stand-in for kill -9 at a chosen place: not an Exception, so that nothing on the way handles it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest


class Killed(BaseException):
    """The process ended here."""


def die(*_: Any) -> NoReturn:
    raise Killed


@contextmanager
def killed_at(owner: Any, name: str, do: Callable[..., Any] = die) -> Iterator[None]:
    """Expect the block to end where it calls `owner.name`, which does `do` instead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, do)
        with pytest.raises(Killed):
            yield
