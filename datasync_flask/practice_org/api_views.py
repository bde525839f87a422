"""The practice org's REST API around its data: versions, resources, limits, counts, recent records, search."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import VERSIONS, refuse, require_api
from datasync_flask.practice_org.catalog import SObject
from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.limits import CUSTOM_PERMISSION_SETS, LIMITS
from datasync_flask.practice_org.oauth_views import identity_address
from datasync_flask.practice_org.records import attributes_of

bp = Blueprint("api", __name__, url_prefix="/services/data")

_RESOURCES = (
    "tooling", "queryAll", "search", "composite", "parameterizedSearch", "recent", "limits", "query", "jobs", "sobjects"
)  # fmt: skip


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
    require_api("api")
    base = f"/services/data/v{version}"
    return jsonify({name: f"{base}/{name}" for name in _RESOURCES} | {"identity": identity_address()})


@bp.get("/v<version>/limits")
def limits(version: str) -> ResponseReturnValue:
    """The org's limits, which the user may not be allowed to see."""
    require_api("api")
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
    """Approximate row counts of objects, without unknown objects, histories, shares and feeds."""
    require_api("recordCount")
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
    """The most recently read records."""
    require_api("recent")
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
