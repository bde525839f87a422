"""The way of one connection, step by step, with a worker that is moved by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import due_work, store
from datasync_flask.salesforce_connections.models import SalesforceConnection
from tests.support.practice import PracticeOrg
from tests.support.visitor import Visitor

CALLBACK_URL = "http://127.0.0.1:5000/oauth/salesforce/callback"


class ConnectionWalk:
    """Makes an app in the practice org and a connection for it, and leads it on."""

    def __init__(self, app: Flask, visitor: Visitor, practice: PracticeOrg) -> None:
        self.app, self.visitor, self.practice = app, visitor, practice
        self.id = ""
        self.salesforce_app: dict[str, Any] = {}

    def fields(self, **changes: str) -> dict[str, str]:
        """What a person types into the form."""
        typed = {
            "description": "Sales EMEA",
            "login_host": "custom",
            "login_url": self.practice.origin,
            "auth_method": "authorization_code",
            "client_id": self.salesforce_app.get("client_id", ""),
            "client_secret": self.salesforce_app.get("client_secret", ""),
            "permission_level": "api",
            "tracking_type": "date",
        }
        return {**typed, **changes}

    def make_app(self, **settings: Any) -> None:
        self.salesforce_app = self.practice.register(settings.pop("callback_url", CALLBACK_URL), **settings)

    @property
    def client_id(self) -> str:
        return str(self.salesforce_app["client_id"])

    def save(self, **changes: str) -> str:
        """Save a new connection and return its id."""
        response = self.visitor.post("/connections/new/salesforce", self.fields(**changes))
        assert response.status_code == 303, self.visitor.text
        self.id = response.headers["Location"].rsplit("/", 1)[-1]
        return self.id

    def work(self) -> None:
        """Let the worker do what is due now."""
        with self.app.app_context():
            for connection_id, _ in due_work.due_connections(utcnow()):
                due_work.work_on(connection_id)

    def show(self) -> Any:
        """Load the connection's page and return its status fragment."""
        assert self.visitor.get(f"/connections/{self.id}").status_code == 200
        return self.visitor.status

    @property
    def state(self) -> str:
        return str(self.show().get("data-state"))

    @property
    def reason(self) -> str:
        return str(self.show().get("data-reason"))

    def leave_for_salesforce(self) -> str:
        """Press Authenticate and Save; return Salesforce's authorize address."""
        response = self.visitor.post(f"/connections/{self.id}/authenticate")
        assert response.status_code == 303
        location = response.headers["Location"]
        assert location.startswith(f"{self.practice.origin}/services/oauth2/authorize?"), location
        return str(location)

    def come_back(self, location: str) -> int:
        """Open the Callback URL that Salesforce redirected to; return the status."""
        assert location.startswith(CALLBACK_URL)
        return self.visitor.get(location.removeprefix("http://127.0.0.1:5000")).status_code

    def allow(self, choice: str = "allow") -> None:
        """Leave, press Allow (or Deny), come back."""
        assert self.come_back(self.practice.answer_as_person(self.leave_for_salesforce(), choice)) == 303

    def to_ready(self, **app_settings: Any) -> None:
        self.make_app(**app_settings)
        self.save()
        self.work()
        assert self.state == "ready_to_authorize"

    def to_connected(self, **app_settings: Any) -> None:
        self.to_ready(**app_settings)
        self.allow()
        self.work()
        assert self.state == "connected", self.visitor.text

    def outlive_token(self) -> None:
        """Let the access token end, and have the connection checked."""
        self.practice.expire()
        self.visitor.post(f"/connections/{self.id}/check")
        self.work()

    def stored(self) -> SalesforceConnection:
        """The row, detached."""
        with self.app.app_context():
            connection = store.load(self.id)
            assert connection is not None
            _ = connection.grant
            db.session.expunge_all()
            return connection

    def make_due(self) -> None:
        """Pretend the next step's time has come."""
        with self.app.app_context():
            connection = store.load(self.id)
            assert connection is not None
            connection.due_at = utcnow() - timedelta(seconds=1)
            db.session.commit()


def failed(walk: ConnectionWalk, reason: str, *message: str) -> None:
    """Let the worker work; the connection then needs attention for this reason, and its page says so."""
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", reason), walk.visitor.text
    for part in message:
        assert part in walk.visitor.text
    assert walk.visitor.status.get("hx-trigger") is None
    assert "Authenticate and Save" in walk.visitor.text
