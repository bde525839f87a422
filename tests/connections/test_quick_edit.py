"""Description and tracking type, changed in the row."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.connection import ConnectionWalk
from tests.support.visitor import Visitor


def patch(visitor: Visitor, connection_id: str, **fields: str) -> Any:
    data = {"csrf_token": visitor.csrf_token, **fields}
    return visitor.open(f"/connections/{connection_id}", method="PATCH", data=data)


@pytest.fixture
def visitor_at_list(walk: ConnectionWalk) -> Visitor:
    walk.save(client_id="")
    walk.visitor.get("/connections")
    return walk.visitor


def test_both_fields_are_changed_and_kept_in_the_history(walk: ConnectionWalk, visitor_at_list: Visitor) -> None:
    response = patch(visitor_at_list, walk.id, description="  Sales   APAC ", tracking_type="date_deletes")
    assert response.status_code == 200
    assert "Sales APAC" in response.text
    assert "Date and deletes" in response.text
    walk.show()
    assert "description from Sales EMEA to Sales APAC; tracking type from Date to Date and deletes" in walk.visitor.text


def test_saving_offers_undo_and_says_what_a_tracking_type_means(walk: ConnectionWalk, visitor_at_list: Visitor) -> None:
    response = patch(visitor_at_list, walk.id, tracking_type="none", was="date")
    assert "Loads everything each time." in response.text
    form = visitor_at_list.page.xpath("//div[@data-toast]/form")[0]
    fields = dict(form.form_values())
    assert fields["tracking_type"] == "date"
    assert "Tracking type of Sales EMEA is now None." in response.text
    undone = visitor_at_list.open(form.get("hx-patch"), method="PATCH", data=fields)
    assert undone.status_code == 200
    assert walk.stored().tracking_type == "date"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"description": "  "}, "Give the connection a description"),
        ({"description": "x" * 200}, "at most 120"),
        ({"tracking_type": "everything"}, "choose one from the list"),
    ],
)
def test_errors_stand_in_the_cell_with_what_was_typed(
    walk: ConnectionWalk, visitor_at_list: Visitor, fields: dict[str, str], message: str
) -> None:
    response = patch(visitor_at_list, walk.id, **fields)
    assert response.status_code == 422
    assert message in response.text
    assert "<html" not in response.text
    assert (walk.stored().description, walk.stored().tracking_type) == ("Sales EMEA", "date")


def test_a_taken_description(walk: ConnectionWalk, visitor_at_list: Visitor) -> None:
    walk.save(client_id="", description="Other")
    response = patch(visitor_at_list, walk.id, description="sales emea")
    assert response.status_code == 422
    assert "Another connection has this description already" in response.text
    assert 'value="sales emea"' in response.text


def test_somebody_elses_change_is_shown_not_overwritten(
    walk: ConnectionWalk, visitor_at_list: Visitor, sign_in: Any
) -> None:
    other = sign_in("editor")
    other.get("/connections")
    assert patch(other, walk.id, description="Theirs", was="Sales EMEA").status_code == 200
    response = patch(visitor_at_list, walk.id, description="Mine", was="Sales EMEA")
    assert response.status_code == 422
    assert "Somebody changed this to “Theirs” meanwhile" in response.text
    assert 'value="Mine"' in response.text
    fields = dict(visitor_at_list.page.xpath("//form")[0].form_values())
    assert visitor_at_list.open(f"/connections/{walk.id}", method="PATCH", data=fields).status_code == 200
    assert walk.stored().description == "Mine"


def test_a_change_leaves_the_connection_working(walk: ConnectionWalk) -> None:
    walk.to_connected()
    assert patch(walk.visitor, walk.id, description="Renamed").status_code == 200
    assert walk.state == "connected"


def test_rows_for_readers_have_no_inputs(walk: ConnectionWalk, sign_in: Any) -> None:
    walk.save(client_id="")
    viewer = sign_in("viewer")
    response = viewer.get(f"/connections/{walk.id}/row?edit=description")
    assert response.status_code == 200
    assert "<input" not in response.text
    assert walk.visitor.get(f"/connections/{walk.id}/row?edit=client_secret").text.count('<form class="editor') == 0


def test_an_edit_without_fields_changes_nothing(walk: ConnectionWalk, visitor_at_list: Visitor) -> None:
    assert patch(visitor_at_list, walk.id).status_code == 200
    assert walk.stored().description == "Sales EMEA"
