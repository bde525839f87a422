"""Client ID and Client Secret: a copy's dirt goes away, what surely isn't one is refused where it was entered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.api.definitions import Refused, save_connection
from datasync_flask.salesforce_connections.app_values import ValueRefused, client_id_in, client_secret_in
from tests.salesforce_connections.test_hand_off import make_link
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

NEW = "/connections/new/salesforce"
KEY = "3MVG9lKcPoNINVBIPJjdw1J9LLM82HnFVVX19KY1uA5mu0QqEWhqKpoW3svG3XHrXDiCQjK1mdgAvhCscA9GE"
SECRET = "A1B2C3D4" * 8


@pytest.fixture
def database_url(tmp_path: Path, _sqlite_template: Path) -> str:
    """What is refused depends on no database."""
    path = tmp_path / "datasync.sqlite"
    path.write_bytes(_sqlite_template.read_bytes())
    return f"sqlite:///{path}"


DIRTY = [
    "  {}\n", "\u00a0{}\u00a0", "\ufeff{}", "\u200b{}\u200b", '"{}"', "'{}'", "\u201c{}\u201d", "\u201e{}\u201c", "\u00ab{}\u00bb", "`{}`", "{},", "{};",
    "{}.", '"{}",', "Consumer Key: {}", "consumer_key={}", "Client ID\t{}", '"client_id": "{}",', "Consumer Secret: {}",
    "\u2060{}\u2060", "\u200d{}\u200c", "\u202a{}\u202c", "\u00ad{}", "\r\n{}\r\n", "\t{}\x00", "\u2003{}\u3000", "\u300c{}\u300d",
    "\u201c{}\u201d,", "CLIENT-ID = {}", "Client Secret:{}",
]  # fmt: skip


@pytest.mark.parametrize("dirt", DIRTY)
def test_what_a_copy_takes_along_goes_away(dirt: str) -> None:
    assert client_id_in(dirt.format(KEY)) == KEY
    assert client_secret_in(dirt.format(SECRET), client_id=KEY) == SECRET


NO_CLIENT_IDS = [
    ("two words", "no spaces"),
    (f"{KEY[:40]} {KEY[40:]}", "no spaces"),
    ("https://acme.my.salesforce.com/services/oauth2/authorize?client_id=3MVG9x", "after client_id="),
    ("acme.my.salesforce.com", "This is an address"),
    ("ada@example.com", "email address"),
    (SECRET, "looks like the Client Secret"),
    (SECRET.lower(), "looks like the Client Secret"),
    ("00Dxx0000000001EAA", "Salesforce id"),
    ("0055g00000PrctU", "Salesforce id"),
    ("\u2022" * 12, "Show the value"),
    ("********", "Show the value"),
    ("sch\u00f6n", "no spaces"),
    (f"{KEY} {KEY[::-1]}", "no spaces"),
    (KEY + KEY, "more here than the Client ID"),
    (KEY + "3MVG9" + KEY[5:][::-1], "more here than the Client ID"),
    (f"{KEY},{KEY}", "more here than the Client ID"),
    (f"{KEY}\n{KEY}", "no spaces"),
    (f"{KEY[:40]}\n{KEY[40:]}", "no spaces"),
    (KEY + SECRET, "more here than the Client ID"),
    (f"{KEY}:{SECRET}", "more here than the Client ID"),
    (f"?client_id={KEY}&redirect_uri=x", "more here than the Client ID"),
    (f"client_id={KEY}&response_type=code", "more here than the Client ID"),
    (f"<consumerKey>{KEY}</consumerKey>", "more here than the Client ID"),
    (f"SALESFORCE_KEY={KEY}", "more here than the Client ID"),
    (f"**{KEY}**", "more here than the Client ID"),
    ("\uff13\uff2d\uff36\uff27\uff19" + KEY[5:], "no spaces"),
    (KEY[:30] + "\u0430" + KEY[31:], "no spaces"),
    (KEY + "\u2800", "no spaces"),
    ("1234567890123456789", "looks like the Client Secret"),
    ("ada@localhost", "email address"),
    ("<ada@example.com>", "email address"),
    ("mailto:ada@example.com", "email address"),
    ("login.salesforce.com/services/oauth2/authorize", "This is an address"),
    ("https://evil.example", "This is an address"),
    ("00Dxx0000000001!AQ4AQFbn.hQz_session.token", "This is a token"),
    ("5Aep861KIwKdekr90I4iHdZDgWwfVkGuzzzzzzzzzz", "This is a token"),
    ("aPrxsmIEeqM9PiQroGEWx1UiMQd95_5JUZVEhsOFhS8EVvbfYBBJli2W5fn3zbo.8hojaNW_1g==", "This is a token"),
    ("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "This is a token"),
]


@pytest.mark.parametrize(("text", "message"), NO_CLIENT_IDS)
@pytest.mark.slow
def test_what_is_no_client_id_is_refused_on_every_way_in(walk: ConnectionWalk, text: str, message: str) -> None:
    walk.make_app()
    assert walk.visitor.post(NEW, walk.fields(client_id=text)).status_code == 422
    assert message in walk.visitor.error_at("client_id")
    with walk.app.test_request_context(), pytest.raises(Refused) as refusal:
        save_connection({"kind": "salesforce", "description": "By script", "client_id": text}, None, by=None)
    assert message in " ".join(refusal.value.errors["client_id"])


NO_SECRETS = [
    (KEY, "This is the Client ID"),
    ("\u2022" * 16, "Show the value"),
    ("two words", "can’t be a Client Secret"),
    ("https://acme.my.salesforce.com/x", "This is an address"),
    ("00Dxx0000000001EAA", "Salesforce id"),
    (SECRET + SECRET, "more here than the Client Secret"),
    (f"{SECRET}\n{SECRET}", "can’t be a Client Secret"),
    (f"{SECRET[:30]}\n{SECRET[30:]}", "can’t be a Client Secret"),
    (KEY + SECRET, "This is the Client ID"),
    (f"{SECRET},{KEY}", "more here than the Client Secret"),
    ("00Dxx0000000001!AQ4AQFbn.hQz_session.token", "This is a token"),
    ("\uff21" + SECRET[1:], "can’t be a Client Secret"),
]


@pytest.mark.parametrize(("text", "message"), NO_SECRETS)
def test_what_is_no_secret_is_refused(walk: ConnectionWalk, text: str, message: str) -> None:
    walk.make_app()
    assert walk.visitor.post(NEW, walk.fields(client_secret=text)).status_code == 422
    assert message in walk.visitor.error_at("client_secret")


def test_the_same_value_in_both(walk: ConnectionWalk) -> None:
    assert walk.visitor.post(NEW, walk.fields(client_id="same-value", client_secret="same-value")).status_code == 422
    assert "This is the Client ID" in walk.visitor.error_at("client_secret")


def test_the_hand_off_page_asks_the_same(walk: ConnectionWalk) -> None:
    walk.make_app()
    walk.save(client_id="", client_secret="")
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    assert stranger.post(link, {"client_id": "ada@example.com", "client_secret": KEY}).status_code == 422
    assert "email address" in stranger.error_at("client_id")
    assert "This is the Client ID" in stranger.error_at("client_secret")
    typed = {
        "client_id": f" \u201c{walk.client_id}\u201d ",
        "client_secret": f"{walk.salesforce_app['client_secret']}\n",
    }
    assert stranger.post(link, typed).status_code == 303
    walk.work()
    assert walk.state == "ready_to_authorize"


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,40}", fullmatch=True))
def test_any_token_of_another_maker_is_taken_as_it_is(token: str) -> None:
    assert client_id_in(token) == token
    assert client_secret_in(token, client_id="another-client.id") == token


@pytest.mark.parametrize("secret", ["p@ss.word", "s3cr3t!", "x", "a.b.", "#+/=?&%", "1234567890123456789"])
def test_any_visible_secret_is_taken(secret: str) -> None:
    assert client_secret_in(secret, client_id=KEY) == secret


def test_a_key_that_ends_with_a_dot_keeps_it() -> None:
    whole = KEY[:-1] + "."
    assert client_id_in(whole) == whole
    assert client_id_in(whole + ".") == whole


@given(st.text(max_size=80))
def test_whatever_is_entered_comes_out_visible_or_not_at_all(text: str) -> None:
    for clean in (client_id_in, lambda value: client_secret_in(value, client_id=KEY)):
        try:
            value = clean(text)
        except ValueRefused:
            continue
        assert value.isascii()
        assert not any(character <= " " for character in value)
