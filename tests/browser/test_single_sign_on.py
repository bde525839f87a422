"""Linking one's account to single sign-on, and signing in by it, in Chromium: no policy of ours is in the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import record_console
from tests.support.identity_provider import IdentityProvider, running_identity_provider
from tests.support.practice import PracticeOrg
from tests.support.program import EMAIL, PASSWORD, Site, running_site


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with running_identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def sso_site(
    tmp_path_factory: pytest.TempPathFactory, practice: PracticeOrg, provider: IdentityProvider
) -> Iterator[Site]:
    variables = {"OIDC_ISSUER": provider.origin, "OIDC_CLIENT_ID": "datasync", "OIDC_CLIENT_SECRET": "s3cret",
                 "OIDC_NAME": "Company login"}  # fmt: skip
    with running_site(tmp_path_factory.mktemp("site"), practice, **variables) as site:
        yield site


def test_linked_by_its_person_and_then_opened_by_it(
    browser: Browser, sso_site: Site, provider: IdentityProvider
) -> None:
    complaints: list[str] = []
    context = browser.new_context(base_url=sso_site.address)
    record_console(context, complaints)
    page = context.new_page()
    provider.says({"email": EMAIL})
    page.goto("/login")
    page.get_by_role("link", name="Sign in with Company login").click()
    expect(page.get_by_role("alert")).to_contain_text("isn’t verified")
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto("/account")
    page.get_by_role("button", name="Link single sign-on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Link single sign-on")
    page.get_by_role("link", name="Continue to Company login").click()
    expect(page.get_by_text("Your account is linked to Company login")).to_be_visible()
    page.goto("/people")
    page.locator("summary", has_text="Remove…").click()
    expect(page.get_by_text("What ends with the account:")).to_be_visible()
    context.clear_cookies()
    page.goto("/login")
    page.get_by_role("link", name="Sign in with Company login").click()
    page.goto("/account")
    expect(page.get_by_role("main")).to_contain_text(EMAIL)
    context.close()
    assert complaints == []
