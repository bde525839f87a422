"""The practice org's REST API around its data: versions, resources, limits, counts, recent records, search."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import VERSIONS, refuse, require_api
from datasync_flask.practice_org.catalog import SObject
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.limits import CUSTOM_PERMISSION_SETS, LIMITS
from datasync_flask.practice_org.oauth_views import identity_address
from datasync_flask.practice_org.records import attributes_of, records_of
from datasync_flask.practice_org.soql import read_records

bp = Blueprint("api", __name__, url_prefix="/services/data")

_RESOURCES = (
    "tooling", "queryAll", "search", "composite", "parameterizedSearch", "recent", "limits", "query", "jobs", "sobjects"
)  # fmt: skip
_MOST_FOUND = 200
# One object of SOSL's RETURNING and, in brackets, its fields.
_RETURNED = re.compile(r"(\w+)\s*(?:\(([^)]*)\))?\s*(?:(?:LIMIT|WITH)\b.*)?(?:,|$)", re.I | re.S)


@bp.get("")
def versions() -> ResponseReturnValue:
    """The list of API versions, which needs no token."""
    count_and_fault("api")
    return jsonify(
        [{"label": label, "url": f"/services/data/v{number}", "version": number} for label, number in VERSIONS]
    )


@bp.get("/v<version>")
def resources(version: str) -> ResponseReturnValue:
    """The map of resources."""
    count_and_fault("api")
    require_api()
    base = f"/services/data/v{version}"
    return jsonify({name: f"{base}/{name}" for name in _RESOURCES} | {"identity": identity_address()})


@bp.get("/v<version>/limits")
def limits(version: str) -> ResponseReturnValue:
    """The org's limits, which the user may not be allowed to see."""
    count_and_fault("api")
    require_api()
    org = the_org()
    if org.settings.limits_forbidden:
        return refuse(403, "FORBIDDEN", "You don't have permission to view limits.")
    most: dict[str, dict[str, Any]] = {name: {"Max": number, "Remaining": number} for name, number in LIMITS.items()}
    most["PermissionSets"]["CreateCustom"] = dict.fromkeys(("Max", "Remaining"), CUSTOM_PERMISSION_SETS)
    daily = org.settings.daily_requests
    most["DailyApiRequests"] = {"Max": daily, "Remaining": max(daily - org.requests_today, 0)}
    jobs = org.settings.daily_bulk_jobs
    most["DailyBulkV2QueryJobs"] = {"Max": jobs, "Remaining": max(jobs - org.data.jobs_made, 0)}
    return jsonify(most)


@bp.get("/v<version>/limits/recordCount")
def record_count(version: str) -> ResponseReturnValue:
    """About how many rows objects have; those it doesn't know, histories, shares and feeds are left out."""
    count_and_fault("recordCount")
    require_api()
    org = the_org()
    if org.settings.limits_forbidden:
        return refuse(403, "FORBIDDEN", "You don't have permission to view record counts.")
    asked = {name.strip().lower() for name in request.args.get("sObjects", "").split(",")} - {""}
    counts = [
        {"count": len(found.rows), "name": found.name}
        for found in org.data.listed()
        if found.associate is None and (not asked or found.name.lower() in asked)
    ]
    return jsonify({"sObjects": counts})


@bp.get("/v<version>/recent")
def recent(version: str) -> ResponseReturnValue:
    """The records that were read last."""
    count_and_fault("recent")
    require_api()
    limit = request.args.get("limit", 200, type=int)
    data, found = the_org().data, []
    with data.lock:
        data.refresh(data.objects["User"], set())
        for name, row_id in list(the_org().recent)[: max(limit, 0)]:
            held = data.objects[name].rows.get(row_id)
            if held is not None:
                found.append(_hit(data.objects[name], held, version))
    return jsonify(found)


def _hit(found: SObject, row: dict[str, Any], version: str) -> dict[str, Any]:
    return {"attributes": attributes_of(found, row, version), "Id": row["Id"], "Name": row.get("Name")}


@bp.get("/v<version>/search")
def search(version: str) -> ResponseReturnValue:
    """SOSL, as far as FIND {words} goes."""
    count_and_fault("search")
    require_api()
    asked = re.search(r"FIND\s*\{(?P<words>[^}]*)\}", request.args.get("q", ""), re.I)
    if asked is None:
        message = "No search term found. The search term must be enclosed in braces."
        return refuse(400, "MALFORMED_SEARCH", message)
    _, _, returned = request.args["q"].partition("RETURNING")
    returning = {
        name: re.split(r"\s(?:WHERE|ORDER|LIMIT)\b", fields, flags=re.I)[0].replace(",", " ").split()
        for name, fields in _RETURNED.findall(returned)
    }
    return _found(asked["words"], version, returning)


@bp.get("/v<version>/parameterizedSearch")
def parameterized_search(version: str) -> ResponseReturnValue:
    """A search for plain words."""
    count_and_fault("search")
    require_api()
    return _found(request.args.get("q", ""), version)


def _found(words: str, version: str, returning: dict[str, list[str]] | None = None) -> Response:
    """Return the records whose name has the words: of all objects with their ids, or of these with these fields."""
    wanted = words.strip().strip('"*').lower()
    if len(wanted) < 2:
        return refuse(400, "MALFORMED_SEARCH", "search term must be longer than one character")
    data = the_org().data
    hits: list[dict[str, Any]] = []
    with data.lock:
        for found in [data.object(name) for name in returning] if returning else data.listed():
            ids = [
                row["Id"]
                for row in found.rows.values()
                if wanted in str(row.get("Name") or "").lower() and not row.get("IsDeleted")
            ]
            fields = (returning or {}).get(found.name) or ["Id"]
            answer = read_records(data, found.name, fields, ids[:_MOST_FOUND])
            hits += records_of(answer, answer.rows, version)
    return jsonify({"searchRecords": hits[:_MOST_FOUND]})
