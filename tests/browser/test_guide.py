"""The guide stays where one was; its pictures are there; a notification comes to those who asked for one."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.support.practice import PracticeOrg
from tests.support.program import Site, wait_for


def test_ticks_stay_and_go_along_with_the_new_connection(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page()
    page.goto("/connections/new/salesforce")
    steps = page.locator("[data-step]")
    first = page.locator("[data-step=external-login]")
    first.get_by_label("Done").check(force=True)
    # Copying a value is the step.
    page.locator("[data-step=external-callback]").get_by_role("button", name="Copy").click()
    page.reload()
    expect(first.get_by_label("Done")).to_be_checked()
    expect(page.locator("[data-step=external-callback]").get_by_label("Done")).to_be_checked()
    expect(page.locator("[data-step=external-find]")).to_have_class(re.compile("now"))
    page.get_by_label("Description").fill("With ticks")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Resume with the guide").click()
    expect(first.get_by_label("Done")).to_be_checked()
    page.get_by_role("button", name="Untick all steps").click()
    expect(steps.locator("input:checked")).to_have_count(0)
    page.goto("/connections/new/salesforce")
    expect(page.locator("[data-step] input:checked")).to_have_count(0)


def test_every_picture_is_there_and_none_is_loaded_unasked(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page()
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url) if "/guide/" in request.url else None)
    page.goto("/connections/new/salesforce", wait_until="networkidle")
    assert loaded == []
    # The step of signed tokens is shown to those who chose them.
    page.get_by_label("Signed token (JWT)").check()
    # Of the guides one is open at a time.
    for guide in page.locator("#guide > details").all():
        guide.evaluate("element => { element.open = true }")
        for details in guide.locator("details.picture").all():
            details.evaluate("element => { element.open = true }")
            picture = details.locator("img")
            picture.scroll_into_view_if_needed()
            expect(picture).to_have_js_property("naturalWidth", 960)
            assert picture.get_attribute("alt")


def test_notified_when_the_wait_is_over(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    app = practice.register(site.callback_url, propagation_seconds=600)
    connection_id = site.save(app, description="Notified")
    page = new_page(permissions=["notifications"])
    # Chromium shows none without a screen: what the page asks of it is what can be seen.
    page.add_init_script("""
      window.notifications = [];
      window.Notification = class extends EventTarget {
        static permission = "default";
        static async requestPermission() { Notification.permission = "granted"; return "granted"; }
        constructor(title, options) { super(); window.notifications.push([title, options.body]); }
      };
      Object.defineProperty(document, "hidden", { get: () => window.looksElsewhere === true });
    """)
    page.goto(f"/connections/{connection_id}")
    page.get_by_role("button", name="Notify me in this browser").click()
    expect(page.get_by_text("You will be notified by this browser.")).to_be_visible()
    expect(page.locator("#icon")).to_have_attribute("href", re.compile("icon-wait"))
    page.evaluate("window.looksElsewhere = true")
    practice.change(app["client_id"], known_now=True)
    wait_for(lambda: page.evaluate("window.notifications.length"), 40)
    title, body = page.evaluate("window.notifications[0]")
    assert title == "Ready to connect"
    assert "Notified" in body
    expect(page.locator("#icon")).to_have_attribute("href", re.compile("icon-ready"))


def test_the_language_is_chosen_at_the_foot(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page()
    page.goto("/connections/new/salesforce")
    page.get_by_label("Description").fill("Mehrsprachig")
    page.locator("details.account summary").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Neue Salesforce-Verbindung")).to_be_visible()
    expect(page.get_by_label("Beschreibung")).to_have_value("Mehrsprachig")
    page.locator("details.account summary").click()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="New Salesforce connection")).to_be_visible()


def test_four_hundred_percent_and_print(new_page: Callable[..., Page], site: Site) -> None:
    # 1280 pixels at 400 % are 320 CSS pixels (WCAG 1.4.10).
    page = new_page(viewport={"width": 320, "height": 256})
    for path in ("/connections", "/connections/new/salesforce", "/help/errors", "/help/settings", "/-/components"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    page.emulate_media(media="print")
    page.goto("/help/errors")
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.get_by_text("Who can fix it").first).to_be_visible()
