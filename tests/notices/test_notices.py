"""Notices reach real receivers: a webhook, a mail server; once when it begins, once when it is over."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import ConnectionEvent
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from datasync_flask.notices import sending, warnings
from datasync_flask.notices.models import Channel, Delivery
from datasync_flask.operations.key_rotation import rotate_all
from datasync_flask.salesforce_connections.models import SalesforceGrant
from datasync_flask.security.crypto import SecretBox
from tests.support.connection import ConnectionWalk
from tests.support.mailbox import Mailbox
from tests.support.servers import free_port
from tests.support.visitor import Visitor
from tests.support.worker import work_off


class Receiver:
    """A webhook's receiver."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, Any], str, bytes]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((json.loads(body), self.headers[sending.SIGNATURE], body))
                self.send_response(receiver.status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def add(visitor: Visitor, kind: str, target: str, **fields: str) -> str:
    """Add a channel; return the key of a webhook."""
    visitor.get("/notices")
    # The receivers of these tests are on this machine.
    fields = {"allow_internal": "1", **fields}
    answer = visitor.post("/notices", {"kind": kind, "target": target, "description": "team", **fields})
    assert answer.status_code in {200, 303}, visitor.text
    shown = visitor.page.xpath("//div[@class='aside']//@data-copy")
    return str(shown[-1]) if kind == "webhook" else ""


def send(app: Flask) -> int:
    with app.app_context():
        return sending.send_due()


def press_test(app: Flask, visitor: Visitor) -> None:
    """Press Test, have the worker do what is queued, and look at the page again."""
    visitor.get("/notices")
    (form,) = [form for form in visitor.page.forms if (form.get("action") or "").endswith("/test")]
    assert visitor.post(form.get("action"), dict(form.form_values())).status_code == 303
    visitor.get("/notices")
    assert "Sending a test…" in visitor.text
    work_off(app)
    visitor.get("/notices")


def lose(walk: ConnectionWalk) -> None:
    walk.practice.expire("refresh")
    walk.practice.expire("access")
    walk.make_due()
    walk.work()
    assert walk.state == "needs_attention"


def test_a_lost_connection_is_told_once_and_so_is_its_return(walk: ConnectionWalk, receiver: Receiver) -> None:
    walk.to_connected()
    key = add(walk.visitor, "webhook", receiver.url)
    lose(walk)
    walk.make_due()
    walk.work()
    assert send(walk.app) == 1
    assert send(walk.app) == 0
    facts, signature, body = receiver.got[0]
    assert facts["event"] == "connection_needs_attention"
    assert facts["title"] == "Sales EMEA needs attention"
    assert facts["link"] == f"http://127.0.0.1:5000/connections/{walk.id}"
    assert "authenticate" in facts["body"].lower()
    assert signature == sending.signature_of(key, body)
    walk.allow()
    walk.work()
    assert walk.state == "connected"
    assert send(walk.app) == 1
    assert receiver.got[1][0]["event"] == "connection_works"
    lose(walk)
    assert send(walk.app) == 1


def test_the_worker_is_told_at_once(walk: ConnectionWalk, receiver: Receiver) -> None:
    walk.to_connected()
    add(walk.visitor, "webhook", receiver.url)
    lose(walk)
    work_off(walk.app)
    assert [facts["event"] for facts, _, _ in receiver.got] == ["connection_needs_attention"]


def test_errors_only(walk: ConnectionWalk, receiver: Receiver) -> None:
    walk.to_connected()
    add(walk.visitor, "webhook", receiver.url, errors_only="1")
    lose(walk)
    walk.allow()
    walk.work()
    send(walk.app)
    assert [facts["event"] for facts, _, _ in receiver.got] == ["connection_needs_attention"]


def test_a_receiver_that_is_not_there_is_told_in_words(visitor: Visitor, app: Flask) -> None:
    visitor.get("/notices")
    # Without a mail server e-mail isn't what the form begins with.
    assert visitor.page.xpath("//select[@name='kind']/option[@selected]/@value") == ["webhook"]
    add(visitor, "webhook", f"http://127.0.0.1:{free_port()}/hook")
    press_test(app, visitor)
    assert "127.0.0.1 can’t be reached" in visitor.text
    visitor.get("/notices", headers={"Accept-Language": "de"})
    assert "127.0.0.1 ist nicht erreichbar" in visitor.text
    assert "reached" not in visitor.text


@pytest.mark.parametrize("status", [500, 302, 404])
@pytest.mark.slow
def test_what_does_not_get_through_is_tried_again_and_given_up(
    walk: ConnectionWalk, receiver: Receiver, status: int
) -> None:
    walk.to_connected()
    add(walk.visitor, "webhook", receiver.url)
    lose(walk)
    receiver.status = status
    for _ in range(sending.TRIES + 2):
        send(walk.app)
        with walk.app.app_context():
            db.session.query(Delivery).update({"due_at": utcnow()})
            db.session.commit()
    assert len(receiver.got) == sending.TRIES
    walk.visitor.get("/notices")
    assert f"answered HTTP {status}" in walk.visitor.text


def test_two_workers_send_it_once(walk: ConnectionWalk, receiver: Receiver) -> None:
    walk.to_connected()
    add(walk.visitor, "webhook", receiver.url)
    lose(walk)
    workers = [threading.Thread(target=send, args=(walk.app,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(receiver.got) == 1


def test_by_mail_with_a_test_button(app: Flask, visitor: Visitor, mail_url: str) -> None:
    app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update={"smtp_url": mail_url})
    add(visitor, "email", "team@example.com")
    press_test(app, visitor)
    assert "Test sent" in visitor.text
    (message,) = Mailbox.messages
    assert "To: team@example.com" in message
    assert "Subject: DataSync: a test" in message
    app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
    press_test(app, visitor)
    assert "failed: the mail server 127.0.0.1" in visitor.text


@pytest.mark.parametrize(
    ("kind", "target", "wording"),
    [
        ("email", "nobody", "Enter an email address"),
        ("email", "a@example.com\nBcc: b@example.com", "space or a line break"),
        ("webhook", "ftp://example.com", "begins with https://"),
        ("webhook", "http://", "begins with https://"),
        ("service", "slack", "begins with the service’s name"),
        ("email", "", "Enter where notifications go."),
    ],
)
def test_addresses_that_are_none(visitor: Visitor, kind: str, target: str, wording: str) -> None:
    visitor.get("/notices")
    assert visitor.post("/notices", {"kind": kind, "target": target, "description": "x"}).status_code == 422
    assert wording in visitor.text


def test_addresses_are_secrets(app: Flask, visitor: Visitor) -> None:
    add(visitor, "service", "json://user:pa55word@127.0.0.1:1/x")
    visitor.get("/notices")
    assert "pa55word" not in visitor.response.text
    press_test(app, visitor)
    assert "failed:" in visitor.text
    assert "pa55word" not in visitor.response.text
    with app.app_context():
        channel = db.session.query(Channel).one()
        assert "pa55word" not in channel.target_sealed + channel.last_error
        db.session.rollback()
    (form,) = [form for form in visitor.page.forms if (form.get("action") or "").endswith("/remove")]
    visitor.post(form.get("action"), dict(form.form_values()))
    visitor.get("/notices")
    assert "No notifications set up yet" in visitor.text


def test_addresses_and_keys_go_along_when_secrets_are_encrypted_again(walk: ConnectionWalk, receiver: Receiver) -> None:
    walk.to_connected()
    key = add(walk.visitor, "webhook", receiver.url)
    new, old = Fernet.generate_key().decode(), walk.app.config["SETTINGS"].encryption_keys[0]
    walk.app.extensions["secret_box"] = SecretBox([new, old])
    with walk.app.app_context():
        _, unreadable = rotate_all()
        assert unreadable == 0
    walk.app.extensions["secret_box"] = SecretBox([new])
    lose(walk)
    assert send(walk.app) == 1
    _, signature, body = receiver.got[0]
    assert signature == sending.signature_of(key, body)


@pytest.mark.slow
def test_early_warnings(walk: ConnectionWalk, receiver: Receiver) -> None:
    walk.to_connected()
    add(walk.visitor, "webhook", receiver.url)
    nightly = Extraction(id="0123456789abcdef", description="Nightly", quota_ceiling=80)
    with walk.app.app_context():
        grant = db.session.query(SalesforceGrant).one()
        grant.refreshed_at = utcnow() - warnings.UNUSED_FOR
        for _ in range(warnings.APPROVALS):
            db.session.add(ConnectionEvent(connection_id=walk.id, at=utcnow(), event="granted"))
        db.session.commit()
        warnings.scan()
        warnings.scan()
        warnings.quota_forecast(nightly, calls=500, used=900, most=1000)
        warnings.quota_forecast(nightly, calls=500, used=900, most=1000)
    walk.allow()
    walk.work()
    send(walk.app)
    events = sorted(facts["event"] for facts, _, _ in receiver.got)
    assert events == ["fifth_approval", "quota_forecast", "refresh_token_unused"]
    with walk.app.app_context():
        warnings.scan()
        warnings.quota_forecast(nightly, calls=5, used=100, most=1000)
    send(walk.app)
    assert sorted(facts["event"] for facts, _, _ in receiver.got[3:]) == ["quota_enough", "refresh_token_used"]


def test_invitations_go_by_mail_too(app: Flask, visitor: Visitor, mail_url: str) -> None:
    app.config["SETTINGS"] = app.config["SETTINGS"].model_copy(update={"smtp_url": mail_url})
    visitor.get("/people")
    visitor.post("/people/invite", {"email": "new@example.com", "role": "viewer"})
    (link,) = set(re.findall(r"http://127\.0\.0\.1:5000/join/[\w-]+", visitor.response.text))
    stored = b"".join(bytes(item) for item in app.extensions["queue"].huey.storage.enqueued_items())
    assert link.rsplit("/", 1)[-1].encode() not in stored
    work_off(app)
    (message,) = Mailbox.messages
    assert "To: new@example.com" in message
    assert link in message.replace("=\n", "")
