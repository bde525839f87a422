"""Queries over REST and the Tooling API, page by page."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org import describe as description
from datasync_flask.practice_org.answers import not_found, object_called, refuse, require_api
from datasync_flask.practice_org.catalog import DEFINITIONS
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.oauth_views import origin
from datasync_flask.practice_org.records import attributes_of, column_metadata, records_of
from datasync_flask.practice_org.soql import run_soql
from datasync_flask.practice_org.soql_answer import Answer

bp = Blueprint("query", __name__, url_prefix="/services/data/v<version>")

REST_PAGE, LEAST_PAGE = 2000, 200
# Older queries can't be continued.
MOST_CURSORS = 50
# Salesforce sends shorter pages if a query selects a long text.
LONG_TEXT_PAGE = 1000
TOOLING = (*sorted(DEFINITIONS), "Organization", "User")


def _page_size(answer: Answer) -> int:
    asked = re.search(r"batchSize\s*=\s*(\d{1,5})", request.headers.get("Sforce-Query-Options", ""), re.I)
    size = min(max(int(asked[1]), LEAST_PAGE), REST_PAGE) if asked else REST_PAGE
    has_long_text = any(column.kind == "textarea" for column in answer.columns)
    return min(size, LONG_TEXT_PAGE) if has_long_text else size


def _answer_query(version: str, *, with_deleted: bool) -> ResponseReturnValue:
    """Answer a query with its first rows."""
    answer = run_soql(the_org().data, request.args.get("q", ""), with_deleted=with_deleted)
    if request.args.get("columns", "").lower() == "true":
        return jsonify(column_metadata(answer))
    if not answer.columns:
        return jsonify({"totalSize": len(answer.rows), "done": True, "records": []})
    # An id of a query's cursor.
    locator = "0r85g" + secrets.token_hex(5) + "AAA"
    return _page(answer, 0, locator, version)


def _page(answer: Answer, start: int, locator: str, version: str) -> ResponseReturnValue:
    following = start + _page_size(answer)
    body: dict[str, Any] = {"totalSize": len(answer.rows), "done": following >= len(answer.rows)}
    if not body["done"]:
        locators = the_org().locators
        locators[locator] = answer
        while len(locators) > MOST_CURSORS:
            locators.pop(next(iter(locators)))
        body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{following}"
    return jsonify(body | {"records": records_of(answer, answer.rows[start:following], version)})


def _explained() -> ResponseReturnValue:
    answer = run_soql(the_org().data, request.args["explain"], with_deleted=False)
    size = len(answer.object.rows)
    plan = {
        "cardinality": len(answer.rows), "fields": [], "leadingOperationType": "TableScan", "notes": [],
        "relativeCost": 1.0, "sobjectCardinality": size, "sobjectType": answer.object.name,
    }  # fmt: skip
    return jsonify({"plans": [plan], "sourceQuery": request.args["explain"]})


@bp.get("/query")
def query(version: str) -> ResponseReturnValue:
    """A query."""
    count_and_fault("api")
    require_api("query")
    return _explained() if "explain" in request.args else _answer_query(version, with_deleted=False)


@bp.get("/queryAll")
def query_all(version: str) -> ResponseReturnValue:
    """A query that includes deleted rows."""
    require_api("query")
    return _answer_query(version, with_deleted=True)


@bp.get("/query/<locator>")
@bp.get("/queryAll/<locator>")
def query_more(version: str, locator: str) -> ResponseReturnValue:
    """The next rows of a query."""
    require_api("query")
    name, _, start = locator.partition("-")
    answer = the_org().locators.get(name)
    if answer is None or not re.fullmatch(r"\d{1,9}", start, re.A):
        return refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(answer, int(start), name, version)


@bp.get("/tooling")
def tooling(version: str) -> ResponseReturnValue:
    """The resources of the Tooling API."""
    require_api("tooling")
    base = f"/services/data/v{version}/tooling"
    return jsonify({name: f"{base}/{name}" for name in ("query", "sobjects")})


@bp.get("/tooling/sobjects")
def tooling_objects(version: str) -> ResponseReturnValue:
    """The objects of the Tooling API."""
    require_api("tooling")
    entries = [description.entry_of(the_org().data.objects[name], version) for name in TOOLING]
    return jsonify({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries})


@bp.get("/tooling/sobjects/<name>/describe")
def tooling_describe(version: str, name: str) -> ResponseReturnValue:
    """The fields of one of them."""
    require_api("tooling")
    found = object_called(name)
    if found.name not in TOOLING:
        not_found()
    return jsonify(description.describe(the_org().data, found, version, origin()))


@bp.get("/tooling/query")
def tooling_query(version: str) -> ResponseReturnValue:
    """A query about objects and fields."""
    require_api("tooling")
    answer = run_soql(the_org().data, request.args.get("q", ""), with_deleted=False)
    if answer.object.name not in TOOLING:
        return refuse(400, "INVALID_TYPE", f"sObject type '{answer.object.name}' is not supported.")
    if request.args.get("columns", "").lower() == "true":
        return jsonify(column_metadata(answer))
    records = records_of(answer, answer.rows[:REST_PAGE], version) if answer.columns else []
    for record, row in zip(records, answer.rows, strict=False):
        if not answer.is_aggregate:
            url = attributes_of(answer.object, row, version)["url"]
            record["attributes"]["url"] = url.replace("/sobjects/", "/tooling/sobjects/")
    return jsonify(
        {
            "size": len(records), "totalSize": len(answer.rows), "done": True, "queryLocator": None,
            "entityTypeName": answer.object.name, "records": records,
        }
    )  # fmt: skip
