"""Which org an extraction's tables were filled from, and what to do if its source now belongs to another one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from sqlalchemy import select

from datasync_flask.clock import utcnow
from datasync_flask.extensions import db
from datasync_flask.extractions import service
from datasync_flask.extractions.models import Extraction, ExtractionObject
from datasync_flask.extractions.service import ExtractionSettings
from datasync_flask.salesforce.api import SalesforceApi
from datasync_flask.salesforce.errors import Problem, SalesforceError
from datasync_flask.salesforce.identity import is_resource_list, org_id_in, prove_data_api
from datasync_flask.salesforce_connections.models import SalesforceConnection, same_org


class LoadedFromOtherOrg(Exception):
    """The tables contain rows of another org than the one that the run's token opens."""


def org_behind(api: SalesforceApi, connection: SalesforceConnection) -> str:
    """The id of the org that a run's token opens, read with a call of the data API.

    Raises SalesforceError: OTHER_ORG when it isn't the connection's, DATA_API_CLOSED when no call gets through.
    """
    known, token_org = connection.org_id, api.token.org_id
    db.session.commit()
    if token_org and has_resources(api):
        found = token_org
    else:
        record = prove_data_api(partial(api.request, "GET"), api.base)
        found = org_id_in(record) or token_org or known
    if not same_org(found, known):
        raise SalesforceError(Problem.OTHER_ORG, found)
    return found


def has_resources(api: SalesforceApi) -> bool:
    """True when the data API lists its resources, which it does only for a token it accepts."""
    try:
        resources = api.request("GET", f"{api.base}/")
    except SalesforceError as error:
        if not error.is_about_the_request and error.problem is not Problem.NOT_SALESFORCE:
            raise
        return False
    return is_resource_list(resources)


def checked_org(api: SalesforceApi, extraction: Extraction) -> str:
    """The id of the org that a run's token opens, checked before anything is written; commits.

    Raises LoadedFromOtherOrg when the tables were filled from another one.
    """
    org_id = org_behind(api, extraction.source)
    found = others(extraction, org_id)
    if found:
        raise LoadedFromOtherOrg(", ".join(f"{each.name} ({each.loaded_org_id})" for each in found))
    db.session.commit()
    return org_id


def others(extraction: Extraction, org_id: str) -> list[ExtractionObject]:
    """The objects whose tables hold rows of another org."""
    return [each for each in extraction.objects if each.table_name and not same_org(each.loaded_org_id, org_id)]


def sources_of(org_id: str, except_id: str) -> list[SalesforceConnection]:
    """The connections that belong to an org."""
    found = db.session.scalars(select(SalesforceConnection).where(SalesforceConnection.id != except_id)).all()
    return [each for each in found if each.org_id and same_org(each.org_id, org_id)]


def load_again(extraction: Extraction, *, by: int) -> None:
    """Let the next run replace the tables with the rows of the current org; commits."""
    for chosen in others(extraction, extraction.source.org_id):
        chosen.forget_rows()
        chosen.loaded_org_id = ""
    _record(extraction, "load everything again", by)


def into_other_dataset(extraction: Extraction, dataset: str, *, by: int) -> None:
    """Let the next run fill another dataset; the tables stay as they are. Commits. Raises TableTaken."""
    service.save(extraction, replace(ExtractionSettings.of(extraction), dataset=dataset), by=by)


def back_to(extraction: Extraction, source: SalesforceConnection, *, by: int) -> None:
    """Read from a connection of the org that the tables were filled from; commits."""
    extraction.source_id = source.id
    _record(extraction, f"back to {source.description}", by)


def _record(extraction: Extraction, choice: str, by: int) -> None:
    extraction.updated_at = utcnow()
    service.record_change(extraction, {"org": ["", choice]}, by)
    db.session.commit()
