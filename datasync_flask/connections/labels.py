"""Labels: short words that a team puts on connections and extractions, to filter and group lists by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from flask_babel import gettext
from sqlalchemy import Table, delete, exists, select
from sqlalchemy.exc import IntegrityError
from wtforms.validators import ValidationError

from datasync_flask.connections.models import Label, connection_labels, description_key
from datasync_flask.extensions import db

# The tables that link things to labels; higher packages add theirs.
USES: list[Table] = [connection_labels]
MAX_LABELS = 10
MAX_LENGTH = 40


def parse(text: str) -> list[str]:
    """The labels in a comma-separated text, each once, in the order typed."""
    found: dict[str, str] = {}
    for part in text.split(","):
        name = " ".join(part.split())
        if name:
            found.setdefault(description_key(name), name)
    return list(found.values())


def check(text: str) -> None:
    """Raise ValidationError for labels that wouldn't fit a row of the list."""
    names = parse(text)
    if len(names) > MAX_LABELS:
        raise ValidationError(gettext("Use at most %(number)s labels.", number=MAX_LABELS))
    if any(len(name) > MAX_LENGTH for name in names):
        raise ValidationError(gettext("A label may have at most %(number)s characters.", number=MAX_LENGTH))


def joined(labels: Iterable[Label]) -> str:
    """Labels as people type them."""
    return ", ".join(label.name for label in labels)


def all_names() -> Sequence[str]:
    """The names of all labels in use, in alphabetical order."""
    return db.session.scalars(select(Label.name).order_by(Label.key)).all()


class Labelled(Protocol):
    """Something that can have labels."""

    labels: Any


def put(labelled: Labelled, names: list[str]) -> bool:
    """Give something exactly these labels; True when that changed something. The caller commits."""
    wanted = {description_key(name): name for name in names}
    if {label.key for label in labelled.labels} == set(wanted):
        return False
    labelled.labels = [_label(key, name) for key, name in wanted.items()]
    db.session.flush()
    forget_unused()
    return True


def _label(key: str, name: str) -> Label:
    known = select(Label).where(Label.key == key)
    try:
        with db.session.begin_nested():
            label = db.session.scalar(known)
            if label is None:
                label = Label(key=key, name=name)
                db.session.add(label)
    except IntegrityError:
        # Somebody else created it between the query and the insert.
        label = db.session.scalars(known).one()
    return label


def forget_unused() -> None:
    """Delete labels that nothing has any more. The caller commits."""
    unused = [~exists().where(uses.c.label_id == Label.id) for uses in USES]
    db.session.execute(delete(Label).where(*unused))
