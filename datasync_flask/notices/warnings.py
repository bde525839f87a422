"""Alerts about things that will go wrong soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from datasync_flask.clock import utcnow
from datasync_flask.connections.models import ConnectionEvent, State
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from datasync_flask.notices import service
from datasync_flask.notices.models import Notice
from datasync_flask.salesforce_connections.certificates import EXPIRES_SOON
from datasync_flask.salesforce_connections.models import SalesforceConnection, SalesforceGrant, SigningCertificate

# An app in Salesforce can end refresh tokens that are unused for 30 days.
UNUSED_FOR = timedelta(days=25)
# At the fifth approval of one user and app Salesforce revokes the oldest ("Manage OAuth-Enabled Connected Apps").
APPROVALS = 5


def connection_path(connection_id: str) -> str:
    """The page of a connection."""
    return f"/connections/{connection_id}"


@dataclass(frozen=True)
class _Ending:
    """Something that expires, with the alert before it does and the text when it is resolved."""

    key: str
    event: str
    advice: str
    event_over: str
    title_over: str


_REFRESH_TOKEN = _Ending(
    "unused",
    "refresh_token_unused",
    "It wasn’t used for 25 days, and many Salesforce apps let it expire after 30. Press Check now on the "
    "connection’s page, or authenticate again.",
    "refresh_token_used",
    "The refresh token is in use again",
)
_CERTIFICATE = _Ending(
    "certificate",
    "certificate_ends",
    "Download the certificate from the connection’s page, upload it to the app in Salesforce, and press Authenticate "
    "and Save.",
    "certificate_replaced",
    "The certificate was replaced",
)


def scan() -> None:
    """Raise alerts for refresh tokens and certificates that expire soon, and resolve outdated ones; commits."""
    stale = db.session.execute(
        select(SalesforceConnection.id, SalesforceConnection.description)
        .join(SalesforceGrant)
        .where(SalesforceGrant.refreshed_at < utcnow() - UNUSED_FOR, SalesforceGrant.refresh_token_sealed != "")
    )
    _tell(_REFRESH_TOKEN, {found.id: f"{found.description}: the refresh token may expire soon" for found in stale})
    ending = db.session.execute(
        select(SalesforceConnection.id, SalesforceConnection.description, SigningCertificate.expires_at)
        .join(SigningCertificate)
        .where(SigningCertificate.expires_at < utcnow() + EXPIRES_SOON)
    )
    _tell(
        _CERTIFICATE,
        {found.id: f"{found.description}: its certificate expires on {found.expires_at:%Y-%m-%d}" for found in ending},
    )
    db.session.commit()


def _tell(ending: _Ending, titles: dict[str, str]) -> None:
    """Raise alerts for the connections in `titles`, and resolve those of connections no longer in it."""
    for connection_id, title in titles.items():
        key = f"{ending.key}:{connection_id}"
        service.begins(key, ending.event, title, ending.advice, connection_path(connection_id))
    told = db.session.scalars(select(Notice.key).where(Notice.key.startswith(f"{ending.key}:"))).all()
    for connection_id in {key.removeprefix(f"{ending.key}:") for key in told} - titles.keys():
        key = f"{ending.key}:{connection_id}"
        service.is_over(key, ending.event_over, ending.title_over, connection_path(connection_id))


def approved(connection: SalesforceConnection, username: str) -> None:
    """Raise an alert for the fifth approval of one user and app. The caller commits."""
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
            "When a user approves an app for the fifth time, Salesforce revokes the oldest approval, even if it is in "
            "use. Use a separate Salesforce user for each program.",
            connection_path(connection.id),
        )


def quota_forecast(extraction: Extraction, *, calls: int, used: int, most: int) -> None:
    """Raise an alert if a run will reach the ceiling of API calls, or resolve it if it won't; commits."""
    key, path = f"quota:{extraction.id}", f"/extractions/{extraction.id}"
    if used + calls > extraction.ceiling_in_calls(most):
        service.begins(
            key,
            "quota_forecast",
            f"{extraction.description}: the day’s API calls will not be enough",
            f"The run needs about {calls:,} calls; the org has used {used:,} of {most:,} today and the run pauses at "
            f"{extraction.quota_ceiling} %. It continues by itself when calls are available again.",
            path,
        )
    else:
        service.is_over(key, "quota_enough", f"{extraction.description}: there are enough API calls again", path, "")
    db.session.commit()
