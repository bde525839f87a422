"""Labels: typed in the form, shown, kept by forms that don't know them, copied, forgotten when unused."""

from __future__ import annotations

import threading
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from datasync_flask.accounts.models import User
from datasync_flask.connections import labels
from datasync_flask.connections.models import Label
from datasync_flask.extensions import db
from datasync_flask.salesforce_connections import service, store
from datasync_flask.salesforce_connections.settings import SalesforceSettings
from tests.support.connection import ConnectionWalk


def shown(walk: ConnectionWalk) -> list[str]:
    walk.visitor.get(f"/connections/{walk.id}")
    return [label.text for label in walk.visitor.page.xpath("//a[@class='label']")]


def all_labels(walk: ConnectionWalk) -> list[str]:
    with walk.app.app_context():
        return list(labels.all_names())


def edit(walk: ConnectionWalk, **changes: str) -> int:
    walk.visitor.get(f"/connections/{walk.id}/edit")
    return int(walk.visitor.submit("connection-form", **changes).status_code)


def test_from_form_to_page_and_history(walk: ConnectionWalk) -> None:
    walk.save(client_id="", label_names="Sales,  EMEA , sales,")
    assert shown(walk) == ["EMEA", "Sales"]
    assert edit(walk, label_names="EMEA, Europe") == 303
    assert shown(walk) == ["EMEA", "Europe"]
    assert "labels from EMEA, Sales to EMEA, Europe" in walk.visitor.text
    assert all_labels(walk) == ["EMEA", "Europe"]


def test_a_form_without_the_field_leaves_them_alone(walk: ConnectionWalk) -> None:
    walk.save(client_id="", label_names="one")
    assert walk.visitor.post(f"/connections/{walk.id}/edit", walk.fields(description="New name")).status_code == 303
    assert shown(walk) == ["one"]


def test_too_many_and_too_long(walk: ConnectionWalk) -> None:
    walk.save(client_id="", label_names="one")
    assert edit(walk, label_names=",".join(f"l{number}" for number in range(11))) == 422
    assert walk.visitor.error_at("label_names") == "Use at most 10 labels."
    assert edit(walk, label_names="x" * 41) == 422
    assert walk.visitor.error_at("label_names") == "A label may have at most 40 characters."
    assert walk.visitor.form_values("connection-form")["label_names"] == "x" * 41
    assert shown(walk) == ["one"]


def test_duplicates_have_them_and_deleting_forgets_them(walk: ConnectionWalk) -> None:
    walk.save(client_id="", label_names="kept, <b>bold</b>")
    original = walk.id
    copy = walk.visitor.post(f"/connections/{walk.id}/duplicate").headers["Location"].split("/")[2]
    walk.id = copy
    assert shown(walk) == ["<b>bold</b>", "kept"]
    walk.visitor.post(f"/connections/{copy}/delete")
    assert all_labels(walk) == ["<b>bold</b>", "kept"]
    walk.visitor.post(f"/connections/{original}/delete")
    assert all_labels(walk) == []


def test_two_people_make_the_same_label_at_once(walk: ConnectionWalk) -> None:
    ids = [walk.save(client_id="", description=f"c{number}") for number in range(2)]
    ready, faults = threading.Barrier(2), []

    def put(connection_id: str) -> None:
        with walk.app.app_context():
            connection = store.load(connection_id)
            assert connection is not None
            data = replace(SalesforceSettings.of(connection), labels=["Shared"])
            by = db.session.scalars(select(User.id)).first()
            db.session.rollback()
            ready.wait(10)
            try:
                service.save(store.load(connection_id), data, by=by or 0)
            except Exception as fault:  # told to the test, which runs in another thread
                faults.append(fault)

    threads = [threading.Thread(target=put, args=(connection_id,)) for connection_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with walk.app.app_context():
        assert len(db.session.scalars(select(Label)).all()) == 1


@given(st.text(max_size=200))
def test_parsing_gives_each_label_once_and_comes_to_rest(text: str) -> None:
    names = labels.parse(text)
    assert labels.parse(", ".join(names)) == names
    assert all(name == name.strip() and "," not in name for name in names)
