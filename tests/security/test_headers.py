from __future__ import annotations

import re

import pytest
from flask import Flask

from datasync_flask import create_app
from datasync_flask.config import Settings
from datasync_flask.extensions import db
from tests.support.practice import PracticeOrg
from tests.support.visitor import Visitor


@pytest.mark.parametrize("path", ["/login", "/connections", "/nothing", "/healthz", "/static/js/main.js"])
def test_every_answer_has_the_headers(visitor: Visitor, practice: PracticeOrg, path: str) -> None:
    response = visitor.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "https://*.salesforce.com" in policy
    assert practice.origin in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "Strict-Transport-Security" not in response.headers


def test_nonces_are_new_each_time_and_stand_in_the_page(visitor: Visitor) -> None:
    nonces = set()
    for _ in range(2):
        response = visitor.get("/connections")
        nonce = re.search(r"'nonce-([^']+)'", response.headers["Content-Security-Policy"])
        assert nonce is not None
        assert set(visitor.page.xpath("//script/@nonce")) == {nonce.group(1)}
        nonces.add(nonce.group(1))
    assert len(nonces) == 2


def test_https_brings_secure_cookies_and_hsts(settings: Settings) -> None:
    app: Flask = create_app(settings.model_copy(update={"public_url": "https://datasync.example"}))
    response = app.test_client().get("/login", base_url="https://datasync.example")
    assert "Secure" in response.headers["Set-Cookie"]
    assert "SameSite=Lax" in response.headers["Set-Cookie"]
    assert response.headers["Strict-Transport-Security"]
    with app.app_context():
        db.engine.dispose()


def test_errors_are_pages_and_never_name_what_broke(
    app: Flask, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasync_flask.connections import listing

    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(listing, "page_of_connections", fail)
    response = visitor.get("/connections")
    assert response.status_code == 500
    assert "Something went wrong" in visitor.text
    assert "secret detail" not in response.text


def test_bodies_are_limited(visitor: Visitor) -> None:
    assert visitor.post("/connections/new/salesforce", {"description": "x" * 400_000}).status_code == 413


def test_only_static_files_are_compressed(visitor: Visitor) -> None:
    headers = {"Accept-Encoding": "gzip"}
    assert visitor.get("/static/style.css", headers=headers).headers["Content-Encoding"] == "gzip"
    # A page holds a token, and may echo what somebody typed: its length would tell of the token.
    assert "Content-Encoding" not in visitor.client.get("/connections?q=x", headers=headers).headers
