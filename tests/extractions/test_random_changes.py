"""Rows that change at random: after each run both sides are the same, on every destination."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from tests.support.extraction import Extracting

ACTIONS = st.lists(
    st.sampled_from(["insert", "update", "delete", "hard_delete", "undelete", "formula", "merge", "run"]),
    min_size=3, max_size=9,
)  # fmt: skip


class Model:
    """One object whose rows change at random; after each run both sides have to be the same."""

    def __init__(self, extracting: Extracting, kind: str, tracking: str, *, history: bool, name: str) -> None:
        self.extracting, self.org, self.name = extracting, extracting.org, name
        self.tracking, self.history = tracking, history
        self.org.do(name, "object", fields={"Value__c": "double", "MasterRecordId": "reference"})
        self.org.do(name, "insert", rows=[{"Value__c": number} for number in range(4)])
        with extracting.app.app_context():
            db.session.execute(delete(Extraction))
            db.session.commit()
        fields = {f"tracking_type-{name}": tracking} | ({f"history-{name}": "on"} if history else {})
        extracting.make([name], kind, **fields)

    def do(self, action: str, picked: list[str]) -> None:
        name, org = self.name, self.org
        if action == "run":
            self.extracting.done()
            self.extracting.assert_same(name, ("Name",))
        elif action == "insert":
            org.do(name, "insert", rows=[{"Value__c": 1.5}, {"Value__c": None}])
        elif action == "undelete":
            gone = [row["Id"] for row in org.rows(name, with_deleted=True) if row["IsDeleted"]]
            org.do(name, "undelete", ids=gone[:2])
        elif action == "merge":
            if len(picked) > 1:
                org.do(name, "merge", winner=picked[0], ids=picked[1:])
        else:
            org.do(name, action, ids=picked, values={"Value__c": 7.25})


@pytest.mark.parametrize(("tracking", "history"), [("none", False), ("date_deletes", False), ("date_deletes", True)])
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=ACTIONS, data=st.data())
def test_whatever_happens_both_sides_are_the_same_after_a_run(
    extracting: Extracting, destination: str, tracking: str, history: bool, actions: list[str], data: st.DataObject
) -> None:
    name = f"Model{len(json.dumps(actions))}x{data.draw(st.integers(0, 10**9))}__c"
    model = Model(extracting, destination, tracking, history=history, name=name)
    for action in [*actions, "run"]:
        ids = model.org.ids(name)
        model.do(action, data.draw(st.lists(st.sampled_from(ids), unique=True, max_size=3)) if ids else [])
