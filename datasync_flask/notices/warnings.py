"""What is told: connections that need attention, runs that failed, and what will go wrong if nobody looks."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from datasync_flask.clock import utcnow
from datasync_flask.connections.certificates import EXPIRES_SOON
from datasync_flask.connections.models import (
    ConnectionEvent,
    SalesforceConnection,
    SalesforceGrant,
    SigningCertificate,
    State,
)
from datasync_flask.extensions import db
from datasync_flask.notices import service
from datasync_flask.notices.models import Notice

# Salesforce lets an app end refresh tokens that are unused for 30 days.
UNUSED_FOR = timedelta(days=25)
# With the fifth approval of one user and app Salesforce revokes the oldest ("Manage OAuth-Enabled Connected Apps").
APPROVALS = 5


def connection_path(connection_id: str) -> str:
    """Return the page of a connection."""
    return f"/connections/{connection_id}"


def look() -> None:
    """Tell of refresh tokens and certificates that will end, and of those that won't any more; commits."""
    _unused_refresh_tokens()
    _certificates_that_end()
    db.session.commit()


def _unused_refresh_tokens() -> None:
    before = utcnow() - UNUSED_FOR
    stale = db.session.execute(
        select(SalesforceConnection.id, SalesforceConnection.description)
        .join(SalesforceGrant)
        .where(SalesforceGrant.refreshed_at < before, SalesforceGrant.refresh_token_sealed != "")
    ).all()
    keys = {f"unused:{connection_id}" for connection_id, _ in stale}
    for connection_id, description in stale:
        service.begins(
            f"unused:{connection_id}",
            "refresh_token_unused",
            f"{description}: the refresh token may end soon",
            "It wasn't used for 25 days, and many apps in Salesforce let it end after 30. Press Check now on the "
            "connection's page, or authenticate again.",
            connection_path(connection_id),
        )
    told = db.session.scalars(select(Notice.key).where(Notice.key.startswith("unused:"))).all()
    for key in set(told) - keys:
        path = connection_path(key.removeprefix("unused:"))
        service.is_over(key, "refresh_token_used", "The refresh token is in use again", "Nothing has to be done.", path)


def _certificates_that_end() -> None:
    ending = db.session.execute(
        select(SalesforceConnection.id, SalesforceConnection.description, SigningCertificate.expires_at)
        .join(SigningCertificate)
        .where(SigningCertificate.expires_at < utcnow() + EXPIRES_SOON)
    ).all()
    keys = {f"certificate:{connection_id}" for connection_id, _, _ in ending}
    for connection_id, description, expires_at in ending:
        service.begins(
            f"certificate:{connection_id}",
            "certificate_ends",
            f"{description}: its certificate ends on {expires_at:%Y-%m-%d}",
            "Download the certificate from the connection's page, upload it to the app in Salesforce, and press "
            "Authenticate and Save.",
            connection_path(connection_id),
        )
    told = db.session.scalars(select(Notice.key).where(Notice.key.startswith("certificate:"))).all()
    for key in set(told) - keys:
        path = connection_path(key.removeprefix("certificate:"))
        service.is_over(key, "certificate_replaced", "The certificate was replaced", "Nothing has to be done.", path)


def approved(connection: SalesforceConnection, username: str) -> None:
    """Tell of the fifth approval by one user and app. The caller commits."""
    approvals = db.session.scalar(
        select(func.count(ConnectionEvent.id)).where(
            ConnectionEvent.connection_id == connection.id, ConnectionEvent.event == "granted"
        )
    )
    if (approvals or 0) >= APPROVALS and connection.state == State.CONNECTED and not connection.is_headless:
        service.begins(
            f"approvals:{connection.id}",
            "fifth_approval",
            f"{connection.description}: {username} allowed access {approvals} times",
            "With the fifth approval of one user and app, Salesforce takes back the oldest one, be it used or not. "
            " Use a Salesforce user of its own for each program.",
            connection_path(connection.id),
        )


def quota_forecast(extraction_id: str, description: str, calls: int, used: int, most: int, ceiling: int) -> None:
    """Tell that a run will come to the ceiling of API calls, or that the next ones won't any more; commits."""
    key, path = f"quota:{extraction_id}", f"/extractions/{extraction_id}"
    if used + calls > most * ceiling / 100:
        service.begins(
            key,
            "quota_forecast",
            f"{description}: the day's API calls will not be enough",
            f"The run needs about {calls:,} calls; the org has used {used:,} of {most:,} today and the run pauses at "
            f"{ceiling} %. It goes on by itself when there are calls again.",
            path,
        )
    else:
        service.is_over(key, "quota_enough", f"{description}: there are enough API calls again", "", path)
    db.session.commit()
