"""The practice org's own switches: register apps, change them, make faults, count requests."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, abort, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.faults import the_org
from datasync_flask.practice_org.org import App, Fault
from datasync_flask.practice_org.values import as_json

bp = Blueprint("control", __name__, url_prefix="/practice")


def _json() -> dict[str, Any]:
    data = request.get_json(force=True, silent=True)
    if not isinstance(data, dict):
        abort(400, "Send a JSON object.")
    return data


def _shown(app: App) -> ResponseReturnValue:
    return jsonify(dataclasses.asdict(app))


@bp.post("/apps")
def register() -> ResponseReturnValue:
    """Register an app."""
    return _shown(the_org().register(_json()))


@bp.patch("/apps/<client_id>")
def change(client_id: str) -> ResponseReturnValue:
    """Change an app; `known_now` ends its propagation."""
    app = the_org().apps.get(client_id)
    if app is None:
        abort(404)
    the_org().change(app, _json())
    return _shown(app)


@bp.post("/faults")
def make_fault() -> ResponseReturnValue:
    """Make the next answers at an endpoint go wrong."""
    data = _json()
    names = {field.name for field in dataclasses.fields(Fault)}
    if "at" not in data or not data.keys() <= names:
        abort(400, f"Send 'at' and any of {sorted(names)}.")
    with the_org().lock:
        the_org().faults.append(Fault(**data))
    return jsonify({"faults": len(the_org().faults)})


@bp.delete("/faults")
def clear_faults() -> ResponseReturnValue:
    """Forget all faults."""
    with the_org().lock:
        the_org().faults.clear()
    return "", 204


@bp.patch("/org")
def change_org() -> ResponseReturnValue:
    """Change the org's settings."""
    org = the_org()
    data = _json()
    if not data.keys() <= {field.name for field in dataclasses.fields(org.settings)}:
        abort(400, "There is no such setting.")
    for name, value in data.items():
        setattr(org.settings, name, value)
    return jsonify(dataclasses.asdict(org.settings))


@bp.post("/tokens/expire")
def expire_tokens() -> ResponseReturnValue:
    """End all access tokens, or with {"kind": "refresh"} all approvals."""
    org, kind = the_org(), _json().get("kind", "access")
    with org.lock:
        for token in org.tokens.values():
            token.is_dead = token.is_dead or token.kind == kind or kind == "refresh"
    return "", 204


@bp.get("/tokens")
def tokens() -> ResponseReturnValue:
    """The tokens, with whether they still work."""
    return jsonify(
        {value: dataclasses.asdict(token) | {"expires_at": None} for value, token in the_org().tokens.items()}
    )


@bp.get("/requests")
def requests() -> ResponseReturnValue:
    """The number of requests to each endpoint."""
    return jsonify(the_org().requests)


@bp.post("/data")
def change_data() -> ResponseReturnValue:
    """Change rows and fields: {"object": …, "do": …} and the values for that step."""
    order, data = _json(), the_org().data
    name, ids, values = order.get("object", ""), order.get("ids", []), order.get("values", {})
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
        "show": lambda: data.show_fields(name, order["fields"]),
        "hide_object": lambda: data.show_object(name, is_accessible=False),
        "show_object": lambda: data.show_object(name, is_accessible=True),
        "object": lambda: data.add_object(name, order["fields"], dated=order.get("dated", True)),
    }
    if order.get("do") not in steps:
        abort(400, f"'do' is one of {sorted(steps)}.")
    try:
        steps[order["do"]]()
    except (KeyError, TypeError, ValueError) as error:
        abort(400, f"{order['do']}: {error!r}")
    return jsonify({"ids": made})


@bp.get("/data/<name>")
def show_data(name: str) -> ResponseReturnValue:
    """All rows of an object, including deleted ones."""
    rows = the_org().data.object(name).rows.values()
    return jsonify([{key: as_json(value) for key, value in row.items()} for row in rows])
