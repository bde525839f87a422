"""Every route, for everybody: signed out, viewer, editor, administrator."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

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
    "status.glance",
    "extractions.index",
    "extractions.show",
    "extractions.show_run",
    "extractions.progress",
    "extractions.data",
    "quick_edit.row",
    "connections.start",
    "connections.index",
    "connections.certificate",
    "connections.show",
    "status.show",
    "connections.continue_automatically",
}
EDITING = {
    "connections.new", "connections.new_salesforce", "connections.edit", "connections.authenticate",
    "connections.watch_again", "connections.check", "connections.disconnect", "connections.confirm_delete",
    "connections.delete", "connections.duplicate", "quick_edit.change", "callback.receive",
    "destinations.new", "extractions.new", "extractions.edit", "extractions.start_run", "extractions.cancel_run",
    "extraction_objects.fields", "extraction_objects.reload", "hand_off.manage", "hand_off.withdraw",
    "extractions.confirm_delete", "extractions.delete", "extractions.objects", "extraction_orgs.choose",
    "setup.begin", "setup.resume", "setup.source", "setup.objects", "setup.object_settings_page", "setup.alike",
    "setup.destination", "setup.review", "setup.checks", "setup.discard",
    "connection_orgs.choose", "connection_orgs.go_back",
}  # fmt: skip
# One's own account; what these do is tried in tests/accounts/.
OWN_ACCOUNT = {
    "people.account", "people.change_password", "people.make_token", "people.withdraw_token",
    "people.sign_out_everywhere", "sso.ask_to_link", "sso.begin_to_link", "sso.unlink",
}  # fmt: skip
ADMINISTERING = {
    "components.show", "people.index", "people.invite", "people.change_role", "people.reset", "people.remove",
    "people.withdraw", "audit.index", "audit.export", "notices.index", "notices.ways", "notices.make", "notices.test",
    "notices.change", "notices.remove",
}  # fmt: skip
# Open to tokens only, whatever a browser's session says; tests/api/ tries them with the token of each role.
FOR_TOKENS = {
    "api.list_connections", "api.make_connection", "api.show_connection", "api.change_connection",
    "api.delete_connection", "api.check_connection", "api.list_extractions", "api.make_extraction",
    "api.show_extraction", "api.change_extraction", "api.delete_extraction", "api.list_runs", "api.start_run",
    "api.show_run", "api.cancel_run",
}  # fmt: skip
# What has another name than a connection's in addresses; the extraction and its run are ones that nobody has.
PARTS = {
    "data/<name>": "data/Account",
    "<name>": "using",
    "<kind>": "duckdb",
    "objects/<name>": "objects/Account",
    "<int:user_id>": "999999",
    "<public_id:link_id>": "00000000000000ef",
    "<public_id:channel_id>": "00000000000000ef",
    "<public_id:token_id>": "00000000000000ef",
    "<public_id:extraction_id>": "00000000000000ab",
    "<public_id:draft_id>": "00000000000000ab",
    "<public_id:run_id>": "00000000000000cd",
}


def test_every_route_is_classified(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == (
        PUBLIC | READING | EDITING | ADMINISTERING | OWN_ACCOUNT | FOR_TOKENS
    )


def statuses(app: Flask, visitor: Visitor, endpoints: set[str], connection_id: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    token = visitor.page.xpath("//input[@name='csrf_token']/@value")[0]
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in endpoints:
            continue
        path = rule.rule
        for part, value in PARTS.items():
            path = path.replace(part, value)
        path = path.replace("<public_id:connection_id>", connection_id)
        for method in (rule.methods or set()) & {"GET", "POST", "PATCH", "DELETE"}:
            data = {"csrf_token": token} if method != "GET" else None
            found.setdefault(rule.endpoint, set()).add(visitor.open(path, method=method, data=data).status_code)
    return found


def test_signed_out_people_get_nowhere(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    stranger = Visitor(walk.app)
    stranger.get("/login")
    for endpoint, seen in statuses(
        walk.app, stranger, READING | EDITING | ADMINISTERING | OWN_ACCOUNT, walk.id
    ).items():
        assert seen <= {302, 401}, endpoint


def test_viewers_read_and_change_nothing(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save(client_id="")
    viewer = sign_in("viewer")
    viewer.get("/connections")
    for endpoint, seen in statuses(walk.app, viewer, READING, walk.id).items():
        assert seen <= {200, 302, 303} | ({404} if endpoint.startswith("extractions.") else set()), endpoint
    viewer.get("/connections")
    for endpoint, seen in statuses(walk.app, viewer, EDITING | ADMINISTERING, walk.id).items():
        assert seen == {403}, endpoint
    assert walk.state == "draft"


def test_editors_and_administrators_are_let_in(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    for role in ("editor", "admin"):
        walk.save(client_id="", description=role)
        person = sign_in(role)
        person.get("/connections")
        for endpoint, seen in statuses(walk.app, person, READING | EDITING, walk.id).items():
            assert not seen & {401, 403, 500}, endpoint
        person.get("/connections")
        for endpoint, seen in statuses(walk.app, person, ADMINISTERING, walk.id).items():
            assert seen == {403} if role == "editor" else not seen & {401, 403, 500}, endpoint


def test_the_api_is_closed_to_sessions(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    walk.visitor.get("/connections")
    for endpoint, seen in statuses(walk.app, walk.visitor, FOR_TOKENS, walk.id).items():
        assert seen == {401}, endpoint


def test_unknown_ids_are_not_found(visitor: Visitor) -> None:
    for path in ("/connections/1", "/connections/1/edit", "/connections/..%2f", "/nothing"):
        assert visitor.get(path).status_code == 404
        assert "There is nothing here" in visitor.text
    assert visitor.get("/connections/%00").status_code == 400
    assert visitor.get("/connections?q=%00").status_code == 400
