"""API calls to a source connection's org, with its token."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from flask import current_app, has_app_context

from datasync_flask.extensions import db
from datasync_flask.salesforce.api import INTERACTIVE, PINNED_VERSION, Policy, SalesforceApi
from datasync_flask.salesforce.oauth import TokenAnswer
from datasync_flask.salesforce_connections import store, token_grants


@contextmanager
def source_api(
    connection_id: str, *, policy: Policy = INTERACTIVE, wait: Callable[[float], None] = time.sleep
) -> Iterator[SalesforceApi]:
    """Yield an API with a connection's token, for any thread. Raises SalesforceError."""
    held = token_grants.current_token(connection_id)
    connection = store.load(connection_id)
    version = connection.grant.api_version if connection and connection.grant else ""
    db.session.commit()
    trusted, lock = current_app.config["SETTINGS"].salesforce_hosts, threading.Lock()
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def refresh(stale: TokenAnswer) -> TokenAnswer:
        nonlocal held
        with lock, nullcontext() if has_app_context() else app.app_context():
            # Objects are read side by side: the first one refused renews the token for all.
            if held.token.access_token == stale.access_token:
                held = token_grants.refreshed_token(connection_id, held)
            return held.token

    with SalesforceApi(held.token, version or PINNED_VERSION, refresh, trusted, policy=policy, wait=wait) as api:
        yield api
