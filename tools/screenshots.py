"""Take pictures of every page and state: light and dark, on a screen and on a phone, in English and in German.

They all go to build/screenshots; the few that the documentation shows are kept in docs/screenshots.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.conftest import QUIET
from tests.support.practice import running_practice_org
from tests.support.program import Site, running_site
from tools.site_states import EMPTY_PAGES, SIGNED_OUT_PAGES, make_states

ROOT = Path(__file__).resolve().parent.parent
FOLDER, SHOWN = ROOT / "build" / "screenshots", ROOT / "docs" / "screenshots"
HEIGHT = 800
IN_DOCS = ("connection-waiting-light.png", "connection-connected-light.png", "form-light.png")


@dataclass(frozen=True)
class Look:
    """How a page is looked at."""

    name: str
    width: int = 1280
    scheme: Literal["light", "dark"] = "light"
    language: Literal["en", "de"] = "en"


LOOKS = (
    Look("light"),
    Look("dark", scheme="dark"),
    Look("phone", width=360),
    Look("phone-dark", width=360, scheme="dark"),
    Look("german", language="de"),
    Look("german-phone", width=360, language="de"),
)


def photograph(browser: Browser, site: Site, look: Look, pages: dict[str, str], *, signed_in: bool = True) -> None:
    """Take a picture of each page."""
    context = _context(browser, site, look, signed_in=signed_in)
    page = context.new_page()
    for name, path in pages.items():
        page.goto(path)
        _shoot(page, f"{name}-{look.name}")
    if look.language == "en" and "components" in pages:
        _photograph_actions(page, look)
    context.close()


def _context(browser: Browser, site: Site, look: Look, *, signed_in: bool) -> BrowserContext:
    context = browser.new_context(
        base_url=site.address,
        color_scheme=look.scheme,
        viewport={"width": look.width, "height": HEIGHT},
        timezone_id="Europe/Berlin",
    )
    if signed_in:
        context.add_cookies(
            [{"name": each.name, "value": each.value, "url": site.address} for each in site.http.cookies.jar]  # type: ignore[misc]
        )
    page = context.new_page()
    page.goto("/login" if not signed_in else "/help")
    _speak(page, look.language)
    page.close()
    return context


def _speak(page: Page, language: str) -> None:
    """Choose the language that pages are in."""
    page.locator(f"form[action$='/language'] button[value={language}]").first.evaluate("button => button.click()")
    page.locator(f"html[lang={language}]").wait_for(state="attached")


def _photograph_actions(page: Page, look: Look) -> None:
    """Take pictures of what is there only after somebody did something."""
    page.goto("/connections/new/salesforce")
    page.get_by_label("Login host").select_option("custom")
    page.get_by_label("Login address").fill("salesforce.com.evil.io")
    page.get_by_role("button", name="Save", exact=True).click()
    _shoot(page, f"form-errors-{look.name}")
    page.goto("/connections")
    page.keyboard.press("?")
    _shoot(page, f"keys-{look.name}")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Change tracking type of Sales EMEA").click()
    page.locator("tr select[name=tracking_type]").select_option("date_deletes")
    _shoot(page, f"quick-edit-open-{look.name}")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Undo").wait_for()
    _shoot(page, f"quick-edit-{look.name}")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Loads what changed since the last run. Objects").wait_for()


def _shoot(page: Page, name: str) -> None:
    """Take one picture of a whole page."""
    width, height = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
    # What sticks to the window's edge stands at the page's end, not over its middle.
    page.set_viewport_size({"width": width, "height": max(height, HEIGHT)})
    picture = page.screenshot(animations="disabled")
    page.set_viewport_size({"width": width, "height": HEIGHT})
    # 64 colours show these pages as well as 16 million, in a quarter of the bytes.
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(64).save(FOLDER / f"{name}.png", optimize=True)


def main(names: list[str]) -> None:
    """Take all pictures again, or those of the pages named."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_practice_org() as practice,
        running_site(Path(folder), practice) as site,
        sync_playwright() as playwright,
    ):
        site.sign_in()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for look in LOOKS:
            photograph(browser, site, look, _wanted(EMPTY_PAGES, names))
            photograph(browser, site, look, _wanted(SIGNED_OUT_PAGES, names), signed_in=False)
        pages = _wanted(make_states(site, practice), names)
        for look in LOOKS:
            photograph(browser, site, look, pages)
        browser.close()
    if not names:
        for name in IN_DOCS:
            shutil.copy(FOLDER / name, SHOWN / name)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


def _wanted(pages: dict[str, str], names: list[str]) -> dict[str, str]:
    return {name: path for name, path in pages.items() if not names or name in names}


if __name__ == "__main__":
    main(sys.argv[1:])
