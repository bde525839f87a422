"""Bulk API 2.0 query jobs.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Query".
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import json_body, not_found, refuse, require_api, stop
from datasync_flask.practice_org.catalog import COMPOUND, NOT_IN_BULK, USER_ID, full_id
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.faults import the_org
from datasync_flask.practice_org.jobs import DELIMITERS, LINE_ENDINGS, Job
from datasync_flask.practice_org.soql import run_soql
from datasync_flask.practice_org.soql_answer import Answer
from datasync_flask.practice_org.values import as_json

bp = Blueprint("bulk", __name__, url_prefix="/services/data/v<version>/jobs")

OPERATIONS = ("query", "queryAll")
PAGES_AT_ONCE = 5
PAGE_ROWS = 50_000


def _data() -> Data:
    return the_org().data


def _new(job: Job) -> dict[str, Any]:
    """The answer to creating a job."""
    created = as_json(job.created_at)
    return {
        "id": job.id, "operation": job.operation, "object": job.answer.object.name, "createdById": USER_ID,
        "createdDate": created, "systemModstamp": created, "state": "UploadComplete", "concurrencyMode": "Parallel",
        "contentType": "CSV", "apiVersion": float(job.version), "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
    }  # fmt: skip


def _listed(job: Job) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    for key, value in (_new(job) | {"state": job.current_state}).items():
        listed[key] = value
        if key == "apiVersion":
            listed["jobType"] = "V2Query"
    return listed


def _shown(job: Job) -> dict[str, Any]:
    """The answer to a request for a job."""
    is_complete = job.current_state == "JobComplete"
    shown = _listed(job) | {
        "numberRecordsProcessed": len(job.answer.rows) if is_complete else 0,
        "retries": 0,
        "totalProcessingTime": max(int((job.complete_at - job.created_at.timestamp()) * 1000), 1) if is_complete else 0,
        "isPkChunkingSupported": True,
    }
    return shown | ({"errorMessage": job.error} if job.error else {})


@bp.get("")
def resources(version: str) -> ResponseReturnValue:
    """The kinds of jobs."""
    require_api("api")
    base = f"/services/data/v{version}/jobs"
    return jsonify({name: f"{base}/{name}" for name in ("ingest", "query")})


@bp.post("/query")
def create_job(version: str) -> ResponseReturnValue:
    """Create a query job."""
    require_api("jobs")
    order, settings = json_body(), the_org().settings
    if settings.bulk_off:
        return refuse(400, "FEATURENOTENABLED", "Async API not enabled")
    operation, soql = order.get("operation"), order.get("query")
    delimiter, line_ending = order.get("columnDelimiter", "COMMA"), order.get("lineEnding", "LF")
    if operation not in OPERATIONS:
        return refuse(400, "INVALIDJOB", f"Operation {operation} is not supported for query jobs")
    is_known = str(delimiter) in DELIMITERS and str(line_ending) in LINE_ENDINGS
    if not is_known or order.get("contentType", "CSV") != "CSV":
        return refuse(400, "INVALIDJOB", "Unsupported contentType, columnDelimiter or lineEnding")
    if not isinstance(soql, str) or not soql.strip():
        return refuse(400, "INVALIDJOB", "No query found for the job")
    answer = run_soql(_data(), soql, with_deleted=operation == "queryAll")
    _refuse_what_bulk_cannot(answer)
    if _data().jobs_made >= settings.daily_bulk_jobs:
        words = f"Max bulk v2 query jobs ({settings.daily_bulk_jobs}) per 24 hrs has been reached"
        return refuse(400, "LIMIT_EXCEEDED", words)
    job_id = full_id("7505g" + secrets.token_hex(5))
    complete_at = time.time() + settings.job_seconds
    job = Job(job_id, operation, answer, complete_at, version, delimiter, line_ending)
    with _data().lock:
        _data().jobs[job.id] = job
        _data().jobs_made += 1
    return jsonify(_new(job))


def _refuse_what_bulk_cannot(answer: Answer) -> None:
    if answer.object.name in NOT_IN_BULK:
        stop(400, "INVALIDENTITY", f"Entity '{answer.object.name}' is not supported by the Bulk API.")
    if not answer.columns or answer.is_aggregate:
        stop(400, "API_ERROR", "Aggregate functions are not supported in Bulk Query")
    kinds = {column.kind for column in answer.columns}
    if "children" in kinds:
        stop(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query")
    if kinds & (COMPOUND | {"base64"} | ({"json"} if the_org().settings.bulk_refuses_json else set())):
        stop(400, "API_ERROR", "Selecting compound data not supported in Bulk Query")


@bp.get("/query")
def list_jobs(version: str) -> ResponseReturnValue:
    """All jobs, the newest first."""
    require_api("jobs")
    kind = request.args.get("jobType", "V2Query")
    with _data().lock:
        records = [_listed(job) for job in reversed(_data().jobs.values())] if kind == "V2Query" else []
    return jsonify({"done": True, "records": records, "nextRecordsUrl": None})


def _job(job_id: str, version: str) -> Job:
    jobs = _data().jobs
    job = jobs.get(job_id) or next((job for job in jobs.values() if job.id[:15] == job_id), None)
    if job is None:
        not_found()
    if job.version != version:
        stop(409, "CONFLICT", f"The job was created with API version {job.version}, not {version}.")
    return job


@bp.route("/query/<job_id>", methods=["GET", "PATCH", "DELETE"])
def job(version: str, job_id: str) -> ResponseReturnValue:
    """Show, abort or delete a job."""
    require_api("job")
    found = _job(job_id, version)
    if request.method == "DELETE":
        if found.current_state == "InProgress":
            return refuse(400, "API_ERROR", "Job has not finished")
        _data().jobs.pop(found.id, None)
        return "", 204
    if request.method == "PATCH":
        if json_body().get("state") != "Aborted":
            return refuse(400, "INVALIDJOBSTATE", "A query job's state can be changed to Aborted only")
        found.state = "Aborted"
    return jsonify(_shown(found))


def _locator(start: int) -> str:
    return base64.urlsafe_b64encode(str(start).encode()).decode()


def _start() -> int:
    """Where the requested page starts."""
    text = request.args.get("locator", "")
    try:
        return max(int(base64.urlsafe_b64decode(text)), 0) if text else 0
    except (ValueError, binascii.Error):
        stop(400, "INVALIDLOCATOR", "invalid locator")


def _size() -> int:
    """How many rows a page may have."""
    text = request.args.get("maxRecords", str(PAGE_ROWS))
    if not text.isascii() or not text.isdigit() or int(text[:12]) < 1:
        stop(400, "INVALIDREQUEST", "maxRecords must be a positive number")
    return min(int(text[:12]), the_org().settings.result_page_rows)


@bp.get("/query/<job_id>/results")
def results(version: str, job_id: str) -> ResponseReturnValue:
    """One page of a job's result as CSV."""
    require_api("results")
    found = _job(job_id, version)
    if found.current_state != "JobComplete":
        return "", 204
    text, rows, following = found.page(_start(), _size())
    headers = {
        "Content-Type": "text/csv; charset=UTF-8",
        "Sforce-NumberOfRecords": str(rows),
        "Sforce-Locator": _locator(following) if following else "null",
    }
    return Response(text.encode("utf-8", "surrogatepass"), headers=headers)


@bp.get("/query/<job_id>/resultPages")
def result_pages(version: str, job_id: str) -> ResponseReturnValue:
    """The addresses of up to five pages of a result, which can be fetched side by side."""
    require_api("resultPages")
    style = the_org().settings.result_pages
    if not style or float(version) < 58:
        not_found()
    found = _job(job_id, version)
    if found.current_state != "JobComplete":
        return "", 204
    # Real orgs send addresses relative to the version's; the documentation shows whole paths.
    base = f"/jobs/query/{found.id}"
    if style == "documented":
        base = f"/services/data/v{version}{base}"
    size, start = _size(), _start()
    end = start + PAGES_AT_ONCE * size
    starts = range(start, max(min(end, len(found.answer.rows)), start + 1), size)
    links = [f"{base}/results?locator={_locator(each)}&maxRecords={size}" for each in starts]
    done = end >= len(found.answer.rows)
    following = None if done else f"{base}/resultPages?locator={_locator(end)}&maxRecords={size}"
    name, link = ("resultPages", "resultUrl") if style == "documented" else ("resultChunks", "resultLink")
    return jsonify({name: [{link: each} for each in links], "nextRecordsUrl": following, "done": done})
