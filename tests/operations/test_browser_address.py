"""The address in the browser isn't the public one: whoever can fix it is told where the Callback URL stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from datasync_flask.config import Settings
from datasync_flask.operations.doctor import Doctor, Finding
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

PAGES = ["/connections/new/salesforce", "/connections/{id}", "/connections/{id}/edit"]


def note_on(visitor: Visitor, path: str, **headers: str) -> str:
    """The visible note of a page, '' when there is none."""
    visitor.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    (note,) = visitor.page.xpath("//*[@id='address-note']")
    return "" if note.get("hidden") is not None else " ".join(note.text_content().split())


def browsers(app: Flask) -> Finding:
    with app.app_context():
        return next(finding for finding in Doctor(app).examine() if finding.name == "browsers")


@pytest.mark.parametrize("page", PAGES)
def test_an_administrator_is_told_what_to_set(walk: ConnectionWalk, page: str) -> None:
    walk.save(client_id="")
    path = page.format(id=walk.id)
    assert note_on(walk.visitor, path) == ""
    assert browsers(walk.app).is_well
    told = note_on(walk.visitor, path, X_Forwarded_Host="tools.example.com", X_Forwarded_Proto="https")
    assert "https://tools.example.com" in told
    assert "http://127.0.0.1:5000" in told
    assert "DATASYNC_PUBLIC_URL=https://tools.example.com" in told
    assert "DATASYNC_TRUSTED_PROXIES=1" in told
    found = browsers(walk.app)
    assert not found.is_well
    assert "https://tools.example.com" in found.text
    assert "DATASYNC_PUBLIC_URL=https://tools.example.com" in found.fix


def test_others_are_told_whom_to_ask(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save(client_id="")
    editor = sign_in("editor")
    told = note_on(editor, f"/connections/{walk.id}", X_Forwarded_Host="tools.example.com")
    assert "Ask an administrator of DataSync" in told
    assert "TRUSTED_PROXIES" not in told
    walk.visitor.post(f"/connections/{walk.id}/hand-off")
    (link,) = set(walk.visitor.page.xpath("//@data-copy[contains(., '/hand-off/')]"))
    stranger = Visitor(walk.app)
    told = note_on(stranger, str(link).removeprefix("http://127.0.0.1:5000"), X_Forwarded_Host="tools.example.com")
    assert "Ask the person who sent you this link" in told


@pytest.mark.parametrize(
    ("public_url", "address", "headers", "is_told"),
    [
        ("", "http://127.0.0.1:5000", {}, False),
        ("", "http://[::1]:5000", {}, False),
        ("", "http://tools.example.com", {}, True),
        ("", "http://127.0.0.1:8080", {}, True),
        ("", "http://127.0.0.1:5000", {"X-Forwarded-Proto": "https"}, True),
        ("https://tools.example.com", "http://tools.example.com", {}, False),
        ("https://tools.example.com:8443", "http://tools.example.com", {}, False),
        ("https://tools.example.com", "http://127.0.0.1:5000", {"X-Forwarded-Host": "tools.example.com"}, False),
        ("https://tools.example.com", "http://other.example.com", {}, True),
        ("http://tools.example.com", "http://tools.example.com", {"X-Forwarded-Proto": "https"}, True),
    ],
)
def test_what_counts_as_another_address(
    app: Flask,
    visitor: Visitor,
    settings: Settings,
    public_url: str,
    address: str,
    headers: dict[str, str],
    is_told: bool,
) -> None:
    app.config["SETTINGS"] = settings.model_copy(update={"public_url": public_url})
    cookie = visitor.client.get_cookie("datasync_session", "127.0.0.1")
    assert cookie is not None
    host = address.split("://")[1].rsplit(":5000", 1)[0].rsplit(":8080", 1)[0].strip("[]")
    visitor.client.set_cookie("datasync_session", cookie.value, domain=host)
    answer = visitor.client.get(
        "/connections/new/salesforce",
        base_url=address,
        headers={**headers, "Cookie": f"datasync_session={cookie.value}"},
    )
    if answer.status_code == 302:
        # localhost and 127.0.0.1: there is a redirect.
        assert not is_told
        return
    assert answer.status_code == 200
    start = answer.text.index('id="address-note"')
    assert ("hidden" not in answer.text[start : answer.text.index(">", start)]) is is_told


@pytest.mark.parametrize(
    "host", ["<script>alert(1)</script>", "a" * 3000, "x y", "evil.example.com/path", "a:99999999"]
)
def test_headers_of_attackers_are_neither_shown_nor_kept(walk: ConnectionWalk, host: str) -> None:
    walk.save(client_id="")
    note_on(walk.visitor, f"/connections/{walk.id}", X_Forwarded_Host=host)
    assert host not in walk.visitor.response.text
    assert browsers(walk.app).is_well


def test_what_a_header_says_is_never_a_link(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    note_on(walk.visitor, f"/connections/{walk.id}/edit", X_Forwarded_Host="evil.example.com")
    assert not [link for link in walk.visitor.page.xpath("//@href | //@action | //@src") if "evil" in link]
    assert walk.visitor.page.get_element_by_id("callback_url").get("value").startswith("http://127.0.0.1:5000/")


def test_the_doctor_asks_for_the_address_when_others_can_reach_it(app: Flask, settings: Settings) -> None:
    for change in ({"host": "0.0.0.0"}, {"trusted_proxies": 1}):
        app.config["SETTINGS"] = settings.model_copy(update=change)
        found = browsers(app)
        assert not found.is_well
        assert "DATASYNC_PUBLIC_URL" in found.text
