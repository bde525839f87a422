"""A stored password is used with the server it was entered for, and with nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask

from datasync_flask.api.definitions import Refused, save_connection
from datasync_flask.api.transfer import bring
from datasync_flask.connections.models import Connection
from datasync_flask.destinations import service
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from tests.support.visitor import Visitor

pytestmark = pytest.mark.checks_apart

PASSWORD = "correct-horse-9"


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """A server that nobody should talk to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        yield listener


def was_contacted(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.fixture(params=["postgresql", "mysql"])
def stored(request: pytest.FixtureRequest, visitor: Visitor) -> tuple[str, dict[str, Any]]:
    """A destination with a password, and its settings."""
    if request.param == "mysql":
        settings = request.getfixturevalue("new_mysql_database")()
        settings |= {"username": "loader"}
    else:
        address = request.getfixturevalue("postgresql_address")
        user, _, rest = address.partition("@")
        host, _, port = rest.partition(":")
        settings = {"host": host, "port": int(port), "database": "postgres", "username": user}
    settings |= {"description": "Warehouse", "password": PASSWORD, "anyway": "1"}
    response = visitor.post(f"/connections/new/{request.param}", settings)
    assert response.status_code == 303, visitor.text
    return response.headers["Location"].rsplit("/", 1)[-1], settings


def password_of(app: Flask, connection_id: str) -> str:
    with app.app_context():
        return service.password_of(db.session.get_one(DestinationConnection, connection_id))


CHANGES = {
    "host": {"host": "localhost"},
    "port": {"port": "STRANGER"},
    "username": {"username": "somebody_else"},
    "tls": {"tls": "required"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_server_asks_for_the_password_again(
    app: Flask, visitor: Visitor, stored: tuple[str, dict[str, Any]], stranger: socket.socket, change: str
) -> None:
    connection_id, settings = stored
    port = stranger.getsockname()[1]
    changes = {name: port if value == "STRANGER" else value for name, value in CHANGES[change].items()}
    posted = settings | {"password": "", "description": "Renamed too"} | changes
    for _ in range(2):
        assert visitor.post(f"/connections/{connection_id}/edit", posted).status_code == 422
        assert "Enter the password again" in visitor.error_at("password")
        assert visitor.page.get_element_by_id("description").get("value") == "Renamed too"
    with app.app_context():
        connection = db.session.get_one(Connection, connection_id)
        for more in ({}, {"save_anyway": True}):
            with pytest.raises(Refused) as refusal:
                save_connection(changes | more, connection, by=None)
            assert list(refusal.value.errors) == ["password"]
        kind = connection.kind
        given = {name: value for name, value in settings.items() if name not in {"password", "anyway"}}
        entry = {"kind": kind, **given, **changes}
        (brought,) = bring(f"datasync: 1\nconnections: [{entry!r}]\n")
        assert brought.what == "refused"
        assert "password" in brought.errors
    assert not was_contacted(stranger)
    assert password_of(app, connection_id) == PASSWORD
    # With the password it is only a change.
    assert visitor.post(f"/connections/{connection_id}/edit", posted | {"password": "typed"}).status_code == 303
    assert password_of(app, connection_id) == "typed"


def test_what_is_not_the_server_keeps_the_password(
    app: Flask, visitor: Visitor, stored: tuple[str, dict[str, Any]]
) -> None:
    connection_id, settings = stored
    changes = {"password": "", "description": "New name", "database": "another", "label_names": "eu"}
    assert visitor.post(f"/connections/{connection_id}/edit", settings | changes).status_code == 303
    assert password_of(app, connection_id) == PASSWORD


def test_what_is_stored_goes_nowhere_as_if_it_had_been_typed(
    app: Flask, visitor: Visitor, stored: tuple[str, dict[str, Any]], stranger: socket.socket
) -> None:
    """Whoever reads the database, a backup or the queue has no use for it in a form."""
    connection_id, settings = stored
    with app.app_context():
        connection = db.session.get_one(DestinationConnection, connection_id)
        kind, sealed = connection.kind, connection.password_sealed
    elsewhere = settings | {"description": "Mine", "password": "", "port": stranger.getsockname()[1]}
    for address in (f"/connections/new/{kind}", f"/connections/{connection_id}/edit"):
        assert visitor.post(address, elsewhere | {"kept_password": sealed}).status_code == 422
        assert "Enter the password again" in visitor.error_at("password")
    assert not was_contacted(stranger)


def test_a_kept_password_is_for_whoever_typed_it(
    visitor: Visitor, sign_in: Callable[..., Visitor], stored: tuple[str, dict[str, Any]], stranger: socket.socket
) -> None:
    connection_id, settings = stored
    assert visitor.post(f"/connections/{connection_id}/edit", settings | {"description": ""}).status_code == 422
    kept = visitor.page.xpath("//input[@name='kept_password']")[0].get("value")
    other = sign_in("editor")
    elsewhere = settings | {"password": "", "port": stranger.getsockname()[1], "kept_password": kept}
    assert other.post(f"/connections/{connection_id}/edit", elsewhere).status_code == 422
    assert "Enter the password again" in other.error_at("password")
    assert not was_contacted(stranger)
    assert visitor.post(f"/connections/{connection_id}/edit", settings | {"password": "", "kept_password": kept,
        "description": "Again"}).status_code == 303  # fmt: skip


def test_a_copy_has_no_password(app: Flask, visitor: Visitor, stored: tuple[str, dict[str, Any]]) -> None:
    visitor.get(f"/connections/{stored[0]}")
    response = visitor.post(f"/connections/{stored[0]}/duplicate")
    assert password_of(app, response.headers["Location"].split("/")[2]) == ""


def test_the_service_drops_a_password_that_would_move(app: Flask, stored: tuple[str, dict[str, Any]]) -> None:
    with app.app_context():
        connection = db.session.get_one(DestinationConnection, stored[0])
        service.save(
            connection, connection.kind, description="Warehouse", settings=dict(connection.settings) | {"port": 1},
            password="", label_names=[], problem=None, by=None,
        )  # fmt: skip
        assert service.settings_of(connection)["password"] == ""


@pytest.mark.parametrize(
    ("host", "tls"),
    [("127.0.0.1", "off"), ("localhost", "off"), ("::1", "off"), ("db.example.invalid", "required"),
     ("localhost.example.invalid", "required"), ("192.0.2.1", "required")],
)  # fmt: skip
@pytest.mark.slow
def test_tls_by_default(app: Flask, visitor: Visitor, host: str, tls: str) -> None:
    settings = {"description": host, "host": host, "port": 1, "database": "d", "username": "u", "anyway": "1"}
    response = visitor.post("/connections/new/postgresql", settings)
    assert response.status_code == 303
    with app.app_context():
        found = db.session.get_one(DestinationConnection, response.headers["Location"].rsplit("/", 1)[-1])
        assert found.settings["tls"] == tls


def test_only_an_administrator_has_rows_sent_in_clear(sign_in: Callable[..., Visitor]) -> None:
    settings = {
        "description": "x",
        "host": "db.example.invalid",
        "port": 1,
        "database": "d",
        "username": "u",
        "anyway": "1",
    }
    for role, status in (("editor", 422), ("admin", 303)):
        visitor = sign_in(role)
        assert visitor.post("/connections/new/mysql", settings | {"tls": "off"}).status_code == status
        assert bool(visitor.error_at("tls")) == (status == 422)


@pytest.mark.parametrize(
    "host", ["127.0.0.1,evil.example", "a b", "user@host", "host:5432", "host?sslmode=disable", "-x"]
)
def test_a_host_is_one_host(visitor: Visitor, host: str) -> None:
    settings = {"description": "x", "host": host, "port": 1, "database": "d", "username": "u", "anyway": "1"}
    assert visitor.post("/connections/new/postgresql", settings).status_code == 422
    assert visitor.error_at("host")


@pytest.mark.parametrize("pem", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
                                 "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])  # fmt: skip
def test_what_is_no_certificate_is_refused(visitor: Visitor, pem: str) -> None:
    settings = {"description": "x", "host": "127.0.0.1", "port": 1, "database": "d", "username": "u", "anyway": "1"}
    assert visitor.post("/connections/new/mysql", settings | {"tls": "verified", "tls_ca": pem}).status_code == 422
    assert "certificate" in visitor.error_at("tls_ca")


def test_rows_of_before_keep_working(app: Flask, postgresql_address: str) -> None:
    user, _, rest = postgresql_address.partition("@")
    host, _, port = rest.partition(":")
    with app.app_context():
        old = {"host": host, "port": int(port), "database": "postgres", "username": user}
        service.check("postgresql", old, "")
    with psycopg.connect(f"postgresql://{postgresql_address}/postgres") as connection:
        assert connection.execute("SELECT to_regnamespace('_datasync_check')").fetchone() == (None,)
