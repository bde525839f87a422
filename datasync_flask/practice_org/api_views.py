"""The practice org's REST API: versions, who am I, query of org and user, limits."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.faults import count_and_fault, the_org
from datasync_flask.practice_org.org import USER_ID, USERNAME, Token

bp = Blueprint("api", __name__)

VERSIONS = [("Summer '25", "64.0"), ("Winter '26", "65.0"), ("Spring '26", "66.0"), ("Summer '26", "67.0")]


def refuse(status: int, code: str, message: str) -> ResponseReturnValue:
    """Return a REST error answer."""
    response = jsonify([{"message": message, "errorCode": code}])
    response.status_code = status
    return response


def _bearer() -> Token | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return the_org().live_access(value) if scheme == "Bearer" else None


def require_api() -> None:
    """Stop unless the request holds a token that opens the API."""
    settings = the_org().settings
    token = _bearer()
    if token is None:
        abort(_made(refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")))
    if not {"api", "full"} & set(token.scopes):
        abort(_made(refuse(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")))
    if settings.api_disabled == "org":
        abort(_made(refuse(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")))
    if settings.api_disabled == "user":
        abort(_made(refuse(403, "API_CURRENTLY_DISABLED", "API is disabled for this User")))
    org = the_org()
    with org.lock:
        if org.requests_today >= settings.daily_requests:
            abort(_made(refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")))
        org.requests_today += 1


def _made(answer: ResponseReturnValue) -> Response:
    from flask import make_response

    return make_response(answer)


@bp.after_request
def limit_info(response: Response) -> Response:
    """Tell how many of the calls of the day are used, as on every answer of the API."""
    org = the_org()
    response.headers["Sforce-Limit-Info"] = f"api-usage={org.requests_today}/{org.settings.daily_requests}"
    return response


@bp.get("/services/data/")
def versions() -> ResponseReturnValue:
    """The list of API versions, which needs no token."""
    count_and_fault("api")
    return jsonify(
        [{"label": label, "url": f"/services/data/v{number}", "version": number} for label, number in VERSIONS]
    )


@bp.get("/services/data/v<version>/")
def resources(version: str) -> ResponseReturnValue:
    """The map of resources."""
    count_and_fault("api")
    require_api()
    base = f"/services/data/v{version}"
    return jsonify({name: f"{base}/{name}" for name in ("sobjects", "query", "queryAll", "limits", "jobs")})


@bp.get("/services/data/v<version>/query")
def query(version: str) -> ResponseReturnValue:
    """SOQL on the two objects that a connection asks about."""
    count_and_fault("api")
    from datasync_flask.practice_org.data_views import answer_query

    count_and_fault("query")
    require_api()
    found = re.match(r"\s*SELECT\s+(?P<fields>[\w\s,]+?)\s+FROM\s+(?P<name>\w+)", request.args.get("q", ""), re.I)
    settings = the_org().settings
    records: dict[str, dict[str, Any]] = {
        "organization": {
            "Id": settings.org_id,
            "Name": settings.org_name,
            "IsSandbox": settings.is_sandbox,
            "OrganizationType": "Developer Edition",
            "InstanceName": "PRAC1",
        },
        "user": {"Id": USER_ID, "Username": USERNAME, "Name": "Ada Practice"},
    }
    record = records.get(found["name"].lower()) if found else None
    if found is None or record is None:
        return answer_query(version, with_deleted=False)
    wanted = [part.strip() for part in found["fields"].split(",")]
    name = found["name"]
    row = {"attributes": {"type": name, "url": f"/services/data/v{version}/sobjects/{name}/{record['Id']}"}}
    return jsonify({"totalSize": 1, "done": True, "records": [row | {field: record.get(field) for field in wanted}]})


@bp.get("/services/data/v<version>/limits")
def limits(version: str) -> ResponseReturnValue:
    """The org's limits, which the user may not be allowed to see."""
    count_and_fault("api")
    require_api()
    org = the_org()
    if org.settings.limits_forbidden:
        return refuse(403, "FORBIDDEN", "You don't have permission to view limits.")
    most = org.settings.daily_requests
    jobs = {"Max": 10_000, "Remaining": max(10_000 - org.data.jobs_made, 0)}
    calls = {"Max": most, "Remaining": max(most - org.requests_today, 0)}
    return jsonify({"DailyApiRequests": calls, "DailyBulkV2QueryJobs": jobs})


@bp.get("/services/data/v<version>/limits/recordCount")
def record_count(version: str) -> ResponseReturnValue:
    """About how many rows objects have; those it doesn't know are left out."""
    count_and_fault("recordCount")
    require_api()
    org = the_org()
    if org.settings.limits_forbidden:
        return refuse(403, "FORBIDDEN", "You don't have permission to view record counts.")
    asked = {name.strip() for name in request.args.get("sObjects", "").split(",")} - {""}
    counts = [
        {"count": len(found.rows), "name": name}
        for name, found in org.data.objects.items()
        if not asked or name in asked
    ]
    return jsonify({"sObjects": counts})


@bp.get("/services/oauth2/userinfo")
def userinfo() -> ResponseReturnValue:
    """The UserInfo endpoint; it needs a scope for identity."""
    count_and_fault("userinfo")
    token = _bearer()
    if token is None or not {"id", "openid", "full"} & set(token.scopes):
        return Response("Bad_OAuth_Token", 403, content_type="text/html;charset=UTF-8")
    return jsonify(
        {
            "sub": f"{request.host_url}id/{the_org().settings.org_id}/{USER_ID}",
            "user_id": USER_ID,
            "organization_id": the_org().settings.org_id,
            "preferred_username": USERNAME,
            "name": "Ada Practice",
            "email": USERNAME,
            "active": True,
            "user_type": "STANDARD",
        }
    )


@bp.get(f"/id/<org_id>/{USER_ID}")
def identity(org_id: str) -> ResponseReturnValue:
    """The identity URL."""
    count_and_fault("identity")
    if _bearer() is None or org_id != the_org().settings.org_id:
        return Response("Bad_OAuth_Token", 403)
    return jsonify(
        {
            "user_id": USER_ID,
            "organization_id": the_org().settings.org_id,
            "username": USERNAME,
            "display_name": "Ada Practice",
        }
    )
