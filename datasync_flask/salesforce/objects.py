"""The objects of an org: their list, their fields, and approximate row counts.

Sources: REST API Developer Guide "Describe Global", "sObject Describe", "Composite Batch", "Record Count".
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from datasync_flask.salesforce import query
from datasync_flask.salesforce.answers import COMFORT, OPTIONAL
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.descriptions import (
    ObjectDescription,
    ObjectEntry,
    checked_name,
    is_api_name,
    is_object,
    parse_description,
    parse_entry,
)
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.exact_json import number_of

log = logging.getLogger(__name__)

DESCRIBES_PER_CALL = 25
# Faults of one resource, or of a proxy that knows only some: objects can be described one by one.
_MAY_BE_THE_BATCHS = frozenset({Problem.SERVER_ERROR, Problem.NOT_SALESFORCE, Problem.NO_ANSWER_IN_TIME})
COUNTS_PER_CALL = 100


def list_objects(api: SalesforceApi) -> list[ObjectEntry]:
    """The org's objects, sorted by name."""
    answer = api.request("GET", f"{api.base}/sobjects")
    entries = answer.get("sobjects") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise SalesforceError(Problem.NOT_SALESFORCE, "no list of objects")
    found = [
        parse_entry(entry)
        for entry in entries
        if isinstance(entry, dict) and is_api_name(entry.get("name")) and is_object(entry)
    ]
    return sorted(found, key=lambda entry: entry.name.lower())


def describe(api: SalesforceApi, name: str) -> ObjectDescription:
    """An object's fields. Raises SalesforceError: OBJECT_GONE when there is no such object for this user,
    NOT_DESCRIBED when the answer isn't about it.
    """
    return parse_description(api.request("GET", f"{api.base}/sobjects/{checked_name(name)}/describe"), name)


def describe_many(api: SalesforceApi, names: list[str]) -> dict[str, ObjectDescription | SalesforceError]:
    """The fields of several objects, up to 25 in one call; where that resource is missing, one by one."""
    found: dict[str, ObjectDescription | SalesforceError] = {}
    for start in range(0, len(names), DESCRIBES_PER_CALL):
        chunk = names[start : start + DESCRIBES_PER_CALL]
        found.update(describe_together(api, chunk) if len(chunk) > 1 else {})
    for name in names:
        if name not in found:
            try:
                found[name] = describe(api, name)
            except SalesforceError as error:
                if not error.is_about_the_request:
                    raise
                found[name] = error
    return found


def describe_together(api: SalesforceApi, names: list[str]) -> dict[str, ObjectDescription]:
    """The fields of up to 25 objects in one call; those that Salesforce doesn't describe so are left out."""
    requests = [{"method": "GET", "url": f"{api.base}/sobjects/{checked_name(name)}/describe"} for name in names]
    order = {"haltOnError": False, "batchRequests": requests}
    try:
        answer = api.request("POST", f"{api.base}/composite/batch", json=order, bounds=replace(OPTIONAL, tries=2))
    except SalesforceError as error:
        if error.is_about_the_request or error.problem in _MAY_BE_THE_BATCHS:
            log.info("%s are described one by one: %s", ", ".join(names), error)
            return {}
        raise
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != len(names):
        return {}
    answers = [each.get("result") for each in results if isinstance(each, dict) and each.get("statusCode") == 200]
    by_name = {str(answer.get("name")).lower(): answer for answer in answers if isinstance(answer, dict)}
    found: dict[str, ObjectDescription] = {}
    for name in names:
        # Describe objects missing from the batch one by one.
        with suppress(SalesforceError):
            found[name] = parse_description(by_name.get(name.lower()), name)
    return found


def hidden_fields(api: SalesforceApi, description: ObjectDescription) -> list[str] | None:
    """The fields of an object that the user can't see; None if Salesforce doesn't say, because this needs the
    permission "View Setup and Configuration".

    Only the Tooling API lists the fields that field-level security hides; the same object of the data API leaves them
    out (Tooling API "Tooling API Objects in the Enterprise WSDL", "FieldDefinition").
    """
    which = f"EntityDefinition.QualifiedApiName = '{description.name}'"
    try:
        soql = f"SELECT QualifiedApiName FROM FieldDefinition WHERE {which}"
        answer = api.request("GET", f"{api.base}/tooling/query", params={"q": soql}, bounds=COMFORT)
        records = query.records_in(answer)
    except SalesforceError as error:
        log.info("%s: %s", which, error)
        return None
    seen = {field.name for field in description.fields}
    found = sorted(str(record.get("QualifiedApiName") or "") for record in records)
    return [name for name in found if is_api_name(name) and name not in seen] if found else None


def record_counts(api: SalesforceApi, names: list[str]) -> dict[str, int]:
    """Approximate row counts of objects, with a hundred objects in one call.

    Without the permission "View Setup and Configuration" there are none, and some objects (history, feeds) never do.
    """
    found: dict[str, int] = {}
    for start in range(0, len(names), COUNTS_PER_CALL):
        asked = names[start : start + COUNTS_PER_CALL]
        counts = _record_counts(api, sObjects=",".join(asked))
        if counts is None:
            break
        found |= {name: count for name, count in counts.items() if name in asked}
    return found


def all_record_counts(api: SalesforceApi) -> dict[str, int] | None:
    """Approximate row counts of all objects, in one call; None if Salesforce doesn't say."""
    return _record_counts(api)


def _record_counts(api: SalesforceApi, **params: str) -> dict[str, int] | None:
    answer = api.comfort(f"{api.base}/limits/recordCount", **params)
    told = answer.get("sObjects") if isinstance(answer, dict) else None
    if not isinstance(told, list):
        return None
    counts = {
        entry["name"]: number_of(entry.get("count"))
        for entry in told
        if isinstance(entry, dict) and is_api_name(entry.get("name"))
    }
    return {name: count for name, count in counts.items() if count is not None}
