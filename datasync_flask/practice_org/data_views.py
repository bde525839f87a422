"""The practice org's data over REST and Bulk API 2.0, and the switches that change it."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import time
from typing import Any

from flask import Blueprint, Response, abort, jsonify, make_response, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.api_views import limit_info, refuse, require_api
from datasync_flask.practice_org.data import (
    CALCULATED,
    DECIMALS,
    NOT_IN_BULK,
    Answer,
    Data,
    Job,
    SObject,
    SoqlError,
    as_json,
    run_soql,
)
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.org import Fault

bp = Blueprint("data", __name__)
bp.after_request(limit_info)

REST_PAGE = 2000


def _data() -> Data:
    return the_org().data


def _entry(found: SObject, version: str) -> dict[str, Any]:
    return {
        "name": found.name,
        "label": found.name.removesuffix("__c"),
        "custom": found.name.endswith("__c"),
        "queryable": True,
        "retrieveable": True,
        "replicateable": found.has_dates,
        "deprecatedAndHidden": False,
        "urls": {"describe": f"/services/data/v{version}/sobjects/{found.name}/describe"},
    }


def _description(found: SObject, version: str, fault: Fault | None = None) -> dict[str, Any]:
    """Describe an object; with the fault "renamed", by another name: {"Account": "Contact"}."""
    fields = []
    for name, kind in found.fields.items():
        precision, scale = DECIMALS.get(kind, (0, 0))
        compound = "BillingAddress" if name.startswith("Billing") and name != "BillingAddress" else None
        fields.append(
            {
                "name": name, "label": name, "type": kind, "custom": name.endswith("__c"), "nillable": name != "Id",
                "calculated": (found.name, name) in CALCULATED, "precision": precision, "scale": scale,
                "length": 255 if kind == "string" else 0, "compoundFieldName": compound,
                "filterable": name not in found.unfilterable,
            }
        )  # fmt: skip
    names = json.loads(fault.body) if fault is not None and fault.kind == "renamed" else {}
    return _entry(found, version) | {"fields": fields, "name": names.get(found.name, found.name)}


@bp.get("/services/data/v<version>/sobjects")
def sobjects(version: str) -> ResponseReturnValue:
    """Describe Global."""
    count_and_fault("sobjects")
    require_api()
    return jsonify({"encoding": "UTF-8", "sobjects": [_entry(found, version) for found in _data().objects.values()]})


@bp.get("/services/data/v<version>/sobjects/<name>/describe")
def describe(version: str, name: str) -> ResponseReturnValue:
    """One object's fields."""
    fault = count_and_fault("describe")
    require_api()
    try:
        return jsonify(_description(_data().object(name), version, fault))
    except SoqlError:
        return refuse(404, "NOT_FOUND", "The requested resource does not exist")


@bp.post("/services/data/v<version>/composite/batch")
def batch(version: str) -> ResponseReturnValue:
    """Several describes at once; with the fault "shuffled", in the opposite order."""
    fault = count_and_fault("describe")
    require_api()
    results = []
    for part in (request.get_json(silent=True) or {}).get("batchRequests", ()):
        name = str(part.get("url", "")).split("/sobjects/")[-1].split("/")[0]
        try:
            results.append({"statusCode": 200, "result": _description(_data().object(name), version, fault)})
        except SoqlError:
            results.append({"statusCode": 404, "result": [{"errorCode": "NOT_FOUND", "message": "does not exist"}]})
    if fault is not None and fault.kind == "shuffled":
        results.reverse()
    return jsonify({"hasErrors": False, "results": results})


def _records(answer: Answer, rows: list[dict[str, Any]], version: str) -> list[dict[str, Any]]:
    return [
        {
            "attributes": {
                "type": answer.object,
                "url": f"/services/data/v{version}/sobjects/{answer.object}/{row['Id']}",
            }
        }
        | {name: as_json(row.get(name)) for name in answer.fields}
        for row in rows
    ]


def answer_query(version: str, *, with_deleted: bool) -> ResponseReturnValue:
    """Answer a REST query, the first 2,000 rows of it."""
    try:
        answer = run_soql(_data(), request.args.get("q", ""), with_deleted=with_deleted)
    except SoqlError as error:
        return refuse(400, error.code, str(error))
    if not answer.fields:
        return jsonify({"totalSize": len(answer.rows), "done": True, "records": []})
    locator = secrets.token_hex(8)
    the_org().locators[locator] = answer
    return _page(answer, 0, locator, version)


def _page(answer: Answer, start: int, locator: str, version: str) -> ResponseReturnValue:
    rows = answer.rows[start : start + REST_PAGE]
    body: dict[str, Any] = {"totalSize": len(answer.rows), "done": start + REST_PAGE >= len(answer.rows)}
    if not body["done"]:
        body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{start + REST_PAGE}"
    return jsonify(body | {"records": _records(answer, rows, version)})


@bp.get("/services/data/v<version>/queryAll")
def query_all(version: str) -> ResponseReturnValue:
    """A query that sees deleted rows."""
    count_and_fault("query")
    require_api()
    return answer_query(version, with_deleted=True)


@bp.get("/services/data/v<version>/query/<locator>")
def query_more(version: str, locator: str) -> ResponseReturnValue:
    """The next rows of a query."""
    count_and_fault("query")
    require_api()
    name, _, start = locator.partition("-")
    answer = the_org().locators.get(name)
    if answer is None or not start.isdigit():
        return refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(answer, int(start), name, version)


def _shown(job: Job, version: str) -> dict[str, Any]:
    shown = {
        "id": job.id, "operation": job.operation, "object": job.answer.object, "state": job.current_state(),
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(version), "jobType": "V2Query",
        "lineEnding": "LF", "columnDelimiter": "COMMA", "numberRecordsProcessed": len(job.answer.rows),
    }  # fmt: skip
    return shown | ({"errorMessage": job.error} if job.error else {})


@bp.post("/services/data/v<version>/jobs/query")
def create_job(version: str) -> ResponseReturnValue:
    """Create a query job."""
    count_and_fault("jobs")
    require_api()
    order = request.get_json(silent=True) or {}
    if the_org().settings.bulk_off:
        return refuse(400, "FEATURENOTENABLED", "Async API not enabled")
    try:
        answer = run_soql(_data(), order.get("query", ""), with_deleted=order.get("operation") == "queryAll")
    except SoqlError as error:
        return refuse(400, error.code, str(error))
    if answer.object in NOT_IN_BULK:
        return refuse(400, "INVALIDENTITY", f"Entity '{answer.object}' is not supported by the Bulk API.")
    kinds = {"address", "location", "base64"} | ({"json"} if the_org().settings.bulk_refuses_json else set())
    if any(_data().object(answer.object).fields[name] in kinds for name in answer.fields):
        return refuse(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")
    complete_at = time.time() + the_org().settings.job_seconds
    job = Job(f"7505g{secrets.token_hex(6)}A", order["query"], order.get("operation", "query"), answer, complete_at)
    _data().jobs[job.id] = job
    _data().jobs_made += 1
    return jsonify(_shown(job, version))


def _job(job_id: str) -> Job:
    job = _data().jobs.get(job_id)
    if job is None:
        abort(make_response(refuse(404, "NOT_FOUND", "The requested resource does not exist")))
    return job


@bp.route("/services/data/v<version>/jobs/query/<job_id>", methods=["GET", "PATCH", "DELETE"])
def job(version: str, job_id: str) -> ResponseReturnValue:
    """Look at, abort or delete a job."""
    count_and_fault("job")
    require_api()
    found = _job(job_id)
    if request.method == "DELETE":
        if found.current_state() == "InProgress":
            return refuse(400, "API_ERROR", "Job has not finished")
        del _data().jobs[job_id]
        return "", 204
    if request.method == "PATCH" and (request.get_json(silent=True) or {}).get("state") == "Aborted":
        found.state = "Aborted"
    return jsonify(_shown(found, version))


@bp.get("/services/data/v<version>/jobs/query/<job_id>/results")
def results(version: str, job_id: str) -> ResponseReturnValue:
    """One page of a job's result, as gzip CSV."""
    count_and_fault("results")
    require_api()
    found = _job(job_id)
    if found.current_state() != "JobComplete":
        return "", 204
    start = int(base64.urlsafe_b64decode(request.args["locator"])) if request.args.get("locator") else 0
    size = min(int(request.args.get("maxRecords", 50_000)), the_org().settings.result_page_rows)
    text, rows, following = found.page(start, size)
    body = gzip.compress(text.encode("utf-8", "surrogatepass"), 1)
    headers = {
        "Content-Type": "text/csv; charset=UTF-8",
        "Content-Encoding": "gzip",
        "Sforce-NumberOfRecords": str(rows),
        "Sforce-Locator": base64.urlsafe_b64encode(str(following).encode()).decode() if following else "null",
    }
    return Response(body, headers=headers)


@bp.post("/practice/data")
def change_data() -> ResponseReturnValue:
    """Change rows and fields by script: {"object": …, "do": …} and what the step needs."""
    order, data = request.get_json(force=True), _data()
    name, ids, values = order["object"], order.get("ids", []), order.get("values", {})
    made: list[str] = []
    steps = {
        "generate": lambda: data.generate(name, int(order["count"])),
        "insert": lambda: made.extend(data.insert(name, order["rows"])),
        "update": lambda: data.update(name, ids, values),
        "formula": lambda: data.update(name, ids, values, stamps=False),
        "delete": lambda: data.delete(name, ids),
        "hard_delete": lambda: data.delete(name, ids, hard=True),
        "undelete": lambda: data.undelete(name, ids),
        "merge": lambda: data.merge(name, order["winner"], ids),
        "fields": lambda: data.change_fields(name, order.get("added", {}), order.get("removed", [])),
        "unfilterable": lambda: data.make_unfilterable(name, order["fields"]),
        "hide": lambda: data.hide_fields(name, order["fields"]),
        "object": lambda: data.add_object(name, order["fields"], dated=order.get("dated", True)),
    }
    if order.get("do") not in steps:
        abort(400, f"'do' is one of {sorted(steps)}.")
    steps[order["do"]]()
    return jsonify({"ids": made})


@bp.get("/practice/data/<name>")
def show_data(name: str) -> ResponseReturnValue:
    """All rows of an object, deleted ones too."""
    rows = _data().object(name).rows.values()
    return jsonify([{key: as_json(value) for key, value in row.items()} for row in rows])
