"""A page of a bulk result: CSV that arrives in pieces, as rows of bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from datasync_flask.salesforce.errors import Problem, SalesforceError

# Names of 800 fields are a few ten thousand bytes.
MAX_HEADER_BYTES = 1_000_000


class Body(io.RawIOBase):
    """The bytes of an answer as a file. `has_nul` says whether NUL was among those that were read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""
        self.has_nul = False

    def readable(self) -> bool:
        """It can be read."""
        return True

    def first_line(self) -> str:
        """Return the first line without taking it away; '' when there is nothing.

        A line that goes on beyond what a header can be is cut off there, and read on by nobody.
        """
        read = bytearray()
        while b"\n" not in self._held and len(read) < MAX_HEADER_BYTES:
            self._held = self._next()
            if not self._held:
                break
            read += self._held
        self._held = bytes(read)
        line = self._held[:MAX_HEADER_BYTES].partition(b"\n")[0]
        return line.decode("utf-8", "replace").strip("\r\ufeff ")

    def _next(self) -> bytes:
        piece = next(self._pieces, b"")
        self.has_nul = self.has_nul or b"\x00" in piece
        return piece

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what comes next."""
        while not self._held:
            self._held = self._next()
            if not self._held:
                return 0
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count


def what_is_wrong(error: pa.ArrowInvalid) -> str:
    """Return what Arrow finds wrong with a page, without the row, which it quotes."""
    found = re.search(r"Expected \d+ columns, got \d+", str(error))
    return found.group() if found else "its rows can't be told apart"


def cells(body: Body, wanted: list[str], *, is_first_page: bool, block_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield a page's rows as bytes, columns as in `wanted`; a row has to fit into `block_bytes`.

    Raises pyarrow.ArrowInvalid for what isn't CSV, SalesforceError for other columns.
    """
    header = body.first_line()
    if not header:
        return
    # A line that is cut off is no header.
    names = [name.strip().strip('"') for name in header.split(",")] if len(header) < MAX_HEADER_BYTES else []
    is_header = {name.lower() for name in names} == {name.lower() for name in wanted}
    if not is_header:
        if is_first_page:
            raise SalesforceError(Problem.NOT_SALESFORCE, f"a result of {len(names)} columns, asked for {len(wanted)}")
        # Some say that only the first page has a header: then the first line is a row.
        names = list(wanted)
    reader = pa_csv.open_csv(
        pa.PythonFile(io.BufferedReader(body, block_bytes), mode="r"),
        read_options=pa_csv.ReadOptions(block_size=block_bytes, column_names=names, skip_rows=0, use_threads=False),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            # Bytes, so that one that is no UTF-8 doesn't end the page.
            column_types=dict.fromkeys(names, pa.binary()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            null_values=[""],
        ),
    )
    spelled = {name.lower(): position for position, name in enumerate(names)}
    is_first = is_header
    for batch in reader:
        rows = batch.slice(1) if is_first else batch
        is_first = False
        yield rows.select([spelled[name.lower()] for name in wanted])
