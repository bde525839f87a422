"""A browser that has stored the person's sign-in fills it in where they sign in, and nowhere else."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.practice_org.org import PASSWORD as SALESFORCE_PASSWORD
from tests.browser.conftest import QUIET
from tests.support.program import EMAIL, PASSWORD, Site


def sealed(password: str) -> bytes:
    """A password as Chromium on Linux stores it without a keyring (components/os_crypt, "v10")."""
    key = PBKDF2HMAC(SHA1(), 16, b"saltysalt", 1).derive(b"peanuts")
    padder = padding.PKCS7(128).padder()
    padded = padder.update(password.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(b" " * 16)).encryptor()
    return b"v10" + encryptor.update(padded) + encryptor.finalize()


def store_sign_in(profile: Path, origin: str) -> None:
    with closing(sqlite3.connect(profile / "Default" / "Login Data")) as store, store:
        columns = store.execute("PRAGMA table_info(logins)").fetchall()
        values: dict[str, object] = {
            name: "" if "CHAR" in kind else b"" if kind == "BLOB" else 0
            for _, name, kind, is_needed, default, _ in columns
            if is_needed and default is None
        }
        values |= {
            "origin_url": f"{origin}/login", "action_url": f"{origin}/login", "signon_realm": f"{origin}/",
            "username_element": "email", "username_value": EMAIL, "password_element": "password",
            "password_value": sealed(PASSWORD), "date_created": 13_300_000_000_000_000, "times_used": 1,
        }  # fmt: skip
        names = ", ".join(values)
        # The names of columns are Chromium's own.
        store.execute(f"INSERT INTO logins ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


@pytest.fixture(scope="module")
def filling(playwright: Playwright, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """A signed-in browser with its password manager on and the person's sign-in in it."""
    profile = tmp_path_factory.mktemp("profile")

    def start() -> BrowserContext:
        return playwright.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            args=[*QUIET, "--password-store=basic"],
            ignore_default_args=["--enable-automation", "--disable-extensions"],
            base_url=site.address,
        )

    # The first start makes the store.
    start().close()
    store_sign_in(profile, site.address)
    context = start()
    context.set_default_timeout(20_000)
    yield context
    context.close()


# Nothing answers there: they are saved anyway.
SERVER = {
    "host": "127.0.0.1",
    "port": "1",
    "database": "warehouse",
    "username": "loader",
    "password": "secret",
    "tls": "off",
}
BUCKET = {
    "bucket": "bucket",
    "endpoint": "http://127.0.0.1:1",
    "access_key": "writer",
    "password": "secret",
    "table_format": "parquet",
}
DESTINATION_SETTINGS = {"postgresql": SERVER, "mysql": SERVER, "object_storage": BUCKET}
FILLED = """() => [...document.querySelectorAll('input, textarea')]
    .filter((field) => field.type !== 'hidden' && field.matches(':autofill'))
    .map((field) => field.name)"""


def filled_on(page: Page, path: str) -> list[str]:
    page.goto(path)
    page.wait_for_timeout(1200)
    # Only after a gesture does a page see what the browser filled in.
    page.mouse.click(5, 5)
    page.wait_for_timeout(200)
    found: list[str] = page.evaluate(FILLED)
    return found


def sign_in(filling: BrowserContext) -> Page:
    filling.clear_cookies()
    page = filling.new_page()
    # Otherwise nothing below could fail.
    assert filled_on(page, "/login") == ["email", "password"]
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r":\d+/$"))
    return page


def test_only_signing_in_is_filled(filling: BrowserContext, site: Site) -> None:
    page = sign_in(filling)
    draft = site.save({"client_id": "", "client_secret": ""}, description="Draft")
    known = site.save({"client_id": "3MVG9known", "client_secret": "s3cret"}, description="Known")
    handed = re.search(r"http[^\s<\"]+/hand-off/[\w-]+", site.post(f"/connections/{draft}/hand-off").text)
    assert handed is not None
    stored = []
    for kind, typed in DESTINATION_SETTINGS.items():
        saved = site.post(f"/connections/new/{kind}", {"description": kind, "anyway": "1", **typed})
        assert saved.status_code == 303, saved.text
        stored.append(saved.headers["location"].rsplit("/", 1)[-1])
    # Where a person is asked for their own password, that field may be filled.
    own = {"your_password", "present"}
    paths = [
        "/connections/new/salesforce", f"/connections/{draft}/edit", f"/connections/{known}/edit", handed.group(0),
        *(f"/connections/new/{kind}" for kind in DESTINATIONS), *(f"/connections/{each}/edit" for each in stored),
        "/notices", "/people", "/account", "/connections", "/extractions/new", f"/connections/{known}/delete", "/audit",
        "/help", "/connections/import", f"/connections/{stored[0]}/delete",
    ]  # fmt: skip
    wrong = {path: found for path in paths if (found := [n for n in filled_on(page, path) if n not in own])}
    assert wrong == {}
    # Signed in a while ago: some pages ask for the password once more.
    with closing(sqlite3.connect(site.program.folder / "instance" / "datasync.sqlite")) as database, database:
        database.execute("UPDATE user_sessions SET confirmed_at = '2020-01-01 00:00:00.000000'")
    for path in (f"/connections/{known}/edit", f"/connections/{known}/delete", f"/connections/{draft}/delete"):
        found = filled_on(page, path)
        assert page.locator("[name=your_password]").count() == (0 if path.endswith(f"{draft}/edit") else 1), path
        assert set(found) <= own | {""}, path


def test_the_whole_way_sends_salesforce_nothing_of_the_sign_in(filling: BrowserContext, site: Site) -> None:
    page, app = sign_in(filling), site.practice.register(site.callback_url)
    page.goto("/connections/new/salesforce")
    page.wait_for_timeout(1200)
    page.get_by_label("Description").fill("Nothing else typed")
    page.get_by_role("button", name="Save", exact=True).click()
    status = page.locator("#connection-status")
    # What a browser had filled in would have been saved with it.
    expect(status).to_have_attribute("data-state", "draft")
    expect(status).to_contain_text("The Client ID and the Client Secret are still missing")
    page.get_by_role("link", name="Resume with the guide").click()
    page.wait_for_timeout(1200)
    page.get_by_label("Login host").select_option("custom")
    page.get_by_label("Login address").fill(site.practice.origin)
    page.get_by_label("Client ID", exact=True).fill(str(app["client_id"]))
    page.get_by_label("Client Secret", exact=True).fill(str(app["client_secret"]))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(status).to_have_attribute("data-state", "ready_to_authorize", timeout=30_000)
    page.get_by_role("button", name="Authenticate and Save").click()
    page.get_by_label("Password").fill(SALESFORCE_PASSWORD)
    page.get_by_role("button", name="Log In").click()
    page.get_by_role("button", name="Allow").click()
    expect(status).to_have_attribute("data-state", "connected", timeout=30_000)
    # Saved again as the browser shows the form: the secret that works stays.
    page.goto(f"{page.url}/edit")
    page.wait_for_timeout(1200)
    page.get_by_label("Description").fill("Renamed")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Renamed")).to_be_visible()
    expect(status).to_have_attribute("data-state", "connected")
    with closing(sqlite3.connect(site.program.folder / "instance" / "datasync.sqlite")) as database:
        saved = database.execute("SELECT client_id FROM salesforce_connections").fetchall()
    assert EMAIL not in {value for (value,) in saved}
