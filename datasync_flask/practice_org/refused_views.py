"""Requests that the practice org refuses as Salesforce does: its user may not write, Bulk API 1.0 and SOAP are off.

Source: REST API Developer Guide, "Status Codes and Error Responses"; Bulk API Developer Guide, "Errors"; SOAP API
Developer Guide, "API Fault Element".
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import json_body, object_called, refuse, require_api
from datasync_flask.practice_org.faults import the_org

bp = Blueprint("refused", __name__, url_prefix="/services")

_REST = "/data/v<version>"
_VERBS = {"POST": "inserted", "PUT": "updated", "PATCH": "updated", "DELETE": "deleted"}
_BULK_ERROR = "http://www.force.com/2009/06/asyncapi/dataload"
_NO_LOGIN = (
    "INVALID_OPERATION",
    "SOAP API login() is disabled by default in this org. Contact the org administrator to enable SOAP API login().",
)
_NO_SOAP = ("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")


def _error(name: str) -> dict[str, Any]:
    """The refusal of a write to an object."""
    message = f"entity type cannot be {_VERBS[request.method]}: {object_called(name).label}"
    return {"message": message, "errorCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "fields": []}


@bp.post(f"{_REST}/sobjects/<name>")
@bp.route(f"{_REST}/sobjects/<name>/<row_id>", methods=["PATCH", "DELETE"])
@bp.route(f"{_REST}/sobjects/<name>/<row_id>/<value>", methods=["PATCH", "DELETE"])
def write(version: str, name: str, row_id: str = "", value: str = "") -> ResponseReturnValue:
    """Create, change or delete a record."""
    require_api("record")
    return jsonify([_error(name)]), 400


@bp.route(f"{_REST}/composite/sobjects", methods=["POST", "PATCH", "DELETE"])
@bp.patch(f"{_REST}/composite/sobjects/<name>/<field>")
def write_several(version: str, name: str = "", field: str = "") -> ResponseReturnValue:
    """Create, change or delete several records: each has its own answer."""
    require_api("record")
    if request.method == "DELETE":
        ids = [each for each in request.args.get("ids", "").split(",") if each]
        prefixes = {found.prefix: found.name for found in the_org().data.listed() if found.associate is None}
        names = [prefixes.get(each[:3], "") for each in ids]
    else:
        records = json_body().get("records")
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            return refuse(400, "JSON_PARSER_ERROR", "Required field missing: records")
        kinds = [each.get("attributes") for each in records]
        names = [name or str(kind.get("type", "")) if isinstance(kind, dict) else name for kind in kinds]
    errors = [_error(each) for each in names]
    return jsonify([{"success": False, "errors": [_in_results(error)]} for error in errors])


@bp.post(f"{_REST}/composite/tree/<name>")
def write_tree(version: str, name: str) -> ResponseReturnValue:
    """Create records with their children."""
    require_api("record")
    error, records = _in_results(_error(name)), json_body().get("records")
    if not isinstance(records, list):
        return refuse(400, "JSON_PARSER_ERROR", "Required field missing: records")
    kinds = [each.get("attributes") if isinstance(each, dict) else None for each in records]
    names = [str(kind.get("referenceId", "")) if isinstance(kind, dict) else "" for kind in kinds]
    return jsonify({"hasErrors": True, "results": [{"referenceId": each, "errors": [error]} for each in names]}), 400


def _in_results(error: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": error["errorCode"], "message": error["message"], "fields": error["fields"]}


@bp.route(f"{_REST}/jobs/ingest", methods=["GET", "POST"])
def ingest(version: str) -> ResponseReturnValue:
    """Jobs that write: there are none, and none can be created."""
    require_api("jobs")
    if request.method == "GET":
        return jsonify({"done": True, "records": [], "nextRecordsUrl": None})
    return jsonify([_error(str(json_body().get("object", "")))]), 400


@bp.route("/async/<path:rest>", methods=["GET", "POST"])
def bulk_1(rest: str) -> ResponseReturnValue:
    """Bulk API 1.0."""
    code, message = "FeatureNotEnabled", "Async API not enabled"
    if "json" in request.headers.get("Content-Type", "") + request.headers.get("Accept", ""):
        return jsonify({"exceptionCode": code, "exceptionMessage": message}), 400
    body = f"<exceptionCode>{code}</exceptionCode><exceptionMessage>{message}</exceptionMessage>"
    text = f'<?xml version="1.0" encoding="UTF-8"?><error xmlns="{_BULK_ERROR}">{body}</error>'
    return Response(text, 400, content_type="application/xml")


@bp.post("/Soap/<path:rest>")
def soap(rest: str) -> ResponseReturnValue:
    """SOAP API, with its login()."""
    code, message = _NO_LOGIN if b":login" in request.data or b"<login" in request.data else _NO_SOAP
    fault = f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
    names = 'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com"'
    body = f"<soapenv:Body><soapenv:Fault>{fault}</soapenv:Fault></soapenv:Body>"
    text = f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope {names}>{body}</soapenv:Envelope>'
    return Response(text, 500, content_type="text/xml;charset=UTF-8")
