"""The choices above the list of connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext

from datasync_flask.connections.history import state_label
from datasync_flask.connections.kinds import KINDS
from datasync_flask.connections.listing import ListQuery
from datasync_flask.connections.models import State
from datasync_flask.languages import translated


@dataclass(frozen=True)
class Filter:
    """A select: its options are (value, text); `unset` is the text of the one that filters nothing."""

    name: str
    label: str
    unset: str
    options: tuple[tuple[str, str], ...]
    chosen: str


def filters(query: ListQuery, label_names: Sequence[str]) -> list[Filter]:
    """Return the selects of the list; labels only where there are some."""
    kinds = tuple((kind.key, translated(kind.title)) for kind in KINDS.values())
    states = tuple((state.value, state_label(state)) for state in State)
    groups = (("label", gettext("By label")), ("kind", gettext("By kind")), ("state", gettext("By status")))
    names = tuple((name, name) for name in label_names)
    found = [
        Filter("kind", gettext("Kind"), gettext("All kinds"), kinds, query.kind),
        Filter("state", gettext("Status"), gettext("Any status"), states, query.state),
        Filter("label", gettext("Label"), gettext("Any label"), names, query.label),
        Filter("group", gettext("Group by"), gettext("Not grouped"), groups, query.group),
    ]
    return [each for each in found if each.options]
