"""The audit log for administrators: filtered, paged, and as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, or_, select

from datasync_flask.audit.models import AuditEvent
from datasync_flask.audit.trail import EVENTS
from datasync_flask.extensions import db
from datasync_flask.roles import Role, needs_role

bp = Blueprint("audit", __name__)

PAGE_SIZE = 100
MOST_EXPORTED = 100_000


def _chosen() -> Select[AuditEvent]:
    """The events for the filters in the address, the newest first."""
    found = select(AuditEvent).order_by(AuditEvent.id.desc())
    event, who, about = (request.args.get(name, "")[:254] for name in ("event", "who", "about"))
    if event in EVENTS:
        found = found.where(AuditEvent.event == event)
    if who:
        found = found.where(func.lower(AuditEvent.who).contains(who.lower(), autoescape=True))
    if about:
        found = found.where(
            or_(
                AuditEvent.subject_id == about,
                func.lower(AuditEvent.subject_name).contains(about.lower(), autoescape=True),
            )
        )
    return found


@bp.get("/audit")
@needs_role(Role.ADMIN)
def index() -> ResponseReturnValue:
    """Who did what."""
    before = request.args.get("before", "")
    chosen = _chosen()
    if before.isdecimal() and len(before) < 18:
        chosen = chosen.where(AuditEvent.id < int(before))
    events = db.session.scalars(chosen.limit(PAGE_SIZE + 1)).all()
    filters = {name: request.args.get(name, "")[:254] for name in ("event", "who", "about")}
    return render_template(
        "audit/index.html", events=events[:PAGE_SIZE], has_more=len(events) > PAGE_SIZE, known=EVENTS, filters=filters
    )


def _cell(value: Any) -> str:
    """A value that no spreadsheet treats as a formula."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


@bp.get("/audit.csv")
@needs_role(Role.ADMIN)
def export() -> ResponseReturnValue:
    """The same events as a file."""

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerow(["at", "who", "address", "event", "subject", "id", "name", "detail"])
        for event in db.session.scalars(_chosen().limit(MOST_EXPORTED).execution_options(yield_per=500)):
            row = (event.who, event.address, event.event, event.subject_kind, event.subject_id, event.subject_name,
                   event.detail)  # fmt: skip
            writer.writerow([event.at.isoformat(), *(_cell(value) for value in row)])
        yield buffer.getvalue()

    return Response(
        "".join(lines()),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": "attachment; filename=audit.csv"},
    )
