"""An answer is read ahead of its parser: in order, only so far, and no longer than somebody wants it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.extractions.runs import read_ahead as module
from datasync_flask.extractions.runs.read_ahead import read_ahead


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=50), st.integers(1, 200))
def test_pieces_come_as_they_were_sent(pieces: list[bytes], most: int) -> None:
    was_read = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AHEAD_BYTES", most)
        with read_ahead(iter(pieces), was_read.set) as found:
            assert list(found) == pieces
    assert was_read.is_set()


def test_the_line_is_free_before_the_parser_has_taken_anything() -> None:
    was_read = threading.Event()
    with read_ahead(iter([b"a", b"b"]), was_read.set) as found:
        assert was_read.wait(10)
        assert b"".join(found) == b"ab"


def test_an_answer_that_hangs_keeps_no_parser() -> None:
    goes_on, began = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"a"
        goes_on.wait(10)
        yield b"b"

    def parse() -> None:
        with read_ahead(pieces(), lambda: None) as found:
            began.set()
            assert b"".join(found) == b"ab"

    with ThreadPoolExecutor(1) as pool:
        parsed = pool.submit(parse)
        assert not began.wait(0.1)
        goes_on.set()
        parsed.result(10)


def test_it_waits_for_a_slow_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD_BYTES", 2)
    read, third = list[int](), threading.Event()

    def pieces() -> Iterator[bytes]:
        for number in range(5):
            read.append(number)
            if number == 2:
                third.set()
            yield b"x"

    with read_ahead(pieces(), lambda: None) as found:
        assert third.wait(10)
        assert read == [0, 1, 2]
        assert b"".join(found) == b"xxxxx"


def test_what_goes_wrong_comes_after_what_was_read() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise httpx2.ReadError("reset")

    taken = list[bytes]()
    with read_ahead(pieces(), lambda: None) as found, pytest.raises(httpx2.ReadError):
        taken.extend(found)
    assert taken == [b"half"]


def test_nothing_reads_on_when_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD_BYTES", 1)
    before = threading.active_count()
    with read_ahead(iter(lambda: b"x", b""), lambda: None) as found:
        assert next(found) == b"x"
    assert threading.active_count() == before
