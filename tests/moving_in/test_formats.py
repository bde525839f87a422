"""What each documented file gives: connections, objects with fields and start date, and a reason for all the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasync_flask.moving_in.formats import understand
from datasync_flask.moving_in.found import Found, FoundObject, Verdict
from datasync_flask.moving_in.reading import FileRefused
from tests.moving_in.support import NAMES, document, found_in, texts

KINDS = {
    "config.json": "tap-salesforce: config.json",
    "properties.json": "tap-salesforce: catalog.json, properties.json",
    "meltano.yml": "Meltano: meltano.yml",
    "airbyte_source.json": "Airbyte: source-salesforce",
    "airbyte_api.json": "Airbyte: source-salesforce",
    "configured_catalog.json": "Airbyte: source-salesforce",
    "octavia_source.yaml": "Airbyte: source-salesforce",
    "octavia_connection.yaml": "Airbyte: source-salesforce",
    "main.tf": "Airbyte: Terraform",
    "main.tf.json": "Airbyte: Terraform",
    "secrets.toml": "dlt: secrets.toml, config.toml",
    "jwt.toml": "dlt: secrets.toml, config.toml",
    "pipeline.txt": "dlt: salesforce_pipeline.py",
    "ingestr.sh": "ingestr",
}


def read(name: str) -> Found:
    return understand(document(name))[1]


def objects(found: Found, number: int = 0) -> list[FoundObject]:
    return found.extractions[number].objects


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_recognised_with_and_without_its_name(name: str) -> None:
    assert understand(document(name))[0].title == KINDS[name]
    # Pasted, a file has no name.
    assert found_in(document(name).text) == read(name)


def connection_of(name: str) -> tuple[Any, ...]:
    (found,) = read(name).connections
    return found.login_host.value, found.login_url, found.auth_method.value, found.client_id, found.username


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("config.json", ("sandbox", "", "authorization_code", "", "loader@acme.example")),
        ("airbyte_source.json",
         ("custom", "https://acme.develop.my.salesforce.com", "client_credentials", "3MVG9airbyte.airbyte.airbyte", "")),
        ("airbyte_api.json", ("sandbox", "", "authorization_code", "3MVG9sales.sales.sales.sales", "")),
        ("octavia_source.yaml", ("production", "", "authorization_code", "3MVG9octavia.octavia.octavia", "")),
        ("main.tf", ("production", "", "authorization_code", "3MVG9terraform.terraform", "")),
        ("main.tf.json", ("sandbox", "", "authorization_code", "3MVG9json.json.json.json", "")),
        ("secrets.toml", ("sandbox", "", "authorization_code", "", "loader@acme.example")),
        # With its Client ID the connection would be complete, and start before the app has our certificate.
        ("jwt.toml", ("custom", "https://acme.my.salesforce.com", "jwt_bearer", "", "loader@acme.example")),
    ],
)  # fmt: skip
def test_connections(name: str, expected: tuple[Any, ...]) -> None:
    assert connection_of(name) == expected


def test_tap_salesforce() -> None:
    found = read("config.json")
    assert [(each.name, each.filter) for each in objects(found)] == [
        ("Lead", "SystemModstamp >= 2019-03-04T05:06:07Z"),
        ("LeadHistory", "CreatedDate >= 2019-03-04T05:06:07Z"),
    ]
    assert found.extractions[0].source is found.connections[0]
    left = texts(found, Verdict.LEFT)
    assert left.keys() == {"Client ID", "Password", "Security token", "Other settings", "Objects"}
    assert "20 February 2027" in left["Password"]
    assert "Authenticate and Save" in left["Password"]
    assert "Not a name" in left["Objects"]
    assert "api_type, max_workers" in left["Other settings"]


def test_the_taps_catalogue() -> None:
    found = read("properties.json")
    assert objects(found) == [
        FoundObject("Account", fields=["Id", "SystemModstamp", "Name"]),
        # All its fields are selected: new ones come by themselves.
        FoundObject("Contact", cursor_field="LastModifiedDate"),
        FoundObject("UserRole", is_whole=True),
    ]
    assert found.extractions[0].source is None
    with pytest.raises(FileRefused, match="No stream is selected"):
        found_in('{"streams": [{"tap_stream_id": "Lead", "metadata": []}]}')


@pytest.mark.parametrize(
    ("config", "method", "login_url"),
    [
        ({"instance_url": "https://acme.my.salesforce.com", "client_id": "3MVG9new", "client_secret": "s",
          "start_date": "2017-11-02T00:00:00Z", "api_type": "BULK", "lookback_window": 10},
         "client_credentials", "https://acme.my.salesforce.com"),
        ({"instance_url": "https://acme.my.salesforce.com/", "client_id": "3MVG9new", "refresh_token": "r"},
         "authorization_code", "https://acme.my.salesforce.com"),
        ({"domain": "acme.my", "client_id": "3MVG9new", "client_secret": "s", "bulk_load": True,
          "auth": {"flow": "password", "username": "a@b.example", "password": "p"}},
         "authorization_code", "https://acme.my.salesforce.com"),
        ({"domain": "acme", "client_id": "3MVG9new", "auth": {"flow": "oauth", "token": "t"}},
         "authorization_code", "https://acme.salesforce.com"),
    ],
)  # fmt: skip
def test_the_taps_newer_ways_to_sign_in(config: dict[str, Any], method: str, login_url: str) -> None:
    found = found_in(json.dumps(config))
    (connection,) = found.connections
    assert (connection.auth_method.value, connection.login_url) == (method, login_url)
    assert connection.client_id == "3MVG9new"
    assert ("Access token" in texts(found, Verdict.LEFT)) == ("token" in config.get("auth", {}))


def test_meltano_with_sign_in_inside_settings() -> None:
    found = found_in(
        """
        plugins:
          extractors:
          - name: tap-salesforce
            config:
              domain: acme.my
              client_id: 3MVG9new
              auth.flow: password
              auth.username: a@b.example
              auth.password: hidden-from-all
              start_date: 2021-01-01
        """,
        "meltano.yml",
    )
    assert found.connections[0].login_url == "https://acme.my.salesforce.com"
    assert found.connections[0].username == "a@b.example"
    assert "Password" in texts(found, Verdict.LEFT)
    assert "hidden-from-all" not in str(found)


def test_meltano() -> None:
    found = read("meltano.yml")
    assert [each.description for each in found.connections] == [
        "Salesforce (Meltano tap-salesforce prod)", "Salesforce (Meltano tap-salesforce--emea prod)",
    ]  # fmt: skip
    emea = found.connections[1]
    assert (emea.login_host, emea.client_id) == ("sandbox", "3MVG9emea.emea.emea.emea")
    start = "2020-01-01T00:00:00Z"
    assert objects(found, 1) == [
        FoundObject("Account", cursor_field="LastModifiedDate", filter=f"LastModifiedDate >= {start}"),
        FoundObject("Contact", filter=f"SystemModstamp >= {start}", fields=["Email", "LastName"]),
        FoundObject("Lead", is_whole=True),
    ]
    left = texts(found, Verdict.LEFT)
    assert "$SALESFORCE_USERNAME" in left["Username"]
    assert "!Account.Secret__c" in left["Fields"]
    assert "Lead.B*, *.Id" in left["Objects"]
    assert left["Schedule"].startswith("@daily")
    with pytest.raises(FileRefused, match="no extractor tap-salesforce"):
        found_in("plugins:\n  extractors:\n  - name: tap-github\n")


def test_airbytes_api() -> None:
    found = read("airbyte_api.json")
    assert [each.description for each in found.extractions] == ["Sales to the warehouse"]
    assert found.extractions[0].source is found.connections[0]
    assert objects(found) == [
        FoundObject("Account", filter="SystemModstamp >= 2021-07-25T00:00:00Z", fields=["Id", "Name"]),
        FoundObject("LoginHistory", filter="LoginTime >= 2021-07-25T00:00:00Z"),
        FoundObject("UserRole", is_whole=True),
    ]
    assert "Keep history: every version of a row: LoginHistory" in texts(found, Verdict.CHANGED)["Tables"]
    left = texts(found, Verdict.LEFT)
    assert left["shopify"] == "This isn’t a Salesforce source."
    assert {"Client Secret", "Refresh token", "Schedule"} <= left.keys()


def test_airbytes_conditions_on_names() -> None:
    found = read("airbyte_source.json")
    assert objects(found) == [FoundObject("Account", filter="SystemModstamp >= 2021-05-02T00:00:00Z")]
    left = texts(found, Verdict.LEFT)
    assert "starts with “Opp”" in left["Objects"]
    assert "force_use_bulk_api, lookback_window" in left["Other settings"]


def test_octavia() -> None:
    left = texts(read("octavia_source.yaml"), Verdict.LEFT)
    assert "SystemModstamp >= 2021-07-25T00:00:00Z" in left["Start date"]
    assert "Import its connection too" in left["Objects"]
    found = read("octavia_connection.yaml")
    assert found.extractions[0].description == "sales_to_pg"
    assert objects(found) == [FoundObject("Account", cursor_field="CreatedDate")]


def test_terraform() -> None:
    found = read("main.tf")
    assert found.connections[0].description == "Sales org"
    assert found.extractions[0].source is found.connections[0]
    assert objects(found) == [
        FoundObject("Account", filter="SystemModstamp >= 2021-07-25T00:00:00Z"),
        FoundObject("Contact", filter="SystemModstamp >= 2021-07-25T00:00:00Z", fields=["Email"]),
    ]
    assert "Account. All fields are chosen" in texts(found, Verdict.LEFT)["Fields"]
    with pytest.raises(FileRefused, match="Terraform: line 3"):
        found_in('resource "airbyte_source_salesforce" "a" {\n  name = "x"\n  configuration = }\n')
    with pytest.raises(FileRefused, match="no resource airbyte_source_salesforce"):
        found_in('variable "a" {}', "main.tf")


def test_dlt() -> None:
    left = texts(read("secrets.toml"), Verdict.LEFT)
    assert {"Password", "Security token", "Client ID", "Objects"} <= left.keys()
    # dlt's client_id only names the program.
    assert "client_id" in left["Other settings"]
    left = texts(read("jwt.toml"), Verdict.LEFT)
    assert "3MVG9jwt.jwt.jwt.jwt.jwt" in left["Client ID"]
    assert "Private key" in left
    found = read("pipeline.txt")
    assert objects(found) == [
        FoundObject("Account", cursor_field="LastModifiedDate", filter="LastModifiedDate >= 2022-01-01T00:00:00Z"),
        FoundObject("Contact", is_whole=True),
        FoundObject("Product2", is_whole=True),
    ]
    assert "cases" in texts(found, Verdict.LEFT)["Objects"]
    everything = found_in(
        "import dlt\nfrom salesforce import salesforce_source\ndlt.pipeline().run(salesforce_source())"
    )
    assert len(objects(everything)) == 15
    assert {"User", "PricebookEntry", "OpportunityContactRole"} <= {each.name for each in objects(everything)}
    with pytest.raises(FileRefused, match="Python: line 2"):
        found_in("import dlt\ndef (", "p.py")
    with pytest.raises(FileRefused, match="doesn’t call salesforce_source"):
        found_in("import dlt\n", "p.py")


def test_dlts_placeholders_are_no_values() -> None:
    found = found_in('[sources.salesforce.credentials]\nconsumer_key = "please set me up!"\nconsumer_secret = "x"\n')
    assert found.connections[0].client_id == ""
    assert "placeholder" in texts(found, Verdict.LEFT)["Client ID"]


def test_ingestr() -> None:
    found = read("ingestr.sh")
    assert [(each.auth_method.value, each.login_url, each.client_id) for each in found.connections] == [
        ("authorization_code", "https://acme.my.salesforce.com", ""),
        ("client_credentials", "https://acme.my.salesforce.com", "3MVG9ingestr.ingestr.ing"),
    ]
    assert objects(found) == [
        FoundObject("Account", filter="SystemModstamp >= 2023-01-31T00:00:00Z"),
        FoundObject("Visit__c", is_whole=True),
    ]
    assert objects(found, 1) == [FoundObject("Product2", cursor_field="LastModifiedDate")]
    left = texts(found, Verdict.LEFT)
    assert {"End date", "Fields", "cases"} <= left.keys()
    newest = "\n".join(
        f"ingestr ingest --source-uri 'salesforce://?access_token=t&domain=https://acme.my.salesforce.com' "
        f"--source-table {table}"
        for table in ("email_message", "account_history", "permission_set", "contact", "nothing")
    )
    assert objects(found_in(newest)) == [
        FoundObject("EmailMessage"), FoundObject("AccountHistory"), FoundObject("PermissionSet", is_whole=True),
        FoundObject("Contact"),
    ]  # fmt: skip
    assert "nothing" in texts(found_in(newest), Verdict.LEFT)
    alone = found_in("salesforce://?username=a@b.example&password=p&token=t&domain=login")
    assert (alone.connections[0].login_host, alone.extractions) == ("production", [])


@pytest.mark.parametrize("start", ["yesterday", "0001-01-01", "9999-12-31T23:59:59-23:59", "1600-01-01", "2021-99-99"])
def test_a_start_date_that_no_filter_can_hold_is_said(start: str) -> None:
    found = found_in(
        f'{{"password": "x", "username": "a@b.example", "streams_to_discover": ["Lead"], "start_date": "{start}"}}'
    )
    assert objects(found)[0].filter == ""
    assert start in texts(found, Verdict.LEFT)["Start date"]


def test_very_many_objects_and_objects_that_are_named_twice() -> None:
    names = ", ".join(f'"Visit{number}__c"' for number in range(600))
    found = found_in(f'{{"select_fields_by_default": 1, "streams_to_discover": ["visit1__c", {names}]}}')
    assert len(objects(found)) == 500
    left = texts(found, Verdict.LEFT)["Objects"]
    assert "Visit1__c" in left
    assert "100 are left out" in left or "99 are left out" in left
