"""From Connected to rows in a new local file, in Chromium, with every action counted; and the list by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import violations
from tests.browser.test_connect import log_in_to_salesforce
from tests.support.practice import PracticeOrg
from tests.support.program import Site


@pytest.fixture(scope="module")
def connected(site: Site, practice: PracticeOrg) -> str:
    """The path of a connection that works, to an org with rows."""
    for name, count in (("Account", 120), ("Contact", 40)):
        order = {"object": name, "do": "generate", "count": count}
        practice.http.post("/practice/data", json=order, timeout=60).raise_for_status()
    connection = site.save(practice.register(site.callback_url))
    site.wait_for_state(connection, "ready_to_authorize")
    site.allow(connection)
    site.wait_for_state(connection, "connected")
    return f"/connections/{connection}"


def test_from_connected_to_rows_in_at_most_five_actions(new_page: Callable[..., Page], connected: str) -> None:
    page, actions = new_page(timezone_id="Europe/Berlin"), 0

    def press(button: Locator) -> None:
        nonlocal actions
        button.click()
        actions += 1

    page.goto(connected)
    expect(page.get_by_role("heading", name="Next: load data into a database")).to_be_visible()
    press(page.get_by_role("button", name="Choose what to load"))
    expect(page.locator("#basket")).to_contain_text(re.compile(r"about 16\d rows"))
    press(page.get_by_role("button", name="Continue"))
    # Nobody typed: a file of its own, and the zone of the browser.
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    expect(page.locator("#schedule-preview")).to_contain_text("Every hour, on the hour")
    # The server knew the zone already.
    assert "Times in Europe/Berlin" in page.request.get(page.url).text()
    press(page.get_by_role("button", name="Continue"))
    expect(page.locator("#checks")).to_contain_text("can be written to")
    press(page.get_by_role("button", name="Start the first run"))
    expect(page.locator("#run-progress")).to_have_attribute("data-state", "done", timeout=60_000)
    expect(page.locator("[data-object=Account]")).to_have_attribute("data-target-count", "120")
    assert actions <= 5


def test_from_new_to_rows_in_at_most_nine_and_five_actions(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    page, actions = new_page(permissions=["clipboard-read", "clipboard-write"]), 0
    app = practice.register(site.callback_url)

    def done(_: object) -> None:
        nonlocal actions
        actions += 1

    page.goto("/connections")
    done(page.get_by_role("link", name="Add a connection").click())
    done(page.get_by_role("link", name="Salesforce", exact=False).first.click())
    done(page.get_by_role("button", name="Copy").first.click())
    done(page.get_by_label("Description").fill("Counted"))
    done(page.get_by_label("Login host").select_option("custom"))
    # Not counted: at a real org's login host nobody types an address.
    page.get_by_label("Login address").fill(practice.origin)
    done(page.get_by_label("Client ID", exact=True).fill(app["client_id"]))
    done(page.get_by_label("Client Secret", exact=True).fill(app["client_secret"]))
    done(page.get_by_role("button", name="Save", exact=True).click())
    status = page.locator("#connection-status")
    expect(status).to_have_attribute("data-state", "ready_to_authorize")
    done(page.get_by_role("button", name="Authenticate and Save").click())
    log_in_to_salesforce(page)
    page.get_by_role("button", name="Allow").click()
    expect(status).to_have_attribute("data-state", "connected")
    assert actions <= 9
    actions = 0
    done(page.get_by_role("button", name="Choose what to load").click())
    done(page.get_by_role("button", name="Continue").click())
    page.wait_for_url("**/destination")
    done(page.get_by_role("button", name="Continue").click())
    page.wait_for_url("**/review")
    done(page.get_by_role("button", name="Start the first run").click())
    expect(page.locator("#run-progress")).to_have_attribute("data-state", "done", timeout=60_000)
    done(page.get_by_role("link", name="View the data").click())
    expect(page.locator("table")).to_be_visible()
    assert actions <= 5


def test_choosing_by_keyboard_and_settings_in_place(new_page: Callable[..., Page], connected: str) -> None:
    page = new_page(bypass_csp=True)
    page.goto(connected)
    page.get_by_role("button", name=re.compile("Choose what to load|New extraction")).click()
    page.locator("body").press("/")
    search = page.get_by_label("Search objects")
    expect(search).to_be_focused()
    search.press_sequentially("orders")
    expect(page.locator("#picker-list")).to_contain_text("1 object")
    search.press("ArrowDown")
    expect(page.get_by_role("checkbox", name="OrderStatus")).to_be_focused()
    page.keyboard.press("Space")
    basket = page.locator("#basket")
    expect(basket).to_contain_text("OrderStatus")
    page.keyboard.press("ArrowUp")
    expect(search).to_be_focused()
    # A filter loses no tick, and what was typed in the search stays.
    page.get_by_role("button", name="Standard").click()
    expect(page.get_by_role("checkbox", name="OrderStatus")).to_be_checked()
    expect(search).to_have_value("orders")
    assert violations(page, "objects") == []
    page.get_by_role("button", name="Settings Account").click()
    expect(page.locator("#object-settings")).to_be_focused()
    page.get_by_label("Filter rows").fill("Industri = = x")
    page.get_by_label("Filter rows").press("Tab")
    expect(page.locator("#filter-error")).to_contain_text("Salesforce refuses this filter")
    page.get_by_label("Filter rows").fill("Industry = 'Energy'")
    page.get_by_label("Only the fields below").check()
    page.get_by_role("button", name="Leave all out").click()
    page.get_by_label("Search fields").fill("industry")
    page.get_by_label("Industry: load, leave out or hash").select_option("Load")
    assert violations(page, "settings") == []
    page.get_by_role("button", name="Save settings").click()
    expect(basket).to_contain_text("1 field · Changes · filtered")
    page.reload()
    expect(basket).to_contain_text("OrderStatus")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("New destination").first.click()
    page.get_by_text("PostgreSQL", exact=True).click()
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_text("Weekly", exact=True).click()
    expect(page.get_by_label("At", exact=True)).to_be_visible()
    expect(page.get_by_label("At minute")).to_be_hidden()
    # What is typed elsewhere stays while the preview follows.
    expect(page.locator("#schedule-preview")).to_contain_text("Every day at 06:00")
    expect(page.get_by_label("Host")).to_have_value("127.0.0.1")
    page.get_by_label("Schema").fill("mine")
    page.get_by_label("Schema").press("Tab")
    expect(page.locator("#table-names")).to_contain_text("mine.account")
    assert violations(page, "destination") == []
    page.reload()
    expect(page.get_by_label("Host")).to_have_value("127.0.0.1")
    expect(page.get_by_label("At", exact=True)).to_be_visible()


def begin(page: Page, connected: str) -> None:
    page.goto(connected)
    page.get_by_role("button", name=re.compile("Choose what to load|New extraction")).click()
    expect(page.get_by_role("checkbox", name="Account")).to_be_checked()


def test_a_tick_belongs_to_its_object_in_every_list(new_page: Callable[..., Page], connected: str) -> None:
    page = new_page()
    begin(page, connected)
    basket = page.locator("#basket")
    page.get_by_role("button", name="Standard").click()
    expect(page.get_by_role("checkbox", name="OrderStatus")).to_be_visible()
    page.get_by_role("checkbox", name="User").uncheck()
    page.get_by_role("checkbox", name="OrderStatus").check()
    page.get_by_role("checkbox", name="Organization").check()
    expect(basket).to_contain_text("Organization")
    page.get_by_role("button", name="Suggested").click()
    expect(page.get_by_role("checkbox", name="Organization")).to_have_count(0)
    # The boxes stand where those of others stood a moment ago.
    expect(page.get_by_role("checkbox", name="User")).not_to_be_checked()
    page.get_by_role("checkbox", name="Account").uncheck()
    expect(basket.locator("li b")).to_have_text(["Contact", "OrderStatus", "Organization"])
    # The browser's Back and reload bring no ticks of the list that was there before.
    page.get_by_label("Search objects").fill("org")
    expect(page.get_by_role("checkbox", name="Organization")).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/destination")
    page.go_back()
    for _ in range(2):
        expect(page.get_by_role("checkbox", name="Contact")).to_be_checked()
        expect(page.get_by_role("checkbox", name="Account")).not_to_be_checked()
        expect(page.get_by_role("checkbox", name="User")).not_to_be_checked()
        page.reload()
    page.get_by_role("checkbox", name="Account").check()
    expect(basket.locator("li b")).to_have_text(["Contact", "OrderStatus", "Organization", "Account"])


def test_settings_and_removing_keep_the_place_and_the_focus(new_page: Callable[..., Page], connected: str) -> None:
    page = new_page()
    begin(page, connected)
    basket = page.locator("#basket li b")
    page.get_by_role("button", name="Standard").click()
    page.get_by_role("checkbox", name="OrderStatus").check()
    expect(basket).to_have_text(["Account", "Contact", "User", "OrderStatus"])
    page.get_by_role("button", name="Settings Contact").click()
    # What no run reads can't be marked.
    expect(page.get_by_text("When a record is deleted")).to_be_hidden()
    page.get_by_label("Tracking type").select_option("Date and deletes")
    expect(page.get_by_text("When a record is deleted")).to_be_visible()
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator(".chip[aria-current]")).to_contain_text("Standard")
    expect(page.get_by_role("button", name="Settings Contact")).to_be_focused()
    page.get_by_role("button", name="Remove Contact").press("Enter")
    expect(basket).to_have_text(["Account", "User", "OrderStatus"])
    expect(page.get_by_role("button", name="Remove User")).to_be_focused()
    page.get_by_role("button", name="Remove OrderStatus").press("Enter")
    expect(page.get_by_role("button", name="Remove User")).to_be_focused()
    expect(page.get_by_role("checkbox", name="OrderStatus")).not_to_be_checked()
    page.get_by_role("checkbox", name="Profile").check()
    expect(basket).to_have_text(["Account", "User", "Profile"])
    page.get_by_role("button", name="Clear all").press("Enter")
    expect(page.locator("#basket-title")).to_be_focused()
    expect(page.locator("#basket-title")).to_have_text("0 objects chosen")
    expect(page.locator(".pick input:checked")).to_have_count(0)


def test_settings_that_are_open_are_saved_on_the_way_on(new_page: Callable[..., Page], connected: str) -> None:
    page = new_page()
    begin(page, connected)
    page.get_by_role("button", name="Settings Account").click()
    page.get_by_label("Filter rows").fill("Industry = 'Energy'")
    page.get_by_role("button", name="Settings Contact").click()
    expect(page.get_by_role("heading", name="Settings of Contact")).to_be_visible()
    page.get_by_label("Search fields").fill("created")
    page.get_by_role("button", name="Leave all out").click()
    page.get_by_role("button", name="Save settings").click()
    basket = page.locator("#basket")
    expect(basket.locator("#chosen-Account")).to_contain_text("filtered")
    expect(basket.locator("#chosen-Contact")).to_contain_text("left out")
    # A refusal stays with what was typed.
    page.get_by_role("button", name="Settings User").click()
    page.get_by_label("Filter rows").fill("Name = = 'x'")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#filter-error")).to_contain_text("Salesforce refuses this filter")
    expect(page.get_by_label("Filter rows")).to_have_value("Name = = 'x'")
    page.get_by_label("Filter rows").fill("")
    page.get_by_role("button", name="Save settings").click()
    # Nothing typed: nothing on the way.
    page.get_by_role("button", name="Settings User").click()
    expect(page.get_by_role("heading", name="Settings of User")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/destination")


def test_back_finds_the_destination_that_was_chosen(new_page: Callable[..., Page], connected: str, site: Site) -> None:
    site.post("/connections/new/duckdb", {"description": "Zeta", "path": "zeta.duckdb"})
    page = new_page()
    begin(page, connected)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("New destination").first.click()
    page.get_by_label("File or folder").fill("alpha.duckdb")
    page.get_by_label("Description").fill("Alpha")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/review")
    page.go_back()
    # It stands in front of those that were there before.
    expect(page.get_by_role("radio", name="Alpha")).to_be_checked()
    expect(page.get_by_role("radio", name="Zeta")).not_to_be_checked()


def test_the_last_step_corrects_what_its_checks_find_out(new_page: Callable[..., Page], connected: str) -> None:
    page = new_page()
    begin(page, connected)
    page.get_by_label("Search objects").fill("OrderStatus")
    page.get_by_role("checkbox", name="OrderStatus").check()
    expect(page.locator("#chosen-OrderStatus")).to_contain_text("All fields · Changes")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/destination")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/review")
    expect(page.locator("#checks")).to_contain_text("No change date, so each run loads everything: OrderStatus")
    expect(page.locator("#what-is-loaded")).to_have_count(1)
    expect(page.locator("#what-is-loaded tr", has_text="OrderStatus")).to_contain_text("Everything: no change date")


def test_the_summary_of_problems_follows_what_is_tried_next(new_page: Callable[..., Page], connected: str) -> None:
    page = new_page(bypass_csp=True)
    begin(page, connected)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("New destination").first.click()
    page.get_by_label("File or folder").fill("../elsewhere")
    page.get_by_role("button", name="Continue").click()
    problems = page.get_by_role("alert")
    expect(problems).to_be_focused()
    expect(problems).to_contain_text("The file has to lie inside the data folder")
    page.get_by_label("File or folder").fill("elsewhere.duckdb")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It works: tables can be created")).to_be_visible()
    expect(problems.filter(has_text="problem")).to_have_count(0)
    page.get_by_label("File or folder").fill("/etc/passwd")
    page.get_by_role("button", name="Test connection").click()
    expect(problems.filter(has_text="problem")).to_contain_text("The file has to lie inside the data folder")
    expect(page.locator("#new-path-error")).to_be_visible()
    assert violations(page, "problems") == []


def test_formula_fields_are_refreshed_as_chosen(
    new_page: Callable[..., Page], connected: str, practice: PracticeOrg
) -> None:
    page = new_page(bypass_csp=True)
    begin(page, connected)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("More options").click()
    rhythm, forecast = page.get_by_label("Refresh formula fields"), page.locator("#schedule-preview .soft").first
    expect(rhythm).to_have_value("daily")
    once_a_day = forecast.inner_text()
    rhythm.select_option("With each run")
    expect(forecast).not_to_have_text(once_a_day)
    assert violations(page, "rhythm") == []
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Start the first run").click()
    expect(page.locator("#run-progress")).to_have_attribute("data-state", "done", timeout=60_000)
    rows = practice.http.get("/practice/data/Account", timeout=60).json()
    order = {"object": "Account", "do": "formula", "ids": [row["Id"] for row in rows[:3]], "values": {"Age__c": 9876.5}}
    practice.http.post("/practice/data", json=order, timeout=60).raise_for_status()
    extraction = page.url.partition("/runs/")[0]
    page.goto(extraction)
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#run-progress")).to_have_attribute("data-state", "done", timeout=60_000)
    expect(page.locator("main")).to_contain_text("Formula fields refreshed: Age__c. 3 rows had a new value.")
    page.goto(extraction)
    expect(page.locator("main")).to_contain_text("Formula fields: refreshed")
    page.get_by_role("link", name="Account", exact=False).filter(has_text="All").first.click()
    expect(page.locator("main")).to_contain_text("Refresh: With each run.")
    assert violations(page, "fields") == []
