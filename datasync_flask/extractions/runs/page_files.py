"""Writes pages of rows as Parquet files: CSV of a bulk result, which arrives in pieces, or records of a REST query."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from datasync_flask.destinations.base import KEY, VERSION_COLUMN, Column
from datasync_flask.extractions.runs.arrow_types import arrow_schema
from datasync_flask.extractions.runs.hashing import Hashing
from datasync_flask.extractions.runs.values import EXAMPLES, Parsed
from datasync_flask.salesforce.errors import Problem, SalesforceError

# A row has to fit into one block; if it doesn't (800 fields, some of 131,072 characters), the block grows.
BLOCK_BYTES = 2 * 1024 * 1024
QUOTE = pa.scalar(ord('"'), pa.uint8())
# Names of 800 fields are a few ten thousand bytes.
MAX_HEADER_BYTES = 1_000_000
EXAMPLE_CHARACTERS = 60
# How many missing columns an error names.
SHOWN_NAMES = 5
# Destinations write row group after row group: small ones cost time, large ones memory.
ROW_GROUP_BYTES = 4 * 1024 * 1024
# For files that are read once, as a whole. Without dictionaries, zstd makes smaller files in two thirds of the time;
# statistics would take a fifth of it.
WRITTEN: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
# A changed stamp alone is no new version.
_NOT_IN_VERSION = {"system_modstamp", "last_modified_date", "last_viewed_date", "last_referenced_date"}


class Dropped(Exception):
    """Nobody waits for the page any more."""


class Body(io.RawIOBase):
    """The bytes of an answer as a file. `has_nul` says whether NUL was among those read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = filter(None, pieces)
        self._held = b""
        self.has_nul = False
        self._quotes = 0

    @property
    def ends_inside_a_value(self) -> bool:
        """True when what was read breaks off before a closing quote."""
        return self._quotes % 2 == 1

    def readable(self) -> bool:
        """Always true."""
        return True

    def first_line(self) -> str:
        """The first line, which stays in the file; '' when there is nothing.

        A line that is longer than any header is cut off.
        """
        while b"\n" not in self._held and len(self._held) < MAX_HEADER_BYTES and (more := next(self._pieces, b"")):
            self._held += more
        line = self._held[:MAX_HEADER_BYTES].partition(b"\n")[0]
        return line.decode("utf-8", "replace").strip("\r\ufeff ")

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes; fewer at the end only."""
        found, count = [self._held], len(self._held)
        while (size < 0 or count < size) and (piece := next(self._pieces, b"")):
            found.append(piece)
            count += len(piece)
        block = b"".join(found)
        if 0 <= size < count:
            block, self._held = block[:size], found[-1][size - count :]
        else:
            self._held = b""
        self.has_nul = self.has_nul or b"\x00" in block
        self._quotes += _quotes_in(block)
        return block


def _quotes_in(block: bytes) -> int:
    # Every third byte may be a quote; bytes.count() would need a tenth of a page's time.
    signs = pa.UInt8Array.from_buffers(pa.uint8(), len(block), [None, pa.py_buffer(block)])
    return int(pc.equal(signs, QUOTE).true_count)


def what_is_wrong(error: pa.ArrowInvalid) -> str:
    """Arrow's error about a page, without the row that it quotes."""
    found = re.search(r"Expected \d+ columns, got \d+", str(error))
    return found.group() if found else "its rows can't be told apart"


def cells(body: Body, wanted: list[str], *, is_first_page: bool, block_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yield a page's rows as bytes, columns as in `wanted`; a row has to fit into `block_bytes`.

    Raises pyarrow.ArrowInvalid for what isn't CSV, SalesforceError for other columns.
    """
    header = body.first_line()
    if not header:
        return
    # A line that was cut off is no header.
    names = [name.strip().strip('"') for name in header.split(",")] if len(header) < MAX_HEADER_BYTES else []
    found = {name.lower() for name in names}
    is_header = found == {name.lower() for name in wanted}
    if not is_header:
        if is_first_page:
            missing = ", ".join([name for name in wanted if name.lower() not in found][:SHOWN_NAMES])
            counts = f"a result of {len(names)} columns, asked for {len(wanted)}"
            raise SalesforceError(Problem.NOT_SALESFORCE, f"{counts}; without {missing}" if missing else counts)
        # Some sources say that only the first page has a header: then the first line is a row.
        names = list(wanted)
    reader = pa_csv.open_csv(
        pa.PythonFile(body, mode="r"),
        read_options=pa_csv.ReadOptions(block_size=block_bytes, column_names=names, skip_rows=0, use_threads=False),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            # As bytes, so that invalid UTF-8 doesn't fail the page.
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
    if body.ends_inside_a_value:
        # Arrow takes what there is of the value for all of it.
        raise pa.ArrowInvalid("a value without an end")


def paths_in(folder: Path, files: Sequence[Path]) -> tuple[Path, ...]:
    """A path in a folder for what is made of each file: files of several slices have the same names."""
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(folder / f"{number:06}.parquet" for number in range(len(files)))


def versions_of(batch: pa.RecordBatch) -> pa.Array:
    """A text for each row that identifies its version: it differs when a value differs."""
    rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
    kept = [position for position, name in enumerate(batch.schema.names) if name not in _NOT_IN_VERSION]
    versions = [hashlib.sha256(repr([row[position] for position in kept]).encode()).hexdigest()[:32] for row in rows]
    return pa.array(versions, pa.string())


@dataclass
class Page:
    """One page that was read, in a draft file until it is kept."""

    number: int
    draft: Path
    rows: int = 0
    # "field|why" to [how many, [[id, value], …]].
    odd: dict[str, list[Any]] = field(default_factory=dict)
    next_locator: str = ""


@dataclass
class _RowGroups:
    """Collects rows until there are enough for a row group of the file."""

    writer: pq.ParquetWriter
    batches: list[pa.RecordBatch] = field(default_factory=list)
    size: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self.batches.append(batch)
        self.size += batch.nbytes
        if self.size >= ROW_GROUP_BYTES:
            self.end()

    def end(self) -> None:
        if self.batches:
            self.writer.write_table(pa.Table.from_batches(self.batches))
        self.batches, self.size = [], 0


@dataclass
class PageFiles:
    """The Parquet files of pages, one each, in one folder."""

    folder: Path
    columns: dict[str, Column]
    keeps_history: bool = False
    hashing: Hashing = field(default_factory=Hashing)
    block_bytes: int = BLOCK_BYTES

    def __post_init__(self) -> None:
        self._rows_schema = arrow_schema(self.columns.values())
        self.schema = self._rows_schema
        if self.keeps_history:
            self.schema = self.schema.append(pa.field(VERSION_COLUMN, pa.string(), nullable=False))

    def draft(self, number: int) -> Page:
        """A new page without rows."""
        return Page(number, self.path(number).with_suffix(".parquet.part"))

    def path(self, number: int) -> Path:
        """The path of a kept page."""
        return self.folder / f"{number:06}.parquet"

    def write_csv(
        self,
        page: Page,
        pieces: Iterator[bytes],
        apart: Collection[str] = (),
        is_dropped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write the CSV of a page; columns in `apart` stay empty. Raises pyarrow.ArrowInvalid for invalid CSV."""
        body, wanted = Body(pieces), [name for name in self.columns if name not in apart]
        batches = cells(body, wanted, is_first_page=page.number == 1, block_bytes=self.block_bytes)
        with self._row_groups(page) as groups:
            for batch in batches:
                if is_dropped():
                    raise Dropped
                columns = {
                    name: self.hashing.from_csv(name, values, self.columns[name].type, may_have_nul=body.has_nul)
                    for name, values in zip(wanted, batch.columns, strict=True)
                }
                for name in apart:
                    columns[name] = self.hashing.from_json(name, [None] * batch.num_rows, self.columns[name].type)
                self._add(groups, page, columns)

    def write_records(self, page: Page, records: list[dict[str, Any]]) -> None:
        """Write the records of a page of a REST query."""
        columns = {
            name: self.hashing.from_json(name, [record.get(name) for record in records], column.type)
            for name, column in self.columns.items()
        }
        with self._row_groups(page) as groups:
            self._add(groups, page, columns)

    @contextmanager
    def _row_groups(self, page: Page) -> Iterator[_RowGroups]:
        with pq.ParquetWriter(page.draft, self.schema, **WRITTEN) as writer:
            groups = _RowGroups(writer)
            yield groups
            groups.end()

    def _add(self, groups: _RowGroups, page: Page, columns: dict[str, Parsed]) -> None:
        """Write rows, and note values that couldn't be stored exactly."""
        batch = pa.RecordBatch.from_arrays([columns[name].array for name in self.columns], schema=self._rows_schema)
        keys = batch.column(KEY) if KEY in batch.schema.names else None
        if keys is not None and keys.null_count:
            raise SalesforceError(Problem.NOT_SALESFORCE, "a row without an Id")
        for name, parsed in columns.items():
            for each in parsed.odd:
                examples = [[keys[row].as_py() if keys is not None else "", text[:EXAMPLE_CHARACTERS]]
                            for row, text in each.examples]  # fmt: skip
                add_odd(page.odd, f"{name}|{each.why}", each.count, examples)
        page.rows += batch.num_rows
        if self.keeps_history:
            batch = pa.RecordBatch.from_arrays([*batch.columns, versions_of(batch)], schema=self.schema)
        groups.add(batch)

    def fill(self, files: Iterable[Path], keys: pa.Array, values: dict[str, pa.Array]) -> None:
        """Put values of columns, by API name, into the rows that have these keys."""
        for file in files:
            table = pq.read_table(file)
            rows = pc.index_in(table.column(KEY), keys)
            for name, column in values.items():
                position = table.schema.get_field_index(self.columns[name].name)
                table = table.set_column(position, table.schema.field(position), column.take(rows))
            draft = file.with_suffix(".parquet.part")
            pq.write_table(table, draft, **WRITTEN)
            draft.replace(file)


def add_odd(found: dict[str, list[Any]], key: str, count: int, examples: list[list[str]]) -> None:
    """Add values that couldn't be stored exactly to those found."""
    before = found.get(key, [0, []])
    found[key] = [before[0] + count, (before[1] + examples)[:EXAMPLES]]
