"""Converts Salesforce's values to the types of columns: exactly, or with a note of which value isn't and why.

A column is parsed as a whole, and value by value only if that fails. Sources: Object Reference "Field Types"; Bulk API
2.0 Developer Guide "Format of CSV responses"; RFC 8259 for what REST answers.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from datasync_flask.destinations.base import DECIMAL_PRECISION, DECIMAL_SCALE, ColumnType
from datasync_flask.extractions.runs.arrow_types import ARROW_TYPES
from datasync_flask.salesforce import exact_json

# A float is written with up to 17 digits, some of them after zeros.
_LONGER = pa.decimal128(38, 19)
_WIDE = pa.decimal256(76, 38)
SAMPLE = 100
_STEP = Decimal(1).scaleb(-DECIMAL_SCALE)
_EXACT = Context(prec=DECIMAL_PRECISION)
# A number of up to this many characters is the same as a float.
_ALWAYS_EXACT = 15
EXAMPLES = 3
REPLACEMENT = "\ufffd"
_FIRST_DAY, _LAST_DAY = pa.scalar(date.min), pa.scalar(date.max)
_FIRST_MOMENT = pa.scalar(datetime.min.replace(tzinfo=UTC), ARROW_TYPES[ColumnType.TIMESTAMP])
_LAST_MOMENT = pa.scalar(datetime.max.replace(tzinfo=UTC), ARROW_TYPES[ColumnType.TIMESTAMP])


class Why(enum.StrEnum):
    """Why a value couldn't be stored exactly."""

    # These become null.
    NOT_OF_TYPE = "not_of_type"
    OUT_OF_RANGE = "out_of_range"
    # For these, something close to the value is stored.
    ROUNDED = "rounded"
    CHARACTERS = "characters"


@dataclass
class Odd:
    """Values of one column that couldn't be stored exactly: how many, and the first of them as (row, text)."""

    why: Why
    count: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Parsed:
    """A column in its type, and its values that differ from Salesforce's."""

    array: pa.Array
    odd: list[Odd] = field(default_factory=list)


def from_csv(cells: pa.Array, kind: ColumnType, *, may_have_nul: bool = True) -> Parsed:
    """A column of Bulk's CSV, read as bytes, in its type; empty values are null."""
    try:
        texts, odd = pc.cast(cells, pa.string()), list[Odd]()
    except pa.ArrowInvalid:
        texts, odd = _decoded(cells)
    return _typed(texts, kind, odd, may_have_nul=may_have_nul)


def from_json(values: list[Any], kind: ColumnType) -> Parsed:
    """A column of REST's JSON (see exact_json) in its type; empty values are null, a structure is its JSON text."""
    texts = [None if value is None or value == "" else _text(value) for value in values]
    try:
        return _typed(pa.array(texts, pa.string()), kind, [])
    except UnicodeEncodeError:
        # Lone surrogates: JSON can have them, UTF-8 can't.
        whole = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
        return from_csv(pa.array(whole, pa.binary()), kind)


def parsed(texts: pa.Array, kind: ColumnType) -> pa.Array:
    """Texts in a column's type; a value that doesn't fit is null."""
    return _typed(texts, kind, []).array


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    try:
        return exact_json.dumps(value)
    except RecursionError:
        return "(too deep)"


def _decoded(cells: pa.Array) -> tuple[pa.Array, list[Odd]]:
    """Decode bytes of which some are invalid UTF-8."""
    odd, texts = Odd(Why.CHARACTERS), list[str | None]()
    for row, cell in enumerate(cells.to_pylist()):
        try:
            texts.append(None if cell is None else cell.decode())
        except UnicodeDecodeError:
            # One replacement character for a lone surrogate, as for any invalid byte.
            text = re.sub("[\ud800-\udfff]", REPLACEMENT, _with_halves(cell))
            _note(odd, row, text)
            texts.append(text)
    return pa.array(texts, pa.string()), [odd]


def _with_halves(cell: bytes) -> str:
    try:
        return cell.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return cell.decode("utf-8", "replace")


def _typed(texts: pa.Array, kind: ColumnType, odd: list[Odd], *, may_have_nul: bool = True) -> Parsed:
    if may_have_nul:
        texts = _without_nul(texts, odd)
    if kind is ColumnType.TEXT:
        return Parsed(texts, odd)
    try:
        return Parsed(_FAST[kind](texts, odd), odd)
    except pa.ArrowInvalid:
        return Parsed(_one_by_one(texts, kind, odd), odd)


def _without_nul(texts: pa.Array, odd: list[Odd]) -> pa.Array:
    """Remove NUL, which occurs in texts and which no destination accepts."""
    has_nul = pc.match_substring(texts, "\x00")
    if not pc.any(has_nul).as_py():
        return texts
    kept = pc.replace_substring(texts, "\x00", "")
    _note_rows(odd, Why.CHARACTERS, has_nul, kept)
    return pc.if_else(pc.equal(kept, ""), pa.scalar(None, pa.string()), kept)


def _note(odd: Odd, row: int, text: str) -> None:
    odd.count += 1
    if len(odd.examples) < EXAMPLES:
        odd.examples.append((row, text))


def _note_rows(odd: list[Odd], why: Why, where: pa.Array, texts: pa.Array) -> None:
    rows = pc.indices_nonzero(where)
    first = rows.slice(0, EXAMPLES).to_pylist()
    odd.append(Odd(why, len(rows), [(row, texts[row].as_py()) for row in first]))


# Whole columns. Each raises pyarrow.ArrowInvalid as soon as one value is invalid.


def _refuse_unless(condition: Any) -> None:
    if not condition:
        raise pa.ArrowInvalid("parsed one by one")


def _bools(texts: pa.Array, _: list[Odd]) -> pa.Array:
    lower = pc.ascii_lower(texts)
    is_true = pc.equal(lower, "true")
    _refuse_unless(pc.all(pc.or_(is_true, pc.equal(lower, "false"))).as_py() is not False)
    return is_true


def _integers(texts: pa.Array, _: list[Odd]) -> pa.Array:
    try:
        found = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        # Salesforce sometimes sends an int as 5.0.
        found = pc.cast(pc.replace_substring_regex(texts, r"\.0+$", ""), pa.int64())
    # Arrow accepts 0x10 as a number. Looking for both letters is faster than ignoring case.
    _refuse_unless(not any(pc.any(pc.match_substring(texts, letter)).as_py() for letter in "xX"))
    return found


def _doubles(texts: pa.Array, odd: list[Odd]) -> pa.Array:
    found = pc.cast(texts, pa.float64())
    _refuse_unless(pc.all(pc.is_finite(found)).as_py() is not False)
    is_long = pc.greater(pc.binary_length(texts), _ALWAYS_EXACT)
    if pc.any(is_long).as_py():
        # Only a text that differs from Arrow's for the same float can be another number.
        differs = pc.and_(is_long, pc.not_equal(pc.cast(found, pa.string()), texts))
        rounded = Odd(Why.ROUNDED)
        for row in pc.indices_nonzero(differs).to_pylist():
            text = texts[row].as_py()
            if Decimal(repr(found[row].as_py())) != Decimal(text):
                _note(rounded, row, text)
        odd.extend([rounded] if rounded.count else [])
    return found


def _decimals(texts: pa.Array, odd: list[Odd]) -> pa.Array:
    target = ARROW_TYPES[ColumnType.DECIMAL]
    # The target accepts no more digits after the point than it keeps; the widest type is the slowest.
    for kind in (target, _LONGER, _WIDE):
        try:
            # A column's numbers are alike: trying the first ones is quick, trying all is slow.
            pc.cast(texts.slice(0, SAMPLE), kind)
            exact = pc.cast(texts, kind)
        except pa.ArrowInvalid:
            continue
        if kind == target:
            return exact
        rounded = pc.round(exact, DECIMAL_SCALE, "half_to_even")
        found, differs = pc.cast(rounded, target), pc.not_equal(rounded, exact)
        if pc.any(differs).as_py():
            _note_rows(odd, Why.ROUNDED, differs, texts)
        return found
    raise pa.ArrowInvalid("not decimals")


def _dates(texts: pa.Array, _: list[Odd]) -> pa.Array:
    found = pc.cast(texts, pa.date32())
    _refuse_unless(_is_between(found, _FIRST_DAY, _LAST_DAY))
    return found


def _timestamps(texts: pa.Array, _: list[Odd]) -> pa.Array:
    # Z in CSV, +0000 in JSON; both mean UTC.
    found = pc.cast(texts, ARROW_TYPES[ColumnType.TIMESTAMP])
    _refuse_unless(_is_between(found, _FIRST_MOMENT, _LAST_MOMENT))
    return found


def _times(texts: pa.Array, _: list[Odd]) -> pa.Array:
    moments = pc.binary_join_element_wise("1970-01-01T", pc.replace_substring_regex(texts, r"Z$", ""), "")
    return pc.cast(pc.cast(moments, pa.timestamp("us")), pa.time64("us"))


def _is_between(array: pa.Array, first: pa.Scalar, last: pa.Scalar) -> bool:
    ends = pc.min_max(array)
    if not ends["min"].is_valid:
        return True
    return bool(pc.greater_equal(ends["min"], first).as_py() and pc.less_equal(ends["max"], last).as_py())


_FAST: dict[ColumnType, Callable[[pa.Array, list[Odd]], pa.Array]] = {
    ColumnType.BOOL: _bools,
    ColumnType.BIGINT: _integers,
    ColumnType.DOUBLE: _doubles,
    ColumnType.DECIMAL: _decimals,
    ColumnType.DATE: _dates,
    ColumnType.TIMESTAMP: _timestamps,
    ColumnType.TIME: _times,
}

# Single values. Each returns the value, and why it isn't exactly the text's; None when it is.

_Value = tuple[Any, Why | None]
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.I | re.A)
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T00:00(?::00(?:\.0+)?)?(?:Z|[+-]00:?00)?)?", re.A)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d+))?(?:Z|([+-])(\d\d):?(\d\d))?)?", re.A)
_CLOCK = re.compile(r"(\d\d:\d\d)(:\d\d)?(?:\.(\d+))?(?:Z|[+-]00:?00)?", re.A)
_FAR_YEAR = re.compile(r"([+-]?\d{5,}|[+-]\d+|0000)-\d\d-\d\d(T.*)?", re.A)
_WRONG: _Value = (None, Why.NOT_OF_TYPE)
_TOO_LARGE: _Value = (None, Why.OUT_OF_RANGE)
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


def _one_by_one(texts: pa.Array, kind: ColumnType, odd: list[Odd]) -> pa.Array:
    found, values = {why: Odd(why) for why in Why}, []
    for row, text in enumerate(texts.to_pylist()):
        value, why = _SLOW[kind](text) if text else (None, None)
        if why is not None:
            _note(found[why], row, text)
        values.append(value)
    odd.extend(each for each in found.values() if each.count)
    return pa.array(values, ARROW_TYPES[kind])


def _bool(text: str) -> _Value:
    value = _BOOLS.get(text.lower())
    return _WRONG if value is None else (value, None)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None


def _integer(text: str) -> _Value:
    number = _number(text)
    if number is None:
        return _WRONG
    if number.adjusted() > 18:
        return _TOO_LARGE
    if number != number.to_integral_value():
        return _WRONG
    return (int(number), None) if -(2**63) <= number < 2**63 else _TOO_LARGE


def _double(text: str) -> _Value:
    if not _NUMBER.fullmatch(text):
        return _WRONG
    value = float(text)
    if not math.isfinite(value):
        return _TOO_LARGE
    number = _number(text)
    return value, None if number is not None and Decimal(repr(value)) == number else Why.ROUNDED


def _decimal(text: str) -> _Value:
    if not _NUMBER.fullmatch(text):
        return _WRONG
    number = _number(text)
    try:
        if number is None:
            return _TOO_LARGE
        value = number.quantize(_STEP, context=_EXACT)
    except InvalidOperation:
        return _TOO_LARGE
    return value, None if value == number else Why.ROUNDED


def _day(text: str) -> _Value:
    parts = _DAY.fullmatch(text)
    try:
        return (date(*map(int, parts.groups())), None) if parts else _far_or_wrong(text)
    except ValueError:
        return _far_or_wrong(text)


def _far_or_wrong(text: str) -> _Value:
    return _TOO_LARGE if _FAR_YEAR.fullmatch(text) else _WRONG


def _fraction(digits: str | None) -> tuple[int, Why | None]:
    """The microseconds, and whether the text has more digits than they hold."""
    digits = (digits or "").ljust(6, "0")
    return int(digits[:6]), Why.ROUNDED if digits[6:].strip("0") else None


def _moment(text: str) -> _Value:
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        return _far_or_wrong(text)
    day, clock, seconds, fraction, sign, hours, minutes = parts.groups()
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        return _WRONG
    microseconds, why = _fraction(fraction)
    try:
        there = datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ':00'}+00:00")
    except ValueError:
        return _far_or_wrong(text)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        return there.replace(microsecond=microseconds) - (-offset if sign == "-" else offset), why
    except OverflowError:
        return _TOO_LARGE


def _clock(text: str) -> _Value:
    parts = _CLOCK.fullmatch(text)
    if parts is None:
        return _WRONG
    clock, seconds, fraction = parts.groups()
    microseconds, why = _fraction(fraction)
    try:
        return time.fromisoformat(f"{clock}{seconds or ':00'}").replace(microsecond=microseconds), why
    except ValueError:
        return _WRONG


_SLOW: dict[ColumnType, Callable[[str], _Value]] = {
    ColumnType.BOOL: _bool,
    ColumnType.BIGINT: _integer,
    ColumnType.DOUBLE: _double,
    ColumnType.DECIMAL: _decimal,
    ColumnType.DATE: _day,
    ColumnType.TIMESTAMP: _moment,
    ColumnType.TIME: _clock,
}
