"""Reads files of unknown origin as text and data: JSON, YAML and TOML. A refusal says where a file can't be read.

YAML is read as texts only and without tags, so nothing in a file can create an object of this program.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from pathlib import PurePath
from typing import Any

import yaml
from flask_babel import gettext
from wtforms.validators import ValidationError

# The command reads catalogues of whole orgs; the page is limited by the size of a request.
MAX_BYTES = 20 * 1024 * 1024
_MAX_TEXT = 2000
# Bytes that are common in programs and archives, but don't occur in text of any encoding.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_TOML_TABLE = re.compile(r"^[ \t]*\[{1,2}[A-Za-z_][\w.\"' -]*\]{1,2}[ \t]*(#.*)?$", re.MULTILINE)
# No settings are nested this deeply, and tomllib needs quadratic time for it.
_DEEP_TOML = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){100}")
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "bool", "float", "null", "timestamp", "map", "seq")
)
_REFERENCE = re.compile(r"\$\{?[A-Za-z_]\w*\}?|\$\{.*\}|\{\{.*\}\}", re.DOTALL)
_PLACEHOLDER = re.compile(r"<[^<>]*>|\.\.\.my_\w+\.\.\.|please set me up!|REMOVED", re.IGNORECASE)


class FileRefused(ValidationError):
    """A file can't be read; the text says why, for the person who chose it. A validator lets it pass."""


class _TextLoader(yaml.BaseLoader):
    """Reads all values as texts, and refuses tags that ask for anything else."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _PLAIN_TAGS:
            raise yaml.constructor.ConstructorError(None, None, "tag", node.start_mark)
        return super().construct_object(node, deep=deep)


@dataclass(frozen=True)
class Document:
    """The text of a file, and its name if it has one."""

    text: str
    filename: str = ""

    @property
    def suffix(self) -> str:
        """The extension of the file's name, with the dot and in lower case."""
        return PurePath(self.filename).suffix.lower()

    @cached_property
    def data(self) -> Any:
        """The parsed JSON, YAML or TOML; None for any other text. Raises FileRefused."""
        try:
            return _loaded(self.text, self.suffix)
        except (RecursionError, MemoryError):
            raise FileRefused(gettext("This file is nested too deeply.")) from None

    @property
    def mapping(self) -> dict[Any, Any]:
        """The data if it is a mapping, else an empty one. Raises FileRefused."""
        return self.data if isinstance(self.data, dict) else {}


def decoded(data: bytes) -> str:
    """A file's text. Raises FileRefused."""
    if len(data) > MAX_BYTES:
        raise FileRefused(gettext("This file is too large: at most %(most)s MB can be read.", most=MAX_BYTES >> 20))
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if not _CONTROL.search(data):
            raise FileRefused(gettext("This file isn’t in UTF-8. Save it in UTF-8 and choose it again.")) from None
        text = "\x00"
    return checked_text(text)


def checked_text(text: str) -> str:
    """The text, if it may be a settings file. Raises FileRefused."""
    if "\x00" in text:
        raise FileRefused(
            gettext("This isn’t a text file. Choose the file with the settings, not a program or archive.")
        )
    if not text.strip():
        raise FileRefused(gettext("This file is empty."))
    return text


def _loaded(text: str, suffix: str) -> Any:
    if suffix in {".py", ".tf", ".sh"}:
        return None
    if suffix == ".toml" or (suffix not in {".json", ".yml", ".yaml"} and _TOML_TABLE.search(text)):
        return _toml(text)
    if suffix == ".json" or text.lstrip().startswith(("{", "[")):
        return _json(text)
    found = _yaml(text)
    return found if isinstance(found, dict | list) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            # JSON written by hand often has a trailing comma, which YAML accepts.
            return _yaml(text)
        except FileRefused:
            raise FileRefused(
                gettext("This isn’t JSON: line %(line)s, column %(column)s.", line=error.lineno, column=error.colno)
            ) from None
    except ValueError:
        raise FileRefused(gettext("This isn’t JSON: a number in it is too long.")) from None


def _toml(text: str) -> Any:
    if _DEEP_TOML.search(text):
        raise FileRefused(gettext("This file is nested too deeply."))
    try:
        return tomllib.loads(text)
    except ValueError as error:
        # The whole message may quote the file, with its secrets.
        place = re.search(r"line (\d+), column (\d+)\)$", str(error))
        if place is None:
            raise FileRefused(gettext("This isn’t TOML.")) from None
        raise FileRefused(
            gettext("This isn’t TOML: line %(line)s, column %(column)s.", line=place[1], column=place[2])
        ) from None


def _yaml(text: str) -> Any:
    found = _parsed_yaml(text)
    # Each value takes at least one character, so further ones are repetitions by reference (*name).
    if _values_in(found, {}) > len(text):
        raise FileRefused(gettext("This file refers to its own parts too often."))
    return found


def _values_in(data: Any, known: dict[int, float]) -> float:
    """The number of values if each reference is followed."""
    if not isinstance(data, dict | list):
        return 1
    if id(data) not in known:
        # A value may contain itself.
        known[id(data)] = math.inf
        parts = data.values() if isinstance(data, dict) else data
        known[id(data)] = 1.0 + sum(_values_in(each, known) for each in parts)
    return known[id(data)]


def _parsed_yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_TextLoader)  # noqa: S506 (texts only)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        if error.problem == "tag":
            raise FileRefused(
                gettext("Line %(line)s has a YAML tag, which isn’t read here. Remove it.", line=line)
            ) from None
        raise FileRefused(gettext("This isn’t YAML: line %(line)s.", line=line)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            raise FileRefused(gettext("This isn’t YAML.")) from None
        raise FileRefused(gettext("This isn’t YAML: line %(line)s.", line=mark.line + 1)) from None
    except ValueError:
        raise FileRefused(gettext("This isn’t YAML.")) from None


def text_of(value: Any) -> str:
    """A single value as text; '' for lists, settings and nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str):
        # JSON can have lone surrogates, which can't be stored.
        whole = value[:_MAX_TEXT].encode("utf-8", "ignore").decode()
        return " ".join(whole.replace("\x00", "").split())
    return f"{value:.15g}" if isinstance(value, float) else str(value) if _is_short(value) else ""


def _is_short(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < 10**15


def is_true(value: Any) -> bool:
    """True for true, however it is written."""
    return text_of(value).lower() in {"true", "yes", "on", "1"}


def part(data: Any, *names: str) -> Any:
    """The value in settings below these names; None if it is missing."""
    for name in names:
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data


def mapping(data: Any) -> Mapping[Any, Any]:
    """A mapping unchanged; an empty one for anything else."""
    return data if isinstance(data, Mapping) else {}


def items(data: Any) -> Iterator[Any]:
    """Yield the entries of a list; nothing for anything else."""
    yield from data if isinstance(data, list) else ()


def is_missing(text: str) -> bool:
    """True when a text is no real value: a reference to a variable, or a placeholder."""
    return bool(not text or _REFERENCE.fullmatch(text) or _PLACEHOLDER.fullmatch(text))
