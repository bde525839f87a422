"""Tries a filter in the org before it is saved; an error is in Salesforce's own words."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask_babel import gettext

from datasync_flask.extractions import filters
from datasync_flask.extractions.source_api import source_api
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce import query
from datasync_flask.salesforce.descriptions import is_api_name
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """The result of a trial: why the filter is refused, or why it is unknown. Both are empty for a good filter."""

    refusal: str = ""
    not_tried: str = ""


def tried(source: SalesforceConnection, name: str, condition: str) -> Trial:
    """Try a filter. If that isn't possible now, the next run tries it."""
    try:
        filters.check(condition)
    except filters.FilterRefused as refused:
        return Trial(str(refused))
    if not condition or not is_api_name(name):
        return Trial()
    if source.grant is None:
        return _not_tried(name, gettext("The connection isn’t connected yet."))
    try:
        with source_api(source.id) as api:
            soql = f"SELECT Id FROM {name} WHERE ({condition}) LIMIT 1"  # noqa: S608 (SOQL; stays in its brackets)
            query.first_page(api, soql, tries=1)
    except SalesforceError as error:
        if not error.is_about_the_request:
            log.info("the filter of %s wasn't tried: %s", name, error)
            return _not_tried(name, f"{trouble(error.problem).title}.")
        words = error.detail or trouble(error.problem).sentences
        return Trial(gettext("Salesforce refuses this filter: %(words)s", words=words))
    return Trial()


def _not_tried(name: str, why: str) -> Trial:
    text = gettext("%(why)s The filter of %(name)s wasn’t tried. The next run tries it.", why=why, name=name)
    return Trial(not_tried=text)
