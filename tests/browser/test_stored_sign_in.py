"""A browser that has stored the person's sign-in fills it in where they sign in, and nowhere else."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from playwright.sync_api import BrowserContext, Page, Playwright

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
    with sqlite3.connect(profile / "Default" / "Login Data") as store:
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


def test_only_signing_in_is_filled(filling: BrowserContext, site: Site) -> None:
    page = filling.new_page()
    # Otherwise nothing below could fail.
    assert filled_on(page, "/login") == ["email", "password"]
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r":\d+/$"))
    draft = site.save({"client_id": "", "client_secret": ""}, description="Draft")
    known = site.save({"client_id": "3MVG9known", "client_secret": "s3cret"}, description="Known")
    handed = re.search(r"http[^\s<\"]+/hand-off/[\w-]+", site.post(f"/connections/{draft}/hand-off").text)
    assert handed is not None
    # Where a person is asked for their own password, that field may be filled.
    own = {"your_password", "present"}
    paths = [
        "/connections/new/salesforce", f"/connections/{draft}/edit", f"/connections/{known}/edit", handed.group(0),
        "/connections/new/postgresql", "/connections/new/mysql", "/connections/new/duckdb", "/notices", "/people",
        "/account", "/connections", "/extractions/new", f"/connections/{known}/delete", "/audit", "/help",
    ]  # fmt: skip
    wrong = {path: found for path in paths if (found := [n for n in filled_on(page, path) if n not in own])}
    assert wrong == {}
    # Signed in a while ago: some pages ask for the password once more.
    with sqlite3.connect(site.program.folder / "instance" / "datasync.sqlite") as database:
        database.execute("UPDATE user_sessions SET confirmed_at = '2020-01-01 00:00:00.000000'")
    for path in (f"/connections/{known}/edit", f"/connections/{known}/delete", f"/connections/{draft}/delete"):
        found = filled_on(page, path)
        assert page.locator("[name=your_password]").count() == (0 if path.endswith(f"{draft}/edit") else 1), path
        assert set(found) <= own | {""}, path
