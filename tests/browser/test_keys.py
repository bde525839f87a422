"""Keys, edits one after the other, and how heavy and how still the list is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, Route, expect

from tests.support.practice import PracticeOrg
from tests.support.program import Site

NOBODY = {"client_id": "", "client_secret": ""}
MAX_FIRST_LOAD = 135_000


@pytest.fixture(scope="module")
def row_names(site: Site) -> list[str]:
    names = [f"Key {letter}" for letter in "abcde"]
    for name in names:
        site.save(NOBODY, description=name)
    return names


def test_tab_saves_and_goes_on_as_in_a_spreadsheet(
    new_page: Callable[..., Page], site: Site, row_names: list[str]
) -> None:
    page = new_page()
    page.goto("/connections?q=key")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Key a", exact=True)).to_be_focused()
    page.keyboard.press("e")
    for name in row_names:
        expect(page.get_by_label(f"Description of {name}")).to_be_focused()
        page.keyboard.press("Control+a")
        page.keyboard.type(f"{name} edited")
        page.keyboard.press("Tab")
        expect(page.get_by_label(f"Tracking type of {name} edited")).to_be_focused()
        page.keyboard.press("n")
        # After the last field Tab leaves the list, as everywhere.
        page.keyboard.press("Enter" if name == row_names[-1] else "Tab")
    expect(page.get_by_role("button", name="Change tracking type of Key e edited")).to_be_focused()
    page.reload()
    for name in row_names:
        row = page.get_by_role("row", name=f"{name} edited")
        expect(row.locator("td[data-cell=tracking_type]")).to_contain_text("None")


def test_shift_tab_goes_back_and_a_refused_value_stays(new_page: Callable[..., Page], site: Site) -> None:
    for name in ("Back a", "Back b"):
        site.save(NOBODY, description=name)
    page = new_page()
    page.goto("/connections?q=back")
    page.get_by_role("link", name="Edit Back b", exact=True).click()
    expect(page.get_by_label("Description of Back b")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_label("Tracking type of Back a")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    field = page.get_by_label("Description of Back a")
    expect(field).to_be_focused()
    field.fill("Back b")
    page.keyboard.press("Tab")
    expect(page.get_by_role("alert").filter(has_text="Another connection")).to_be_visible()
    expect(page.get_by_label("Description of Back a")).to_have_value("Back b")


def test_a_click_beside_the_words_edits_the_cell(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Clickable")
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto("/connections?q=clickable")
    page.locator("td[data-cell=tracking_type]").click(position={"x": 5, "y": 5})
    expect(page.get_by_label("Tracking type of Clickable")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("td[data-cell=description]").click(position={"x": 5, "y": 5})
    field = page.get_by_label("Description of Clickable")
    expect(field).to_be_focused()
    # What is typed is saved first.
    field.fill("Clicked")
    page.locator("td[data-cell=tracking_type]").click(position={"x": 5, "y": 5})
    expect(page.get_by_label("Tracking type of Clicked")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Clicked", exact=True)).to_be_visible()


@pytest.mark.parametrize("ended_by", ["Escape", "Enter"])
def test_a_click_while_the_row_is_on_its_way_is_not_lost(
    new_page: Callable[..., Page], site: Site, ended_by: str
) -> None:
    name = f"Hasty {ended_by}"
    site.save(NOBODY, description=name)
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"/connections?q={name}")
    page.get_by_role("button", name=f"Change tracking type of {name}").click()
    expect(page.locator("form.editor")).to_be_visible()
    held: list[Route] = []
    page.route("**/connections/**", lambda route: held.append(route))
    for field, click in (
        ("tracking_type", page.get_by_role("link", name=f"Edit {name}", exact=True).click),
        ("description", lambda: page.locator("td[data-cell=tracking_type]").click(position={"x": 5, "y": 5})),
    ):
        edited = page.locator(f"form.editor[data-editing={field}]")
        expect(edited.locator(f"[name={field}]")).to_be_focused()
        with page.expect_request("**/connections/**"):
            page.keyboard.press(ended_by)
        click()
        for is_last in (False, True):
            while not held:
                page.wait_for_timeout(20)
            held.pop(0).continue_()
            if not is_last:
                expect(edited).to_have_count(0)
    expect(page.get_by_label(f"Tracking type of {name}")).to_be_focused()


def test_two_hundred_edits_in_a_row(new_page: Callable[..., Page], site: Site) -> None:
    site.save(NOBODY, description="Often")
    page = new_page()
    page.goto("/connections?q=often")
    page.get_by_role("link", name="Often", exact=True).focus()
    for number in range(200):
        page.keyboard.press("t")
        choice = page.locator("tr select[name=tracking_type]")
        expect(choice).to_be_focused()
        choice.select_option(("none", "date", "date_deletes")[number % 3])
        page.keyboard.press("Enter")
        expect(page.locator("tr button[data-quick-edit=tracking_type]")).to_be_focused()
    expect(page.locator("td[data-cell=tracking_type]")).to_contain_text("Date")


def test_the_sheet_of_keys_and_switching_them_off(new_page: Callable[..., Page], site: Site) -> None:
    page = new_page()
    page.goto("/connections")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_be_visible()
    sheet.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("?")
    expect(sheet).to_be_hidden()
    page.reload()
    # Keys work from when the scripts have run, which shows this button.
    opener = page.locator("[data-open=shortcuts]:not([hidden])")
    expect(opener).to_have_count(1)
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(r"/connections$"))
    page.locator("details.account > summary").click()
    opener.click()
    sheet.get_by_label("Single-key shortcuts").check()
    sheet.get_by_role("button", name="Close").click()
    page.locator("body").press("g")
    page.locator("body").press("h")
    expect(page).to_have_url(re.compile(r"/help$"))
    expect(opener).to_have_count(1)
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(r"/connections$"))
    expect(opener).to_have_count(1)
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(r"/connections/new$"))


def test_the_first_load_is_light_and_asks_nobody_else(new_page: Callable[..., Page], site: Site) -> None:
    for number in range(50):
        site.save(NOBODY, description=f"Many {number:02}")
    page = new_page()
    sizes: dict[str, int] = {}

    def weigh(response: Response) -> None:
        sizes[response.url] = response.request.sizes()["responseBodySize"]

    page.on("requestfinished", lambda request: weigh(request.response()))
    page.goto("/connections", wait_until="networkidle")
    assert all(url.startswith(site.address) for url in sizes)
    assert sum(sizes.values()) < MAX_FIRST_LOAD, sizes


SHIFTS = """() => new Promise((resolve) => {
  let sum = 0;
  const loop = new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; });
  loop.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 300);
})"""


def test_nothing_moves_when_a_status_changes(new_page: Callable[..., Page], site: Site, practice: PracticeOrg) -> None:
    app = practice.register(site.callback_url, propagation_seconds=600)
    site.save(app, description="Still")
    site.save(NOBODY, description="Still too")
    page = new_page(viewport={"width": 1280, "height": 900})
    page.goto("/connections?q=still")
    row = page.get_by_role("row", name="Still Edit")
    expect(row).to_contain_text("Waiting for propagation")
    before = row.bounding_box()
    practice.change(app["client_id"], known_now=True)
    expect(row.get_by_role("button", name="Connect")).to_be_visible(timeout=30_000)
    after = row.bounding_box()
    assert before is not None
    assert after is not None
    assert (before["x"], before["width"]) == (after["x"], after["width"])
    assert page.evaluate(SHIFTS) < 0.1
