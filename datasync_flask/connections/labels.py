"""Labels: short words that a team puts on connections, to filter and group the list by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask_babel import gettext
from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError
from wtforms.validators import ValidationError

from datasync_flask.connections.models import Connection, Label, connection_labels, description_key
from datasync_flask.extensions import db

MAX_LABELS = 10
MAX_LENGTH = 40


def parse(text: str) -> list[str]:
    """Return the labels in a comma-separated text, each once, in the order typed."""
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
    """Return labels as people type them."""
    return ", ".join(label.name for label in labels)


def all_names() -> Sequence[str]:
    """Return the names of all labels in use, in the order of the alphabet."""
    return db.session.scalars(select(Label.name).order_by(Label.key)).all()


def put(connection: Connection, names: list[str]) -> bool:
    """Let the connection have these labels and no others; True when that changed something. The caller commits."""
    wanted = {description_key(name): name for name in names}
    if {label.key for label in connection.labels} == set(wanted):
        return False
    connection.labels = [_label(key, name) for key, name in wanted.items()]
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
        # Somebody else made it between the look and the insert.
        label = db.session.scalars(known).one()
    return label


def forget_unused() -> None:
    """Delete labels that no connection has any more. The caller commits."""
    in_use = exists().where(connection_labels.c.label_id == Label.id)
    db.session.execute(delete(Label).where(~in_use))
