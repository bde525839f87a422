"""The form of an object storage: what it takes, who may choose what, and where its secret key is used."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from datasync_flask.api.definitions import Refused, save_connection
from datasync_flask.connections.models import Connection
from datasync_flask.destinations import service
from datasync_flask.destinations.models import DestinationConnection
from datasync_flask.extensions import db
from tests.support.servers import ObjectStore
from tests.support.visitor import Visitor

NEW = "/connections/new/object_storage"
TYPED = {
    "description": "Lake", "bucket": "lake", "prefix": "", "endpoint": "https://no-such-host.invalid", "region": "",
    "access_key": "writer", "password": "writer-secret", "table_format": "parquet", "anyway": "1",
}  # fmt: skip


def password_of(app: Flask, connection_id: str) -> str:
    with app.app_context():
        return service.password_of(db.session.get_one(DestinationConnection, connection_id))


def id_of(visitor: Visitor, settings: dict[str, str]) -> str:
    response = visitor.post(NEW, settings)
    assert response.status_code == 303, visitor.text
    return str(response.headers["Location"].rsplit("/", 1)[-1])


def test_saved_checked_and_shown(visitor: Visitor, store: ObjectStore) -> None:
    settings = store.settings(prefix="/raw/crm/", table_format="delta")
    connection_id = id_of(visitor, settings | {"description": "Lake"})
    visitor.get(f"/connections/{connection_id}")
    shown = visitor.text
    for part in ("lake", "raw/crm", settings["endpoint"], "writer", "Delta", "stored, encrypted"):
        assert part in shown
    assert "writer-secret" not in visitor.text
    visitor.post(f"/connections/{connection_id}/check")
    visitor.follow()
    assert "It works" in visitor.text


def test_what_a_check_finds_stands_at_its_field_and_nothing_typed_is_lost(visitor: Visitor, store: ObjectStore) -> None:
    settings = store.settings(password="guess", prefix="raw/kept") | {"description": "Lake"}
    assert visitor.post(NEW, settings).status_code == 422
    assert "refused the signature" in visitor.error_at("password")
    for name in ("bucket", "prefix", "endpoint", "access_key"):
        assert visitor.page.get_element_by_id(name).get("value") == settings[name]
    assert "guess" not in visitor.text
    assert visitor.post(NEW, settings | {"bucket": "lake-elsewhere", "password": "writer-secret"}).status_code == 422
    assert "no bucket of this name" in visitor.error_at("bucket")


WRONG = [
    ("bucket", "", "Enter the bucket"), ("bucket", "s3://lake", "no path"), ("bucket", "Lake", "small letters"),
    ("bucket", "../x", "no path"), ("prefix", "../up", "letters, digits"), ("prefix", "a//b", "letters, digits"),
    ("prefix", "a b", "letters, digits"), ("prefix", "_delta_log/../x", "letters, digits"),
    ("endpoint", "minio.example.com:9000", "https://"), ("endpoint", "https://minio.example.com/lake", "without"),
    ("endpoint", "https://user:word@minio.example.com", "https://"), ("endpoint", "https://minio.example.com:x", "https://"),
    ("endpoint", "ftp://minio.example.com", "https://"), ("endpoint", "https://a b", "https://"),
    ("endpoint", "https://host?x=1", "https://"), ("region", "eu central", "small letters"),
    ("access_key", "a key", "no spaces"), ("table_format", "iceberg", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "told"), WRONG)
@pytest.mark.slow
def test_what_is_not_taken(visitor: Visitor, name: str, value: str, told: str) -> None:
    assert visitor.post(NEW, TYPED | {name: value}).status_code == 422
    assert visitor.error_at(name)
    assert told in visitor.error_at(name)


def test_amazons_buckets_have_a_region(visitor: Visitor) -> None:
    assert visitor.post(NEW, TYPED | {"endpoint": ""}).status_code == 422
    assert "Enter the region" in visitor.error_at("region")


CHANGES = {"endpoint": {"endpoint": "https://another.invalid"}, "access_key": {"access_key": "another"}}


@pytest.mark.parametrize("change", CHANGES)
def test_a_secret_key_belongs_to_its_endpoint_and_access_key(app: Flask, visitor: Visitor, change: str) -> None:
    connection_id = id_of(visitor, TYPED)
    posted = TYPED | {"password": ""} | CHANGES[change]
    assert visitor.post(f"/connections/{connection_id}/edit", posted).status_code == 422
    assert "Enter the secret key again" in visitor.error_at("password")
    with app.app_context():
        connection = db.session.get_one(Connection, connection_id)
        with pytest.raises(Refused) as refusal:
            save_connection(CHANGES[change] | {"save_anyway": True}, connection, by=None)
    assert list(refusal.value.errors) == ["password"]
    assert password_of(app, connection_id) == "writer-secret"
    answer = visitor.post(f"/connections/{connection_id}/edit", posted | {"password": "typed"})
    assert answer.status_code == 303
    assert password_of(app, connection_id) == "typed"


def test_another_bucket_or_region_keeps_the_secret_key(app: Flask, visitor: Visitor) -> None:
    connection_id = id_of(visitor, TYPED)
    posted = TYPED | {
        "password": "",
        "bucket": "other",
        "prefix": "x",
        "region": "eu-central-1",
        "table_format": "delta",
    }
    assert visitor.post(f"/connections/{connection_id}/edit", posted).status_code == 303
    assert password_of(app, connection_id) == "writer-secret"


@pytest.mark.parametrize(
    ("name", "changes"),
    [("endpoint", {"endpoint": "http://minio.invalid"}), ("access_key", {"access_key": "", "password": ""})],
)
def test_only_an_administrator_decides_it(sign_in: Callable[..., Visitor], name: str, changes: dict[str, str]) -> None:
    """Rows in clear to another machine, and the rights of the machine itself."""
    connection_id = ""
    for role, status in (("editor", 422), ("admin", 303)):
        visitor = sign_in(role)
        answer = visitor.post(NEW, TYPED | changes)
        assert answer.status_code == status
        assert bool(visitor.error_at(name)) == (status == 422)
        connection_id = answer.headers.get("Location", "").rsplit("/", 1)[-1]
    editor = sign_in("editor")
    same = TYPED | changes | {"password": ""}
    assert editor.post(f"/connections/{connection_id}/edit", same | {"description": "Renamed"}).status_code == 303
    assert editor.post(f"/connections/{connection_id}/edit", same | {"bucket": "another"}).status_code == 422
    assert editor.error_at(name)


def test_the_form_says_what_a_table_format_is_for(visitor: Visitor) -> None:
    visitor.get(NEW)
    assert "Programs that read all files of a folder need Delta" in visitor.text
    assert "Secret key" in visitor.text
    assert not visitor.page.xpath("//input[@name='host']")
