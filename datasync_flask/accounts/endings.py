"""One table of what belongs to a person, and what of it ends with which change to their account.

The buttons' pages show it, docs/people.md has it, and a test tries each cell.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete

from datasync_flask.accounts.models import ApiToken, PersonLink, Role, SignOnIdentity, UserSession
from datasync_flask.extensions import db


class Happening(enum.StrEnum):
    """Changes to an account that end something."""

    REMOVED = "removed"
    NO_LONGER_ADMINISTRATOR = "no_longer_administrator"
    NO_LONGER_EDITOR = "no_longer_editor"
    # By an administrator's link or on the command line.
    PASSWORD_RESET = "password_reset"
    PASSWORD_CHANGED = "password_changed"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"


@dataclass(frozen=True)
class Ending:
    """Something that belongs to a person, how it ends, and when."""

    text: Any
    end: Callable[[int], Any]
    ends_when: frozenset[Happening]
    # The text for the person themselves, if it differs.
    own_label: Any = ""


def _rows_of(owner: Any) -> Callable[[int], Any]:
    """What deletes the rows whose column `owner` is the person."""
    return lambda user_id: db.session.execute(delete(owner.class_).where(owner == user_id))


ALL = frozenset(Happening)
GONE_OR_RESET = frozenset({Happening.REMOVED, Happening.PASSWORD_RESET})
# Higher packages add more.
TABLE: dict[str, Ending] = {
    "sessions": Ending(
        _l("their sessions in all browsers"),
        _rows_of(UserSession.user_id),
        GONE_OR_RESET | {Happening.PASSWORD_CHANGED, Happening.SIGNED_OUT_EVERYWHERE},
        _l("your sessions in all browsers"),
    ),
    "tokens": Ending(_l("their API tokens"), _rows_of(ApiToken.user_id), GONE_OR_RESET),
    "links_to_them": Ending(
        _l("earlier links for choosing a new password"),
        _rows_of(PersonLink.user_id),
        GONE_OR_RESET | {Happening.PASSWORD_CHANGED},
    ),
    "links_for_others": Ending(
        _l("invitations and links for new passwords that they made for others"),
        _rows_of(PersonLink.invited_by_id),
        GONE_OR_RESET | {Happening.NO_LONGER_ADMINISTRATOR},
    ),
    "sign_on": Ending(_l("the link to single sign-on"), _rows_of(SignOnIdentity.user_id), GONE_OR_RESET),
}


def end(user_id: int, *happenings: Happening) -> None:
    """End everything of a person that ends with one of `happenings`; the caller commits."""
    for held in TABLE.values():
        if held.ends_when.intersection(happenings):
            held.end(user_id)


def what_ends(*happenings: Happening) -> list[str]:
    """A text about what ends with one of `happenings`."""
    return [str(held.text) for held in TABLE.values() if held.ends_when.intersection(happenings)]


def what_ends_for_you(*happenings: Happening) -> list[str]:
    """The same text for the person whose account it is."""
    return [str(held.own_label or held.text) for held in TABLE.values() if held.ends_when.intersection(happenings)]


def of_other_role(before: Role, after: Role) -> tuple[Happening, ...]:
    """The happenings that a new role means for a person."""
    lost = {Role.ADMIN: Happening.NO_LONGER_ADMINISTRATOR, Role.EDITOR: Happening.NO_LONGER_EDITOR}
    return tuple(happening for role, happening in lost.items() if after.rank < role.rank <= before.rank)
