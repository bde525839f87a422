"""The HTTP API: the pages' actions for programs, with a personal token that has its person's role."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_smorest import Api, Blueprint, abort
from flask_smorest.arguments import FlaskParser
from sqlalchemy import func, select

from datasync_flask.accounts.models import Role
from datasync_flask.accounts.rights import needs_role, public
from datasync_flask.api import schemas
from datasync_flask.api.definitions import (
    extraction_definition,
    save_connection,
    save_extraction,
)
from datasync_flask.config import Settings
from datasync_flask.connections import loader as connection_loader
from datasync_flask.connections.kinds import KINDS, definition_of, kind_of
from datasync_flask.connections.models import Connection
from datasync_flask.error_pages import api_error
from datasync_flask.extensions import csrf, db
from datasync_flask.extractions import loader, tables
from datasync_flask.extractions import service as extractions
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.runs import states
from datasync_flask.extractions.texts import explain_problem
from datasync_flask.forms import Refused
from datasync_flask.queue import queue


class _Arguments(FlaskParser):  # type: ignore[misc]  # flask-smorest has no types
    """Reads bodies, and refuses those that Python's parser gives up on."""

    def load_json(self, req: Any, schema: Any) -> Any:
        """The body's JSON; nested too deeply and numbers of thousands of digits are as wrong as half a body."""
        try:
            return super().load_json(req, schema)
        except (RecursionError, ValueError):
            abort(400, messages={"json": ["Invalid JSON body."]})


class _Blueprint(Blueprint):  # type: ignore[misc]
    ARGUMENTS_PARSER = _Arguments()


bp = _Blueprint("api", __name__, url_prefix="/api/v1", description="Connections, extractions and their runs.")


class _Description(Api):  # type: ignore[misc]  # flask-smorest has no types
    """The OpenAPI description, without flask-smorest's own error handlers."""

    def _register_error_handlers(self) -> None:
        """Keep the app's own handlers."""


def init_app(app: Flask) -> None:
    """Add the API and its description to `app`."""
    settings: Settings = app.config["SETTINGS"]
    app.config.update(
        API_TITLE="DataSync",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
            "security": [{"token": []}],
            **({"servers": [{"url": settings.public_path}]} if settings.public_path else {}),
        },
    )
    for schema in (schemas.SETTINGS, schemas.STATE):
        schema.add_settings(KINDS)
    api = _Description(app)
    csrf.exempt(bp)
    api.register_blueprint(bp)
    describe: Any = app.view_functions["api-docs.openapi_json"]
    # A method can't be marked as public.
    app.view_functions["api-docs.openapi_json"] = public(lambda: describe())


@bp.errorhandler(Refused)
def refused(refusal: Refused) -> ResponseReturnValue:
    """Answer settings that the forms refuse, with the reasons by field."""
    db.session.rollback()
    return api_error(422, "These settings can't be saved.", {"json": refusal.errors})


def _connection(connection: Connection) -> dict[str, Any]:
    problem = kind_of(connection).problem(connection)
    return definition_of(connection) | {
        "id": connection.id, "state": str(connection.state), "since": connection.state_since, "reason": problem.code,
        "message": problem.message, "detail": problem.said, "next_steps": list(problem.steps),
    }  # fmt: skip


def _whole_connection(connection: Connection) -> dict[str, Any]:
    return _connection(connection) | {"checks": kind_of(connection).checks(connection)}


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id, "state": str(run.state), "started_by": run.started_by, "started_at": run.started_at,
        "ended_at": run.ended_at, "api_calls": run.api_calls, "message": explain_problem(run),
        "detail": run.problem_detail,
        "objects": [
            {name: getattr(each, name) for name in ("name", "step", "rows", "deleted", "source_count", "target_count")}
            for each in run.objects
        ],
    }  # fmt: skip


def _extraction(extraction: Extraction, run: Run | None) -> dict[str, Any]:
    last = {"next_run_at": extraction.next_run_at, "last_run": _run(run) if run else None}
    found = tables.of_extraction(extraction.id)
    shown = [
        {
            "object": chosen.name,
            "table": found.get(chosen.name, chosen.table_name),
            "columns": {field: list(columns.values()) for field, columns in chosen.field_columns.items()},
        }
        for chosen in extraction.objects
    ]
    return extraction_definition(extraction) | {"id": extraction.id, "tables": shown} | last


@bp.get("/connections")
@bp.arguments(schemas.ListQuery, location="query")
@bp.response(200, schemas.ConnectionList)
def list_connections(query: dict[str, int]) -> dict[str, Any]:
    """List connections by their descriptions."""
    start = (query["page"] - 1) * query["page_size"]
    rows = db.session.scalars(
        select(Connection).order_by(Connection.description_key).offset(start).limit(query["page_size"])
    )
    return {
        "items": [_connection(row) for row in rows],
        "total": db.session.scalar(select(func.count()).select_from(Connection.__table__)),
    }


@bp.post("/connections")
@bp.arguments(schemas.SETTINGS)
@bp.response(201, schemas.STATE)
@bp.alt_response(422, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def make_connection(values: dict[str, Any]) -> dict[str, Any]:
    """Make a connection."""
    return _whole_connection(save_connection(values, None, by=current_user.id))


@bp.get("/connections/<public_id:connection_id>")
@bp.response(200, schemas.STATE)
@bp.alt_response(404, schema=schemas.Refusal)
def show_connection(connection_id: str) -> dict[str, Any]:
    """Show a connection."""
    return _whole_connection(connection_loader.get_connection(connection_id))


@bp.patch("/connections/<public_id:connection_id>")
@bp.arguments(schemas.SETTINGS)
@bp.response(200, schemas.STATE)
@bp.alt_response(404, schema=schemas.Refusal)
@bp.alt_response(422, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def change_connection(values: dict[str, Any], connection_id: str) -> dict[str, Any]:
    """Change a connection."""
    found = connection_loader.get_connection(connection_id)
    return _whole_connection(save_connection(values, found, by=current_user.id))


@bp.delete("/connections/<public_id:connection_id>")
@bp.response(204)
@bp.alt_response(404, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def delete_connection(connection_id: str) -> None:
    """Delete a connection with its extractions; tables stay where they are."""
    found = connection_loader.get_connection(connection_id)
    kind_of(found).delete(found, by=current_user.id)


@bp.post("/connections/<public_id:connection_id>/check")
@bp.response(202, schemas.STATE)
@bp.alt_response(404, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def check_connection(connection_id: str) -> dict[str, Any]:
    """Have a connection tested: a destination at once, Salesforce by the worker within seconds."""
    found = connection_loader.get_connection(connection_id)
    kind_of(found).check(found, by=current_user.id)
    return _whole_connection(found)


@bp.get("/extractions")
@bp.response(200, schemas.ExtractionList)
def list_extractions() -> dict[str, Any]:
    """List extractions with their newest runs."""
    items = [_extraction(extraction, run) for extraction, run in loader.all_with_last_run()]
    return {"items": items, "total": len(items)}


@bp.post("/extractions")
@bp.arguments(schemas.ExtractionSettings)
@bp.response(201, schemas.ExtractionState)
@bp.alt_response(422, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def make_extraction(values: dict[str, Any]) -> dict[str, Any]:
    """Make an extraction."""
    saved = save_extraction(values, None, by=current_user.id)
    return _extraction(saved.extraction, None) | {"warnings": list(saved.warnings)}


@bp.get("/extractions/<public_id:extraction_id>")
@bp.response(200, schemas.ExtractionState)
@bp.alt_response(404, schema=schemas.Refusal)
def show_extraction(extraction_id: str) -> dict[str, Any]:
    """Show an extraction."""
    return _extraction(loader.get_extraction(extraction_id), loader.newest_run(extraction_id))


@bp.patch("/extractions/<public_id:extraction_id>")
@bp.arguments(schemas.ExtractionSettings)
@bp.response(200, schemas.ExtractionState)
@bp.alt_response(404, schema=schemas.Refusal)
@bp.alt_response(422, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def change_extraction(values: dict[str, Any], extraction_id: str) -> dict[str, Any]:
    """Change an extraction."""
    saved = save_extraction(values, loader.get_extraction(extraction_id), by=current_user.id)
    return _extraction(saved.extraction, loader.newest_run(extraction_id)) | {"warnings": list(saved.warnings)}


@bp.delete("/extractions/<public_id:extraction_id>")
@bp.response(204)
@bp.alt_response(404, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def delete_extraction(extraction_id: str) -> None:
    """Delete an extraction; its tables stay where they are."""
    extractions.delete(loader.get_extraction(extraction_id), by=current_user.id)


@bp.get("/extractions/<public_id:extraction_id>/runs")
@bp.response(200, schemas.RunList)
@bp.alt_response(404, schema=schemas.Refusal)
def list_runs(extraction_id: str) -> dict[str, Any]:
    """List the newest runs of an extraction."""
    loader.get_extraction(extraction_id)
    return {"items": [_run(run) for run in loader.runs_of(extraction_id)]}


@bp.post("/extractions/<public_id:extraction_id>/runs")
@bp.response(202, schemas.RunShown)
@bp.alt_response(404, schema=schemas.Refusal)
@bp.alt_response(409, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def start_run(extraction_id: str) -> dict[str, Any]:
    """Start a run; 409 while another one isn't over."""
    loader.get_extraction(extraction_id)
    try:
        run = states.start(extraction_id, current_user.email)
    except states.AlreadyRunning as other:
        abort(409, message=f"Run {other.run_id} of it isn't over yet.")
    queue().run_soon(run.id)
    return _run(loader.get_run(extraction_id, run.id))


@bp.get("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>")
@bp.response(200, schemas.RunShown)
@bp.alt_response(404, schema=schemas.Refusal)
def show_run(extraction_id: str, run_id: str) -> dict[str, Any]:
    """Show a run."""
    return _run(loader.get_run(extraction_id, run_id))


@bp.post("/extractions/<public_id:extraction_id>/runs/<public_id:run_id>/cancel")
@bp.response(202, schemas.RunShown)
@bp.alt_response(404, schema=schemas.Refusal)
@needs_role(Role.EDITOR)
def cancel_run(extraction_id: str, run_id: str) -> dict[str, Any]:
    """Stop a run."""
    loader.get_extraction(extraction_id)
    states.cancel(loader.get_run(extraction_id, run_id))
    return _run(loader.get_run(extraction_id, run_id))
