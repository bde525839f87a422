"""ingestr: its URI for Salesforce, and command lines or scripts that contain it.

Written from ingestr's documentation ("Salesforce", "ingestr ingest").
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from flask_babel import gettext

from datasync_flask.moving_in.found import Found, FoundConnection, FoundObject
from datasync_flask.moving_in.reading import Document, FileRefused, text_of
from datasync_flask.moving_in.salesforce_parts import (
    add_connection,
    object_called,
    put_domain,
    put_start,
)
from datasync_flask.salesforce_connections.models import AuthMethod

_URI = re.compile(r"salesforce://[^\s\"'`]*\?[^\s\"'`]+")
_KNOWN = frozenset(
    {
        "username",
        "password",
        "token",
        "domain",
        "access_token",
        "client_id",
        "client_secret",
        "grant_type",
        "auth_method",
    }
)
# The tables in its documentation; histories have one table per object.
_BY_DATE = frozenset(
    {"account", "agent_work", "campaign", "campaign_member", "case", "case_feed", "case_milestone", "contact",
     "content_document", "content_version", "conversation", "conversation_entry", "conversation_participant",
     "email_message", "event", "lead", "opportunity", "opportunity_line_item", "pricebook", "pricebook_entry",
     "product", "task", "task_relation", "user_service_presence", "voice_call", "voice_call_feed",
     "voice_call_recording", "account_history", "campaign_history", "case_history", "contact_history", "lead_history",
     "opportunity_field_history", "opportunity_history", "user_history"}
)  # fmt: skip
_WHOLE = frozenset(
    {"campaign_member_status", "dashboard", "dashboard_component", "event_relation", "feed_comment", "folder",
     "forecasting_quota", "group", "opportunity_contact_role", "opportunity_split", "opportunity_split_type",
     "permission_set", "permission_set_assignment", "profile", "record_type", "report", "service_presence_status",
     "survey_invitation", "survey_question_score", "survey_response", "survey_subject", "topic", "topic_assignment",
     "user", "user_role"}
)  # fmt: skip
# More command lines than a team has.
_MOST = 500


class CommandLine:
    """A URI alone, or in command lines."""

    title = "ingestr"

    def detect(self, document: Document) -> bool:
        """True when there is a URI of the Salesforce source."""
        return bool(_URI.search(document.text))

    def parse(self, document: Document) -> Found:
        """A connection for each URI, and an extraction of all tables read from it."""
        found = Found()
        by_uri: dict[str, tuple[FoundConnection, list[FoundObject]]] = {}
        for options in _commands(document.text):
            uri = options["source-uri"]
            if uri not in by_uri:
                by_uri[uri] = (_connection(found, uri, len(by_uri)), [])
            connection, objects = by_uri[uri]
            if table := options.get("source-table", ""):
                _take_table(found, connection, objects, table, options)
        for connection, objects in by_uri.values():
            found.subject = connection.description
            if not objects or found.add_extraction(connection.description, objects, connection) is None:
                found.left(
                    gettext("Objects"),
                    gettext("No table is read from here by name. Choose the objects in a new extraction."),
                )
        return found


def _commands(text: str) -> Iterator[dict[str, str]]:
    """Yield the options of each command line with a URI of the source, and any other URI as if it were alone."""
    joined = re.sub(r"\\\r?\n", " ", text)
    seen: set[str] = set()
    for count, line in enumerate(line for line in joined.splitlines() if _URI.search(line)):
        if count == _MOST:
            raise FileRefused(gettext("There are more than %(most)s command lines in this file.", most=_MOST))
        try:
            arguments = shlex.split(line, comments=False)
        except ValueError:
            arguments = line.split()
        options = _options(arguments)
        if not _URI.fullmatch(options.get("source-uri", "")):
            options["source-uri"] = _URI.findall(line)[0]
            if options["source-uri"] in seen:
                continue
        seen.add(options["source-uri"])
        yield options


def _options(arguments: list[str]) -> dict[str, str]:
    """The options `--name value` and `--name=value`, the last one of each name."""
    found: dict[str, str] = {}
    for position, word in enumerate(arguments):
        if word.startswith("--"):
            name, sign, value = word[2:].partition("=")
            following = arguments[position + 1] if position + 1 < len(arguments) else ""
            found[name] = value if sign else "" if following.startswith("--") else following
    return found


def _connection(found: Found, uri: str, number: int) -> FoundConnection:
    description = gettext("Salesforce (%(tool)s)", tool=f"ingestr {number + 1}" if number else "ingestr")
    connection = FoundConnection(description)
    found.subject = description
    try:
        values = {name: text_of(texts[-1]) for name, texts in parse_qs(urlsplit(uri).query, max_num_fields=50).items()}
    except ValueError:
        raise FileRefused(gettext("The address %(scheme)s can’t be understood.", scheme="salesforce://?…")) from None
    method = values.get("auth_method") or values.get("grant_type")
    if method == "client_credentials" or (not method and values.keys() & {"client_id", "client_secret"}):
        connection.auth_method = AuthMethod.CLIENT_CREDENTIALS
    put_domain(found, connection, values.get("domain", ""))
    others = values.keys() - _KNOWN
    return add_connection(found, connection, values, client_id="client_id", username="username", others=others)


def _take_table(
    found: Found, connection: FoundConnection, objects: list[FoundObject], table: str, options: dict[str, str]
) -> None:
    found.subject = connection.description
    is_custom = table.startswith("custom:")
    name = table.removeprefix("custom:") if is_custom else object_called(table) if table in _BY_DATE | _WHOLE else ""
    if not name:
        found.left(table[:80], gettext("ingestr has no table with this name for Salesforce."))
        return
    key = options.get("incremental-key", "")
    each = FoundObject(name, is_whole=not key and (is_custom or table in _WHOLE), cursor_field=key)
    put_start(found, [each], options.get("interval-start"))
    if options.get("interval-end"):
        found.left(
            gettext("End date"), gettext("An extraction has no end date. Set a filter if newer rows have to stay out.")
        )
    if options.get("columns") or options.get("mask"):
        found.left(
            gettext("Fields"),
            gettext(
                "DataSync has no renamed, converted or masked columns: %(name)s. Choose its fields instead.", name=name
            ),
        )
    objects.append(each)
