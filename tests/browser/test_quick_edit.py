"""Quick edits in Chromium, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.support.practice import PracticeOrg
from tests.support.program import Site

NOBODY = {"client_id": "", "client_secret": ""}


def test_by_mouse_with_undo(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Quick one")
    page = new_page()
    page.goto("/connections")
    page.get_by_role("link", name="Edit Quick one", exact=True).click()
    field = page.get_by_label("Description of Quick one")
    expect(field).to_be_focused()
    field.fill("Quick two")
    field.press("Enter")
    expect(page.get_by_role("link", name="Quick two", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Edit Quick two", exact=True)).to_be_focused()
    page.get_by_role("button", name="Undo the change to Quick two").click()
    expect(page.get_by_role("link", name="Quick one", exact=True)).to_be_visible()
    page.get_by_role("button", name="Change tracking type of Quick one").click()
    choice = page.get_by_label("Tracking type of Quick one", exact=True)
    choice.select_option("none")
    choice.press("Enter")
    expect(page.get_by_text("Loads everything each time.")).to_be_visible()


def test_ten_by_keyboard(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Keyboard")
    page = new_page()
    page.goto("/connections?q=keyboard")
    page.get_by_role("link", name="Keyboard", exact=True).focus()
    for number in range(10):
        page.keyboard.press("e")
        expect(page.locator("tr input[name=description]")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type(f"Keyboard {number}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=f"Keyboard {number}", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name=f"Edit Keyboard {number}", exact=True)).to_be_focused()
    page.keyboard.press("e")
    page.keyboard.type("never saved")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Keyboard 9", exact=True)).to_be_visible()


def test_esc_counts_before_the_field_has_come(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Impatient")
    page, held = new_page(), list[Route]()
    page.goto("/connections?q=impatient")
    page.get_by_role("link", name="Impatient", exact=True).focus()
    page.route("**/row?edit=*", lambda route: held.append(route))
    with page.expect_request("**/row?edit=*"):
        page.keyboard.press("e")
    page.keyboard.type("never saved")
    page.keyboard.press("Escape")
    held[0].continue_()
    expect(page.get_by_role("link", name="Edit Impatient", exact=True)).to_be_focused()
    expect(page.locator("form.editor")).to_have_count(0)


def test_an_error_stands_in_the_cell(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Taken already")
    site.save(NOBODY, description="Wants a name")
    page = new_page()
    page.goto("/connections")
    page.get_by_role("link", name="Edit Wants a name", exact=True).click()
    field = page.get_by_label("Description of Wants a name")
    field.fill("taken ALREADY")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Another connection has this description already")
    expect(field).to_have_value("taken ALREADY")


def test_without_javascript_the_pencil_leads_to_the_form(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="No script here")
    page = new_page(java_script_enabled=False)
    page.goto("/connections")
    expect(page.get_by_role("button", name="Change tracking type of No script here")).to_be_hidden()
    page.get_by_role("link", name="Edit No script here").click()
    page.get_by_label("Description").fill("Renamed by form")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Renamed by form")).to_be_visible()


def test_search_as_you_type_is_kept_in_the_address(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Needle")
    site.save(NOBODY, description="Hay")
    page = new_page()
    page.goto("/connections")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("needl")
    expect(page.get_by_role("link", name="Hay", exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Needle", exact=True)).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()
    assert "q=needl" in page.url
    page.reload()
    expect(page.get_by_role("link", name="Hay", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Edit Needle", exact=True).click()
    expect(page.get_by_label("Description of Needle")).to_be_focused()


def test_a_waiting_row_tells_by_itself_that_it_is_ready(
    new_page: Callable[..., Page], site: Site, practice: PracticeOrg
) -> None:
    page = new_page()
    site.save(practice.register(site.callback_url, propagation_seconds=4), description="Live row")
    page.goto("/connections?q=live")
    row = page.get_by_role("row", name="Live row")
    expect(row).to_contain_text("Waiting for propagation")
    expect(row.get_by_role("button", name="Connect Live row")).to_be_visible(timeout=20_000)


HEIGHT = "element => element.getBoundingClientRect().height"


def test_a_row_keeps_its_height_and_the_pencil_gets_the_focus_back(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Taken by me")
    site.save(NOBODY, description="Calm")
    for width in (1280, 320):
        page = new_page(viewport={"width": width, "height": 800})
        page.goto("/connections?q=calm")
        row = page.locator("tbody tr")
        pencil = page.get_by_role("link", name="Edit Calm", exact=True)
        before = row.evaluate(HEIGHT)
        for ended_by in ("Escape", "Enter"):
            pencil.click()
            expect(page.get_by_label("Description of Calm")).to_be_focused()
            assert row.evaluate(HEIGHT) == before
            page.keyboard.press(ended_by)
            expect(pencil).to_be_focused()
        pencil.click()
        page.get_by_label("Description of Calm").fill("Taken by me")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="Another connection")).to_be_visible()
        assert row.evaluate(HEIGHT) == before
        page.keyboard.press("Escape")
        expect(pencil).to_be_focused()
        button = page.get_by_role("button", name="Change tracking type of Calm")
        button.click()
        page.get_by_label("Tracking type of Calm", exact=True).select_option("none")
        assert row.evaluate(HEIGHT) == before
        page.keyboard.press("Enter")
        toast = page.locator("#toasts[role=status] .toast", has_text="Tracking type of Calm is now None.")
        expect(toast).to_be_visible()
        expect(button).to_be_focused()
        assert row.evaluate(HEIGHT) == before
        toast.get_by_role("button", name="Undo").click()
        expect(row).to_contain_text("Date")
        expect(button).to_be_focused()
        page.get_by_role("button", name="Close").last.click()
        expect(page.locator(".toast")).to_have_count(0)
        expect(button).to_be_focused()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_a_search_found_is_said_in_a_region_that_was_there_before(
    new_page: Callable[..., Page], site: Site
) -> None:
    for name in ("Said aloud", "Another one"):
        site.save(NOBODY, description=name)
    page = new_page()
    page.goto("/connections")
    page.get_by_role("searchbox").fill("said aloud")
    expect(page.locator("#announcer")).to_have_text("1 connection")


def test_german_fits_the_table(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    site.save(NOBODY, description="Breit")
    ready = site.save(practice.register(site.callback_url), description="Breit und bereit")
    site.wait_for_state(ready, "ready_to_authorize")
    page = new_page(viewport={"width": 1280, "height": 800}, locale="de-DE")
    page.goto("/connections?q=breit")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    overflowing = page.evaluate("""() => [...document.querySelectorAll(".list td, .list td .btn, .list td .pill")]
        .filter((element) => {
          const cell = element.closest("td").getBoundingClientRect();
          return element.scrollWidth > element.clientWidth + 1 || element.getBoundingClientRect().right > cell.right + 1;
        }).map((element) => element.textContent.trim())""")
    assert overflowing == []
