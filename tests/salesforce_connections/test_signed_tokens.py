"""JWT bearer: no person and no secret; the app in Salesforce holds this site's certificate."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.notices.models import Notice
from datasync_flask.notices.warnings import scan
from datasync_flask.salesforce.assertions import new_certified_key
from datasync_flask.salesforce_connections import certificates
from tests.salesforce_connections.test_hand_off import make_link
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor

USERNAME = "ada@practice.example"
SIGNED = {"auth_method": "jwt_bearer", "username": USERNAME, "client_secret": ""}


def downloaded(walk: ConnectionWalk) -> str:
    """Download the certificate as the guide's link does."""
    response = walk.visitor.get("/connections/certificate")
    assert response.status_code == 200
    assert "datasync.crt" in response.headers["Content-Disposition"]
    return response.get_data(as_text=True)


def ready_app(walk: ConnectionWalk, **changes: object) -> None:
    settings = {"jwt_bearer": True, "certificate": downloaded(walk), "admin_approved_only": True, "user_approved": True}
    walk.make_app(**{**settings, **changes})


def probe_three_times(walk: ConnectionWalk) -> None:
    for _ in range(3):
        walk.make_due()
        walk.work()


def test_the_worker_signs_until_salesforce_knows_the_app(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    ready_app(walk, propagation_seconds=60)
    walk.save(**SIGNED)
    walk.work()
    status = walk.show()
    assert (status.get("data-state"), status.get("data-reason")) == ("waiting_for_propagation", "client_unknown")
    assert "waiting for propagation" in status.text_content().lower()
    assert "holds this site’s certificate" in status.text_content()
    clock.shift(61)
    walk.work()
    assert walk.state == "connected"
    assert USERNAME in walk.visitor.text
    assert "Practice Org" in walk.visitor.text
    assert "SHA-256" in walk.visitor.text
    assert walk.practice.requests().get("authorize") is None


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"jwt_bearer": False}, "blocked", "Enable JWT Bearer Flow"),
        ({"user_approved": False}, "blocked", "Admin approved users are pre-authorized"),
        ({"admin_approved_only": False}, "blocked", "Admin approved users are pre-authorized"),
        (
            {"certificate": new_certified_key("Other", utcnow()).certificate},
            "secret_refused",
            "Download the certificate",
        ),
    ],
)
def test_what_is_not_set_up_is_named_and_fixed(
    walk: ConnectionWalk, changes: dict[str, object], reason: str, message: str
) -> None:
    ready_app(walk, **changes)
    walk.save(**SIGNED)
    probe_three_times(walk)
    assert (walk.state, walk.reason) == ("needs_attention", reason)
    assert message in walk.visitor.text
    walk.practice.change(
        walk.client_id,
        jwt_bearer=True,
        admin_approved_only=True,
        user_approved=True,
        certificate=downloaded(walk),
    )
    walk.visitor.post(f"/connections/{walk.id}/watch")
    walk.work()
    assert walk.state == "connected"


def test_a_username_that_is_not_known(walk: ConnectionWalk) -> None:
    ready_app(walk)
    walk.save(**{**SIGNED, "username": "nobody@practice.example"})
    probe_three_times(walk)
    assert (walk.state, walk.reason) == ("needs_attention", "blocked")
    assert "Compare the Username" in walk.visitor.text


def test_an_org_that_takes_the_old_audience_only(walk: ConnectionWalk) -> None:
    walk.practice.change_org(audience="https://login.salesforce.com")
    ready_app(walk)
    walk.save(**SIGNED)
    walk.work()
    assert walk.state == "connected"
    assert walk.practice.requests()["token"] == 2


def test_an_org_that_takes_neither_audience(walk: ConnectionWalk) -> None:
    walk.practice.change_org(audience="https://test.salesforce.com")
    ready_app(walk)
    walk.save(**SIGNED)
    probe_three_times(walk)
    assert (walk.state, walk.reason) == ("needs_attention", "client_unknown")
    assert "choose the login host" in walk.visitor.text


def test_what_is_missing_is_asked_for_at_its_field(walk: ConnectionWalk) -> None:
    ready_app(walk)
    walk.save(**{**SIGNED, "username": ""})
    assert walk.state == "draft"
    assert "The Username is still missing" in walk.visitor.text
    walk.visitor.post(f"/connections/{walk.id}/authenticate")
    assert "Enter the Username" in walk.visitor.error_at("username")
    walk.visitor.post(f"/connections/{walk.id}/edit", walk.fields(**{**SIGNED, "username": "Ada"}))
    assert "with an @ in it" in walk.visitor.error_at("username")
    assert walk.visitor.page.xpath("//input[@name='username']/@value") == ["Ada"]


def test_a_stale_token_is_replaced_by_signing_again(walk: ConnectionWalk) -> None:
    ready_app(walk)
    walk.save(**SIGNED)
    walk.work()
    walk.outlive_token()
    assert walk.state == "connected"
    assert len(walk.practice.tokens()) == 2


def test_a_new_certificate_is_used_when_it_is_in_salesforce(walk: ConnectionWalk) -> None:
    ready_app(walk)
    walk.save(**SIGNED)
    walk.work()
    first = downloaded(walk)
    with walk.app.app_context():
        certificates.make()
        db.session.commit()
    assert downloaded(walk) != first
    assert walk.state == "connected"
    assert "There is a newer certificate" in walk.visitor.text
    walk.outlive_token()
    assert walk.state == "connected"
    walk.practice.change(walk.client_id, certificate=downloaded(walk))
    walk.visitor.post(f"/connections/{walk.id}/authenticate")
    walk.work()
    assert walk.state == "connected"
    assert "There is a newer certificate" not in walk.visitor.text


def test_a_certificate_that_ends_is_told_of_in_time(
    clock: time_machine.Traveller, walk: ConnectionWalk, sign_in: Callable[..., Visitor]
) -> None:
    ready_app(walk)
    walk.save(**SIGNED)
    walk.work()
    clock.shift(timedelta(days=3650 - 29))
    with walk.app.app_context():
        scan()
        assert db.session.get(Notice, f"certificate:{walk.id}") is not None
    walk.visitor = sign_in()
    walk.practice.change(walk.client_id, certificate=downloaded(walk))
    walk.visitor.post(f"/connections/{walk.id}/authenticate")
    walk.work()
    with walk.app.app_context():
        scan()
        assert db.session.get(Notice, f"certificate:{walk.id}") is None


def test_whoever_gets_a_hand_off_link_gets_the_certificate_and_needs_no_secret(walk: ConnectionWalk) -> None:
    ready_app(walk)
    walk.save(**{**SIGNED, "client_id": ""})
    stranger, link = Visitor(walk.app), make_link(walk)
    stranger.get(link)
    assert "Only for signed tokens" in stranger.text
    assert "Only for headless authentication" not in stranger.text
    assert not stranger.page.xpath("//input[@name='client_secret']")
    url = stranger.page.xpath("//a[@download]/@href")[0]
    assert stranger.get(url).get_data(as_text=True) == downloaded(walk)
    assert stranger.get("/hand-off/wrong/certificate").status_code == 404
    assert stranger.get("/connections/certificate").status_code == 302
    stranger.post(link, {"client_id": walk.client_id})
    walk.work()
    assert walk.state == "connected"
