"""The audit says who did what, when, from where, from which value to which, and never a secret."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from flask import Flask

from datasync_flask.audit import trail
from datasync_flask.extensions import db
from tests.conftest import EMAIL
from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def exported(visitor: Visitor, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(visitor.get(f"/audit.csv{query}").text)))


@pytest.mark.parametrize(
    ("event", "detail"),
    [("made_up", {}), ("signed_out", {"way": "x"}), ("signed_in", {}), ("signed_in", {"way": "x", "password": "y"})],
)
def test_only_declared_events_with_exact_fields(app: Flask, event: str, detail: dict[str, str]) -> None:
    with app.app_context(), pytest.raises(ValueError, match="not declared"):
        trail.record(event, **detail)


def test_who_when_where_old_and_new(walk: ConnectionWalk) -> None:
    walk.save()
    walk.visitor.post(
        f"/connections/{walk.id}/edit", walk.fields(description="Sales APAC", client_secret="planted-secret")
    )
    found = exported(walk.visitor, f"?about={walk.id}&event=connection_changed")
    assert [(row["who"], row["address"], row["name"]) for row in found] == [(EMAIL, "127.0.0.1", "Sales APAC")]
    assert '"description": ["Sales EMEA", "Sales APAC"]' in found[0]["detail"]
    assert '"client_secret": "changed"' in found[0]["detail"]
    walk.visitor.get(f"/audit?about={walk.id}&event=connection_changed")
    assert "Sales EMEA" in walk.visitor.text
    assert "planted-secret" not in walk.visitor.text


def test_filters_narrow_list_and_file_alike(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save()
    editor = sign_in("editor")
    editor.post(f"/connections/{walk.id}/duplicate")
    for query, rows in (
        ("?who=editor", {"connection_created", "signed_in"}),
        ("?event=connection_created", {"connection_created"}),
        ("?about=(copy)", {"connection_created"}),
        ("?who=nobody", set()),
    ):
        assert {row["event"] for row in exported(walk.visitor, query)} == rows
        walk.visitor.get(f"/audit{query}")
        assert len(walk.visitor.page.xpath("//tbody/tr[td[2]]")) == len(exported(walk.visitor, query))


def test_a_long_list_is_paged(app: Flask, visitor: Visitor) -> None:
    with app.app_context():
        for number in range(150):
            trail.record("token_made", ("person", 1, "x"), name=f"job {number}")
        db.session.commit()
    visitor.get("/audit?event=token_made")
    assert len(visitor.page.xpath("//tbody/tr")) == 100
    (older,) = {href for href in visitor.page.xpath("//a/@href") if "before=" in href}
    visitor.get(older)
    assert len(visitor.page.xpath("//tbody/tr")) == 50
    assert "job 0" in visitor.text


def test_a_spreadsheet_takes_nothing_for_a_formula(walk: ConnectionWalk) -> None:
    walk.save(description="=HYPERLINK(1)")
    assert {row["name"] for row in exported(walk.visitor, f"?about={walk.id}")} == {"'=HYPERLINK(1)"}


def test_the_audit_of_one_connection_is_a_click_away(walk: ConnectionWalk, sign_in: Callable[..., Visitor]) -> None:
    walk.save()
    walk.show()
    (link,) = walk.visitor.page.xpath("//*[@id='history']//a/@href")
    walk.visitor.get(link)
    assert f"Connection {walk.id}" in walk.visitor.text
    editor = sign_in("editor")
    editor.get(f"/connections/{walk.id}")
    assert not editor.page.xpath("//*[@id='history']//a")


def test_a_list_is_no_change(app: Flask, visitor: Visitor) -> None:
    with app.app_context():
        trail.record("extraction_created", ("extraction", "1", "x"), objects=["Account", "Contact"])
        trail.record("extraction_changed", ("extraction", "1", "x"), changes={"schedule": ["", "every day"]})
        db.session.commit()
    visitor.get("/audit")
    assert "Objects: Account, Contact" in visitor.text
    assert "Schedule: – → every day" in visitor.text
