"""The whole way in Chromium, as a newcomer goes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from datasync_flask.practice_org.org import PASSWORD as SALESFORCE_PASSWORD
from tests.support.practice import PracticeOrg
from tests.support.program import EMAIL, PASSWORD, Site


def state(page: Page, wanted: str, timeout: float = 20_000) -> None:
    expect(page.locator("#connection-status")).to_have_attribute("data-state", wanted, timeout=timeout)


def log_in_to_salesforce(page: Page) -> None:
    page.get_by_label("Password").fill(SALESFORCE_PASSWORD)
    page.get_by_role("button", name="Log In").click()


def fill_in(page: Page, site: Site, app: dict[str, object], description: str) -> None:
    page.goto("/connections/new/salesforce")
    page.get_by_label("Description").fill(description)
    page.get_by_label("Login host").select_option("custom")
    page.get_by_label("Login address").fill(f"{site.practice.origin}/lightning/setup/home")
    page.get_by_label("Client ID", exact=True).fill(str(app["client_id"]))
    page.get_by_label("Client Secret", exact=True).fill(str(app["client_secret"]))


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#connection-status")).to_be_visible()


@pytest.mark.parametrize("kind", ["external", "connected"])
def test_from_sign_in_to_connected(new_page: Callable[..., Page], site: Site, practice: PracticeOrg, kind: str) -> None:
    practice.change_org(propagation_seconds=4)
    page = new_page(signed_in=False)
    page.goto("/")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Home", exact=True)).to_be_visible()
    page.get_by_role("link", name="Connections").click()
    page.get_by_role("link", name="Add a connection").click()
    page.get_by_role("link", name="Salesforce").click()
    callback_url = page.get_by_label("Callback URL", exact=True).input_value()
    assert callback_url == site.callback_url

    salesforce = page.context.new_page()
    salesforce.goto(f"{practice.origin}/lightning/setup/home")
    log_in_to_salesforce(salesforce)
    if kind == "external":
        salesforce.get_by_role("navigation").get_by_role("link", name="External Client App Manager").click()
        salesforce.get_by_role("link", name="New External Client App").click()
        salesforce.get_by_label("External Client App Name").fill("DataSync")
    else:
        salesforce.get_by_role("navigation").get_by_role("link", name="App Manager", exact=True).click()
        salesforce.get_by_role("link", name="New Connected App").click()
        salesforce.get_by_label("Connected App Name").fill("DataSync")
    salesforce.get_by_label("Contact Email").fill("ada@example.com")
    salesforce.get_by_label("Callback URL").fill(callback_url)
    salesforce.get_by_label("Manage user data via APIs (api)").check()
    salesforce.get_by_label("Perform requests at any time").check()
    if kind == "external":
        salesforce.get_by_role("button", name="Create").click()
        salesforce.get_by_role("link", name="Consumer Key and Secret").click()
    else:
        salesforce.get_by_role("button", name="Save").click()
        salesforce.get_by_role("link", name="Continue").click()
        salesforce.get_by_role("link", name="Manage Consumer Details").click()
    key = salesforce.get_by_label("Consumer Key").input_value()
    secret = salesforce.get_by_label("Consumer Secret").input_value()
    salesforce.close()

    page.get_by_label("Description").fill(f"Sales {kind}")
    page.get_by_label("Login host").select_option("custom")
    page.get_by_label("Login address").fill(practice.origin)
    page.get_by_label("Client ID", exact=True).fill(key)
    page.get_by_label("Client Secret", exact=True).fill(secret)
    page.get_by_label("Tracking type").select_option("date_deletes")
    save(page)
    state(page, "waiting_for_propagation")
    expect(page.get_by_text("Waiting for propagation")).to_be_visible()
    page.evaluate("window.sameDocument = true")

    state(page, "ready_to_authorize")
    assert page.evaluate("window.sameDocument") is True
    page.get_by_role("button", name="Authenticate and Save").click()
    expect(page.get_by_role("heading", name="Allow Access?")).to_be_visible()
    page.get_by_role("button", name="Allow").click()
    state(page, "connected")
    assert re.fullmatch(rf"{site.address}/connections/[0-9a-f]{{16}}", page.url)
    status = page.locator("#connection-status")
    expect(status).to_contain_text("ada@practice.example")
    expect(status).to_contain_text("Practice Org")


def test_an_open_page_goes_on_by_itself_when_told_to(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    page = new_page()
    fill_in(page, site, practice.register(site.callback_url, propagation_seconds=4), "By itself")
    save(page)
    choice = page.get_by_label("Open Salesforce automatically when it’s ready")
    with page.expect_response("**/continue-automatically"):
        choice.check()
    page.reload()
    expect(choice).to_be_checked()
    expect(page.get_by_role("heading", name="Log in to the practice org")).to_be_visible(timeout=20_000)
    log_in_to_salesforce(page)
    page.get_by_role("button", name="Allow").click()
    state(page, "connected")
    # Others, who only come back to a page that is ready already, are not carried off.
    app = practice.register(site.callback_url)
    fill_in(page, site, app, "Ready before")
    connection_id = site.save(app, description="Ready before all")
    site.wait_for_state(connection_id, "ready_to_authorize")
    page.goto(f"/connections/{connection_id}")
    expect(page.get_by_role("button", name="Authenticate and Save")).to_be_visible()
    site.post("/connections/continue-automatically")


def test_the_exchange_waits_for_propagation_too(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    page = new_page()
    app = practice.register(site.callback_url)
    fill_in(page, site, app, "Slow token service")
    save(page)
    state(page, "ready_to_authorize")
    practice.refuse("token", "invalid_client_id", "client identifier invalid", times=5, client_id=app["client_id"])
    page.get_by_role("button", name="Authenticate and Save").click()
    log_in_to_salesforce(page)
    page.get_by_role("button", name="Allow").click()
    state(page, "waiting_for_propagation")
    expect(page.get_by_text("waiting for propagation and tries again")).to_be_visible()
    state(page, "connected")


def test_deny_and_try_again(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page()
    fill_in(page, site, practice.register(site.callback_url), "Denied")
    save(page)
    state(page, "ready_to_authorize")
    page.get_by_role("button", name="Authenticate and Save").click()
    log_in_to_salesforce(page)
    page.get_by_role("button", name="Deny").click()
    state(page, "needs_attention")
    expect(page.get_by_text("Somebody pressed Deny").first).to_be_visible()
    page.get_by_role("button", name="Authenticate and Save").click()
    page.get_by_role("button", name="Allow").click()
    state(page, "connected")


def test_the_pencil_way_back(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page()
    app = practice.register(site.callback_url)
    fill_in(page, site, app, "Wrong secret")
    page.get_by_label("Client Secret", exact=True).fill("wrong")
    save(page)
    state(page, "needs_attention")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Connections").click()
    page.get_by_role("link", name="Wrong secret", exact=True).click()
    page.get_by_role("link", name="Edit Wrong secret").click()
    assert page.get_by_label("Client Secret", exact=True).input_value() == ""
    page.get_by_label("Description").fill("Right secret")
    page.get_by_label("Client Secret", exact=True).fill(str(app["client_secret"]))
    page.get_by_role("button", name="Authenticate and Save").click()
    state(page, "ready_to_authorize")
    page.get_by_role("link", name="Edit Right secret").click()
    page.get_by_role("button", name="Authenticate and Save").click()
    log_in_to_salesforce(page)
    page.get_by_role("button", name="Allow").click()
    state(page, "connected")


def test_errors_of_authenticate_and_save_appear_in_the_form(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page()
    fill_in(page, site, {"client_id": "", "client_secret": ""}, "Draft")
    save(page)
    state(page, "draft")
    page.get_by_role("link", name="Resume with the guide").click()
    page.get_by_label("Description").fill("Draft, renamed")
    page.get_by_role("button", name="Authenticate and Save").click()
    expect(page.locator("#client_id-error")).to_contain_text("Enter the Client ID")
    # The button was far below it.
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_in_viewport()
    assert page.get_by_label("Description").input_value() == "Draft, renamed"
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()


def test_without_javascript(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page(java_script_enabled=False)
    fill_in(page, site, practice.register(site.callback_url, propagation_seconds=2), "No script")
    save(page)
    assert page.locator("noscript meta, meta[http-equiv=refresh]").count() == 1
    for _ in range(40):
        if page.locator("#connection-status[data-state=ready_to_authorize]").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    page.get_by_role("button", name="Authenticate and Save").click()
    log_in_to_salesforce(page)
    page.get_by_role("button", name="Allow").click()
    for _ in range(40):
        if page.locator("#connection-status[data-state=connected]").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    state(page, "connected")


def test_headless(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page()
    app = practice.register(
        site.callback_url, propagation_seconds=3, client_credentials=True, run_as="ada@practice.example"
    )
    fill_in(page, site, app, "Client credentials (no sign-in)")
    step = page.get_by_text("Only for client credentials:").first
    expect(step).to_be_hidden()
    page.get_by_label("Client credentials (no sign-in)").check()
    expect(step).to_be_visible()
    save(page)
    state(page, "waiting_for_propagation")
    state(page, "connected")


def test_signed_tokens_need_no_secret(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg, tmp_path: Path
) -> None:
    practice.change_org(propagation_seconds=3)
    page = new_page()
    page.goto("/connections/new/salesforce")
    page.get_by_label("Signed token (JWT)").check()
    expect(page.get_by_label("Client Secret", exact=True)).to_be_hidden()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the certificate").first.click()
    certificate = tmp_path / download.value.suggested_filename
    download.value.save_as(certificate)
    page.screenshot(path=tmp_path / "form.png", full_page=True)

    salesforce = page.context.new_page()
    salesforce.goto(f"{practice.origin}/lightning/setup/home")
    log_in_to_salesforce(salesforce)
    salesforce.goto(f"{practice.origin}/lightning/setup/ManageExternalClientApplication/new")
    salesforce.get_by_label("External Client App Name").fill("DataSync")
    salesforce.get_by_label("Contact Email").fill("ada@example.com")
    for scope in ("(api)", "(refresh_token, offline_access)"):
        salesforce.get_by_label(scope).check()
    salesforce.get_by_label("Enable JWT Bearer Flow").check()
    salesforce.get_by_label("Upload certificate").set_input_files(certificate)
    salesforce.get_by_role("button", name="Create").click()
    salesforce.get_by_label("Permitted Users").select_option("admin")
    salesforce.get_by_label("Selected Profiles: System Administrator").check()
    salesforce.get_by_role("button", name="Save").click()
    salesforce.get_by_role("link", name="Consumer Key and Secret").click()
    key = salesforce.get_by_label("Consumer Key").input_value()

    page.bring_to_front()
    page.get_by_label("Description").fill("Signed")
    page.get_by_label("Login host").select_option("custom")
    page.get_by_label("Login address").fill(practice.origin)
    page.get_by_label("Client ID", exact=True).fill(key)
    page.get_by_label("Username").fill("ada@practice.example")
    save(page)
    page.screenshot(path=tmp_path / "waiting.png", full_page=True)
    state(page, "connected")
    expect(page.get_by_text("SHA-256")).to_be_visible()
    page.screenshot(path=tmp_path / "connected.png", full_page=True)


def test_keyboard_only(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    page = new_page()
    app = practice.register(site.callback_url)
    page.goto("/connections/new/salesforce")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_label("Description").focus()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("My Domain")
    page.keyboard.press("Tab")
    page.keyboard.type(practice.origin)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type(str(app["client_id"]))
    page.keyboard.press("Tab")
    page.keyboard.type(str(app["client_secret"]))
    page.keyboard.press("Enter")
    state(page, "ready_to_authorize")
    page.get_by_role("button", name="Authenticate and Save").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Log in to the practice org")).to_be_visible()
