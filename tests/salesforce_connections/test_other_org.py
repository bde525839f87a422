"""The org's id is part of a connection: another org asks before it replaces, and what it gave is given back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from datasync_flask.salesforce_connections import orgs, token_grants
from datasync_flask.salesforce_connections.models import same_org
from tests.support.combined_orgs import OTHER
from tests.support.connection import ConnectionWalk


def status_text(walk: ConnectionWalk) -> str:
    return " ".join(walk.show().text_content().split())


def live(walk: ConnectionWalk, kind: str = "refresh") -> list[str]:
    tokens = walk.practice.tokens()
    return [value for value, token in tokens.items() if token["kind"] == kind and not token["is_dead"]]


def revoke(walk: ConnectionWalk) -> None:
    with walk.app.app_context():
        token_grants.revoke_due()


def to_question(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.practice.change_org(org_id=OTHER, org_name="Other Org")
    walk.allow()
    walk.work()


def choose(walk: ConnectionWalk, choice: str) -> None:
    walk.show()
    number = walk.visitor.page.xpath("//input[@name='trial']/@value")[0]
    answer = walk.visitor.post(f"/connections/{walk.id}/org", {"trial": number, "choice": choice})
    assert answer.status_code == 303
    walk.work()


def test_another_org_asks_before_it_replaces(walk: ConnectionWalk) -> None:
    to_question(walk)
    assert (walk.state, walk.reason) == ("connected", "other_org")
    text = walk.visitor.text
    assert "Connected to Practice Org" in text
    assert "Access was given for another org" in text
    assert OTHER in text
    assert "Use Other Org" in text
    assert "Keep Practice Org" in text
    revoke(walk)
    assert len(live(walk)) == 2


def test_keeping_the_org_gives_the_other_ones_tokens_back(walk: ConnectionWalk) -> None:
    to_question(walk)
    walk.practice.change_org(org_id="00D5g000004PrctEAC", org_name="Practice Org")
    choose(walk, "keep")
    assert (walk.state, walk.reason) == ("connected", "")
    assert "Access was given for another org" not in status_text(walk)
    revoke(walk)
    assert len(live(walk)) == 1
    assert "Other Org" in walk.visitor.text


def test_using_the_other_org_revokes_the_tokens_from_before(walk: ConnectionWalk) -> None:
    to_question(walk)
    choose(walk, "use")
    assert (walk.state, walk.reason) == ("connected", "")
    assert "Connected to Other Org" in walk.visitor.text
    revoke(walk)
    assert len(live(walk)) == 1
    assert "Belongs to another org now" in walk.visitor.text
    walk.visitor.get("/audit")
    assert "Let a connection belong to another org" in walk.visitor.text


def test_the_org_outlives_disconnect(walk: ConnectionWalk) -> None:
    walk.to_connected()
    walk.visitor.post(f"/connections/{walk.id}/disconnect")
    walk.practice.change_org(org_id=OTHER, org_name="Other Org")
    walk.allow()
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "other_org")
    assert "Use Other Org" in walk.visitor.text
    choose(walk, "keep")
    assert walk.state == "ready_to_authorize"


def test_a_question_that_nobody_answers_ends(clock: time_machine.Traveller, walk: ConnectionWalk) -> None:
    to_question(walk)
    clock.shift(orgs.ASKED_FOR + timedelta(hours=1))
    with walk.app.app_context():
        orgs.expire_questions()
    assert "Use Other Org" not in status_text(walk)
    revoke(walk)
    assert len(live(walk)) == 1


def test_an_answer_to_a_question_from_before_changes_nothing(walk: ConnectionWalk) -> None:
    to_question(walk)
    walk.visitor.post(f"/connections/{walk.id}/org", {"trial": "another", "choice": "use"})
    assert "Connected to Practice Org" in status_text(walk)


def test_a_headless_connection_whose_org_is_another_one_asks(walk: ConnectionWalk) -> None:
    walk.make_app(client_credentials=True, run_as="ada@practice.example")
    walk.save(auth_method="client_credentials")
    walk.work()
    assert walk.state == "connected", walk.visitor.text
    walk.practice.change_org(org_id=OTHER, org_name="Refreshed")
    walk.outlive_token()
    walk.work()
    assert (walk.state, walk.reason) == ("needs_attention", "other_org")
    assert "Use Refreshed" in walk.visitor.text
    choose(walk, "use")
    assert walk.state == "connected"


def test_authenticating_again_asks_salesforce_to_ask_who_it_is(walk: ConnectionWalk) -> None:
    walk.to_ready()
    assert "prompt=" not in walk.leave_for_salesforce()
    walk.allow()
    walk.work()
    assert "prompt=login" in walk.leave_for_salesforce()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("00D5g000004Prct", "00D5g000004PrctEAC", True),
        ("00D5g000004Prct", "00D5g000004prct", False),
        ("00D5g000004PrctEAC", "00D5g000004OthrEAC", False),
        ("", "00D5g000004Prct", True),
    ],
)
def test_ids_of_15_and_18_characters(one: str, other: str, same: bool) -> None:
    assert same_org(one, other) is same
    assert same_org(other, one) is same
