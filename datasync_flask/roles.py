"""Roles, and marks on views that say who may use them; accounts/rights.py enforces them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Role(enum.StrEnum):
    """What a person may do; each role includes the ones before it."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Position in the order of roles, higher may do more."""
        return list(Role).index(self)


def public(view: View) -> View:
    """Mark `view` as reachable without sign-in."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def needs_role(role: Role) -> Callable[[View], View]:
    """Mark a view as open only to people with at least `role`; unmarked views are open to everyone signed in."""

    def mark(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]
        return view

    return mark


def fragment(view: View) -> View:
    """Mark a view as returning a fragment: for people signed out it answers 401 instead of a sign-in page."""
    view.is_fragment = True  # type: ignore[attr-defined]
    return view
