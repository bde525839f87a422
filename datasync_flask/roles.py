"""Roles, and the marks by which a view says who may use it; accounts/rights.py holds everybody to them."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Role(enum.StrEnum):
    """What a person may do; each role may also do what the ones before it may."""

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
    """Mark a view as open to people with `role` or a higher one only; everyone signed in may use the others."""

    def mark(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]
        return view

    return mark


def fragment(view: View) -> View:
    """Mark a view as answering with a piece of a page: signed out it says 401 instead of showing a sign-in page."""
    view.is_fragment = True  # type: ignore[attr-defined]
    return view
