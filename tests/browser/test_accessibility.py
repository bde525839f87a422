"""axe-core finds nothing, on every page and state, in both themes, on a screen and on a phone; zoom, forced colours, print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image, ImageStat
from playwright.sync_api import Page, expect

from tests.support.practice import PracticeOrg
from tests.support.program import Site
from tools.site_states import make_states

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Each page is opened once and looked at in all of them; what a look can't change isn't asked again.
COLOURS = ["color-contrast", "link-in-text-block"]
LOOKS: tuple[tuple[int, Literal["light", "dark"], list[str]], ...] = (
    (1280, "light", []),
    (1280, "dark", COLOURS),
    (360, "dark", []),
    (360, "light", COLOURS),
)


@pytest.fixture(scope="module")
def pages(site: Site, practice: PracticeOrg) -> dict[str, str]:
    return make_states(site, practice)


def test_no_violations(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page, found = new_page(bypass_csp=True), []
    for name, path in pages.items():
        # Browsers note a page that isn't there in their console.
        if name == "not-found":
            continue
        found += seen_in_all_looks(page, name, path)
    page.goto("/connections/new/salesforce")
    page.get_by_role("button", name="Save", exact=True).click()
    found += violations(page, "form with errors")
    assert not found, "\n".join(found)


def seen_in_all_looks(page: Page, name: str, path: str) -> list[str]:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(path)
    for details in page.locator("details:not(.menu)").all():
        details.evaluate("element => element.open = true")
    # What sticks to the window's foot covers something wherever one scrolls to.
    page.add_style_tag(content=".sticky-foot { position: static; }")
    found = []
    for width, scheme, rules in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        found += violations(page, f"{name}, {width} px, {scheme}", rules)
    # 400 % zoom of a window of 1280 px.
    page.set_viewport_size({"width": 320, "height": 256})
    if page.evaluate("document.documentElement.scrollWidth") > 320:
        found.append(f"{name}: the page scrolls sideways at 320 px")
    return found


def test_states_stay_in_their_boxes_in_german_on_a_phone(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page = new_page(viewport={"width": 360, "height": 800}, locale="de-DE")
    for name in ("home", "extractions", "extraction-failed", "extraction-paused", "run-failed", "connection-attention"):
        page.goto(pages[name])
        assert page.locator("html").get_attribute("lang") == "de"
        outside = page.locator("main .pill").evaluate_all(
            "pills => pills.filter((pill) => { const box = pill.closest('td, dd, li, div, section');"
            " return pill.getBoundingClientRect().right > box.getBoundingClientRect().right + 1; })"
            ".map((pill) => pill.textContent)"
        )
        assert outside == [], name


MORE_RUNS = (
    "plot => { const first = plot.querySelector('.point');"
    " for (let more = 0; more < 12; more++) first.before(first.cloneNode(true)); }"
)


def test_a_phone_shows_the_newest_runs_first(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page = new_page(viewport={"width": 360, "height": 800})
    page.goto(pages["extraction"])
    for figure in page.locator(".chart").all():
        figure.scroll_into_view_if_needed()
        plot = figure.locator(".runs")
        # A few runs fit.
        assert plot.evaluate("element => element.scrollWidth <= element.clientWidth")
        plot.evaluate(MORE_RUNS)
        assert plot.evaluate("element => element.scrollWidth > element.clientWidth")
        expect(figure.locator(".point").last).to_be_in_viewport(ratio=1)
        expect(figure.locator(".scale")).to_be_in_viewport(ratio=1)
        # The older ones come with the keyboard.
        figure.locator(".point").first.focus()
        expect(figure.locator(".point").first).to_be_in_viewport()


@pytest.mark.parametrize("name", ["extraction", "run-done", "run-failed", "setup-review", "people", "audit", "notices"])
def test_tables_stack_their_cells_on_a_phone(new_page: Callable[..., Page], pages: dict[str, str], name: str) -> None:
    page = new_page(viewport={"width": 360, "height": 800})
    page.goto(pages[name])
    tables = page.locator(".scroll:has(> .stacks)")
    assert tables.count() >= 1
    for table in tables.all():
        assert table.evaluate("element => element.scrollWidth <= element.clientWidth")
        # Each value beside its heading, those of the first column alone.
        cells = table.locator("tbody tr").first.locator("td:visible[data-label]")
        heads = table.locator("thead th:not(.hide-small)").all_text_contents()
        assert set(cells.evaluate_all("cells => cells.map((cell) => cell.dataset.label)")) <= set(heads[1:])
        assert cells.count() >= 2


def test_continue_stays_in_reach_below_a_long_list(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page = new_page(viewport={"width": 360, "height": 480})
    page.goto(pages["setup-objects"])
    foot = page.locator("#basket .sticky-foot")
    expect(foot.get_by_role("button", name="Continue")).to_be_in_viewport(ratio=1)
    expect(foot).to_contain_text("3 objects chosen")
    page.get_by_role("searchbox").focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.inner_text() == "Save and close":
            return
        beside_foot = focused.evaluate(
            "(element) => { const { top, bottom } = element.getBoundingClientRect();"
            " const foot = document.querySelector('#basket .sticky-foot'), box = foot.getBoundingClientRect();"
            " return foot.contains(element) || bottom <= box.top || top >= box.bottom; }"
        )
        assert beside_foot, focused.evaluate("element => element.outerHTML")
    pytest.fail("Tab doesn’t come to the end")


def test_a_long_state_leaves_a_name_its_line(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page = new_page(viewport={"width": 360, "height": 800})
    page.goto(pages["connections"])
    name = page.get_by_role("link", name="Partner portal UAT", exact=True)
    assert name.evaluate("element => element.getClientRects().length") == 1


@pytest.mark.parametrize("width", [320, 360])
def test_a_long_tracking_type_stays_beside_the_state(
    new_page: Callable[..., Page], pages: dict[str, str], width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, locale="de-DE")
    page.goto(pages["connections"])
    below = page.locator("td[data-cell=tracking_type]").evaluate_all(
        "cells => cells.filter((cell) => { const button = cell.querySelector('button').getBoundingClientRect();"
        " const pill = cell.closest('tr').querySelector('.pill').getBoundingClientRect();"
        " return button.right > pill.left && button.top < pill.bottom && button.bottom > pill.top; })"
        ".map((cell) => cell.closest('tr').innerText)"
    )
    assert below == []


def test_nothing_is_lost_in_forced_colours(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page = new_page(forced_colors="active", reduced_motion="reduce")
    page.goto(pages["run-running"])
    # The bar has an edge, the current section a line of another colour than the others, and nothing turns.
    assert page.locator("progress").first.evaluate("element => getComputedStyle(element).borderTopWidth") == "1px"
    lines = (
        page.get_by_role("navigation", name="Main")
        .get_by_role("link")
        .evaluate_all("links => links.map((link) => [link.ariaCurrent, getComputedStyle(link).borderBottomColor])")
    )
    current = {colour for is_current, colour in lines if is_current == "page"}
    others = {colour for is_current, colour in lines if is_current != "page"}
    assert len(current) == 1
    assert not current & others
    assert page.locator(".dot").first.evaluate("element => getComputedStyle(element).animationName") == "none"


def test_print_has_the_content_without_the_controls(new_page: Callable[..., Page], pages: dict[str, str]) -> None:
    page = new_page()
    page.goto(pages["run-done"])
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation", name="Main").is_visible()
    assert not page.get_by_role("button", name="Run again").is_visible()
    assert page.get_by_text("Every count matches Salesforce.").is_visible()


def violations(page: Page, name: str, rules: Sequence[str] = ()) -> list[str]:
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": TAGS}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    # Colours that fade over would be measured half-way.
    page.emulate_media(reduced_motion="reduce")
    # axe_playwright_python would read and run the whole of axe again for each look.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    response = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{name}: {violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in response["violations"]
        for node in violation["nodes"]
    ]


def test_the_sign_in_page(new_page: Callable[..., Page]) -> None:
    page = new_page(signed_in=False, bypass_csp=True)
    page.goto("/login")
    assert violations(page, "sign in") == []


@pytest.mark.parametrize("width", [1280, 360])
def test_the_components_are_photographed_in_both_themes(
    new_page: Callable[..., Page], tmp_path: Path, width: int
) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
        page.goto("/-/components")
        path = tmp_path / f"{scheme}.png"
        page.screenshot(path=path, full_page=True, animations="disabled")
        picture = Image.open(path).convert("L")
        assert picture.width == width
        assert len(picture.getcolors(256) or []) > 50
        brightness[scheme] = ImageStat.Stat(picture).mean[0]
    assert brightness["light"] > 200 > 100 > brightness["dark"]
