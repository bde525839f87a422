"""Signed out, or DataSync away, in the middle of something: what was typed stays, and the page says what happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_connect import fill_in, save, state
from tests.support.practice import PracticeOrg
from tests.support.program import EMAIL, PASSWORD, Site

NO_APP = {"client_id": "", "client_secret": ""}


def sign_in_again(page: Page) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_an_edit_in_the_list_stays_when_the_session_has_ended(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NO_APP, description="Signed out meanwhile")
    page = new_page()
    page.goto("/connections?q=signed+out")
    page.get_by_role("link", name="Edit Signed out meanwhile").click()
    field = page.get_by_label("Description of Signed out meanwhile")
    field.fill("Typed for an hour")
    page.context.clear_cookies()
    field.press("Tab")
    expect(page.get_by_role("alert").get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(field).to_have_value("Typed for an hour")
    sign_in_again(page)
    # Where one was.
    expect(page.get_by_role("link", name="Signed out meanwhile", exact=True)).to_be_visible()
    assert page.url.endswith("/connections?q=signed+out")


def test_a_step_stays_when_the_session_has_ended(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    connection = site.save(practice.register(site.callback_url), description="Step by step")
    page = new_page()
    page.goto(f"/connections/{connection}")
    page.get_by_role("button", name="Choose what to load").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Schema", exact=True).fill("typed")
    page.context.clear_cookies()
    page.get_by_text("Weekly", exact=True).click()
    problem = page.get_by_role("alert").filter(has_text="You are signed out")
    expect(problem).to_be_in_viewport()
    page.get_by_label("Combine orgs in these tables").check()
    expect(page.get_by_label("Schema", exact=True)).to_have_value("typed")
    expect(page.locator("#schedule-preview")).to_be_visible()
    expect(problem).to_have_count(1)


@pytest.mark.parametrize("answer", ["", "<title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"])
def test_a_page_waits_for_a_restart_behind_a_proxy(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg, answer: str
) -> None:
    page, times = new_page(), list[Route]()

    def restart(route: Route) -> None:
        times.append(route)
        if len(times) > 1:
            route.continue_()
        else:
            route.fulfill(status=502, content_type="text/html", body=answer)

    page.route("**/status", restart)
    fill_in(page, site, practice.register(site.callback_url, propagation_seconds=4), f"Behind a proxy {len(answer)}")
    save(page)
    expect(page.get_by_role("alert")).to_contain_text("Can’t reach DataSync. Retrying…")
    state(page, "ready_to_authorize")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_edit_survives_a_lost_session_on_the_way_back_over_the_connections_page(
    new_page: Callable[..., Page], site: Site
) -> None:
    connection = site.save(NO_APP, description="The long way")
    page = new_page()
    page.goto(f"/connections/{connection}/edit")
    page.get_by_label("Labels").fill("typed")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save", exact=True).click()
    sign_in_again(page)
    expect(page.get_by_text("What you typed here before is filled in again")).to_be_visible()
    page.goto(f"/connections/{connection}")
    page.get_by_role("link", name="Edit The long way").click()
    expect(page.get_by_label("Labels")).to_have_value("typed")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Edit The long way").click()
    page.get_by_label("Labels").fill("not meant")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Edit The long way").click()
    expect(page.get_by_label("Labels")).to_have_value("typed")
    expect(page.get_by_text("What you typed here before is filled in again")).to_be_hidden()


def test_a_destination_that_was_typed_survives_too_but_no_password(new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto("/connections/new/postgresql")
    page.get_by_label("Host").fill("db.example.com")
    page.get_by_label("Password").fill("never kept in the browser")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save", exact=True).click()
    assert "never kept" not in page.evaluate("JSON.stringify({...sessionStorage})")
    sign_in_again(page)
    expect(page.get_by_label("Host")).to_have_value("db.example.com")
    expect(page.get_by_label("Password")).to_have_value("")
