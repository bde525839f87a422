"""The form for a file or a pasted text, and for the source and destination of its extractions."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import HiddenField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types

from datasync_flask.extractions import loader
from datasync_flask.forms import ListedChoice, PostedForm
from datasync_flask.moving_in.drafts import Choice
from datasync_flask.moving_in.formats import understand
from datasync_flask.moving_in.found import Format, Found
from datasync_flask.moving_in.masking import masked
from datasync_flask.moving_in.reading import Document, FileRefused, checked_text, decoded

# What fits into a request together with the form.
MAX_KILOBYTES = 200


def too_large() -> FileRefused:
    """The refusal of what is more than a page takes."""
    return FileRefused(
        gettext(
            "This is more than %(most)s KB. Use the command datasync connection import on the server instead.",
            most=MAX_KILOBYTES,
        )
    )


class ImportForm(PostedForm):
    """Settings of another tool. The page shows them again without secrets."""

    file = FileField(
        _l("File"),
        description=_l("For example meltano.yml, config.json, secrets.toml, main.tf. At most 200 KB."),
    )
    text = TextAreaField(
        _l("Or paste its text"),
        description=_l("Settings, or a command line with salesforce:// in it."),
        render_kw={"rows": 12, "spellcheck": "false", "autocomplete": "off"},
    )
    filename = HiddenField()
    # Identifies the text and choices behind the list on the page.
    seen = HiddenField()
    source = ListedChoice(_l("Source"), description=_l("For files that hold no sign-in, such as a list of streams."))
    destination = ListedChoice(_l("Destination"), description=_l("Where the extractions write to."))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source.choices = [
            SelectChoice("", gettext("The connection in the file")),
            *(SelectChoice(each.id, each.description) for each in loader.sources()),
        ]
        destinations = [SelectChoice(each.id, each.description) for each in loader.destinations()]
        self.destination.choices = [SelectChoice("", gettext("None: create connections only")), *destinations]
        if not self.is_submitted() and len(destinations) == 1:
            self.destination.data = destinations[0].value
        self.document: Document | None = None
        self.kind: Format | None = None
        self.found: Found | None = None
        self.masked_places = 0
        self.has_file = False

    def validate_file(self, field: Any) -> None:
        """Read the chosen file, which takes precedence over the pasted text."""
        self.has_file = bool(field.data)
        if not self.has_file:
            return
        name = PurePath(field.data.filename or "").name[:200]
        data = field.data.read()
        self._check_size(len(data))
        self._read(Document(decoded(data), name))

    def validate_text(self, field: Any) -> None:
        """Read the pasted text, unless a file was chosen."""
        if self.has_file:
            return
        if not (field.data or "").strip():
            raise FileRefused(gettext("Choose a file or paste its text."))
        self._check_size(len(field.data.encode("utf-8", "ignore")))
        name = PurePath(self.filename.data or "").name[:200]
        self._read(Document(checked_text(field.data.replace("\r\n", "\n")), name))

    def _check_size(self, size: int) -> None:
        if size > MAX_KILOBYTES * 1024:
            raise too_large()

    def _read(self, document: Document) -> None:
        self.document = document
        self.kind, self.found = understand(document)

    def put_masked_text(self) -> None:
        """Show the text on the page without its secrets; drafts are created from that text."""
        document = self.document or Document((self.text.data or "").replace("\x00", ""), self.filename.data or "")
        self.text.data, self.masked_places = masked(document)
        self.filename.data = document.filename
        self.seen.data = self._fingerprint(self.text.data)

    @property
    def is_as_seen(self) -> bool:
        """True when the page already showed the list for this text and these choices."""
        return not self.has_file and self.seen.data == self._fingerprint(self.text.data or "")

    def _fingerprint(self, text: str) -> str:
        parts = (text.replace("\r\n", "\n").strip(), self.source.data, self.destination.data)
        return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()

    def choice(self) -> Choice:
        """Which connections the extractions use."""
        return Choice(self.source.data, self.destination.data)
