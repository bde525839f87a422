"""Every route, for everybody: signed out, viewer, editor, administrator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from datasync_flask.accounts.models import ApiToken, PersonLink, User
from datasync_flask.accounts.people import make_token
from datasync_flask.clock import utcnow
from datasync_flask.connections.models import State
from datasync_flask.destinations.models import class_of
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, ExtractionObject, Run, RunState
from datasync_flask.extractions.setup.models import ExtractionDraft
from datasync_flask.notices.service import make as make_channel
from datasync_flask.roles import Role
from datasync_flask.salesforce_connections.models import HandOffLink
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

PUBLIC = {
    "accounts.login", "accounts.login_post", "accounts.logout", "accounts.setup", "accounts.choose_language", "operations.healthz", "operations.readyz", "operations.show_metrics", "static",
    "people.join", "sso.begin", "sso.receive", "hand_off.opened", "hand_off.certificate", "api-docs.openapi_json",
}  # fmt: skip
READING = {
    "help.index",
    "help.document",
    "help.errors",
    "extractions.index",
    "extraction_list.row",
    "extractions.show",
    "extractions.show_run",
    "extractions.progress",
    "extractions.data",
    "quick_edit.row",
    "home.index",
    "home.refresh",
    "connections.index",
    "salesforce.certificate",
    "connections.show",
    "status.show",
    "connections.continue_automatically",
}
EDITING = {
    "connections.new", "connections.new_of_kind", "connections.edit", "salesforce.authenticate",
    "salesforce.restart_propagation", "connections.check", "salesforce.disconnect", "connections.confirm_delete",
    "connections.delete", "connections.duplicate", "quick_edit.change", "callback.receive",
    "extractions.new", "extractions.edit", "extractions.start_run", "extractions.cancel_run",
    "extraction_objects.fields", "extraction_objects.reload", "hand_off.manage", "hand_off.withdraw",
    "extractions.confirm_delete", "extractions.delete", "extractions.objects", "extraction_orgs.choose",
    "combined_orgs.confirm_removal", "combined_orgs.remove_rows",
    "setup.begin", "setup.resume", "setup.source", "setup.objects", "setup.object_settings_page", "setup.alike",
    "setup.destination", "setup.review", "setup.checks", "setup.discard",
    "extraction_list.change", "extraction_list.pause", "extraction_list.resume", "connection_orgs.choose", "connection_orgs.go_back", "moving_in.index",
}  # fmt: skip
# One's own account; what these do is tried in tests/accounts/.
OWN_ACCOUNT = {
    "people.account", "people.change_password", "people.make_token", "people.withdraw_token",
    "people.sign_out_everywhere", "sso.ask_to_link", "sso.begin_to_link", "sso.unlink",
}  # fmt: skip
ADMINISTERING = {
    "components.show", "people.index", "people.invite", "people.change_role", "people.reset", "people.remove",
    "people.withdraw", "this_server.show", "audit.index", "audit.export", "notices.index", "notices.channels", "notices.make", "notices.test",
    "notices.change", "notices.remove",
}  # fmt: skip
# Open to tokens only, whatever a browser's session says.
FOR_TOKENS = {
    "api.list_connections", "api.make_connection", "api.show_connection", "api.change_connection",
    "api.delete_connection", "api.check_connection", "api.list_extractions", "api.make_extraction",
    "api.show_extraction", "api.change_extraction", "api.delete_extraction", "api.list_runs", "api.start_run",
    "api.show_run", "api.cancel_run",
}  # fmt: skip
API_READING = {
    "api.list_connections", "api.show_connection", "api.list_extractions", "api.show_extraction", "api.list_runs",
    "api.show_run",
}  # fmt: skip
# These take away what others ask for: last, in this order.
LAST = (
    "setup.discard",
    "hand_off.withdraw", "people.withdraw", "people.withdraw_token", "people.remove", "notices.remove",
    "api.delete_extraction", "api.delete_connection", "extractions.delete", "connections.delete",
)  # fmt: skip


def test_every_route_is_classified(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == (
        PUBLIC | READING | EDITING | ADMINISTERING | OWN_ACCOUNT | FOR_TOKENS
    )


@pytest.fixture
def parts(walk: ConnectionWalk, people: dict[str, int]) -> dict[str, str]:
    """Rows of each kind, and what stands for them in addresses."""
    walk.save(client_id="")
    walk.visitor.post(f"/connections/{walk.id}/hand-off")
    with walk.app.app_context():
        owner = db.session.get_one(User, people["admin"])
        make_token(owner, "a script", 1)
        channel, _ = make_channel("webhook", "Hook", "https://example.com/hook", errors_only=False)
        target = class_of("duckdb")(state=State.CONNECTED, settings={"path": "w.duckdb"})
        target.rename("Warehouse")
        guest = User(email="guest@example.com", password_hash="", role=Role.VIEWER)
        invitation = PersonLink(
            token_hash="x", id="00000000000000ef", email="new@example.com", invited_by_id=owner.id,
            expires_at=utcnow() + timedelta(days=1),
        )  # fmt: skip
        db.session.add_all([target, guest, invitation])
        db.session.flush()
        extraction = Extraction(
            combines_orgs=True,
            description="Nightly",
            description_key="nightly",
            source_id=walk.id,
            destination_id=target.id,
            dataset="crm",
        )
        extraction.objects = [ExtractionObject(name="Account", tracking_type="date", columns={}, table_name="account")]
        db.session.add(extraction)
        db.session.flush()
        run = Run(extraction_id=extraction.id, started_by=owner.email, state=RunState.QUEUED, due_at=utcnow(), tries=0,
                  version=1, api_calls=0)  # fmt: skip
        draft = ExtractionDraft(source_id=walk.id, settings={}, objects=[{"name": "Account"}])
        db.session.add_all([run, draft])
        db.session.commit()
        return {
            "connections/<public_id:connection_id>/hand-off/<public_id:link_id>": (
                f"connections/{walk.id}/hand-off/{db.session.scalars(select(HandOffLink.id)).one()}"
            ),
            "data/<name>": "data/Account",
            "objects/<name>": "objects/Account",
            "<name>": "using",
            "<kind>": "duckdb",
            "<int:user_id>": str(guest.id),
            "<public_id:link_id>": invitation.id,
            "<public_id:channel_id>": channel.id,
            "<public_id:token_id>": db.session.scalars(select(ApiToken.id)).one(),
            "<public_id:extraction_id>": extraction.id,
            "<public_id:draft_id>": draft.id,
            "<public_id:run_id>": run.id,
            "<public_id:connection_id>": walk.id,
        }


def statuses(
    visitor: Visitor, endpoints: set[str], parts: dict[str, str], headers: dict[str, str] | None = None
) -> dict[str, set[int]]:
    """Ask for each of these routes, with each of its methods."""
    found: dict[str, set[int]] = {}
    token = visitor.page.xpath("//input[@name='csrf_token']/@value")[0]
    rules = [rule for rule in visitor.client.application.url_map.iter_rules() if rule.endpoint in endpoints]
    for rule in sorted(rules, key=lambda rule: LAST.index(rule.endpoint) if rule.endpoint in LAST else -1):
        path = rule.rule
        for part, value in parts.items():
            path = path.replace(part, value)
        assert "<" not in path
        for method in (rule.methods or set()) & {"GET", "POST", "PATCH", "DELETE"}:
            data = {"csrf_token": token} if method != "GET" else None
            answer = visitor.open(path, method=method, data=data, headers=headers)
            found.setdefault(rule.endpoint, set()).add(answer.status_code)
    assert found.keys() == endpoints
    return found


def test_signed_out_people_get_nowhere(walk: ConnectionWalk, parts: dict[str, str]) -> None:
    stranger = Visitor(walk.app)
    stranger.get("/login")
    for endpoint, seen in statuses(stranger, READING | EDITING | ADMINISTERING | OWN_ACCOUNT, parts).items():
        assert seen <= {302, 401}, endpoint


def test_viewers_read_and_change_nothing(
    walk: ConnectionWalk, sign_in: Callable[..., Visitor], parts: dict[str, str]
) -> None:
    viewer = sign_in("viewer")
    viewer.get("/connections")
    for endpoint, seen in statuses(viewer, READING, parts).items():
        assert seen <= {200, 302, 303}, endpoint
    viewer.get("/connections")
    for endpoint, seen in statuses(viewer, EDITING | ADMINISTERING, parts).items():
        assert seen == {403}, endpoint
    assert walk.state == "draft"


@pytest.mark.parametrize("role", ["editor", "admin"])
@pytest.mark.slow
def test_editors_and_administrators_are_let_in(
    sign_in: Callable[..., Visitor], parts: dict[str, str], role: str
) -> None:
    person = sign_in(role)
    person.get("/connections")
    if role == "editor":
        for endpoint, seen in statuses(person, ADMINISTERING, parts).items():
            assert seen == {403}, endpoint
        person.get("/connections")
        let_in = READING | EDITING
    else:
        let_in = READING | EDITING | ADMINISTERING
    for endpoint, seen in statuses(person, let_in, parts).items():
        assert not seen & {401, 403, 404, 500}, endpoint


def test_the_api_is_closed_to_sessions(walk: ConnectionWalk, parts: dict[str, str]) -> None:
    walk.visitor.get("/connections")
    for endpoint, seen in statuses(walk.visitor, FOR_TOKENS, parts).items():
        assert seen == {401}, endpoint


@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_a_token_may_do_what_its_owner_may(
    app: Flask, people: dict[str, int], parts: dict[str, str], role: str
) -> None:
    with app.app_context():
        headers = {"Authorization": f"Bearer {make_token(db.session.get_one(User, people[role]), 'test', 1)}"}
        db.session.remove()
    program = Visitor(app)
    program.get("/login")
    for endpoint, seen in statuses(program, API_READING, parts, headers).items():
        assert seen == {200}, endpoint
    for endpoint, seen in statuses(program, FOR_TOKENS - API_READING, parts, headers).items():
        assert seen == {403} if role == "viewer" else not seen & {401, 403, 404, 500}, endpoint


def test_unknown_ids_are_not_found(visitor: Visitor) -> None:
    for path in ("/connections/1", "/connections/1/edit", "/connections/..%2f", "/nothing"):
        assert visitor.get(path).status_code == 404
        assert "Page not found" in visitor.text
    assert visitor.get("/connections/%00").status_code == 400
    assert visitor.get("/connections?q=%00").status_code == 400
