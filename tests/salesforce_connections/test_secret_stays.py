"""A stored Client Secret is sent to the login address that it was entered for, and nowhere else."""

from __future__ import annotations

import pytest

from datasync_flask.api.definitions import Refused, save_connection
from datasync_flask.connections.models import Connection
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.support.connection import ConnectionWalk

CHANGES = [{"login_host": "production"}, {"login_host": "sandbox"}, {"login_url": "acme.my.salesforce.com"}]


@pytest.mark.parametrize("change", CHANGES)
def test_another_login_address_asks_for_the_secret_again(walk: ConnectionWalk, change: dict[str, str]) -> None:
    walk.to_connected()
    for path in ("", f"/connections/{walk.id}/authenticate"):
        walk.visitor.get(f"/connections/{walk.id}/edit")
        assert walk.visitor.submit("connection-form", path, **change, description="Kept").status_code == 422
        assert "Enter the Client Secret again" in walk.visitor.error_at("client_secret")
        assert walk.visitor.page.get_element_by_id("description").get("value") == "Kept"
    with walk.app.app_context():
        connection = db.session.get_one(Connection, walk.id)
        with pytest.raises(Refused) as refusal:
            save_connection(change, connection, by=None)
        assert list(refusal.value.errors) == ["client_secret"]
    assert walk.state == "connected"


def test_a_way_without_secret_forgets_the_one_of_another_address(walk: ConnectionWalk) -> None:
    walk.to_connected()
    with walk.app.app_context():
        connection = db.session.get_one(Connection, walk.id)
        save_connection(
            {"login_host": "sandbox", "auth_method": "jwt_bearer", "username": "ada@example.com"}, connection, by=None
        )
        assert db.session.get_one(SalesforceConnection, walk.id).client_secret_sealed == ""
