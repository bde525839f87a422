from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.connections.models import State
from datasync_flask.salesforce_connections.lifecycle import TRANSITIONS, Event, TransitionRefused, apply, can_happen
from datasync_flask.salesforce_connections.models import SalesforceConnection

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def connection_in(state: State) -> SalesforceConnection:
    connection = SalesforceConnection(state=state, problem="", state_since=NOW)
    connection.rename("x")
    return connection


@given(st.sampled_from(State), st.lists(st.sampled_from(Event), max_size=30))
def test_any_sequence_of_events_stays_within_the_table(start: State, events: list[Event]) -> None:
    connection = connection_in(start)
    for event in events:
        before = State(connection.state)
        if can_happen(before, event):
            apply(connection, event, NOW)
            assert connection.state == (TRANSITIONS[event][1] or before)
        else:
            with pytest.raises(TransitionRefused):
                apply(connection, event, NOW)
            assert connection.state == before


def test_every_event_is_in_the_table_and_every_state_can_be_left() -> None:
    assert set(TRANSITIONS) == set(Event)
    for state in State:
        assert any(can_happen(state, event) and TRANSITIONS[event][1] not in {None, state} for event in Event)


def test_connected_comes_only_from_a_check_or_a_refused_renewal() -> None:
    leading = {event for event, (_, after) in TRANSITIONS.items() if after is State.CONNECTED}
    assert leading == {
        Event.CHECKED,
        Event.AUTHORIZE_FAILED_STILL_CONNECTED,
        Event.PROPAGATION_FAILED_STILL_CONNECTED,
        Event.OTHER_ORG_ASKED_STILL_CONNECTED,
        Event.WENT_BACK,
    }


def test_a_draft_can_only_begin_a_propagation_stay_a_draft_or_go_back_to_what_works() -> None:
    possible = {event for event in Event if can_happen(State.DRAFT, event)}
    assert possible == {Event.SAVED_INCOMPLETE, Event.PROPAGATION_STARTED, Event.DISCONNECTED, Event.WENT_BACK}
