"""The interface of all destinations. It knows neither Flask nor the database of the app."""

from __future__ import annotations

import enum
import hashlib
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasync_flask.problems.destination import Fault as Fault

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "id"
DELETED_COLUMN = "is_deleted"
# The names of dlt's scd2 for the two, and the column that identifies a row's version.
VALID_FROM, VALID_TO, VERSION_COLUMN = "_dlt_valid_from", "_dlt_valid_to", "_datasync_version"
# In tables of several orgs: the org of a row, and its name.
ORG_ID_COLUMN, ORG_NAME_COLUMN = "_datasync_org_id", "_datasync_org_name"


class ColumnType(enum.StrEnum):
    """The types of columns, with dlt's names."""

    TEXT = "text"
    BIGINT = "bigint"
    DOUBLE = "double"
    DECIMAL = "decimal"
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIME = "time"


DECIMAL_PRECISION, DECIMAL_SCALE = 38, 9


# Names that Windows reserves for devices: a folder that is shared or copied there couldn't be read.
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ORG_ID = re.compile(r"[A-Za-z0-9]{15,18}")
_MARK_LENGTH = 10


def shorten(name: str, limit: int | None) -> str:
    """`name` if it has at most `limit` characters, else its beginning and a hash of all of it: always the same for one
    name, and different for different names.
    """
    if limit is None or len(name) <= limit:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:_MARK_LENGTH]
    return f"{name[: limit - _MARK_LENGTH - 1].rstrip('_')}_{mark}"


def is_device(name: str) -> bool:
    """True for a name that some systems reserve for a device, with or without a suffix."""
    return _DEVICES.fullmatch(name.partition(".")[0].strip()) is not None


def check_name(name: str) -> str:
    """A name that is safe in a statement or a path. Raises DestinationError for any other."""
    if not _NAME.fullmatch(name) or len(name) > 200:
        raise DestinationError(Fault.NAME_REFUSED, repr(name[:80]))
    return name


@dataclass(frozen=True)
class Column:
    """A column of a table; `name` is already in the destination's spelling. Raises DestinationError for a bad name."""

    name: str
    type: ColumnType

    def __post_init__(self) -> None:
        check_name(self.name)


def _plain(detail: str) -> str:
    """What a driver said, on one line, without the number that the operating system gives its errors."""
    return re.sub(r"\[Errno -?\d+\] ?", "", " ".join(detail.split()))


class DestinationError(Exception):
    """A destination can't be used: `fault` says why, and `field` names the input of its form."""

    def __init__(self, fault: Fault, detail: str = "", field: str = "") -> None:
        super().__init__(f"{fault}: {detail}" if detail else str(fault))
        self.fault, self.detail, self.field = fault, _plain(detail)[:300], field


@dataclass(frozen=True)
class Table:
    """A table of a destination: `dataset` is its schema, or the prefix of its name, or its folder.

    With an `org_id` it is that org's part of a shared table: nothing reads or changes rows of other orgs.
    Raises DestinationError for unsafe names, because they become parts of statements and paths.
    """

    dataset: str
    name: str
    org_id: str = ""

    def __post_init__(self) -> None:
        if self.org_id and not _ORG_ID.fullmatch(self.org_id):
            raise DestinationError(Fault.NAME_REFUSED, repr(self.org_id[:80]))
        check_name(self.name)
        if self.dataset and (is_device(check_name(self.dataset)) or is_device(self.name)):
            raise DestinationError(Fault.NAME_REFUSED, repr(f"{self.dataset}.{self.name}"))

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row (among current versions)."""
        return (ORG_ID_COLUMN, KEY) if self.org_id else (KEY,)


@dataclass(frozen=True)
class Load:
    """The data to write: Parquet files with the rows, in the columns' order."""

    table: Table
    columns: tuple[Column, ...]
    files: tuple[Path, ...]
    rows: int
    # Replace the whole table, or all rows of its org; otherwise merge rows by their key.
    replaces: bool
    # Remove rows with is_deleted = true from the table; otherwise write them like others.
    removes_deleted: bool = False
    # Keep every version of a row, with its valid-from and valid-to.
    keeps_history: bool = False
    # Columns that the table already has, in case this load doesn't have them.
    known_columns: tuple[Column, ...] = ()
    # The folder for working files, and the destination's name for the load.
    work_dir: Path = field(default_factory=Path)
    name: str = "datasync"


@dataclass(frozen=True)
class Preview:
    """The first rows of a table."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Patience:
    """How an operation waits while something else has the file open: `pause` may raise to end the wait; `tell` gets
    'busy' or 'locked' and the other program when waiting begins, and '' when it is over.
    """

    # Seconds to wait for another program, and for another run; None: until it is done.
    for_programs: float = 4.0
    for_runs: float | None = 4.0
    pause: Callable[[float], None] = time.sleep
    tell: Callable[[str, str], None] = lambda _what, _who: None


class Destination(ABC):
    """A place for tables. All methods raise DestinationError."""

    # The most characters in the name of a table or column, and the most columns in a table; None: no practical limit.
    max_name_length: int | None = None
    max_columns: int | None = None
    # Decimals with more than 15 digits are stored exactly.
    keeps_decimals = True
    patience = Patience()
    # The folder for working files outside of loads; None: the system's.
    work_dir: Path | None = None

    def check_width(self, columns: tuple[Column, ...]) -> None:
        """Check whether a table can have these columns, before anything is read for it."""
        if self.max_columns is not None and len(columns) > self.max_columns:
            raise DestinationError(
                Fault.ROW_TOO_WIDE, f"{len(columns)} columns, and {self.max_columns} is the most a table can have"
            )

    @abstractmethod
    def check(self) -> None:
        """Check whether tables can be created, written and dropped."""

    @abstractmethod
    def has_table(self, table: Table) -> bool:
        """True when the table exists."""

    @abstractmethod
    def load(self, load: Load) -> None:
        """Write a load; readers see the table as before or as after, never in between. Repeating it changes nothing."""

    @abstractmethod
    def count(self, table: Table, *, without_deleted: bool) -> int:
        """The number of rows; of a table with history, the number of current versions."""

    @abstractmethod
    def keys(self, table: Table, *, without_deleted: bool) -> Iterator[pa.Array]:
        """Yield the ids of all rows (current versions only) in pieces."""

    def count_of(self, table: Table, keys: list[str]) -> int:
        """How many of these rows exist and aren't marked as deleted."""
        wanted = set(keys)
        return sum(key in wanted for piece in self.keys(table, without_deleted=True) for key in piece.to_pylist())

    @abstractmethod
    def column_names(self, table: Table) -> set[str]:
        """The names of a table's columns; none when there is no such table."""

    @abstractmethod
    def values(
        self, table: Table, names: tuple[str, ...], keys: list[str] | None
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Yield ids with the values of columns in pieces, as the driver returns them; current versions only.

        With `keys`, only of these rows, as far as they exist.
        """

    @abstractmethod
    def delete(self, table: Table, keys: list[str], *, marks: bool) -> int:
        """Delete rows by their ids, or with `marks` set is_deleted; return how many. In one transaction."""

    def remove_org(self, table: Table) -> int:
        """Delete all rows of the table's org, all versions; return how many were current. In one transaction."""
        raise DestinationError(Fault.UNEXPECTED, f"{table.name}: this kind of destination doesn't keep orgs apart")

    def rename_org(self, table: Table, name: str) -> None:
        """Write the org's name into all of its rows, all versions. Doing it twice changes nothing."""
        raise DestinationError(Fault.UNEXPECTED, f"{table.name}: this kind of destination doesn't keep orgs apart")

    @abstractmethod
    def empty(self, table: Table, names: tuple[str, ...]) -> None:
        """Empty columns in all rows, older versions included, and leave no copy of their values.

        This also changes the marks of versions, because they derive from the values. Doing it twice changes
        nothing.
        """

    @abstractmethod
    def preview(self, table: Table, rows: int) -> Preview:
        """Columns with their types, and the first rows."""

    @abstractmethod
    def snippets(self, table: Table) -> dict[str, str]:
        """How to read the table from other programs, by the program's name; without any password."""
