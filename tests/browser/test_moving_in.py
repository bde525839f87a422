"""Settings of another tool in Chromium: a file is chosen, its list read, drafts made; also without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import violations
from tests.moving_in.support import FILES


@pytest.mark.parametrize(
    "options", [{"bypass_csp": True}, {"java_script_enabled": False, "viewport": {"width": 360, "height": 780}}]
)
def test_a_file_becomes_drafts(new_page: Callable[..., Page], options: dict[str, Any]) -> None:
    name = "meltano.yml" if "bypass_csp" in options else "config.json"
    page = new_page(**options)
    page.goto("/connections/new")
    page.get_by_role("link", name="Import settings from another tool").click()
    page.get_by_role("button", name="Show what it gives").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a file or paste its text.")
    page.get_by_label("File", exact=True).set_input_files(FILES / name)
    page.get_by_role("button", name="Show what it gives").click()
    listed = page.get_by_role("table", name="What is taken, and what isn’t")
    expect(listed.get_by_role("row", name="Not taken Password").first).to_contain_text("20 February 2027")
    expect(page.get_by_label("Or paste its text")).to_have_value(re.compile("REMOVED"))
    assert "SECRET" not in page.content()
    if "bypass_csp" in options:
        assert violations(page, "list") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Create drafts").press("Enter")
    page.get_by_role("link", name="Salesforce (").first.click()
    expect(page.get_by_label("Client ID")).to_have_value("")
