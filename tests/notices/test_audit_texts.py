"""The audit log speaks as the other pages do: no names of columns, no codes, times as times."""

from __future__ import annotations

from collections.abc import Callable

from datasync_flask.audit import trail
from datasync_flask.extensions import db
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def details(visitor: Visitor, query: str = "") -> list[str]:
    """What the last column says, a line for each detail."""
    visitor.get(f"/audit{query}")
    return [" ".join(each.text_content().split()) for each in visitor.page.xpath("//tbody/tr/td[5]/small")]


def test_changes_stand_in_the_words_of_their_forms(walk: ConnectionWalk) -> None:
    walk.save()
    walk.visitor.post(
        f"/connections/{walk.id}/edit", walk.fields(tracking_type="date_deletes", client_secret="another-secret")
    )
    assert details(walk.visitor, f"?about={walk.id}&event=connection_changed") == [
        "Tracking type: Date → Date and deletes",
        "Client Secret",
    ]
    assert details(walk.visitor, f"?about={walk.id}&event=connection_created") == ["Kind: Salesforce"]
    walk.visitor.get(f"/connections/{walk.id}")
    assert "tracking type from Date to Date and deletes" in walk.visitor.text


def test_every_detail_has_a_name_and_a_value_in_words(walk: ConnectionWalk) -> None:
    with walk.app.app_context():
        trail.record(trail.Event.HAND_OFF_MADE, until="2026-12-03T23:24:35.726450+00:00")
        trail.record(trail.Event.CHANNEL_MADE, kind="webhook", errors_only=False, allow_internal=True)
        trail.record(trail.Event.ROLE_CHANGED, before="viewer", after="admin")
        changes = {
            "source_id": ["a1", "b2"],
            "object Account": [{"filter": "Name = 'x'"}, {"tracking_type": "date"}],
            "object Contact": ["", "load everything again"],
            "object Lead": [None, {}],
        }
        trail.record(trail.Event.EXTRACTION_CHANGED, changes=changes)
        db.session.commit()
    assert details(walk.visitor)[:11] == [
        "Source: a1 → b2",
        "Account: Filter: Name = 'x' → –; Tracking type: – → Date",
        "Contact: – → load everything again",
        "Lead",
        "Before: viewer",
        "After: administrator",
        "Kind: Webhook",
        "Only problems: no",
        "Internal address allowed: yes",
        "Expires: 2026-12-03 23:24:35 UTC",
        "Signed in with: password",
    ]


def test_every_field_of_an_event_has_a_name() -> None:
    from datasync_flask.notices.audit_texts import DETAILS

    fields = {field for event in trail.Event for field in event.fields}
    assert fields - {"changes"} == set(DETAILS)


def test_the_audit_of_a_german_is_german(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save()
    walk.visitor.post("/language", {"language": "de", "next": "/audit"})
    assert "Art: Salesforce" in details(walk.visitor)
    assert "Verbindung " in walk.visitor.text
