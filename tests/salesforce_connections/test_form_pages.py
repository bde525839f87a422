"""The form: every fault at its field, nothing typed is lost, no secret comes back."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from datasync_flask.extensions import db
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.support.connection import CALLBACK_URL, ConnectionWalk
from tests.support.visitor import Visitor

NEW = "/connections/new/salesforce"


def test_the_callback_url_stands_there_before_anything_is_saved(visitor: Visitor) -> None:
    visitor.get("/connections/new")
    assert visitor.page.xpath("//a[@href='/connections/new/salesforce']")
    visitor.get(NEW)
    field = visitor.page.get_element_by_id("callback_url")
    assert field.get("value") == CALLBACK_URL
    assert field.get("readonly") is not None
    assert visitor.page.xpath("//label[@for='callback_url']")[0].text == "Callback URL"
    assert visitor.page.xpath(f"//button[@data-copy='{CALLBACK_URL}']")


@pytest.mark.parametrize(
    "message",
    [
        "External Client App Manager",
        "New External Client App",
        "Enable OAuth",
        "Manage user data via APIs (api)",
        "Perform requests at any time (refresh_token, offline_access)",
        "Require Proof Key for Code Exchange (PKCE) extension for Supported Authorization Flows",
        "Refresh token is valid until revoked",
        "Consumer Key and Secret",
        "App Manager",
        "New Connected App",
        "Connected App Name",
        "Contact Email",
        "Enable OAuth Settings",
        "Available OAuth Scopes",
        "Selected OAuth Scopes",
        "Continue",
        "Click to reveal",
        "Platform Tools",
        "Allow Access",
        "Updating the Callback URL address",
        "Enable Client Credentials Flow",
        "Run As",
        "2 to 10 minutes",
    ],
)
def test_the_guide_names_salesforces_screens(visitor: Visitor, message: str) -> None:
    visitor.get(NEW)
    assert message in visitor.page.xpath("//section[@aria-label='Guide']")[0].text_content()


def test_labels_and_names_are_the_promised_ones(visitor: Visitor) -> None:
    visitor.get(NEW)
    labels = {
        label.get("for"): label.text_content() for label in visitor.page.xpath("//form[@id='connection-form']//label")
    }
    expected = {
        "description": "Description",
        "login_host": "Login host",
        "login_url": "Login address",
        "client_id": "Client ID",
        "client_secret": "Client Secret",
        "permission_level": "Permission level",
        "tracking_type": "Tracking type",
    }
    assert expected.items() <= labels.items()
    assert visitor.page.xpath("//legend[text()='Authentication']")
    options = {
        name: visitor.page.xpath(f"//select[@name='{name}']/option/@value") for name in ("login_host", "tracking_type")
    }
    assert options == {
        "login_host": ["production", "sandbox", "custom"],
        "tracking_type": ["none", "date", "date_deletes"],
    }
    assert visitor.page.xpath("//input[@name='auth_method']/@value") == [
        "authorization_code",
        "client_credentials",
        "jwt_bearer",
    ]
    buttons = [
        " ".join(button.text_content().split())
        for button in visitor.page.xpath("//form[@id='connection-form']//button")
    ]
    assert {"Save", "Authenticate and Save"} <= set(buttons)


def test_a_description_is_needed_and_nothing_else_is_lost(walk: ConnectionWalk) -> None:
    walk.make_app(scopes=["full", "refresh_token"])
    response = walk.visitor.post(
        NEW, walk.fields(description="  ", tracking_type="date_deletes", permission_level="full")
    )
    assert response.status_code == 422
    assert "Give the connection a description" in walk.visitor.error_at("description")
    values = walk.visitor.form_values("connection-form")
    assert values["client_id"] == walk.client_id
    assert values["tracking_type"] == "date_deletes"
    assert values["permission_level"] == "full"
    assert values["login_url"] == walk.practice.origin
    assert values["client_secret"] == ""
    assert walk.salesforce_app["client_secret"] not in response.text

    # The typed secret is kept, encrypted: the second try needs it no more.
    response = walk.visitor.submit("connection-form", description="Sales")
    assert response.status_code == 303
    walk.id = response.headers["Location"].rsplit("/", 1)[-1]
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_kept_secret_is_forgotten_after_an_hour(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.visitor.post(NEW, walk.fields(description=""))
    clock.shift(3601)
    assert walk.visitor.submit("connection-form", description="Sales").status_code == 422
    assert "Enter the Client Secret again" in walk.visitor.error_at("client_secret")


def test_a_forged_kept_secret_is_refused(walk: ConnectionWalk) -> None:
    walk.make_app()
    response = walk.visitor.post(NEW, walk.fields(client_secret="", kept_secret="gAAAAforged"))
    assert response.status_code == 422


def test_a_stored_secret_is_none_that_was_kept(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save()
    with walk.app.app_context():
        sealed = db.session.get_one(SalesforceConnection, walk.id).client_secret_sealed
    response = walk.visitor.post(NEW, walk.fields(description="Mine", client_secret="", kept_secret=sealed))
    assert response.status_code == 422
    assert "Enter the Client Secret again" in walk.visitor.error_at("client_secret")


@pytest.mark.parametrize("taken", ["Sales EMEA", "sales emea", "  SALES \t EMEA ", "Ｓales EMEA"])
def test_a_description_is_unique(walk: ConnectionWalk, taken: str) -> None:
    walk.save(client_id="")
    assert walk.visitor.post(NEW, walk.fields(description=taken)).status_code == 422
    assert "Another connection has this description already" in walk.visitor.error_at("description")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("login_url", "evilsalesforce.com", "isn’t one of Salesforce’s own addresses"),
        ("login_url", "", "Enter the address of your org"),
        ("client_id", "two words", "no spaces"),
        ("client_id", "3" * 600, "too long"),
        ("client_secret", "geheim wört", "This can’t be a Client Secret"),
        ("description", "x" * 200, "at most 120"),
        ("login_host", "elsewhere", "choose one from the list"),
        ("tracking_type", "x'; DROP TABLE", "choose one from the list"),
        ("permission_level", "root", "choose one from the list"),
        ("auth_method", "password", "choose one from the list"),
    ],
)
def test_every_fault_stands_at_its_field(walk: ConnectionWalk, field: str, value: str, message: str) -> None:
    walk.make_app()
    assert walk.visitor.post(NEW, walk.fields(**{field: value})).status_code == 422
    assert message in walk.visitor.error_at(field)
    assert message in walk.visitor.page.xpath("//div[@role='alert']")[0].text_content()


def test_a_pasted_address_is_understood_and_shown_back(walk: ConnectionWalk) -> None:
    walk.save(login_url="acme.lightning.force.com/lightning/page/home", client_id="")
    walk.visitor.follow()
    assert "You pasted acme.lightning.force.com/lightning/page/home" in walk.visitor.text
    assert "https://acme.my.salesforce.com" in walk.visitor.text
    walk.visitor.get(f"/connections/{walk.id}/edit")
    assert walk.visitor.form_values("connection-form")["login_url"] == "https://acme.my.salesforce.com"


def test_a_login_address_is_kept_while_another_login_host_is_chosen(walk: ConnectionWalk) -> None:
    walk.save(client_id="")
    for host in ("production", "custom"):
        walk.visitor.get(f"/connections/{walk.id}/edit")
        assert walk.visitor.submit("connection-form", login_host=host).status_code == 303
    walk.visitor.get(f"/connections/{walk.id}/edit")
    assert walk.visitor.form_values("connection-form")["login_url"] == walk.practice.origin


def test_changing_the_description_leaves_the_connection_alone(walk: ConnectionWalk) -> None:
    walk.to_connected()
    before = walk.stored()
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", description="Sales APAC", tracking_type="none")
    assert walk.state == "connected"
    assert "Sales APAC" in walk.visitor.text
    after = walk.stored()
    assert (after.propagation_number, after.tracking_type) == (before.propagation_number, "none")
    assert "description from Sales EMEA to Sales APAC; tracking type from Date to None" in walk.visitor.text


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "3MVG9_other"},
        {"client_secret": "another"},
        {"login_host": "production", "client_secret": "typed-again"},
        {"login_url": "acme.my.salesforce.com", "client_secret": "typed-again"},
    ],
)
def test_changing_credentials_starts_the_propagation_again(walk: ConnectionWalk, change: dict[str, str]) -> None:
    walk.to_connected()
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", **change)
    assert walk.state == "waiting_for_propagation"
    # What works goes on working until the new settings do.
    assert walk.stored().works


def test_entering_the_same_secret_again_changes_nothing(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", client_secret=walk.salesforce_app["client_secret"])
    assert walk.state == "connected"


def test_removing_the_client_id_makes_it_a_draft_again(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.get(f"/connections/{walk.id}/edit")
    walk.visitor.submit("connection-form", client_id="")
    assert walk.state == "draft"
    assert walk.stored().works


def test_authenticate_and_save_from_the_form(walk: ConnectionWalk) -> None:
    walk.to_ready()
    walk.visitor.get(f"/connections/{walk.id}/edit")
    response = walk.visitor.submit("connection-form", f"/connections/{walk.id}/authenticate", description="Renamed")
    assert response.status_code == 303
    assert response.headers["Location"].startswith(f"{walk.practice.origin}/services/oauth2/authorize?")
    walk.show()
    assert "Renamed" in walk.visitor.text


def test_authenticate_saves_the_fields_that_were_posted_and_leaves_the_others(walk: ConnectionWalk) -> None:
    walk.to_ready()
    response = walk.visitor.post(f"/connections/{walk.id}/authenticate", {"tracking_type": "none"})
    assert response.headers["Location"].startswith(f"{walk.practice.origin}/services/oauth2/authorize?")
    stored = walk.stored()
    assert (stored.description, stored.client_id, stored.tracking_type) == ("Sales EMEA", walk.client_id, "none")


def test_the_later_of_two_editors_is_told(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.to_connected()
    other = sign_in("editor")
    walk.visitor.get(f"/connections/{walk.id}/edit")
    other.get(f"/connections/{walk.id}/edit")
    assert other.submit("connection-form", description="Theirs").status_code == 303
    assert walk.visitor.submit("connection-form", description="Mine").status_code == 422
    assert "Somebody changed this connection" in walk.visitor.text
    assert "Theirs" in walk.visitor.text
    assert walk.visitor.form_values("connection-form")["description"] == "Mine"
    assert walk.visitor.submit("connection-form").status_code == 303
    walk.show()
    assert walk.visitor.page.xpath("//h1")[0].text == "Mine"


def test_duplicate_copies_settings_but_no_secret(walk: ConnectionWalk) -> None:
    walk.to_connected()
    response = walk.visitor.post(f"/connections/{walk.id}/duplicate")
    assert response.status_code == 303
    walk.visitor.follow()
    values = walk.visitor.form_values("connection-form")
    assert values["description"] == "Sales EMEA (copy)"
    assert values["client_id"] == walk.client_id
    walk.id = response.headers["Location"].split("/")[-2]
    assert walk.state == "draft"
    assert walk.stored().client_secret_sealed == ""


def test_delete_asks_first(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.get(f"/connections/{walk.id}/delete")
    assert "Delete Sales EMEA?" in walk.visitor.text
    for typed in ("", "Sales APAC"):
        assert walk.visitor.post(f"/connections/{walk.id}/delete", {"description": typed}).status_code == 422
        assert walk.visitor.error_at("description") == "This isn’t its description. Nothing was deleted."
    assert walk.state == "connected"
    walk.visitor.get(f"/connections/{walk.id}/delete")
    assert walk.visitor.post(f"/connections/{walk.id}/delete", {"description": " sales  emea"}).status_code == 303
    walk.visitor.follow()
    assert "No connections yet" in walk.visitor.text
    assert walk.visitor.get(f"/connections/{walk.id}").status_code == 404


def test_a_lost_key_says_which_secret_to_enter_again(walk: ConnectionWalk) -> None:
    from cryptography.fernet import Fernet

    from datasync_flask.security.crypto import SecretBox

    walk.to_ready()
    walk.app.extensions["secret_box"] = SecretBox([Fernet.generate_key().decode()])
    assert walk.visitor.post(f"/connections/{walk.id}/authenticate").status_code == 422
    assert "can’t be read with the current key" in walk.visitor.error_at("client_secret")
    walk.visitor.submit("connection-form", client_secret=walk.salesforce_app["client_secret"])
    walk.work()
    assert walk.state == "ready_to_authorize"


def test_a_lost_key_during_the_wait_is_told(walk: ConnectionWalk) -> None:
    from cryptography.fernet import Fernet

    from datasync_flask.security.crypto import SecretBox

    walk.make_app()
    walk.save()
    walk.app.extensions["secret_box"] = SecretBox([Fernet.generate_key().decode()])
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "unexpected")
    assert "DATASYNC_ENCRYPTION_KEYS" in walk.visitor.text


HOSTILE = [
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "%s%n",
    "' OR 1=1 --",
    "\x00",
    "\r\nSet-Cookie: x=1",
    "\u202eevil",
    "💥" * 50,
    "x" * 10_000,
    "../../etc/passwd",
    "\ud800",
    "${jndi:ldap://x}",
]


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["description", "login_host", "login_url", "auth_method", "client_id", "client_secret", "permission_level",
             "tracking_type", "kept_secret", "edited", "then", "unknown"]
        ),
        st.text(max_size=80) | st.sampled_from(HOSTILE),
    )
)  # fmt: skip
@pytest.mark.slow
def test_no_input_breaks_the_form(walk: ConnectionWalk, fields: dict[str, str]) -> None:
    typed = {**walk.fields(), **fields}
    response = walk.visitor.post(NEW, {key: value.encode("utf-8", "surrogatepass") for key, value in typed.items()})
    assert response.status_code in {303, 422}
    assert "<script>alert(1)" not in response.text
    if response.status_code == 303:
        walk.visitor.follow()
        assert walk.visitor.response.status_code == 200
        walk.visitor.post(f"/connections/{response.headers['Location'].rsplit('/', 1)[-1]}/delete")


@pytest.mark.parametrize(
    "description",
    [
        "Team \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "Team \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
    ],
)
def test_joiners_stay_and_the_same_text_is_found(walk: ConnectionWalk, description: str) -> None:
    walk.save(description=f"\ufeff{description}\u200b", client_id="")
    assert walk.stored().description == description
    for message in (description, description.replace("\u200c", "").replace("\u200d", "")):
        walk.visitor.get("/connections", query_string={"q": message})
        assert description in walk.visitor.page.text_content()
        response = walk.visitor.post(NEW, walk.fields(description=message))
        assert response.status_code == 422


def test_what_only_hides_in_a_description_goes_away(walk: ConnectionWalk) -> None:
    walk.save(description="Sa\u200dles\u202e EM\u200bEA", client_id="")
    assert walk.stored().description == "Sales EMEA"
