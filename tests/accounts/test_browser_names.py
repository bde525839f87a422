"""Sessions are told apart by browser and system, not by the long text that browsers send."""

from __future__ import annotations

import pytest

from datasync_flask.accounts.browser_names import browser_name
from tests.support.visitor import Visitor

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        (CHROME, "Chrome, Windows"),
        (f"{CHROME} Edg/141.0", "Edge, Windows"),
        (SAFARI, "Safari, iPhone"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 200, "x" * 60),
        ("", ""),
    ],
)
def test_a_browser_has_a_short_name(text: str, name: str) -> None:
    assert browser_name(text) == name


def test_the_account_names_where_one_is_signed_in(visitor: Visitor) -> None:
    visitor.get("/account")
    assert visitor.page.xpath("//section[@aria-labelledby='sessions']//li")
    assert "Werkzeug/" in visitor.text
