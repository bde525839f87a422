"""Turns the content of a file into drafts: checks it against what exists, then saves it by the forms' rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flask_babel import gettext
from sqlalchemy import select

from datasync_flask.api.definitions import find_connection, find_extraction, save_connection, save_extraction
from datasync_flask.connections.descriptions import free_description
from datasync_flask.connections.models import Connection, description_key
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, ObjectCatalog
from datasync_flask.forms import Refused
from datasync_flask.moving_in.found import Found, FoundConnection, FoundExtraction, listed
from datasync_flask.salesforce.hosts import AddressRefused, is_my_domain, understand_login_address
from datasync_flask.salesforce_connections.app_values import ValueRefused, client_id_in
from datasync_flask.salesforce_connections.models import AuthMethod, LoginHost, SalesforceConnection

# Separate tables: the other tool's tables stay as they are.
DATASET = "datasync_salesforce"
_MOST_DATASETS = 20
_USERNAME = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Choice:
    """Which connections the extractions use: ids, '' for the file's own source and for no destination."""

    source_id: str = ""
    destination_id: str = ""


@dataclass(frozen=True)
class Made:
    """What was created, and what existed already."""

    connections: list[Connection] = field(default_factory=list)
    extractions: list[Extraction] = field(default_factory=list)


def checked(found: Found, choice: Choice, trusted: tuple[str, ...]) -> Found:
    """What can be created from a file's content, with remarks on what can't. Saves nothing."""
    result = replace(found, connections=[], extractions=[], remarks=list(found.remarks))
    _number_equal_names(found.connections)
    _number_equal_names(found.extractions)
    for connection in found.connections:
        result.subject, about = connection.description, gettext("Connection")
        if choice.source_id:
            result.left(about, gettext("You chose another connection as the source."))
            continue
        existing = find_connection(connection.description)
        if isinstance(existing, SalesforceConnection):
            result.left(
                about,
                gettext("There is a connection with this description already. It stays as it is, and is the source."),
            )
        else:
            _check_connection(result, connection, trusted)
            if existing is not None:
                connection.description = free_description(connection.description)
        result.connections.append(connection)
    for extraction in found.extractions:
        _check_extraction(result, extraction, choice)
    return result


def _number_equal_names(found: Sequence[FoundConnection] | Sequence[FoundExtraction]) -> None:
    """Give each a unique description: sources in a file may have the same name, or none."""
    seen: set[str] = set()
    for each in found:
        first, number = each.description, 2
        while (key := description_key(each.description)) in seen:
            each.description, number = f"{first[:110]} {number}", number + 1
        seen.add(key)


def _check_connection(result: Found, connection: FoundConnection, trusted: tuple[str, ...]) -> None:
    """Leave out values that the form would refuse, with the form's reasons."""
    if connection.login_host == LoginHost.CUSTOM:
        try:
            connection.login_url = understand_login_address(connection.login_url, trusted).url
        except AddressRefused as refusal:
            result.left(gettext("Login host"), gettext(refusal.message, **refusal.values))
            connection.login_host, connection.login_url = LoginHost.PRODUCTION, ""
    has_my_domain = connection.login_host == LoginHost.CUSTOM and is_my_domain(connection.login_url, trusted)
    if connection.auth_method == AuthMethod.CLIENT_CREDENTIALS and not has_my_domain:
        result.changed(
            gettext("Authentication"),
            gettext(
                "Without the org’s own address, a person has to allow access once. Enter My Domain and choose "
                "Client credentials in the connection to work without."
            ),
        )
        connection.auth_method = AuthMethod.AUTHORIZATION_CODE
    try:
        connection.client_id = client_id_in(connection.client_id)
    except ValueRefused as refusal:
        result.left(gettext("Client ID"), str(refusal))
        connection.client_id = ""
    if connection.username and not (_USERNAME.fullmatch(connection.username) and len(connection.username) <= 255):
        result.left(
            gettext("Username"), gettext("A Salesforce Username has the form of an email address, with an @ in it.")
        )
        connection.username = ""


def _check_extraction(result: Found, extraction: FoundExtraction, choice: Choice) -> None:
    description, about = extraction.description, gettext("Extraction")
    result.subject = description
    if find_extraction(description) is not None:
        result.left(about, gettext("There is an extraction with this description already. It stays as it is."))
        return
    if extraction.source is None and not choice.source_id:
        result.left(
            about,
            gettext("This file has no sign-in. Choose the source: a Salesforce connection that you have here."),
        )
        return
    if not choice.destination_id:
        result.left(
            about,
            gettext("An extraction needs a destination. Choose one here, or add one first and import the file again."),
        )
        return
    source_id = choice.source_id
    if not source_id and extraction.source is not None:
        existing = find_connection(extraction.source.description)
        source_id = existing.id if existing is not None else ""
    known = _known_objects(source_id)
    if known and (unknown := [each.name for each in extraction.objects if each.name.lower() not in known]):
        result.left(
            gettext("Objects"),
            gettext(
                "The org doesn’t have these objects, or its user can’t see them: %(names)s.", names=listed(unknown)
            ),
        )
        extraction.objects = [each for each in extraction.objects if each.name.lower() in known]
    if not extraction.objects:
        return
    result.changed(gettext("Tables"), gettext("They are new ones. Nothing runs until you start it."))
    result.extractions.append(extraction)


def _known_objects(source_id: str) -> set[str]:
    """The names of the org's objects in lower case, as last read; empty if they never were."""
    entries = db.session.scalar(select(ObjectCatalog.entries).where(ObjectCatalog.connection_id == source_id))
    return {str(entry[0]).lower() for entry in entries or ()}


def make(result: Found, choice: Choice, *, by: int | None) -> Made:
    """Save the checked content as drafts; what can't be saved gets a remark."""
    made = Made()
    ids: dict[str, str] = {}
    for connection in result.connections:
        try:
            saved = find_connection(connection.description) or save_connection(_definition(connection), None, by=by)
        except Refused as refusal:
            db.session.rollback()
            result.subject = connection.description
            result.left(gettext("Connection"), str(refusal))
            continue
        ids[connection.description] = saved.id
        made.connections.append(saved)
    for extraction in result.extractions:
        source_id = choice.source_id or (ids.get(extraction.source.description) if extraction.source else None)
        if source_id is None:
            continue
        try:
            draft = _save_extraction(extraction, source_id, choice.destination_id, by)
        except Refused as refusal:
            db.session.rollback()
            result.subject = extraction.description
            result.left(gettext("Extraction"), str(refusal))
            continue
        made.extractions.append(draft)
        result.subject = extraction.description
        result.changed(gettext("Tables"), gettext("They are in %(dataset)s.", dataset=draft.dataset))
    return made


def _definition(connection: FoundConnection) -> dict[str, str]:
    return {
        "kind": "salesforce",
        "description": connection.description,
        "login_host": connection.login_host.value,
        "login_url": connection.login_url,
        "auth_method": connection.auth_method.value,
        "client_id": connection.client_id,
        "username": connection.username,
    }


def _save_extraction(extraction: FoundExtraction, source_id: str, destination_id: str, by: int | None) -> Extraction:
    """Save an extraction without a schedule, into a dataset in which its tables are free. Raises Refused."""
    values = {
        "description": extraction.description,
        "source": source_id,
        "destination": destination_id,
        "objects": [each.settings() for each in extraction.objects],
    }
    number = 1
    while True:
        dataset = DATASET if number == 1 else f"{DATASET}_{number}"
        try:
            return save_extraction({**values, "dataset": dataset}, None, by=by).extraction
        except Refused as refusal:
            db.session.rollback()
            number += 1
            # The tables of this dataset are taken; try only a limited number.
            if refusal.errors.keys() != {"dataset"} or number > _MOST_DATASETS:
                raise
