"""Bulk jobs of cancelled runs, which nobody reads any more."""

from __future__ import annotations

import logging

from sqlalchemy import select, update

from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction, Run, RunObject, RunState
from datasync_flask.extractions.source_api import source_api
from datasync_flask.salesforce import bulk
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.security.crypto import SecretUnreadable
from datasync_flask.transactions import count_updated

log = logging.getLogger(__name__)

AT_ONCE = 50


def abort_all() -> None:
    """Abort them in Salesforce; each is tried once, because Salesforce itself forgets jobs after seven days."""
    left = db.session.execute(
        select(RunObject.id, RunObject.job_id, RunObject.progress, Extraction.source_id)
        .join(Run, RunObject.run_id == Run.id)
        .join(Extraction, Run.extraction_id == Extraction.id)
        .where(Run.state == RunState.CANCELLED, RunObject.job_id != "", RunObject.is_read.is_(False))
        .limit(AT_ONCE)
    ).all()
    db.session.commit()
    for row_id, job_id, progress, source_id in left:
        taken = update(RunObject).where(RunObject.id == row_id, RunObject.job_id == job_id).values(job_id="")
        if count_updated(taken) == 1:
            of_slices = [each["job_id"] for each in progress.get("slices", ()) if not each["is_read"]]
            try:
                with source_api(source_id) as api:
                    for each in dict.fromkeys([job_id, *filter(None, of_slices)]):
                        bulk.abort_job(api, each)
            except (SalesforceError, SecretUnreadable) as error:
                log.warning("the bulk job %s couldn't be aborted: %s", job_id, error)
