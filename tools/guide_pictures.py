"""Make the guide's pictures in static/guide from the practice org's Setup screens, so that they stay true."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser.conftest import QUIET
from tests.support.practice import running_practice_org

FOLDER = Path(__file__).resolve().parent.parent / "static" / "guide"
SIZE = {"width": 960, "height": 540}
CALLBACK = "https://datasync.example.com/oauth/salesforce/callback"
SETUP = "/lightning/setup"
EXTERNAL, CONNECTED = f"{SETUP}/ManageExternalClientApplication", f"{SETUP}/NavigationMenus"
# What the step is about stands out.
MARK = "outline: 4px solid #c2410c; outline-offset: 4px; border-radius: 4px"


def shoot(page: Page, name: str, *marked: Locator) -> None:
    """Take one picture with the marked elements outlined, the first one in the middle."""
    for element in marked:
        element.evaluate("(element, style) => { element.style.cssText += style }", MARK)
    if marked:
        marked[0].evaluate("element => element.scrollIntoView({block: 'center'})")
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    picture.convert("RGB").quantize(64).convert("RGB").save(
        FOLDER / f"{name}.webp", lossless=True, quality=100, method=6
    )
    for element in marked:
        element.evaluate("element => { element.style.cssText = '' }")


def external(page: Page) -> None:
    """The screens of an external client app."""
    page.goto(f"{SETUP}/home?q=External+Client")
    shoot(
        page,
        "setup-home",
        page.get_by_label("Quick Find"),
        page.get_by_role("link", name="External Client App Manager").first,
    )
    page.goto(f"{EXTERNAL}/home")
    shoot(page, "external-manager", page.get_by_role("link", name="New External Client App"))
    page.goto(f"{EXTERNAL}/new")
    page.get_by_label("External Client App Name").fill("DataSync")
    page.get_by_label("Contact Email").fill("ada@example.com")
    shoot(page, "external-basic", page.get_by_label("External Client App Name"), page.get_by_label("Contact Email"))
    page.get_by_label("Callback URL").fill(CALLBACK)
    shoot(page, "external-callback", page.get_by_label("Callback URL"))
    for scope in ("(api)", "(refresh_token, offline_access)"):
        page.get_by_label(scope).check()
    shoot(page, "external-scopes", page.get_by_role("group", name="OAuth Scopes"))
    page.get_by_label("Enable JWT Bearer Flow").check()
    shoot(page, "external-jwt", page.get_by_label("Enable JWT Bearer Flow"), page.get_by_label("Upload certificate"))
    page.get_by_label("Enable JWT Bearer Flow").uncheck()
    shoot(page, "external-security", page.get_by_role("group", name="Security"))
    page.get_by_role("button", name="Create").click()
    shoot(page, "external-policies", page.get_by_label("Refresh Token Policy"))
    page.get_by_role("link", name="Consumer Key and Secret").click()
    # A made-up pair: nobody shall take a practice app's key for something to copy.
    for label, value in (("Consumer Key", "3MVG9…"), ("Consumer Secret", "4F7A…")):
        page.get_by_label(label).evaluate("(element, value) => { element.value = value }", value)
    shoot(page, "consumer", page.get_by_label("Consumer Key"), page.get_by_label("Consumer Secret"))


def connected(page: Page) -> None:
    """The screens of a connected app."""
    page.goto(f"{CONNECTED}/home")
    shoot(page, "connected-manager", page.get_by_role("link", name="New Connected App"))
    page.goto(f"{CONNECTED}/new")
    page.get_by_label("Connected App Name").fill("DataSync")
    page.get_by_label("Contact Email").fill("ada@example.com")
    shoot(page, "connected-basic", page.get_by_label("Connected App Name"), page.get_by_label("Contact Email"))
    page.get_by_label("Callback URL").fill(CALLBACK)
    shoot(page, "connected-callback", page.get_by_label("Callback URL"))
    for scope in ("(api)", "(refresh_token, offline_access)"):
        page.get_by_label(scope).check()
    shoot(page, "connected-scopes", page.get_by_role("group", name="OAuth Scopes"))
    page.get_by_role("button", name="Save").click()
    shoot(page, "connected-confirmation", page.get_by_role("link", name="Continue"))
    page.get_by_role("link", name="Continue").click()
    shoot(page, "connected-details", page.get_by_role("link", name="Manage Consumer Details"))


def main() -> None:
    """Make all pictures again."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    with running_practice_org() as practice, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_page(base_url=practice.origin, viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto("/?startURL=/lightning/setup/home")
        page.get_by_label("Password").fill("practice")
        page.get_by_role("button", name="Log In").click()
        external(page)
        connected(page)
        browser.close()
    print(f"{len(list(FOLDER.glob('*.webp')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
