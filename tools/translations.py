"""Bring the translations up to date: extract all texts, merge them into each language's catalogue, compile.

Run it after changing texts; then fill in what it lists, and run it again. A text whose wording changed loses its
translation: one that no longer says the same is worse than none.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from datasync_flask.audit.trail import EVENTS
from datasync_flask.connections import history
from datasync_flask.destinations import kind as destination_kinds
from datasync_flask.destinations.registry import DESTINATIONS
from datasync_flask.extractions.runs.comparing import IDS_BROKE_OFF, NOT_COUNTED
from datasync_flask.extractions.runs.formula_refresh import NO_CALLS_LEFT, NOT_REFRESHED
from datasync_flask.extractions.runs.object_states import ORG_REMOVED
from datasync_flask.extractions.runs.plan import Why
from datasync_flask.extractions.texts import RUN_STATES, STEPS
from datasync_flask.languages import LANGUAGES
from datasync_flask.notices import audit_texts
from datasync_flask.notices.failures import FAILURES
from datasync_flask.notices.texts import CHANNELS, ROLES
from datasync_flask.problems.registry import ENTRIES
from datasync_flask.problems.trouble import Responsible
from datasync_flask.salesforce.scopes import PERMISSION_LEVELS
from datasync_flask.salesforce_connections import kind as salesforce_kind

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "datasync_flask" / "translations"
KEYWORDS = {
    "_": None,
    "_l": None,
    "gettext": None,
    "ngettext": (1, 2),
    "lazy_gettext": None,
    "AddressRefused": None,
    "PathRefused": None,
    "ValueRefused": None,
}


def texts_in_tables() -> Iterator[str]:
    """Yield the texts that are data: they are translated where they are shown."""
    for entry in ENTRIES.values():
        yield from filter(None, (entry.title, entry.meaning, *entry.steps, entry.during_run))
    kinds = (salesforce_kind.SalesforceKind(), *map(destination_kinds.DestinationHandler, DESTINATIONS.values()))
    for kind in kinds:
        yield kind.hint
        yield from kind.event_texts.values()
        yield from (setting.in_history for setting in kind.settings.values())
    yield from (*history.STATE_LABELS.values(), *history.EVENT_TEXTS.values(), *history.SETTING_LABELS.values())
    audit = (audit_texts.SUBJECTS, audit_texts.DETAILS, audit_texts.FIELDS, audit_texts.VALUES)
    for table in (RUN_STATES, STEPS, ROLES, CHANNELS, *audit):
        yield from table.values()
    yield from (why.value for why in Why)
    yield from (NOT_COUNTED, IDS_BROKE_OFF, NOT_REFRESHED, NO_CALLS_LEFT, ORG_REMOVED, *FAILURES)
    yield from (wording for wording, _ in EVENTS.values())
    yield from (responsible.value for responsible in Responsible)
    yield from (level.title for level in PERMISSION_LEVELS)


def template() -> Catalog:
    """A catalogue of all texts there are, untranslated."""
    catalog = Catalog(project="datasync-flask", charset="utf-8", fuzzy=False)
    places = (
        (ROOT / "datasync_flask", [("practice_org/**", "ignore"), ("**.py", "python")], {}),
        (ROOT / "templates", [("**.html", "jinja2")], {"**.html": {"silent": "false", "trimmed": "true"}}),
    )
    for folder, methods, options in places:
        found = extract_from_dir(folder, methods, options, KEYWORDS)
        for _name, _line, message, _comments, context in sorted(found, key=lambda item: (item[0], item[1])):
            catalog.add(message, None, context=context)
    for text in texts_in_tables():
        catalog.add(text)
    return catalog


def merged(language: str) -> Catalog:
    """The catalogue of a language with all texts there are and the translations there are of them."""
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    catalog = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            catalog = read_po(file, locale=language)
    catalog.update(template(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    # Times of making would differ with every run.
    catalog.creation_date = catalog.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    return catalog


def as_po(catalog: Catalog) -> bytes:
    """The catalogue as a .po file without times and places, which would change with every run."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=110, omit_header=True, no_location=True, sort_output=False)
    header = (
        f'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: {catalog.locale}\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return header.encode() + buffer.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """The catalogue as the .mo file that is read at run time."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """The texts that have no translation yet."""
    return [
        message.id[0] if isinstance(message.id, tuple) else message.id
        for message in catalog
        if message.id and not (all(message.string) if isinstance(message.string, tuple) else message.string)
    ]


def main() -> int:
    """Update and compile every language; exit status 1 while something is untranslated."""
    missing = 0
    for language in LANGUAGES.keys() - {"en"}:
        catalog = merged(language)
        folder = FOLDER / language / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "messages.po").write_bytes(as_po(catalog))
        (folder / "messages.mo").write_bytes(as_mo(catalog))
        for text in untranslated(catalog):
            missing += 1
            print(f"{language}: {text}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
