"""Chromium against the real programs; a browser's console stays empty on every page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.practice import PracticeOrg, running_practice_org
from tests.support.program import Site, running_site

# Without these Chromium looks for hosts of its maker's at every start.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Answers whose lines in the console are meant.
MEANT = ("401 (UNAUTHORIZED)", "422", "502 (Bad Gateway)")

# A machine that is busy with other tests isn't a slow page.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    arguments: dict[str, Any] = {"args": QUIET}
    if path := shutil.which("chromium"):
        arguments["executable_path"] = path
    return arguments


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeOrg]:
    with running_practice_org() as org:
        yield org


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, practice: PracticeOrg) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site"), practice) as site:
        site.sign_in()
        yield site


def record_console(context: BrowserContext, complaints: list[str]) -> None:
    def complain(message: Any) -> None:
        if message.type in {"error", "warning"} and not any(status in message.text for status in MEANT):
            complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    context.on("console", complain)
    context.on("weberror", lambda error: complaints.append(str(error.error)))


@pytest.fixture
def new_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Open pages in contexts of their own, signed in, and complain about anything in their consoles."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def new_page(*, signed_in: bool = True, **options: Any) -> Page:
        context = browser.new_context(base_url=site.address, **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        record_console(context, complaints)
        if signed_in:
            cookies = [
                {"name": cookie.name, "value": cookie.value, "url": site.address} for cookie in site.http.cookies.jar
            ]
            context.add_cookies(cookies)  # type: ignore[arg-type]
        return context.new_page()

    yield new_page
    for context in contexts:
        context.close()
    assert complaints == []
