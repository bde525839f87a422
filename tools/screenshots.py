"""Make the pictures in docs/screenshots: every page and state, light and dark, and some on a phone."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lxml import html
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import QUIET
from tests.support.practice import PracticeOrg, running_practice_org
from tests.support.program import Site, running_site, wait_for

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
WIDE, PHONE = {"width": 1200, "height": 800}, {"width": 360, "height": 740}


def make_states(site: Site, practice: PracticeOrg) -> dict[str, str]:
    """Return a connection in each state, with names that a team would give them."""
    nobody = {"client_id": "", "client_secret": ""}
    made = {
        "draft": site.save(nobody, description="Field service"),
        "waiting": site.save(
            practice.register(site.callback_url, propagation_seconds=3600), description="Partner portal UAT"
        ),
    }
    names = {"ready": "Marketing", "authorizing": "Support desk", "connected": "Sales EMEA", "attention": "Legacy org"}
    for key, description in names.items():
        made[key] = site.save(practice.register(site.callback_url), description=description)
        site.wait_for_state(made[key], "ready_to_authorize")
    site.leave(made["authorizing"])
    site.allow(made["connected"])
    site.http.get(practice.answer_as_person(site.leave(made["attention"]), "deny"))
    site.wait_for_state(made["connected"], "connected")
    site.wait_for_state(made["attention"], "needs_attention")
    made |= {"/handed-off": hand_over(site, made["draft"])}
    make_people(site)
    made |= make_extraction(site, practice, made["connected"])
    for key, labels in (("connected", "sales, emea"), ("ready", "emea"), ("attention", "sales")):
        site.edit(made[key], label_names=labels)
    return made


def hand_over(site: Site, connection_id: str) -> str:
    """Return the path of a hand-off link."""
    page = html.fromstring(site.post(f"/connections/{connection_id}/hand-off").text)
    return str(page.xpath("//div[@class='aside']//code/text()")[0]).removeprefix(site.address)


def make_people(site: Site) -> None:
    """Invite somebody, and let somebody be told."""
    site.post("/people/invite", {"email": "grace@example.com", "role": "editor"})
    hook = {"kind": "webhook", "target": "https://chat.example.com/hook", "description": "Data team's chat"}
    site.post("/notices", hook)
    site.post("/account/tokens", {"name": "nightly job", "days": "90"})


def make_extraction(site: Site, practice: PracticeOrg, source: str) -> dict[str, str]:
    """Return a destination that works, one that doesn't, an extraction and its run."""
    for name, count in (("Account", 8000), ("Contact", 300), ("OrderStatus", 4)):
        practice.http.post("/practice/data", json={"object": name, "do": "generate", "count": count}, timeout=60)
    warehouse = site.post("/connections/new/duckdb", {"description": "Warehouse", "path": "warehouse.duckdb"})
    lost = {"host": "db.internal", "port": "5432", "database": "analytics", "username": "datasync", "password": "x"}
    broken = site.post("/connections/new/postgresql", {"description": "Old reporting", **lost, "anyway": "1"})
    destination = warehouse.headers["location"].rsplit("/", 1)[-1]
    fields = {
        "csrf_token": site.token("/extractions/new"), "description": "Sales to the warehouse", "source": source,
        "destination": destination, "dataset": "salesforce", "objects": ["Account", "Contact", "OrderStatus"],
        "schedule": "every 15 minutes", "timezone": "Europe/Berlin", "tracking_type-Account": "date_deletes",
    }  # fmt: skip
    extraction = site.http.post("/extractions/new", data=fields).headers["location"]
    run = ""
    for _ in range(3):
        run = site.post(f"{extraction}/runs").headers["location"]
        wait_for(lambda path=run: 'data-state="done"' in site.http.get(f"{path}/progress").text, 60)
    return {
        "destination": destination,
        "destination-broken": broken.headers["location"].rsplit("/", 1)[-1],
        "/extraction": extraction,
        "/run": run,
    }


def pages(made: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (name of the picture, path of the page)."""
    yield from {
        "connections": "/connections",
        "new": "/connections/new",
        "form": "/connections/new/salesforce",
        "edit": f"/connections/{made['connected']}/edit",
        "delete": f"/connections/{made['connected']}/delete",
        "connections-grouped": "/connections?group=label",
        "components": "/-/components",
        "hand-off": f"/connections/{made['draft']}/hand-off",
        "people": "/people",
        "account": "/account",
        "audit": "/audit",
        "notices": "/notices",
        "help": "/help?q=tracking",
        "help-page": "/help/using",
        "help-errors": f"/help/errors?connection={made['attention']}",
        "not-found": "/nothing",
    }.items()
    yield from {
        "extractions": "/extractions",
        "extraction-edit": f"{made['/extraction']}/edit",
        "extraction-fields": f"{made['/extraction']}/objects/Account",
        "extraction-data": f"{made['/extraction']}/data/Account",
        "objects": f"/connections/{made['connected']}/objects?name=Account&count=1",
        "destination-form": "/connections/new/postgresql",
        "destination-edit": f"/connections/{made['destination-broken']}/edit",
    }.items()
    for state, place in made.items():
        yield state.strip("/"), place if place.startswith("/") else f"/connections/{place}"


def photograph(browser: Browser, site: Site, made: dict[str, str], suffix: str) -> None:
    """Take every picture: light or dark on a screen, light on a phone."""
    scheme, size = ("light", PHONE) if suffix == "phone" else (suffix, WIDE)
    context = browser.new_context(base_url=site.address, color_scheme=scheme, viewport=size)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/login")
    shoot(page, f"sign-in-{suffix}")
    context.add_cookies(
        [{"name": cookie.name, "value": cookie.value, "url": site.address} for cookie in site.http.cookies.jar]  # type: ignore[misc]
    )
    for name, path in pages(made):
        page.goto(path)
        shoot(page, f"{name}-{suffix}")
    page.goto("/connections/new/salesforce")
    page.get_by_label("Login host").select_option("custom")
    page.get_by_label("Login address").fill("salesforce.com.evil.io")
    page.get_by_role("button", name="Save", exact=True).click()
    shoot(page, f"form-errors-{suffix}")
    page.goto("/connections")
    page.keyboard.press("?")
    shoot(page, f"keys-{suffix}")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Change tracking type of Sales EMEA").click()
    page.locator("tr select[name=tracking_type]").select_option("date_deletes")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Undo").wait_for()
    shoot(page, f"quick-edit-{suffix}")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Loads what changed since the last run. Objects").wait_for()
    page.goto("/connections/new/salesforce")
    picture = page.locator("[data-step=external-callback] .picture")
    picture.evaluate("element => { element.open = true }")
    picture.locator("img").scroll_into_view_if_needed()
    page.locator("[data-step=external-login] .tick").click()
    page.get_by_role("button", name="Deutsch").click()
    shoot(page, f"form-german-{suffix}")
    page.get_by_role("button", name="English").click()
    context.close()


def shoot(page: Page, name: str) -> None:
    """Take one picture of a whole page."""
    picture = page.screenshot(full_page=True, animations="disabled")
    # 64 colours show these pages as well as 16 million, in a quarter of the bytes.
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(64).save(FOLDER / f"{name}.png", optimize=True)


def main() -> None:
    """Make all pictures again."""
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
        made = make_states(site, practice)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for suffix in ("light", "dark", "phone"):
            photograph(browser, site, made, suffix)
        browser.close()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
