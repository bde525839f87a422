"""The choices above the list of connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext

from datasync_flask.connections.history import state_label
from datasync_flask.connections.listing import ListQuery
from datasync_flask.connections.models import State


@dataclass(frozen=True)
class Filter:
    """A select: its options are (value, text); `unset` is the text of the option without a filter."""

    name: str
    label: str
    unset: str
    options: tuple[tuple[str, str], ...]
    chosen: str


def filters(query: ListQuery, label_names: Sequence[str]) -> list[Filter]:
    """The selects of the list; labels only if there are some."""
    states = tuple((state.value, state_label(state)) for state in State)
    groups = (("label", gettext("By label")), ("kind", gettext("By kind")), ("state", gettext("By status")))
    names = tuple((name, name) for name in label_names)
    found = [
        Filter("state", gettext("Status"), gettext("All statuses"), states, query.state),
        Filter("label", gettext("Label"), gettext("All labels"), names, query.label),
        Filter("group", gettext("Group by"), gettext("No grouping"), groups, query.group),
    ]
    return [each for each in found if each.options]
