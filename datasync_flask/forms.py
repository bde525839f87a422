"""Common parts of all settings forms: the same rules for posted pages, the API and files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import request
from flask_babel import gettext
from flask_wtf import FlaskForm
from flask_wtf.form import SUBMIT_METHODS
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from wtforms import FileField, RadioField, SelectField
from wtforms.validators import ValidationError


class SettingRefused(ValueError):
    """A setting can't be saved: `field` says which, `message` why."""

    def __init__(self, field: str, message: Any) -> None:
        super().__init__(message)
        self.field, self.message = field, message


class Refused(ValueError):
    """A program's settings can't be saved; `errors` has the reasons by field ('' for the whole)."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" if name else " ".join(texts)
                                   for name, texts in errors.items()))  # fmt: skip
        self.errors = errors


# The flag of a part of a country: a black flag, its code in tags, and their end (Unicode TR51 "Emoji Tag Sequences").
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")


def strip(value: str | None) -> str | None:
    """Text without surrounding white space and invisible characters.

    Joiners stay where scripts and emoji need them: between letters, marks and signs beyond ASCII. Tags of flags stay
    too.
    """
    if value is None:
        return None
    kept, tags = "", {place for flag in _FLAG.finditer(value) for place in range(*flag.span())}
    for place, character in enumerate(value):
        is_joiner = character in "\u200c\u200d" and kept[-1:] > "\x7f" and unicodedata.category(kept[-1])[0] in "LMS"
        if is_joiner or place in tags or unicodedata.category(character) not in {"Cc", "Cf"}:
            kept += character
    return kept.strip()


def one_line(value: str | None) -> str | None:
    """Text as one line with single spaces, in Unicode NFC."""
    return " ".join(unicodedata.normalize("NFC", value).split()) if value is not None else None


class ListedChoice(SelectField):
    """A list to choose from; the refusal of another value has the field's name."""

    def pre_validate(self, form: Any) -> None:
        """Refuse what isn't on the list."""
        try:
            super().pre_validate(form)
        except ValidationError:
            raise ValidationError(gettext("%(field)s: choose one from the list.", field=self.label.text)) from None


class RadioChoice(ListedChoice, RadioField):
    """The same as radio buttons."""


class PostedForm(FlaskForm):
    """A form posted by a page. A file counts only for a field of files, and JSON for none: other fields expect text."""

    class Meta(FlaskForm.Meta):
        """Where the values come from."""

        def wrap_formdata(self, form: Any, formdata: Any) -> MultiDict[str, Any] | None:
            """The given values, or else those of the request."""
            if formdata is None or isinstance(formdata, MultiDict):
                return formdata
            if request.method not in SUBMIT_METHODS or not (request.form or request.files):
                return None
            fields = {field.name for field in form if isinstance(field, FileField)}
            files = MultiDict((name, file) for name, file in request.files.items(multi=True) if name in fields)
            return CombinedMultiDict([files, request.form])


class SettingsForm(PostedForm):
    """A form posted by a page, or filled by a program; then without a CSRF token, which only browsers need."""

    def __init__(self, *args: Any, given: MultiDict[str, str] | None = None, **kwargs: Any) -> None:
        self._given = given
        if given is not None:
            kwargs |= {"formdata": given, "meta": {"csrf": False}}
        super().__init__(*args, **kwargs)

    def is_submitted(self) -> bool:
        """True when there is something to save."""
        return self._given is not None or bool(super().is_submitted())

    def was_overtaken(self, saved_at: datetime) -> bool:
        """True when somebody saved since this page was opened; pressing the button again replaces their values."""
        seen = self["edited"]
        if not seen.data or seen.data == saved_at.isoformat():
            return False
        seen.data = saved_at.isoformat()
        return True

    def refuse_overtaken(self, stored: Mapping[str, str], shown: Mapping[str, str] | None = None) -> None:
        """Refuse a quick edit if its page showed a value (`was`) other than the stored one, whose text is `shown`."""
        seen = self.sent.get("was")
        if seen is None or seen in stored.values():
            return
        now = "; ".join((shown or stored).values())
        self[next(iter(stored))].errors = [
            gettext("Somebody changed this to “%(now)s” meanwhile. Save again to replace it.", now=now)
        ]

    @property
    def sent(self) -> MultiDict[str, str]:
        """All sent values, including those without a field."""
        return self._given if self._given is not None else request.form

    def refuse(self, refusal: SettingRefused) -> None:
        """Put a setting's error at its field."""
        self[refusal.field].errors = [str(refusal.message)]

    @property
    def is_wrong(self) -> bool:
        """True when the form refused something that was sent."""
        return bool(self.form_errors) or any(field.errors for field in self)

    def refusal(self) -> Refused:
        """The errors, for the program that sent the settings."""
        errors = {field.name: [str(error) for error in field.errors] for field in self if field.errors}
        if self.form_errors:
            errors[""] = [str(error) for error in self.form_errors]
        if "label_names" in errors:
            errors["labels"] = errors.pop("label_names")
        return Refused(errors)


def given_text(value: Any) -> str:
    """A program's value in the format of a form: without NUL and half characters, which no browser sends."""
    if isinstance(value, bool):
        return "true" if value else ""
    return "" if value is None else re.sub("[\ud800-\udfff]", "\ufffd", str(value)).replace("\x00", "")


def given_values(values: Mapping[str, Any], stored: Mapping[str, Any]) -> MultiDict[str, str]:
    """A form's input from a program: the stored settings with the program's values. Raises Refused."""
    merged = {**stored, **values}
    labels = merged.pop("labels", None)
    if labels is not None and not (isinstance(labels, list) and all(isinstance(each, str) for each in labels)):
        raise Refused({"labels": [gettext("Labels are a list of texts.")]})
    given: MultiDict[str, str] = MultiDict()
    for name, value in merged.items():
        if isinstance(value, dict | list):
            raise Refused({name: [gettext("This has to be a text or a number.")]})
        given.add(name, given_text(value))
    if labels is not None:
        given.add("label_names", given_text(", ".join(labels)))
    return given


def check_names(values: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise Refused for unknown settings."""
    if unknown := sorted(str(name) for name in values.keys() - set(names)):
        raise Refused({name: [gettext("There is no such setting here.")] for name in unknown})
