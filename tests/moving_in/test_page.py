"""The page: shows what a file gives, makes drafts of it, refuses with a reason, and shows no secret again."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from datasync_flask.connections.models import State
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, ObjectCatalog
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.moving_in.support import document
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

PAGE = "/connections/import"


@pytest.fixture
def warehouse(app: Flask) -> str:
    from datasync_flask.api.definitions import save_connection

    with app.app_context():
        saved = save_connection({"kind": "duckdb", "description": "Warehouse", "path": "w.duckdb"}, None, by=None)
        found = saved.id
        db.session.remove()
    return found


def send(visitor: Visitor, **changes: str) -> int:
    visitor.get(PAGE)
    return visitor.submit("import-form", **{"then": "show", **changes}).status_code


def remarks(visitor: Visitor) -> str:
    return " ".join(visitor.page.get_element_by_id("remarks").text_content().split())


def pasted(visitor: Visitor) -> str:
    return str(visitor.page.get_element_by_id("text").value)


def stored(app: Flask, kind: Any) -> list[Any]:
    with app.app_context():
        rows = list(db.session.scalars(select(kind).order_by(kind.description_key)).unique())
        for row in rows:
            if kind is Extraction:
                row.shown = [(each.name, each.tracking_type, each.filter, each.fields) for each in row.objects]
                row.of = row.source.description
        db.session.expunge_all()
        return rows


def test_drafts_are_made_after_the_list_was_seen(
    app: Flask, visitor: Visitor, warehouse: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert send(visitor, text=document("airbyte_api.json").text) == 200
    assert "20 February 2027" not in remarks(visitor)
    assert "Not takenClient Secret" in remarks(visitor)
    assert stored(app, SalesforceConnection) == stored(app, Extraction) == []
    # The only destination is chosen.
    assert visitor.form_values("import-form")["destination"] == warehouse
    assert visitor.submit("import-form", then="make").status_code == 200
    assert "Sales org" in visitor.page.get_element_by_id("made-drafts").text_content()

    (connection,), (extraction,) = stored(app, SalesforceConnection), stored(app, Extraction)
    assert (connection.description, connection.state, connection.login_host) == ("Sales org", State.DRAFT, "sandbox")
    assert (connection.client_id, connection.client_secret_sealed) == ("3MVG9sales.sales.sales.sales", "")
    assert (extraction.description, extraction.of, extraction.schedule) == ("Sales to the warehouse", "Sales org", "")
    assert (extraction.dataset, extraction.next_run_at) == ("datasync_salesforce", None)
    assert extraction.shown == [
        ("Account", "", "SystemModstamp >= 2021-07-25T00:00:00Z", ["Id", "Name"]),
        ("LoginHistory", "", "LoginTime >= 2021-07-25T00:00:00Z", None),
        ("UserRole", "none", "", None),
    ]
    assert "SECRET" not in caplog.text
    # The links lead to the forms where the rest is entered.
    for link in visitor.page.xpath("//*[@id='made-drafts']//a/@href"):
        assert visitor.get(link).status_code == 200


def test_what_was_changed_since_the_list_is_listed_first(app: Flask, visitor: Visitor, warehouse: str) -> None:
    text = document("config.json").text
    send(visitor, text=text, destination="")
    for changes in ({"destination": warehouse}, {"text": text.replace("Lead", "Account")}):
        visitor.submit("import-form", then="make", **changes)
        assert "Objects" in remarks(visitor)
        assert stored(app, SalesforceConnection) == []
    visitor.submit("import-form", then="make")
    assert [each[0] for each in stored(app, Extraction)[0].shown] == ["Account", "AccountHistory"]


def test_a_file_is_imported_again_without_harm(app: Flask, visitor: Visitor, warehouse: str) -> None:
    for _ in range(2):
        send(visitor, text=document("main.tf").text, destination=warehouse)
        assert visitor.submit("import-form", then="make").status_code == 200
    assert "There is a connection with this description already" in remarks(visitor)
    assert "There is an extraction with this description already" in remarks(visitor)
    assert len(stored(app, SalesforceConnection)) == len(stored(app, Extraction)) == 1


def test_every_connection_is_a_draft(app: Flask, visitor: Visitor, warehouse: str) -> None:
    for name in ("config.json", "meltano.yml", "secrets.toml", "ingestr.sh", "octavia_source.yaml"):
        send(visitor, text=document(name).text, destination=warehouse)
        visitor.submit("import-form", then="make")
    made = stored(app, SalesforceConnection)
    assert len(made) == 7
    assert {each.state for each in made} == {State.DRAFT}
    assert {each.client_secret_sealed for each in made} == {""}
    assert len(stored(app, Extraction)) == 5
    with app.app_context():
        # Nothing of the files' secrets is anywhere in the database.
        rows = [str(row) for table in db.metadata.sorted_tables for row in db.session.execute(select(table))]
        assert not [row for row in rows if "SECRET" in row]
        db.session.remove()


def test_a_signed_tokens_connection_waits_for_the_certificate(app: Flask, visitor: Visitor) -> None:
    send(visitor, text=document("jwt.toml").text)
    visitor.submit("import-form", then="make")
    (made,) = stored(app, SalesforceConnection)
    assert (made.state, made.auth_method, made.client_id) == (State.DRAFT, "jwt_bearer", "")
    assert "Add DataSync’s certificate to your app." in remarks(visitor)


def test_a_file_is_uploaded_and_comes_back_as_text(app: Flask, visitor: Visitor, warehouse: str) -> None:
    visitor.get(PAGE)
    data = {
        "csrf_token": visitor.csrf_token, "file": (io.BytesIO(document("meltano.yml").text.encode()), "meltano.yml"),
        "source": "", "destination": warehouse, "then": "make",
    }  # fmt: skip
    assert visitor.open(PAGE, "POST", data=data).status_code == 200
    # Not seen yet, whatever button was pressed.
    assert stored(app, SalesforceConnection) == []
    assert "Meltano: meltano.yml" in visitor.text
    assert "pip_url: git+https" in pasted(visitor)
    assert "SECRET" not in visitor.response.text
    assert "6 passwords, tokens or secrets are removed" in visitor.text
    visitor.submit("import-form", then="make")
    assert len(stored(app, SalesforceConnection)) == 2
    # Both have the same objects.
    assert {each.dataset for each in stored(app, Extraction)} == {"datasync_salesforce", "datasync_salesforce_2"}
    assert "datasync_salesforce_2" in remarks(visitor)


BAD_TEXTS = (
    ("", "Choose a file or paste its text."),
    ('{"password": "SECRET", "b"', "This isn’t JSON: line 1"),
    ("password: SECRET\nusername: !!python/name:os.system x", "Line 2 has a YAML tag"),
    ("my notes\ntoken = SECRET", "This isn’t a file of tap-salesforce"),
    ("a\x00", "This isn’t a text file."),
    ("a" * 210_000, "This is more than 200 KB."),
)
BAD_FILES = (
    (b"\x89PNG\x00", 422, "This isn’t a text file."),
    (b"{", 422, "This isn’t JSON"),
    (b"a" * 210_000, 422, "200 KB"),
    # Not even the form around it can be read.
    (b"a" * 400_000, 413, "200 KB"),
)


def test_a_bad_file_is_refused_at_its_field(visitor: Visitor) -> None:
    for text, reason in BAD_TEXTS:
        assert send(visitor, text=text) == 422, reason
        assert reason in visitor.error_at("text")
        assert "SECRET" not in visitor.response.text
        # What was typed is still there, but for what is secret.
        assert pasted(visitor).split() == text.replace("SECRET", "REMOVED").replace("\x00", "").split()
    for data, status, reason in BAD_FILES:
        visitor.get(PAGE)
        form = {
            "csrf_token": visitor.csrf_token, "file": (io.BytesIO(data), "config.json"), "source": "",
            "destination": "", "then": "show",
        }  # fmt: skip
        assert visitor.open(PAGE, "POST", data=form).status_code == status
        assert reason in visitor.error_at("file")


def test_without_a_destination_there_are_connections_only(app: Flask, visitor: Visitor) -> None:
    send(visitor, text=document("config.json").text)
    assert "An extraction needs a destination." in remarks(visitor)
    visitor.submit("import-form", then="make")
    assert len(stored(app, SalesforceConnection)) == 1
    assert stored(app, Extraction) == []


def test_streams_alone_read_from_a_connection_that_is_chosen(
    app: Flask, walk: ConnectionWalk, visitor: Visitor, warehouse: str
) -> None:
    walk.to_connected()
    with app.app_context():
        db.session.merge(
            ObjectCatalog(connection_id=walk.id, entries=[["Account", "Account", False], ["Contact", "C", False]])
        )
        db.session.commit()
    send(visitor, text=document("properties.json").text, destination=warehouse)
    assert "Choose the source" in remarks(visitor)
    send(visitor, text=document("properties.json").text, destination=warehouse, source=walk.id)
    assert "can’t see them: UserRole." in remarks(visitor)
    visitor.submit("import-form", then="make")
    (extraction,) = stored(app, Extraction)
    assert [each[0] for each in extraction.shown] == ["Account", "Contact"]
    assert extraction.of == "Sales EMEA"


def test_values_that_the_form_would_refuse_are_left_out_with_its_reasons(app: Flask, visitor: Visitor) -> None:
    uri = "salesforce://?client_id=two%20words&client_secret=s&username=nobody&domain=https://evil.example"
    send(visitor, text=uri)
    shown = remarks(visitor)
    for reason in (
        "A Client ID has only letters",
        "A Salesforce Username has the form",
        "a person has to allow access once",
    ):
        assert reason in shown
    assert "evil.example" in shown
    visitor.submit("import-form", then="make")
    (made,) = stored(app, SalesforceConnection)
    assert (made.login_host, made.login_url, made.client_id, made.username) == ("production", "", "", "")


def test_a_destination_keeps_its_description(app: Flask, visitor: Visitor, warehouse: str) -> None:
    text = '{"name": "warehouse", "sourceType": "salesforce", "configuration": {"client_id": "abcdefgh", "client_secret": "x"}}'
    send(visitor, text=f"[{text}, {text}]")
    visitor.submit("import-form", then="make")
    assert [each.description for each in stored(app, SalesforceConnection)] == ["warehouse (copy)", "warehouse 2"]


def test_viewers_do_not_import(sign_in: Callable[..., Visitor]) -> None:
    viewer = sign_in("viewer")
    assert viewer.get(PAGE).status_code == 403
    assert viewer.post(PAGE, {"text": "x"}).status_code == 403


def test_it_needs_the_pages_token(visitor: Visitor) -> None:
    assert visitor.open(PAGE, "POST", data={"text": document("config.json").text, "then": "make"}).status_code == 400


def test_the_way_there(visitor: Visitor) -> None:
    visitor.get("/connections/new")
    (link,) = visitor.page.xpath("//a[contains(@href, '/connections/import')]/@href")
    assert visitor.get(link).status_code == 200
    assert visitor.get("/help/moving-in").status_code == 200
