"""A connection's page while it waits, in Chromium: what its polls cost, keep and show."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.browser.test_connect import fill_in, save, state
from tests.support.practice import PracticeOrg
from tests.support.program import EMAIL, PASSWORD, Site


def test_polls_keep_focus_and_stop_at_rest(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page()
    app = practice.register(site.callback_url, propagation_seconds=600)
    fill_in(page, site, app, "Focus")
    polls: list[int] = []
    page.on("response", lambda response: polls.append(response.status) if response.url.endswith("/status") else None)
    save(page)
    choice = page.get_by_label("Open Salesforce automatically when it’s ready")
    choice.focus()
    with page.expect_response(lambda response: response.url.endswith("/status") and response.status == 200):
        pass
    page.wait_for_timeout(500)
    assert page.evaluate("document.activeElement.id") == "continue_automatically"
    expect(page).to_have_title("Waiting for propagation · Focus · DataSync")
    practice.change(app["client_id"], known_now=True)
    state(page, "ready_to_authorize")
    expect(page.locator("#announcer")).to_have_text("Ready to connect")
    expect(page.locator("#history li").first).to_contain_text("Salesforce knows the app")
    polls.clear()
    page.wait_for_timeout(2500)
    assert polls == []


def test_unchanged_polls_are_304(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page()
    app = practice.register(site.callback_url)
    connection_id = site.save(app, description="Left open")
    site.wait_for_state(connection_id, "ready_to_authorize")
    site.leave(connection_id)
    page.goto(f"/connections/{connection_id}")
    polls: list[int] = []
    page.on("response", lambda response: polls.append(response.status) if response.url.endswith("/status") else None)
    page.wait_for_timeout(3300)
    assert polls
    assert set(polls) == {304}


def test_an_open_page_asks_rarely_until_the_next_probe_is_due(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    connection_id = site.save(practice.register(site.callback_url, propagation_seconds=60), description="Rarely")
    page, asked = new_page(), list[str]()

    def half_a_minute_to_go(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=re.sub(r'(data-next-probe-in)="[^"]*"', r'\1="30"', answer.text()))

    def unchanged(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=304)

    page.route(f"**/connections/{connection_id}", half_a_minute_to_go)
    page.route("**/status", unchanged)
    page.clock.install()
    page.goto(f"/connections/{connection_id}")

    def polls_within(seconds: int) -> int:
        before = len(asked)
        for _ in range(seconds):
            page.clock.run_for(1000)
            # What was asked meanwhile is answered before time goes on.
            page.evaluate("1")
        return len(asked) - before

    assert polls_within(7) == 0
    assert polls_within(20) == 3
    assert polls_within(3) <= 1
    assert polls_within(6) >= 5


def test_signed_out_in_another_tab(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page(signed_in=False)
    page.goto("/login")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    fill_in(page, site, practice.register(site.callback_url, propagation_seconds=600), "Signed out")
    save(page)
    other = page.context.new_page()
    other.goto("/connections")
    other.locator("details.account summary").click()
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
