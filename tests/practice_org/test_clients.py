"""Clients that people have take the practice org for Salesforce: simple-salesforce, jsforce. They speak https only."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from tests.support.program import Program, wait_for
from tests.support.servers import free_port, wait_until_open

pytestmark = pytest.mark.slow

MODULES = Path(__file__).parents[2] / ".sf-cli" / "node_modules"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A practice org with 60 objects and 30 accounts: its origin, its certificate authority's file, an access token."""
    port = free_port()
    program = Program(
        tmp_path_factory.mktemp("org"), "practice-org", "--port", str(port), "--propagation", "0", "--tls",
        "--rows", "30", "--objects", "60", "--latency", "1", "--bandwidth", "5000",
    )  # fmt: skip
    program.start()
    try:
        wait_until_open(port)
        authority = str(wait_for(lambda: re.search(r"SSL_CERT_FILE=(\S+)", program.output))[1])
        origin = f"https://127.0.0.1:{port}"
        with httpx2.Client(base_url=origin, verify=ssl.create_default_context(cafile=authority)) as http:
            order = {"scopes": ["api", "id"], "client_credentials": True, "run_as": "ada@practice.example"}
            app = http.post("/practice/apps", json=order).json()
            form = {"grant_type": "client_credentials"}
            token = http.post("/services/oauth2/token", data=form, auth=(app["client_id"], app["client_secret"])).json()
        yield origin, authority, token["access_token"]
    finally:
        program.kill_all()


def test_simple_salesforce(org: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin, authority, token = org
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    sf = Salesforce(instance_url=origin, session_id=token, version="66.0")
    rows = list(sf.query_all_iter("SELECT Id, Name, Parent.Name FROM Account ORDER BY Name"))
    assert (len(rows), list(rows[0])) == (30, ["attributes", "Id", "Name", "Parent"])
    assert len(sf.describe()["sobjects"]) == 60
    assert {field["name"] for field in sf.Account.describe()["fields"]} >= {"Id", "ParentId"}
    assert sf.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"
    assert sf.Account.get(rows[0]["Id"])["Name"] == "Account 1"
    now = datetime.now(UTC)
    assert sf.Account.updated(now - timedelta(days=2), now)["ids"] == []
    assert sf.Account.deleted(now - timedelta(days=2), now)["deletedRecords"] == []
    assert len(sf.limits()) == 71
    assert sf.search("FIND {Account 30}")["searchRecords"][0]["attributes"]["type"] == "Account"
    assert sf.toolingexecute("query/?q=SELECT+Id+FROM+EntityDefinition+LIMIT+2")["size"] == 2
    assert sf.restful("recent")[0]["Name"] == "Account 1"
    assert sf.is_sandbox() is False
    assert sf.api_usage["api-usage"].total == 15000
    pages = list(sf.bulk2.Account.query_all("SELECT Id, Name FROM Account", max_records=20))
    assert [len(page.splitlines()) for page in pages] == [21, 11]
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Nope' on entity 'Account'"):
        sf.query("SELECT Nope FROM Account")
    with pytest.raises(SalesforceResourceNotFound, match="The requested resource does not exist"):
        sf.Account.get("001000000000000AAA")
    sf.session.close()


def test_jsforce(org: tuple[str, str, str]) -> None:
    origin, authority, token = org
    answer = subprocess.run(
        [str(MODULES / "node" / "bin" / "node"), str(Path(__file__).with_name("jsforce.cjs")), origin, token],
        env={**os.environ, "NODE_EXTRA_CA_CERTS": authority, "NODE_MODULES": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {
        "identity": "ada@practice.example", "rows": 30, "found": ["Account 1", "Account 10"], "counted": 8, "fields": 26,
        "objects": 60, "one": "Account 1", "updated": 0, "deleted": 0, "recent": "Account 1", "limits": 71,
        "searched": 11, "entities": 3, "bulk": 30, "usage": 15000,
    }  # fmt: skip
