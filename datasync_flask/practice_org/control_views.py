"""The practice org's own switches: register apps, change them, make faults, count requests."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, abort, jsonify, request
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.faults import the_org
from datasync_flask.practice_org.org import App, Fault

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
    """Have the next answers at an endpoint go wrong."""
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
    """How many requests came to each endpoint."""
    return jsonify(the_org().requests)
