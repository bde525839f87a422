"""Forms and pages of connections in Chromium: what they keep, and how they stand on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.practice import PracticeOrg
from tests.support.program import EMAIL, PASSWORD, Site


def test_copy(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/connections/new/salesforce")
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(page.get_by_role("button", name="Copied").first).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == site.callback_url


def test_typed_text_survives_a_lost_session(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page()
    page.goto("/connections/new/salesforce")
    page.get_by_label("Description").fill("Half done")
    page.get_by_label("Client Secret", exact=True).fill("never kept in the browser")
    page.context.clear_cookies()
    page.goto("/connections/new/salesforce")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Description")).to_have_value("Half done")
    expect(page.get_by_label("Client Secret", exact=True)).to_have_value("")
    expect(page.get_by_text("What you typed here before is filled in again")).to_be_visible()


def test_a_phone_needs_no_sideways_scrolling(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg, tmp_path: Path
) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    connection_id = site.save(practice.register(site.callback_url, propagation_seconds=600), description="On a phone")
    for path in (
        "/connections",
        "/connections/new",
        "/connections/new/salesforce",
        f"/connections/{connection_id}",
        "/login",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_a_second_click_on_save_saves_once(new_page: Callable[..., Page], site: Site) -> None:
    page, held = new_page(), list[Route]()
    page.goto("/connections/new/salesforce")
    page.get_by_label("Description").fill("Saved once")
    page.route("**/connections/new/salesforce", lambda route: held.append(route))
    button = page.get_by_role("button", name="Save", exact=True)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    with page.expect_request("**/connections/new/salesforce"):
        page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    page.mouse.move(0, 0)
    assert len(held) == 1
    held[0].continue_()
    expect(page.get_by_role("heading", name="Saved once")).to_be_visible()


def test_below_a_long_name_the_buttons_stand_side_by_side(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    name = "A connection to the sales organisation in Europe, the Middle East and Africa"
    page.goto(f"/connections/{site.save(practice.register(site.callback_url), description=name)}")

    def top(element: Locator) -> float:
        box = element.bounding_box()
        assert box is not None
        return box["y"]

    heading = page.get_by_role("heading", name=name).bounding_box()
    assert heading is not None
    assert heading["width"] > 300
    menu = page.locator(".head summary")
    assert top(page.get_by_role("link", name=f"Edit {name}")) == top(menu) >= heading["y"] + heading["height"]
    menu.click()
    opened = page.get_by_role("button", name="Duplicate", exact=True).bounding_box()
    assert opened is not None
    assert opened["x"] >= 0
    assert opened["x"] + opened["width"] <= 360
    page.goto("/connections")
    # In the list the menu takes no line of its own.
    row = page.locator("tr", has_text=name)
    assert abs(top(row.locator("a.name")) - top(row.locator("summary"))) < 12


@pytest.mark.parametrize("refusals", [1, 2])
def test_back_after_a_refusal_doesnt_ask_to_resend(new_page: Callable[..., Page], refusals: int) -> None:
    page = new_page()
    page.goto("/connections/new/duckdb")
    page.get_by_label("File or folder").fill(f"resend{refusals}.duckdb")
    for _ in range(refusals):
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("alert").filter(has_text="There’s a problem")).to_be_visible()
        # Another press answers with another page.
        page.evaluate("document.querySelector('.summary').remove()")
    page.get_by_label("Description").fill(f"Resend {refusals}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name=f"Resend {refusals}")).to_be_visible()
    for _ in range(refusals + 1):
        page.go_back()
        expect(page.get_by_role("heading", name="New DuckDB destination")).to_be_visible()
        assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == 200
