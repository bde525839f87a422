"""The demo's extraction in Chromium: press Run, follow it, view the data; then one made by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.program import Program, wait_for
from tests.support.servers import free_port, wait_until_open


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port, practice_port = free_port(), free_port()
    program = Program(
        tmp_path_factory.mktemp("demo"), "demo", "--port", str(port), "--practice-port", str(practice_port)
    )
    program.start()
    try:
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        program.kill_all()


@pytest.fixture
def page(browser: Browser, demo: str) -> Iterator[Page]:
    context = browser.new_context(base_url=demo)
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Email").fill("demo@example.com")
    page.get_by_label("Password").fill("practice makes perfect")
    page.get_by_role("button", name="Sign in").click()
    # The demo's connection, which either test may be the first to find on its way.
    wait_for(lambda: page.goto("/connections") and page.get_by_text("Connected", exact=True).count() >= 2, 40)
    yield page
    context.close()


# What is said aloud, and what the tab is called, one after the other.
KEEP_WHAT_IS_SAID = """
window.said = [];
window.titles = [];
const kept = (list, text) => { if (text && list.at(-1) !== text) list.push(text); };
document.addEventListener("DOMContentLoaded", () => {
  const announcer = document.getElementById("announcer");
  if (!announcer) return;
  new MutationObserver(() => kept(window.said, announcer.textContent)).observe(announcer, { childList: true });
  new MutationObserver(() => kept(window.titles, document.title)).observe(document.querySelector("title"), {
    childList: true,
  });
});
"""


def test_run_follow_and_view(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="Extractions").click()
    page.get_by_role("link", name="Practice org to the warehouse", exact=True).click()
    page.add_init_script(KEEP_WHAT_IS_SAID)
    page.get_by_role("button", name="Run now").click()
    progress = page.locator("#run-progress")
    expect(page.get_by_role("button", name="Cancel run")).to_be_visible()
    page.locator("#technical-log summary").click()
    expect(progress).to_have_attribute("data-state", "done", timeout=60_000)
    expect(page.get_by_role("button", name="Cancel run")).to_be_hidden()
    # A poll neither closes what was opened nor speaks each second: once for each state that is new.
    expect(page.locator("#technical-log")).to_have_attribute("open", "")
    expect(page.locator("#announcer")).to_have_text("Done. 35,000 rows are in Demo warehouse.")
    said = page.evaluate("window.said")
    assert said[-1] == "Done. 35,000 rows are in Demo warehouse."
    assert set(said[:-1]) <= {"Running"}
    expect(page).to_have_title("Done · Run of Practice org to the warehouse · DataSync")
    assert page.evaluate("window.titles").count("Done · Run of Practice org to the warehouse · DataSync") == 1
    expect(progress).not_to_have_attribute("hx-trigger", "every 1s")
    account = progress.locator("[data-object=Account]")
    expect(account).to_have_attribute("data-rows", "20000")
    expect(account).to_have_attribute("data-target-count", "20000")
    # The log came along, without the page being loaded again.
    expect(page.locator("#log-lines li").last).to_contain_text("done")
    page.get_by_role("link", name="Practice org to the warehouse", exact=True).click()
    expect(page.get_by_role("group", name="Rows per run")).to_be_visible()
    bar = page.get_by_role("link", name="Rows: 35,000, Done")
    value = bar.locator(".value")
    expect(value).to_be_hidden()
    bar.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(value).to_be_visible()
    page.get_by_role("link", name=re.compile("^All \\d+ Account")).click()
    page.get_by_label("Only the fields below").check()
    page.get_by_role("button", name="Leave all out").click()
    page.get_by_label("Search fields").fill("billing")
    page.get_by_role("button", name="Load all").click()
    page.get_by_label("Search fields").fill("")
    loaded = page.locator("#field-list li:has(option[value=load]:checked) > span > code")
    assert loaded.all_inner_texts() == ["BillingCity"]
    page.get_by_label("BillingCity: load, leave out or hash").select_option("Hash")
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="View data Account").click()
    expect(page.get_by_role("columnheader", name="annual_revenue")).to_be_visible()
    expect(page.get_by_text('SELECT * FROM "salesforce"."account" LIMIT 100;')).to_be_visible()


def test_a_destination_and_an_extraction_by_hand(page: Page) -> None:
    page.goto("/connections/new")
    page.get_by_role("link", name="SQLite").click()
    page.get_by_label("Description").fill("By hand")
    page.get_by_label("File or folder").fill("../outside.sqlite")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#path-error")).to_contain_text("has to lie inside the data folder")
    expect(page.get_by_label("Description")).to_have_value("By hand")
    page.get_by_label("File or folder").fill("hand.sqlite")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Tables can be created and written.")).to_be_visible()
    page.goto("/extractions/new")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Clear all").click()
    # The button beside it is replaced with the list: a click at that moment would be lost.
    expect(page.get_by_role("heading", name="0 objects chosen")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one object.")
    page.get_by_label("Search objects").fill("OrderStatus")
    page.get_by_role("checkbox", name="OrderStatus").check()
    expect(page.locator("#basket")).to_contain_text("OrderStatus")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("By hand", exact=True).click()
    expect(page.get_by_label("Table prefix")).to_be_visible()
    page.get_by_label("Table prefix").fill("crm")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Description").fill("By hand")
    page.get_by_role("button", name="Start the first run").click()
    expect(page.locator("#run-progress")).to_have_attribute("data-state", "done", timeout=60_000)
    expect(page.locator("[data-object=OrderStatus]")).to_have_attribute("data-target-count", "4")
