"""What all forms of settings have in common: pages post them, the API and files give them; the rules are the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict


class SettingsForm(FlaskForm):
    """A form that is posted by a page, or filled by a program: then without CSRF token, which only browsers need."""

    def __init__(self, *args: Any, given: MultiDict[str, str] | None = None, **kwargs: Any) -> None:
        self._given = given
        if given is not None:
            kwargs |= {"formdata": given, "meta": {"csrf": False}}
        super().__init__(*args, **kwargs)

    def is_submitted(self) -> bool:
        """True when there is something to save."""
        return self._given is not None or bool(super().is_submitted())

    def was_overtaken(self, saved_at: datetime) -> bool:
        """True when somebody saved since this page was opened; pressing the button once more then replaces that."""
        seen = self["edited"]
        if not seen.data or seen.data == saved_at.isoformat():
            return False
        seen.data = saved_at.isoformat()
        return True

    @property
    def sent(self) -> MultiDict[str, str]:
        """Everything that was sent, also what no field of the form is called."""
        return self._given if self._given is not None else request.form

    def error_texts(self) -> dict[str, list[str]]:
        """Return what is wrong, by the name of the field ('' for the form as a whole)."""
        found = {field.name: [str(error) for error in field.errors] for field in self if field.errors}
        if self.form_errors:
            found[""] = [str(error) for error in self.form_errors]
        return found
