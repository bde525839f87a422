"""Search: SOSL with FIND {words}, and parameterized search for plain words.

Source: SOQL and SOSL Reference, "SOSL Syntax"; REST API Developer Guide, "Parameterized Search".
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import json_body, refuse, require_api
from datasync_flask.practice_org.faults import the_org
from datasync_flask.practice_org.records import records_of
from datasync_flask.practice_org.soql import Answer, run_soql
from datasync_flask.practice_org.soql_tokens import SoqlError

bp = Blueprint("search", __name__, url_prefix="/services/data/v<version>")

MOST_FOUND = 200
# One object of RETURNING: its name and, in brackets, fields and conditions.
_RETURNED = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.S)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'", re.S)
_TAIL = re.compile(r"\b(?:WHERE|ORDER\s+BY|USING)\b.*", re.I | re.S)
_LIMIT = re.compile(r"\bLIMIT\s+(\d{1,9})(?:\s+OFFSET\s+\d{1,9})?\s*$", re.I)


@dataclass(frozen=True)
class Returned:
    """What a search returns of an object: fields, further conditions, and a limit."""

    name: str
    fields: str = "Id"
    tail: str = ""
    limit: int = MOST_FOUND

    def answer(self) -> Answer:
        """All its rows. Raises SoqlError."""
        soql = f"SELECT {self.fields.strip() or 'Id'} FROM {self.name} {self.tail}"  # noqa: S608 (SOQL)
        return run_soql(the_org().data, soql, with_deleted=False)


def _returned(name: str, text: str) -> Returned:
    limit = _LIMIT.search(text)
    text = _LIMIT.sub("", text)
    tail = _TAIL.search(text)
    fields = text[: tail.start()] if tail else text
    return Returned(name, fields, tail[0] if tail else "", int(limit[1]) if limit else MOST_FOUND)


def _parts(text: str) -> list[str]:
    """The parts of a text between commas outside brackets and quotes."""
    plain = _QUOTED.sub(lambda found: "x" * len(found[0]), text)
    depth, ends = 0, [-1]
    for at, letter in enumerate(plain):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            ends.append(at)
    return [text[start + 1 : end] for start, end in zip(ends, [*ends[1:], len(text)], strict=True)]


@bp.get("/search")
def search(version: str) -> ResponseReturnValue:
    """SOSL."""
    require_api("search")
    text = request.args.get("q", "")
    asked = re.search(r"FIND\s*\{(?P<words>[^}]*)\}", text, re.I)
    if asked is None:
        message = "No search term found. The search term must be enclosed in braces."
        return refuse(400, "MALFORMED_SEARCH", message)
    _, *returning = re.split(r"\bRETURNING\b", text[asked.end() :], maxsplit=1, flags=re.I)
    if not returning:
        return _found(asked["words"], version, [])
    whole = re.sub(r"(\)|\w)\s+(?:LIMIT|WITH|UPDATE)\b[^()]*$", r"\1", returning[0], flags=re.I).strip()
    objects = []
    for part in _parts(whole):
        match = _RETURNED.fullmatch(part)
        if match is None:
            return refuse(400, "MALFORMED_SEARCH", f"unexpected token: '{part.strip()}'")
        objects.append(_returned(match[1], match[2] or ""))
    return _found(asked["words"], version, objects)


@bp.route("/parameterizedSearch", methods=["GET", "POST"])
def parameterized_search(version: str) -> ResponseReturnValue:
    """A search for plain words, with parameters in the address or as JSON."""
    require_api("search")
    order = json_body() if request.method == "POST" else _order_of_address()
    fields, objects = order.get("fields"), order.get("sobjects")
    usual = ",".join(map(str, fields)) if isinstance(fields, list) and fields else "Id"
    wanted = []
    for each in objects if isinstance(objects, list) else []:
        if not isinstance(each, dict) or not re.fullmatch(r"\w+", str(each.get("name")), re.A):
            return refuse(400, "JSON_PARSER_ERROR", "Required field missing: name")
        own, limit, where = each.get("fields"), each.get("limit"), each.get("where")
        wanted.append(
            Returned(
                str(each["name"]),
                ",".join(map(str, own)) if isinstance(own, list) and own else usual,
                f"WHERE {where}" if where else "",
                limit if isinstance(limit, int) else MOST_FOUND,
            )
        )
    most = order.get("overallLimit")
    return _found(str(order.get("q") or ""), version, wanted, most if isinstance(most, int) else MOST_FOUND)


def _order_of_address() -> dict[str, Any]:
    """The parameters of the address in the form of the JSON ones."""
    args, names = request.args, [each for text in request.args.getlist("sobject") for each in text.split(",")]
    return {
        "q": args.get("q"),
        "fields": [each for each in args.get("fields", "").split(",") if each],
        "overallLimit": args.get("overallLimit", type=int),
        "sobjects": [
            {
                "name": name,
                "fields": [each for each in args.get(f"{name}.fields", "").split(",") if each],
                "limit": args.get(f"{name}.limit", type=int),
                "where": args.get(f"{name}.where"),
            }
            for name in names
        ],
    }


def _found(words: str, version: str, objects: list[Returned], most: int = MOST_FOUND) -> Response:
    """The records whose name contains the words, of these objects or else of all."""
    wanted = words.strip().strip('"*').lower()
    if len(wanted) < 2:
        return refuse(400, "MALFORMED_SEARCH", "search term must be longer than one character")
    hits: list[dict[str, Any]] = []
    data = the_org().data
    with data.lock:
        for returned in objects or [Returned(found.name) for found in data.listed() if found.rows]:
            # Objects that need a filter are searched only if they are named.
            with suppress(*() if objects else (SoqlError,)):
                answer = returned.answer()
                rows = [row for row in answer.rows if wanted in _name_of(row)] if answer.columns else []
                hits += records_of(answer, rows[: max(returned.limit, 0)], version)
    return jsonify({"searchRecords": hits[: max(min(most, MOST_FOUND), 0)]})


def _name_of(row: Any) -> str:
    return str(row.get("Name") or "").lower() if isinstance(row, dict) else ""
