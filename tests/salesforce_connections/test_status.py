"""The poll: whole fragments, 304 when nothing changed, nothing written."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import kind
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def poll(walk: ConnectionWalk, **headers: str) -> Any:
    return walk.visitor.get(f"/connections/{walk.id}/status", headers={"HX-Request": "true", **headers})


def test_the_page_includes_what_the_poll_returns(walk: ConnectionWalk) -> None:
    import re

    from lxml import html

    walk.make_app(propagation_seconds=600)
    walk.save()

    def shape(element: Any) -> str:
        text = html.tostring(element).decode().strip()
        return re.sub(r'(hx-nonce|value|data-next-probe-in)="[^"]*"', "", text)

    page = shape(walk.show())
    poll(walk)
    assert shape(walk.visitor.status) == page


def test_an_unchanged_poll_is_304_without_rendering(walk: ConnectionWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    first = poll(walk)
    assert first.status_code == 200
    tag = first.headers["HX-PTag"]
    assert walk.visitor.status.get("hx-ptag") == tag

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendered")

    with monkeypatch.context() as patch:
        patch.setattr(kind, "render_template", refuse)
        entity_tag = first.headers["ETag"]
        for headers in ({"HX-PTag": tag}, {"If-None-Match": entity_tag}, {"If-None-Match": f"W/{entity_tag}"}):
            again = poll(walk, **headers)
            assert again.status_code == 304
            assert again.data == b""
            assert again.headers["HX-PTag"] == tag
    walk.work()
    changed = poll(walk, **{"HX-PTag": tag})
    assert changed.status_code == 200
    assert changed.headers["HX-PTag"] != tag


def test_a_poll_reads_only(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    with walk.app.app_context():
        engine = db.engine
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        response = poll(walk)
        unchanged = poll(walk, **{"HX-PTag": response.headers["HX-PTag"]})
    finally:
        event.remove(engine, "before_cursor_execute", record)
    for answer in (response, unchanged):
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    assert {statement.split()[0].upper() for statement in statements} == {"SELECT"}


def test_resting_fragments_hold_no_trigger_and_moving_ones_do(walk: ConnectionWalk) -> None:
    def triggers() -> tuple[str, bool]:
        poll(walk)
        return walk.visitor.status.get("data-state"), walk.visitor.status.get("hx-trigger") is not None

    walk.make_app(propagation_seconds=0)
    walk.save(client_id="", client_secret="")
    assert triggers() == ("draft", False)
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", client_id=walk.client_id, client_secret=walk.salesforce_app["client_secret"])
    assert triggers() == ("waiting_for_propagation", True)
    walk.work()
    assert triggers() == ("ready_to_authorize", False)
    location = walk.practice.answer_as_person(walk.leave_for_salesforce())
    assert triggers() == ("authorizing", True)
    walk.come_back(location)
    walk.work()
    assert triggers() == ("connected", False)
    walk.practice.expire("refresh")
    walk.visitor.post(f"/connections/{walk.id}/check")
    walk.work()
    assert triggers() == ("needs_attention", False)


def test_the_result_of_a_check_appears_by_itself(walk: ConnectionWalk) -> None:
    walk.to_connected()
    assert walk.visitor.status.get("hx-trigger") is None
    walk.visitor.post(f"/connections/{walk.id}/check")
    walk.visitor.follow()
    assert "The result appears here in a few seconds" in walk.visitor.text
    assert walk.visitor.status.get("hx-trigger") is not None
    walk.work()
    poll(walk)
    assert (walk.visitor.status.get("data-state"), walk.visitor.status.get("hx-trigger")) == ("connected", None)


def test_signed_out_polls_get_401_and_no_sign_in_page(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    for headers in ({"HX-Request": "true"}, {}):
        stranger = Visitor(walk.app)
        response = stranger.get(f"/connections/{walk.id}/status", headers=headers)
        assert response.status_code == 401
        assert "password" not in response.text.lower()
        assert "<html" not in response.text


def test_a_connection_that_is_gone(walk: ConnectionWalk) -> None:
    walk.id = "0000000000000000"
    response = poll(walk)
    assert response.status_code == 404
    assert "<html" not in response.text


def test_the_choice_to_go_on_by_itself_is_remembered(walk: ConnectionWalk) -> None:
    walk.make_app(propagation_seconds=600)
    walk.save()
    assert walk.show().get_element_by_id("continue_automatically").get("checked") is None
    before = poll(walk).headers["HX-PTag"]
    assert walk.visitor.post("/connections/continue-automatically", {"continue_automatically": "on"}).status_code == 303
    assert walk.show().get_element_by_id("continue_automatically").get("checked") is not None
    assert poll(walk, **{"HX-PTag": before}).status_code == 200


def test_a_viewer_sees_the_status_without_buttons(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.to_ready()
    viewer = sign_in("viewer")
    viewer.get(f"/connections/{walk.id}")
    assert viewer.status.get("data-state") == "ready_to_authorize"
    assert not viewer.status.xpath(".//button")
    assert viewer.get(f"/connections/{walk.id}/edit").status_code == 403
