"""Common parts of all answers of the practice org's API: versions, tokens, refusals, headers, gzip, slowness."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Flask, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from datasync_flask.practice_org.catalog import SObject
from datasync_flask.practice_org.faults import IS_INNER, count_and_fault, the_org
from datasync_flask.practice_org.org import Fault, Token
from datasync_flask.practice_org.soql_tokens import SoqlError

# Retired with Summer '22 and Summer '25.
RETIRED = range(7, 31)
_SEASONS = ("Summer", "Winter", "Spring")
# "Summer '14" is 31.0, with three releases a year since; a Winter release belongs to the next year.
VERSIONS = [(f"{_SEASONS[(number - 31) % 3]} '{14 + (number - 29) // 3}", f"{number}.0") for number in range(31, 69)]
_NOT_FOUND = "The requested resource does not exist"
_PATH = re.compile(r"/services/data/v([^/]+)", re.A)
_KILOBYTE = 1024
MAX_ADDRESS = 16_384
_LEAST_TO_ZIP = 100


def refusal(code: str, message: str) -> list[dict[str, Any]]:
    """The body of a refusal."""
    return [{"message": message, "errorCode": code}]


def refuse(status: int, code: str, message: str) -> Response:
    """A REST error answer."""
    response = jsonify(refusal(code, message))
    response.status_code = status
    return response


def stop(status: int, code: str, message: str) -> NoReturn:
    """End the request with a REST error answer."""
    abort(refuse(status, code, message))


def not_found() -> NoReturn:
    """End the request with the answer for what doesn't exist."""
    stop(404, "NOT_FOUND", _NOT_FOUND)


def object_called(name: str) -> SObject:
    """An object that the user can see; stops if there is none."""
    return the_org().data.known(name) or not_found()


def json_body() -> dict[str, Any]:
    """The JSON object that was sent; stops with the refusal of Salesforce's parser if it isn't one."""
    data = request.get_json(force=True, silent=True)
    if not isinstance(data, dict):
        stop(400, "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no entity body of JSON.")
    return data


def bearer() -> Token | None:
    """The token in the request, if it is still valid."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return the_org().live_access(value.strip()) if scheme.lower() in {"bearer", "oauth"} else None


def require_api(at: str) -> Fault | None:
    """Count a request to an endpoint, and stop unless it has a token that opens the API.

    The due fault is produced first if it replaces the whole answer; else the view gets it.
    """
    fault, org, token = count_and_fault(at), the_org(), bearer()
    if token is None:
        stop(401, "INVALID_SESSION_ID", "Session expired or invalid")
    if not {"api", "full"} & set(token.scopes):
        stop(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
    if org.settings.api_disabled == "org":
        stop(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")
    if org.settings.api_disabled == "user":
        stop(403, "API_CURRENTLY_DISABLED", "API is disabled for this User")
    if request.environ.get(IS_INNER):
        return fault
    with org.lock:
        if org.requests_today >= org.settings.daily_requests:
            stop(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        org.requests_today += 1
    return fault


def _version_refusal() -> Response | None:
    found = _PATH.match(request.path)
    if found is None or any(found[1] == version for _, version in VERSIONS):
        return None
    number = re.fullmatch(r"(\d{1,2})\.0", found[1], re.A)
    if number is not None and int(number[1]) in RETIRED:
        return refuse(410, "GONE", f"API version {found[1]} is retired and no longer available.")
    return refuse(404, "NOT_FOUND", _NOT_FOUND)


def _before() -> ResponseReturnValue | None:
    latency = the_org().settings.latency
    if latency and request.path.startswith("/services/") and not request.environ.get(IS_INNER):
        time.sleep(latency)
    if len(request.environ.get("REQUEST_URI", "")) > MAX_ADDRESS:
        return refuse(414, "URI_TOO_LONG", f"The length of the URI exceeds the {MAX_ADDRESS:,}-byte limit.")
    return _version_refusal()


def _after(response: Response) -> Response:
    path, org = request.path, the_org()
    if request.environ.get(IS_INNER) or not path.startswith("/services/"):
        return response
    if response.mimetype == "application/json":
        response.headers["Content-Type"] = "application/json;charset=UTF-8"
    response.headers.setdefault("Cache-Control", "no-cache,must-revalidate,max-age=0,no-store,private")
    if _PATH.match(path):
        response.headers["Sforce-Limit-Info"] = f"api-usage={org.requests_today}/{org.settings.daily_requests}"
    if response.is_streamed:
        return response
    _zip(response)
    if org.settings.bandwidth:
        body = response.get_data()
        response.response = _trickling(body, org.settings.bandwidth * _KILOBYTE)
        response.headers["Content-Length"] = str(len(body))
    return response


def _zip(response: Response) -> None:
    response.headers.add("Vary", "Accept-Encoding")
    wanted = "gzip" in request.headers.get("Accept-Encoding", "").lower()
    if not wanted or "Content-Encoding" in response.headers or request.method == "HEAD":
        return
    body = response.get_data()
    if len(body) >= _LEAST_TO_ZIP:
        response.set_data(gzip.compress(body, 1))
        response.headers["Content-Encoding"] = "gzip"


def _trickling(body: bytes, bytes_per_second: float) -> Iterator[bytes]:
    """Yield a body as slowly as a line of this bandwidth would."""
    size = max(int(bytes_per_second / 20), 1)
    for start in range(0, len(body), size):
        part = body[start : start + size]
        time.sleep(len(part) / bytes_per_second)
        yield part


def _http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer in JSON for unknown addresses below the API's."""
    if error.response is not None or not request.path.startswith(("/services/data", "/services/apexrest")):
        return error
    if request.path.count("/") > 3 and bearer() is None and _version_refusal() is None:
        return refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
    gone = _version_refusal()
    if gone is not None:
        return gone
    if isinstance(error, MethodNotAllowed):
        allowed = ",".join(sorted(set(error.valid_methods or ()) - {"OPTIONS"}))
        message = f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
        return refuse(405, "METHOD_NOT_ALLOWED", message)
    if error.code == 404:
        is_apex = request.path.startswith("/services/apexrest")
        return refuse(404, "NOT_FOUND", "Could not find a match for URL" if is_apex else _NOT_FOUND)
    if error.code and error.code >= 500:
        return refuse(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please try again.")
    return refuse(error.code or 400, "INVALID_REQUEST", "The request can't be read")


def _single_slashes(inner: Any) -> Any:
    """A WSGI app that treats several slashes as one, because clients append to an address that ends with one."""

    def outer(environ: dict[str, Any], start_response: Any) -> Any:
        environ["PATH_INFO"] = re.sub("/{2,}", "/", environ["PATH_INFO"])
        return inner(environ, start_response)

    return outer


def _soql_error(error: SoqlError) -> ResponseReturnValue:
    return refuse(400, error.code, str(error))


def answer_alike(app: Flask) -> None:
    """Have every answer of the app look like Salesforce's."""
    # "attributes" comes first, then fields in the order of the SELECT.
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # No redirect for an extra or missing slash: clients would lose the body and headers of a POST.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.wsgi_app = _single_slashes(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_before)
    app.after_request(_after)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SoqlError, _soql_error)
