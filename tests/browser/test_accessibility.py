"""axe-core finds nothing, on every page and state, in both themes, on a screen and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageStat
from playwright.sync_api import Page

from tests.support.practice import PracticeOrg
from tests.support.program import Site
from tools.screenshots import hand_over, make_extraction, make_people

BOTH = ("destination", "destination-broken")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def states(site: Site, practice: PracticeOrg) -> dict[str, str]:
    """One connection in each state."""
    made = {
        "draft": site.save({"client_id": "", "client_secret": ""}, description="Draft"),
        "waiting_for_propagation": site.save(
            practice.register(site.callback_url, propagation_seconds=3600), description="Waiting"
        ),
    }
    for name in ("ready_to_authorize", "authorizing", "connected", "needs_attention"):
        made[name] = site.save(practice.register(site.callback_url), description=name)
        site.wait_for_state(made[name], "ready_to_authorize")
    site.leave(made["authorizing"])
    site.allow(made["connected"])
    site.http.get(practice.answer_as_person(site.leave(made["needs_attention"]), "deny"))
    for name, connection_id in made.items():
        site.wait_for_state(connection_id, name)
    return made


@pytest.fixture(scope="module")
def extraction(site: Site, practice: PracticeOrg, states: dict[str, str]) -> list[str]:
    """The pages of an extraction that ran, and of its destination."""
    made = make_extraction(site, practice, states["connected"])
    make_people(site)
    places = [
        made["/extraction"],
        made["/run"],
        f"{made['/extraction']}/objects/Account",
        f"{made['/extraction']}/edit",
        f"{made['/extraction']}/data/Account",
    ]
    return [*places, f"{made['/extraction']}/delete", *(f"/connections/{made[key]}" for key in BOTH)]


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violations(
    site: Site,
    new_page: Callable[..., Page],
    states: dict[str, str],
    extraction: list[str],
    scheme: Any,
    width: int,
) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    paths = [
        "/connections",
        "/connections?q=nothing",
        "/connections/new",
        "/connections/new/salesforce",
        "/connections/import",
        "/connections?group=label",
        "/help",
        "/help/using",
        "/help/errors",
        "/-/components",
    ]
    paths += [
        "/people",
        "/account",
        "/audit",
        "/notices",
        "/settings/server",
        "/login",
        f"/connections/{states['draft']}/hand-off",
    ]
    paths += [hand_over(site, states["draft"])]
    paths += [f"/connections/{connection_id}" for connection_id in states.values()]
    paths += [f"/connections/{states['connected']}/{page_}" for page_ in ("edit", "delete", "objects?name=Account")]
    paths += ["/connections/new/postgresql", "/extractions", "/extractions/new", *extraction]
    found = []
    for path in paths:
        page.goto(path)
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("element => element.open = true")
        found += violations(page, path)
    page.goto("/connections/new/salesforce")
    page.get_by_role("button", name="Save", exact=True).click()
    found += violations(page, "form with errors")
    assert not found, "\n".join(found)


def violations(page: Page, name: str) -> list[str]:
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    response = Axe().run(page, options=options).response
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
