"""A test client that behaves like a browser without JavaScript and looks at every page it gets."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from lxml import html
from werkzeug.test import TestResponse


def check_page(text: str) -> Any:
    """Hold every page to the same rules: one h1, a title, unique ids, labelled fields, CSRF tokens, nothing inline.

    Return it as a tree.
    """
    page = html.fromstring(text)
    ids = Counter(page.xpath("//@id"))
    assert [name for name, count in ids.items() if count > 1] == []
    labelled = set(page.xpath("//label/@for"))
    for field in page.xpath("//input[not(@type='hidden')] | //select | //textarea"):
        is_labelled = field.get("aria-label") or field.get("id") in labelled or field.xpath("ancestor::label")
        assert is_labelled, html.tostring(field)
    for form in page.xpath("//form[translate(@method,'POST','post')='post']"):
        assert form.xpath(".//input[@name='csrf_token']"), html.tostring(form)
    assert not page.xpath("//*[@style] | //style | //script[not(@src)] | //*[@*[starts-with(name(), 'on')]]")
    assert "None" not in page.xpath("//@*")
    for control in page.xpath("//*[@hx-get or @hx-post or @hx-patch]"):
        assert control.get("hx-nonce")
    if page.tag == "html":
        assert len(page.xpath("//h1")) == 1
        assert page.xpath("string(//title)").strip()
        for described in page.xpath("//@aria-describedby"):
            assert all(name in ids for name in described.split()), described
    return page


class Visitor:
    """Forms, links and redirects by hand, with the page of the last answer at hand."""

    def __init__(self, app: Flask, address: str = "http://127.0.0.1:5000") -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address
        self.response: TestResponse
        self.page: Any = None

    def open(self, path: str, method: str = "GET", **kwargs: Any) -> TestResponse:
        self.response = self.client.open(path, method=method, base_url=self.address, buffered=True, **kwargs)
        if (
            self.response.mimetype == "text/html"
            and self.response.data
            and self.response.status_code not in {301, 302, 303}
        ):
            self.page = check_page(self.response.text)
        return self.response

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open(path, **kwargs)

    def follow(self) -> TestResponse:
        """Go where the last answer redirected to, on this site only."""
        target = urlsplit(self.response.headers["Location"])
        assert not target.netloc or target.netloc == urlsplit(self.address).netloc, self.response.headers["Location"]
        return self.get(target.path + (f"?{target.query}" if target.query else ""))

    @property
    def csrf_token(self) -> str:
        if self.page is None or not self.page.xpath("//input[@name='csrf_token']"):
            # Every page has it; this one is made fastest.
            self.get("/help")
        return str(self.page.xpath("//input[@name='csrf_token']/@value")[0])

    def post(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        return self.open(path, method="POST", data={"csrf_token": self.csrf_token, **(data or {})}, **kwargs)

    def patch(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> TestResponse:
        return self.open(path, method="PATCH", data={"csrf_token": self.csrf_token, **(data or {})}, **kwargs)

    def form_values(self, form_id: str) -> dict[str, str]:
        """What a form would send if its first button were pressed."""
        form = self.page.get_element_by_id(form_id)
        return dict(form.form_values())

    def submit(self, form_id: str, path: str = "", **changes: str) -> TestResponse:
        """Fill fields in on top of what the form holds, and send it."""
        form = self.page.get_element_by_id(form_id)
        values = {**self.form_values(form_id), **changes}
        return self.open(path or form.get("action"), method="POST", data=values)

    @property
    def text(self) -> str:
        """The visible words of the last page, with single spaces."""
        main = self.page.xpath("//main")
        return re.sub(r"\s+", " ", (main[0] if main else self.page).text_content()).strip()

    @property
    def status(self) -> Any:
        """The status fragment of the last page."""
        return (
            self.page.get_element_by_id("connection-status")
            if self.page.get("id") != "connection-status"
            else self.page
        )

    def error_at(self, field: str) -> str:
        """The error that stands at a field ('' when there is none)."""
        found = self.page.xpath(f"//*[@id='{field}-error']")
        return re.sub(r"\s+", " ", found[0].text_content()).strip() if found else ""
