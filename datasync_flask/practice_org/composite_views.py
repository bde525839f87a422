"""Several requests in one: composite, composite/batch, several records of an object.

Source: REST API Developer Guide, "Composite Resources".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import json_body, object_called, refusal, refuse, require_api, stop
from datasync_flask.practice_org.faults import INNER_FAULT, IS_INNER, the_org
from datasync_flask.practice_org.object_views import is_readable
from datasync_flask.practice_org.org import Fault
from datasync_flask.practice_org.records import records_of
from datasync_flask.practice_org.soql import read_records

bp = Blueprint("composite", __name__, url_prefix="/services/data/v<version>/composite")

MOST_PARTS, MOST_RECORDS = 25, 2000
_REFERENCE = re.compile(r"@\{(?P<id>\w+)(?P<path>(?:\.\w+|\[\d+\])*)\}", re.A)


@dataclass(frozen=True)
class Inner:
    """The answer to a request inside a request."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        """True for a refusal."""
        return self.status >= 400


def _ask(part: Any, version: str, fault: Fault | None = None) -> Inner:
    """Make one of the requests, with the token of the outer one."""
    if not isinstance(part, dict) or not isinstance(part.get("url"), str):
        return Inner(400, refusal("INVALID_BATCH_REQUEST", "Required field missing: url"))
    # "v66.0/limits", "/v66.0/limits" and the whole path are all accepted.
    path = "/services/data/" + part["url"].removeprefix("/").removeprefix("services/data/")
    if path.split("?")[0].rstrip("/").endswith(("/composite", "/composite/batch")):
        return Inner(400, refusal("INVALID_REQUEST", "A composite request can't hold another one."))
    answer = current_app.test_client().open(
        quote(path, safe="/?&=%+:@!$'()*,;~-._"),
        method=str(part.get("method") or "GET").upper(),
        headers={"Authorization": request.headers.get("Authorization", "")},
        json=part.get("body", part.get("richInput")),
        environ_overrides={IS_INNER: True, INNER_FAULT: fault, "HTTP_HOST": request.host},
    )
    headers = {name: answer.headers[name] for name in ("ETag", "Last-Modified") if name in answer.headers}
    return Inner(answer.status_code, answer.get_json(silent=True), headers)


def _parts_of(name: str) -> tuple[list[Any], dict[str, Any]]:
    order = json_body()
    parts = order.get(name)
    if not isinstance(parts, list) or not parts:
        stop(400, "JSON_PARSER_ERROR", f"Required field missing: {name}")
    if len(parts) > MOST_PARTS:
        stop(400, "LIMIT_EXCEEDED", f"Max number of requests is {MOST_PARTS}, there are {len(parts)}.")
    return parts, order


@bp.get("")
def resources(version: str) -> ResponseReturnValue:
    """The composite resources."""
    require_api("composite")
    base = f"/services/data/v{version}/composite"
    return jsonify({"batch": f"{base}/batch", "sobjects": f"{base}/sobjects"})


@bp.post("/batch")
def batch(version: str) -> ResponseReturnValue:
    """Independent requests; with the fault "shuffled", answered in the opposite order."""
    fault = require_api("describe")
    parts, order = _parts_of("batchRequests")
    results: list[dict[str, Any]] = []
    is_halted = False
    for part in parts:
        if is_halted:
            inner = Inner(412, refusal("BATCH_PROCESSING_HALTED", "Batch processing halted per request"))
        else:
            inner = _ask(part, version, fault)
            is_halted = inner.is_error and order.get("haltOnError") is True
        results.append({"statusCode": inner.status, "result": inner.body})
    if fault is not None and fault.kind == "shuffled":
        results.reverse()
    return jsonify({"hasErrors": any(each["statusCode"] >= 400 for each in results), "results": results})


@bp.post("")
def composite(version: str) -> ResponseReturnValue:
    """Requests in which later ones can use the answers of earlier ones."""
    require_api("composite")
    parts, order = _parts_of("compositeRequest")
    answered: dict[str, Inner] = {}
    for number, part in enumerate(parts):
        name = str(part.get("referenceId") or f"ref{number}") if isinstance(part, dict) else f"ref{number}"
        if name in answered:
            return refuse(400, "JSON_PARSER_ERROR", f"Duplicate referenceId provided: {name}")
        answered[name] = _ask_with(part, version, answered)
    if order.get("allOrNone") is True and any(inner.is_error for inner in answered.values()):
        words = "The transaction was rolled back since another operation in the same transaction failed."
        halted = Inner(400, refusal("PROCESSING_HALTED", words))
        answered = {name: inner if inner.is_error else halted for name, inner in answered.items()}
    responses = [
        {"body": inner.body, "httpHeaders": inner.headers, "httpStatusCode": inner.status, "referenceId": name}
        for name, inner in answered.items()
    ]
    return jsonify({"compositeResponse": responses})


def _ask_with(part: Any, version: str, answered: dict[str, Inner]) -> Inner:
    """Make a request whose address can refer to earlier answers: @{ref1.records[0].Id}."""
    if not isinstance(part, dict) or not isinstance(part.get("url"), str):
        return _ask(part, version)
    url = part["url"]
    for found in _REFERENCE.finditer(url):
        inner = answered.get(found["id"])
        value = None if inner is None or inner.is_error else inner.body
        for step in re.findall(r"\w+", found["path"], re.A):
            if isinstance(value, list) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            else:
                value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            words = f"Invalid reference specified. No value for {found[0]} found in {found['id']}"
            return Inner(400, refusal("PROCESSING_HALTED", words))
        url = url.replace(found[0], str(value))
    return _ask({**part, "url": url}, version)


@bp.route("/sobjects/<name>", methods=["GET", "POST"])
def several_records(version: str, name: str) -> ResponseReturnValue:
    """Records of one object by their ids, null for missing ones."""
    require_api("record")
    order = json_body() if request.method == "POST" else {}
    ids = order.get("ids") or request.args.get("ids", "").split(",")
    fields = order.get("fields") or request.args.get("fields", "").split(",")
    found = object_called(name)
    if not isinstance(ids, list) or not isinstance(fields, list) or not any(fields) or len(ids) > MOST_RECORDS:
        return refuse(400, "MALFORMED_QUERY", "Required parameters: ids, fields")
    for each in fields:
        if not isinstance(each, str) or not is_readable(the_org().data, found, each):
            return refuse(400, "INVALID_FIELD", f"No such column '{each}' on sobject of type {found.name}")
    answer = read_records(the_org().data, found.name, fields, [str(each) for each in ids])
    by_id = {row["Id"][:15]: row for row in answer.rows if not row.get("IsDeleted")}
    rows = [by_id.get(str(each)[:15]) for each in ids]
    return jsonify([records_of(answer, [row], version)[0] if row is not None else None for row in rows])
