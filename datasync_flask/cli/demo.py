"""The demo's initial content: a headless connection to the practice org, a DuckDB file, an extraction."""

from __future__ import annotations

import time

import httpx2

from datasync_flask.connections.descriptions import is_description_taken
from datasync_flask.destinations.service import save as save_destination
from datasync_flask.extensions import db
from datasync_flask.extractions.service import ExtractionSettings, ObjectChoice
from datasync_flask.extractions.service import save as save_extraction
from datasync_flask.queue import queue
from datasync_flask.salesforce import scopes
from datasync_flask.salesforce_connections.models import AuthMethod, LoginHost, TrackingType
from datasync_flask.salesforce_connections.service import save as save_connection
from datasync_flask.salesforce_connections.settings import SalesforceSettings

SOURCE, DESTINATION, EXTRACTION = "Practice org, headless", "Demo warehouse", "Practice org to the warehouse"
WAIT_SECONDS = 30


def seed(practice_origin: str) -> None:
    """Create everything once; a demo that was seeded before doesn't change."""
    if is_description_taken(SOURCE):
        return
    app = _register(practice_origin)
    source = save_connection(
        None,
        SalesforceSettings(
            description=SOURCE,
            tracking_type=TrackingType.DATE_DELETES,
            login_host=LoginHost.CUSTOM,
            login_url=practice_origin,
            auth_method=AuthMethod.CLIENT_CREDENTIALS,
            client_id=app["client_id"],
            client_secret=app["client_secret"],
            permission_level=scopes.DEFAULT,
            labels=["demo"],
        ),
        by=_administrator(),
    )
    queue().wake(source.id)
    destination = save_destination(
        None, "duckdb", description=DESTINATION, settings={"path": "demo.duckdb"}, password="", label_names=["demo"],
        problem=None, by=_administrator(),
    )  # fmt: skip
    save_extraction(
        None,
        ExtractionSettings(
            description=EXTRACTION,
            source_id=source.id,
            destination_id=destination.id,
            dataset="salesforce",
            objects=[ObjectChoice("Account"), ObjectChoice("Contact"), ObjectChoice("Opportunity", "date")],
        ),
        by=_administrator(),
    )


def _administrator() -> int:
    from sqlalchemy import select

    from datasync_flask.accounts.models import User

    return int(db.session.scalars(select(User.id).order_by(User.id)).first() or 0)


def _register(practice_origin: str) -> dict[str, str]:
    """Create a headless app in the practice org, as soon as that answers."""
    order = {
        "name": "DataSync demo", "callback_urls": [], "scopes": ["api", "refresh_token"], "client_credentials": True,
        "run_as": "ada@practice.example", "propagation_seconds": 0,
    }  # fmt: skip
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            answer = httpx2.post(f"{practice_origin}/practice/apps", json=order, timeout=10)
            answer.raise_for_status()
            return dict(answer.json())
        except httpx2.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
