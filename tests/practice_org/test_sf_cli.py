"""Salesforce's own command line, unmodified, takes the practice org for Salesforce (installed by `make test-tools`)."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from datasync_flask.clock import utcnow
from datasync_flask.practice_org.org import PASSWORD, USERNAME
from datasync_flask.salesforce.assertions import new_certified_key
from tests.browser.conftest import browser_type_launch_args  # noqa: F401 (how this suite starts Chromium)
from tests.practice_org.conftest import Client
from tests.support.practice import PracticeOrg, running_practice_org

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PLACE = Path(__file__).parents[2] / ".sf-cli" / "node_modules"
PATIENCE = 240


class CommandLine:
    """`sf` with a home of its own."""

    def __init__(self, home: Path) -> None:
        # `sf` opens a browser by this program: it writes down which address.
        self.opened = home / "opened"
        browser = home / "browser"
        browser.write_text(
            f'#!/bin/sh\nprintf %s "$1" >"{self.opened}.new" && mv "{self.opened}.new" "{self.opened}"\n'
        )
        browser.chmod(0o755)
        self.environment = {
            "HOME": str(home),
            "PATH": f"{PLACE / 'node' / 'bin'}:{os.environ['PATH']}",
            "BROWSER": str(browser),
            "SF_DISABLE_TELEMETRY": "true",
            "SF_AUTOUPDATE_DISABLE": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true",
            "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
            "SF_HIDE_RELEASE_NOTES": "true",
        }

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [str(PLACE / "node" / "bin" / "node"), str(PLACE / "@salesforce" / "cli" / "bin" / "run.js")]
        return subprocess.Popen(
            [*command, *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, program: subprocess.Popen[str]) -> Any:
        out, error = program.communicate(timeout=PATIENCE)
        assert program.returncode == 0, f"{out}\n{error}"
        return json.loads(out)

    def __call__(self, *arguments: str, **environment: str) -> Any:
        """Run a command and return what its --json calls the result."""
        return self.end(self.start(*arguments, "--json", **environment))["result"]


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeOrg]:
    with running_practice_org() as org:
        yield org


@pytest.fixture(scope="module")
def client(practice: PracticeOrg) -> Iterator[Client]:
    client = Client(practice, ("api", "web"))
    client.do("Account", "generate", count=2100)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def sf(tmp_path_factory: pytest.TempPathFactory, client: Client) -> CommandLine:
    """The command line, signed in with an access token: sf org login access-token."""
    command_line = CommandLine(tmp_path_factory.mktemp("sf"))
    login = ("org", "login", "access-token", "--instance-url", client.practice.origin, "--no-prompt")
    signed_in = command_line(*login, "--alias", "org", "--set-default", SF_ACCESS_TOKEN=client.token["access_token"])
    assert signed_in["username"] == USERNAME
    return command_line


def test_org_display(sf: CommandLine) -> None:
    shown = sf("org", "display")
    assert (shown["connectedStatus"], shown["username"], shown["apiVersion"]) == ("Connected", USERNAME, "68.0")


def test_data_query(sf: CommandLine) -> None:
    soql = "SELECT Id, Name, Parent.Name, CreatedDate FROM Account WHERE CreatedDate = LAST_N_DAYS:400 ORDER BY Name"
    found = sf("data", "query", "--query", soql)
    assert (found["totalSize"], len(found["records"])) == (2100, 2100)
    assert list(found["records"][0]) == ["attributes", "Id", "Name", "Parent", "CreatedDate"]


def test_data_get_record(sf: CommandLine, client: Client) -> None:
    (account_id,) = client.values("SELECT Id FROM Account WHERE Name = 'Account 7'")
    assert sf("data", "get", "record", "--sobject", "Account", "--record-id", account_id)["Name"] == "Account 7"


def test_sobject_list(sf: CommandLine) -> None:
    assert {"Account", "Contact", "User"} <= set(sf("sobject", "list"))


def test_sobject_describe(sf: CommandLine) -> None:
    described = sf("sobject", "describe", "--sobject", "Account")
    assert {field["name"]: field["type"] for field in described["fields"]}["AnnualRevenue"] == "currency"


def test_org_list_limits(sf: CommandLine) -> None:
    assert {"name": "DailyBulkV2QueryJobs", "max": 10000, "remaining": 10000} in sf("org", "list", "limits")


def test_data_export_bulk(sf: CommandLine, tmp_path: Path) -> None:
    export = ("data", "export", "bulk", "--query", "SELECT Id, Name FROM Account", "--result-format", "csv")
    done = sf(*export, "--output-file", str(tmp_path / "accounts.csv"), "--wait", "4")
    assert done["totalSize"] == 2100
    with (tmp_path / "accounts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), sorted(rows[0])) == (2100, ["Id", "Name"])


def test_api_request_rest(sf: CommandLine) -> None:
    answer = sf.end(sf.start("api", "request", "rest", "/services/data/v66.0/limits"))
    assert answer["DailyApiRequests"]["Max"] == 15000


def test_org_open_and_list_users(sf: CommandLine) -> None:
    assert "/secur/frontdoor.jsp?otp=" in sf("org", "open", "--url-only")["url"]
    (user,) = sf("org", "list", "users")
    assert (user["username"], user["profileName"]) == (USERNAME, "Read Only")


def test_data_create_record_is_refused(sf: CommandLine) -> None:
    program = sf.start("data", "create", "record", "--sobject", "Account", "--values", "Name=x", "--json")
    out, _ = program.communicate(timeout=PATIENCE)
    assert json.loads(out)["name"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"


def test_org_login_jwt(sf: CommandLine, practice: PracticeOrg, tmp_path: Path) -> None:
    key = new_certified_key("sf", utcnow())
    (tmp_path / "server.key").write_text(key.private_key)
    app = practice.register(
        "http://localhost/callback", jwt_bearer=True, certificate=key.certificate, admin_approved_only=True,
        user_approved=True, scopes=["api", "web", "refresh_token"],
    )  # fmt: skip
    login = ("org", "login", "jwt", "--username", USERNAME, "--jwt-key-file", str(tmp_path / "server.key"))
    signed_in = sf(*login, "--client-id", app["client_id"], "--instance-url", practice.origin, "--alias", "signed")
    assert (signed_in["name"], signed_in["orgEdition"]) == ("Practice Org", "Developer Edition")


def test_org_login_web(sf: CommandLine, practice: PracticeOrg, browser: Browser) -> None:
    program = sf.start("org", "login", "web", "--instance-url", practice.origin, "--alias", "walked", "--json")
    try:
        deadline = time.monotonic() + PATIENCE
        while not sf.opened.exists() and program.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert sf.opened.exists(), program.communicate()
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(sf.opened.read_text())
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log In").click()
        assert "Salesforce CLI" in page.inner_text("main")
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url("**/OauthSuccess")
        page.close()
        signed_in = sf.end(program)["result"]
    finally:
        program.kill()
        program.communicate()
    assert (signed_in["username"], signed_in["clientId"]) == (USERNAME, "PlatformCLI")
