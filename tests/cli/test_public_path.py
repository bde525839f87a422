"""A public address with a path, walked through nginx: behind a proxy that strips the path, and one that keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx2
import pytest
from lxml import html

from tests.support.identity_provider import running_identity_provider
from tests.support.mailbox import Mailbox
from tests.support.practice import PracticeOrg
from tests.support.program import EMAIL, PASSWORD, Program, Site, wait_for
from tests.support.proxy import running_nginx
from tests.support.servers import free_port, wait_until_open

pytestmark = pytest.mark.slow

HEADERS = """
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
"""


@pytest.fixture(params=["strips", "keeps"])
def site(request: pytest.FixtureRequest, tmp_path: Path, practice: PracticeOrg, mail_url: str) -> Iterator[Site]:
    port, public = free_port(), free_port()
    behind = "/" if request.param == "strips" else ""
    location = f"location /datasync/ {{ proxy_pass http://127.0.0.1:{port}{behind}; {HEADERS} }}"
    whole = f"location = /datasync {{ proxy_pass http://127.0.0.1:{port}/datasync; {HEADERS} }}"
    program = Program(
        tmp_path, "run", "--port", str(port), ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD=PASSWORD, PROBE_INTERVAL="0.5",
        SALESFORCE_HOSTS=practice.origin, PUBLIC_URL=f"http://127.0.0.1:{public}/datasync/", TRUSTED_PROXIES="1",
        SMTP_URL=mail_url, MAIL_FROM="datasync@example.com",
    )  # fmt: skip
    program.start()
    try:
        wait_until_open(port)
        with running_nginx(tmp_path, public, f"{location} {whole}"):
            # What else the host serves: nginx itself answers 404 there.
            site = Site(program, practice, f"http://127.0.0.1:{public}/datasync")
            yield site
            site.http.close()
        assert httpx2.get(f"http://127.0.0.1:{port}/healthz").text == "ok\n"
    finally:
        program.kill_all()


def check_addresses(site: Site, page: httpx2.Response) -> None:
    """Every address on a page that leads to this host lies below the path."""
    found = html.fromstring(page.text)
    names = ["href", "src", "action", "formaction", "hx-get", "hx-post", "hx-patch", "data-plain", "data-wait"]
    for address in [value for name in names for value in found.xpath(f"//@{name}")]:
        whole = urlsplit(urljoin(str(page.url), address))
        if whole.netloc == urlsplit(site.address).netloc:
            assert whole.path.startswith("/datasync/"), address


def check_run(site: Site, extraction: str) -> None:
    """A run through the proxy: the page, its poll, and what both lead to."""
    started = site.post(f"/extractions/{extraction}/runs")
    assert started.headers["location"].startswith(f"/datasync/extractions/{extraction}/runs/")
    run = started.headers["location"].removeprefix("/datasync")

    def progress() -> httpx2.Response:
        return site.http.get(f"{run}/progress", headers={"HX-Request": "true"})

    ended = wait_for(lambda: re.search(r'data-state="(done|failed|waiting)"', progress().text), 150)
    assert ended[1] == "done", progress().text
    for page in (progress(), site.http.get(run), site.http.get(f"/extractions/{extraction}")):
        assert page.status_code == 200
        check_addresses(site, page)


def check_mails(site: Site, connection: str) -> None:
    """What is sent leads back below the path."""
    added = {"kind": "email", "target": "team@example.com", "description": "team"}
    assert site.post("/notices", added).status_code == 303
    site.practice.expire("refresh")
    site.practice.expire("access")
    site.post(f"/connections/{connection}/check")
    site.wait_for_state(connection, "needs_attention")
    (mail,) = wait_for(lambda: Mailbox.messages, 90)
    # Mails break long lines, with = at the end.
    assert f"{site.address}/connections/{connection}" in mail.replace("=\r\n", "")
    reset = site.post("/people/invite", {"email": "grace@example.com", "role": "editor"})
    links = set(re.findall(r"http://[\w.:/-]+/join[\w/?=-]*", reset.text))
    assert links
    assert all(link.startswith(f"{site.address}/") for link in links)
    for link in links:
        assert "Choose a password" in httpx2.get(link, follow_redirects=True).text


def test_the_whole_way(site: Site) -> None:
    http = site.http
    assert "Sign in" in http.get(site.address, follow_redirects=True).text
    aside = http.get("/extractions?status=x")
    assert unquote(aside.headers["location"]) == "/datasync/login?next=/datasync/extractions?status=x"
    site.sign_in()
    (cookie,) = [cookie for cookie in http.cookies.jar if cookie.name == "datasync_session"]
    assert cookie.path == "/datasync"
    app = site.practice.register(site.callback_url)
    connection = site.save(app)
    site.wait_for_state(connection, "ready_to_authorize")
    status = http.get(f"/connections/{connection}/status")
    again = http.get(f"/connections/{connection}/status", headers={"If-None-Match": status.headers["ETag"]})
    assert again.status_code == 304
    leaving = site.leave(connection)
    assert httpx2.URL(leaving).params["redirect_uri"] == f"{site.address}/oauth/salesforce/callback"
    back = site.practice.answer_as_person(leaving)
    assert http.get(back).headers["location"] == f"/datasync/connections/{connection}"
    site.wait_for_state(connection, "connected")
    token = site.token("/connections/new/salesforce")
    changed = http.patch(f"/connections/{connection}", data={"csrf_token": token, "description": "Below a path"})
    assert changed.status_code == 200
    made = site.post("/connections/new/duckdb", {"description": "Warehouse", "path": "x.duckdb"})
    destination = made.headers["location"].rsplit("/", 1)[-1]
    extraction = site.post(
        "/extractions/new",
        {"description": "All", "source": connection, "destination": destination, "dataset": "sf", "objects": "Account"},
    )
    assert extraction.status_code == 303, extraction.text
    assert extraction.headers["location"].startswith("/datasync/extractions/")
    handed = site.post(f"/connections/{connection}/hand-off")
    (link,) = set(re.findall(r"http://[\w.:/-]+/hand-off/[\w-]+", handed.text))
    assert link.startswith(f"{site.address}/hand-off/")
    pages = [
        "/connections", "/connections/new", "/connections/new/salesforce", f"/connections/{connection}",
        f"/connections/{connection}/edit", f"/connections/{connection}/delete", "/extractions", "/help", "/help/using",
        "/help/errors", "/account", "/people", "/notices", "/audit", link, extraction.headers["location"][9:],
    ]  # fmt: skip
    for path in pages:
        page = http.get(path)
        assert page.status_code == 200, path
        assert 'id="address-note" data-origin' not in page.text or "hidden>" in page.text
        check_addresses(site, page)
    style = html.fromstring(http.get("/connections").text).xpath("//link[@rel='stylesheet']/@href")[0]
    assert http.get(urljoin(site.address, style)).status_code == 200
    assert http.get("/api/v1/openapi.json").json()["servers"] == [{"url": "/datasync"}]
    assert http.get("/healthz").text == "ok\n"
    check_run(site, extraction.headers["location"].rsplit("/", 1)[-1])
    check_mails(site, connection)
    asked = http.post("/language", data={"csrf_token": token, "language": "en", "next": "/other-program"})
    assert asked.status_code in {302, 303, 404}
    assert "/other-program" not in asked.headers.get("location", "")


def test_single_sign_on_comes_back_below_the_path(tmp_path: Path, practice: PracticeOrg) -> None:
    port, public = free_port(), free_port()
    with running_identity_provider() as provider:
        provider.says({"email": EMAIL, "email_verified": True})
        program = Program(
            tmp_path, "run", "--port", str(port), ADMIN_EMAIL=EMAIL, ADMIN_PASSWORD=PASSWORD, TRUSTED_PROXIES="1",
            PUBLIC_URL=f"http://127.0.0.1:{public}/datasync/", OIDC_ISSUER=provider.origin, OIDC_CLIENT_ID="datasync",
            OIDC_CLIENT_SECRET="s3cret", SALESFORCE_HOSTS=practice.origin,
        )  # fmt: skip
        program.start()
        location = f"location /datasync/ {{ proxy_pass http://127.0.0.1:{port}/; {HEADERS} }}"
        try:
            wait_until_open(port)
            with running_nginx(tmp_path, public, location), httpx2.Client(timeout=20) as http:
                address = f"http://127.0.0.1:{public}/datasync"
                leaving = http.get(f"{address}/sso?next=/datasync/extractions").headers["location"]
                assert httpx2.URL(leaving).params["redirect_uri"] == f"{address}/sso/callback"
                back = http.get(leaving).headers["location"]
                landed = http.get(back)
                assert landed.headers["location"] == "/datasync/extractions", program.output
                assert "Sign out" in http.get(f"{address}/extractions").text
        finally:
            program.kill_all()
