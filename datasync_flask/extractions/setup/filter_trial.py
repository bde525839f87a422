"""A filter is tried against the org before it is saved: Salesforce says in its own words what is wrong with it."""

from __future__ import annotations

import logging

from flask_babel import gettext

from datasync_flask.extractions import filters
from datasync_flask.extractions.source_api import source_api
from datasync_flask.problems.registry import trouble
from datasync_flask.salesforce import query
from datasync_flask.salesforce.descriptions import is_api_name
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection

log = logging.getLogger(__name__)


def refusal(source: SalesforceConnection, name: str, condition: str) -> str:
    """Return why a filter can't be used, '' when it can, or when nobody can tell: then the run finds out."""
    try:
        filters.check(condition)
    except filters.FilterRefused as refused:
        return str(gettext(str(refused)))
    if not condition or source.grant is None or not is_api_name(name):
        return ""
    try:
        with source_api(source.id) as api:
            soql = f"SELECT Id FROM {name} WHERE ({condition}) LIMIT 1"  # noqa: S608 (SOQL; stays in its brackets)
            query.first_page(api, soql, tries=1)
    except SalesforceError as error:
        if not error.problem.is_about_the_request:
            log.info("the filter of %s wasn't tried: %s", name, error)
            return ""
        words = error.detail or trouble(error.problem).sentences
        return str(gettext("Salesforce refuses this filter: %(words)s", words=words))
    return ""
