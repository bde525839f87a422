"""Objects over REST: Describe Global, describe, single records, changed and deleted ids."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.http import http_date, parse_date

from datasync_flask.practice_org import describe as description
from datasync_flask.practice_org.answers import not_found, object_called, refuse, require_api, stop
from datasync_flask.practice_org.catalog import Row, SObject, child_relationship
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.faults import the_org
from datasync_flask.practice_org.oauth_views import origin
from datasync_flask.practice_org.records import attributes_of, page_of, records_of
from datasync_flask.practice_org.soql import read_records, run_soql
from datasync_flask.practice_org.values import as_json, now

bp = Blueprint("objects", __name__, url_prefix="/services/data/v<version>/sobjects")

UPDATED_DAYS, DELETED_DAYS = 30, 15
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:|$)", re.A)
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.A)


@bp.get("")
def sobjects(version: str) -> ResponseReturnValue:
    """Describe Global."""
    require_api("sobjects")
    entries = [description.entry_of(found, version) for found in the_org().data.listed()]
    return _unless_known({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": entries})


@bp.get("/<name>")
def one_object(version: str, name: str) -> ResponseReturnValue:
    """An object's entry and its most recently read records."""
    require_api("sobjects")
    found = object_called(name)
    ids = [row_id for kind, row_id in list(the_org().recent) if kind == found.name]
    rows = [found.rows[row_id] for row_id in ids if row_id in found.rows]
    recent = [{"attributes": attributes_of(found, row, version), "Id": row["Id"]} for row in rows]
    return jsonify({"objectDescribe": description.entry_of(found, version), "recentItems": recent})


@bp.get("/<name>/describe")
def describe(version: str, name: str) -> ResponseReturnValue:
    """The description of an object; with the fault "renamed", under another name: {"Account": "Contact"}."""
    fault = require_api("describe")
    found = object_called(name)
    with the_org().data.lock:
        answer = description.describe(the_org().data, found, version, origin())
    names = json.loads(fault.body) if fault is not None and fault.kind == "renamed" else {}
    return _unless_known(answer | {"name": names.get(found.name, found.name)})


def _unless_known(answer: dict[str, Any]) -> Response:
    """The answer, or 304 if the client's copy is newer than the last change of the org's fields."""
    changed = the_org().data.changed_at
    since = parse_date(request.headers.get("If-Modified-Since"))
    is_known = since is not None and since >= changed.replace(microsecond=0)
    response = Response(status=304) if is_known else jsonify(answer)
    response.headers["Last-Modified"] = http_date(changed)
    return _tagged(response)


def _tagged(response: Response) -> Response:
    """An answer with its tag, or 304 if the client sent that tag."""
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/<name>/<row_id>")
def record(version: str, name: str, row_id: str) -> ResponseReturnValue:
    """One record, with all of its fields or the requested ones."""
    require_api("record")
    found, data = object_called(name), the_org().data
    if not _ID.fullmatch(row_id):
        return _no_external_id(row_id)
    asked = [each.strip() for each in request.args.get("fields", "").split(",") if each.strip()]
    for field in asked:
        if not is_readable(data, found, field):
            return refuse(400, "INVALID_FIELD", f"No such column '{field}' on sobject of type {found.name}")
    names = asked if "id" in map(str.lower, asked) or not asked else [*asked, "Id"]
    answer = read_records(data, found.name, names or list(found.fields), [row_id])
    if not answer.rows:
        not_found()
    row = answer.rows[0]
    if row.get("IsDeleted"):
        return refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
    the_org().saw(found.name, row["Id"])
    response = jsonify(records_of(answer, [row], version)[0])
    if isinstance(row.get("LastModifiedDate"), datetime):
        response.headers["Last-Modified"] = http_date(row["LastModifiedDate"])
    return _tagged(response)


def _no_external_id(name: str) -> ResponseReturnValue:
    message = f"Provided external ID field does not exist or is not accessible: {name}"
    return refuse(404, "NOT_FOUND", message)


@bp.get("/<name>/<row_id>/<relationship>")
def related(version: str, name: str, row_id: str, relationship: str) -> ResponseReturnValue:
    """The target of a record's relationship: one record, or a page of children. Id is the only external id."""
    found, data = object_called(name), the_org().data
    if row_id.lower() == "id":
        return record(version, name, relationship)
    require_api("record")
    if not _ID.fullmatch(row_id):
        return _no_external_id(row_id)
    fields = request.args.get("fields", "Id,Name")
    reference = found.reference_called(relationship)
    if reference:
        rows = read_records(data, found.name, [reference], [row_id]).rows
        target = rows[0].get(reference) if rows else None
        return record(version, found.target_of(reference), str(target)) if target else not_found()
    for child, field in data.children_of(found.name):
        if child.is_accessible and child_relationship(child, field).lower() == relationship.lower():
            soql = f"SELECT {fields} FROM {child.name} WHERE {field} = '{row_id}'"  # noqa: S608 (SOQL)
            return jsonify(page_of(run_soql(data, soql, with_deleted=False), version))
    return not_found()


def is_readable(data: Data, found: SObject, path: str) -> bool:
    """True for the name of a field, or a path that leads to one."""
    *names, last = path.split(".")
    for name in names:
        reference = found.reference_called(name)
        target = data.known(found.target_of(reference)) if reference else None
        if target is None:
            return False
        found = target
    return found.spelled(last) is not None


def _moment(name: str) -> datetime:
    """A time in the query string without its seconds, as Salesforce reads it."""
    # An unencoded plus arrives as a blank.
    text = request.args.get(name, "").replace(" ", "+")
    try:
        moment = datetime.fromisoformat(text if _MOMENT.match(text) else "")
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        stop(400, "INVALID_REPLICATION_DATE", f"{name} is not a valid date: {text}")
    return moment.replace(second=0, microsecond=0)


def _span(found: SObject, days: int) -> tuple[datetime, datetime]:
    if "IsDeleted" not in found.fields or not found.has_dates:
        message = f"entity type {found.name} does not support replication"
        stop(400, "INVALID_TYPE_FOR_OPERATION", message)
    start, end = _moment("start"), _moment("end")
    if start >= end:
        stop(400, "INVALID_REPLICATION_DATE", "startDate must be before endDate")
    if start < now() - timedelta(days=days, minutes=1):
        stop(400, "INVALID_REPLICATION_DATE", f"startDate cannot be more than {days} days ago")
    return start, end


def _covered(end: datetime) -> str:
    return str(as_json(min(end, now().replace(second=0, microsecond=0))))


@bp.get("/<name>/updated")
def updated(version: str, name: str) -> ResponseReturnValue:
    """The ids of the records that changed between two times."""
    require_api("updated")
    found, data = object_called(name), the_org().data
    start, end = _span(found, UPDATED_DAYS)
    with data.lock:
        ids = [row["Id"] for row in found.rows.values() if not row["IsDeleted"] and _within(row, start, end)]
    return jsonify({"ids": ids, "latestDateCovered": _covered(end)})


def _within(row: Row, start: datetime, end: datetime) -> bool:
    return bool(start <= row["SystemModstamp"] < end)


@bp.get("/<name>/deleted")
def deleted(version: str, name: str) -> ResponseReturnValue:
    """The ids of the records that were deleted between two times."""
    require_api("deleted")
    found, data = object_called(name), the_org().data
    start, end = _span(found, DELETED_DAYS)
    with data.lock:
        entries = [
            {"id": row_id, "deletedDate": as_json(moment)}
            for row_id, moment in found.deleted_at.items()
            if start <= moment < end
        ]
    earliest = as_json((now() - timedelta(days=DELETED_DAYS)).replace(second=0, microsecond=0))
    return jsonify({"deletedRecords": entries, "earliestDateAvailable": earliest, "latestDateCovered": _covered(end)})
