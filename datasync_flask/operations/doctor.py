"""Checks everything that DataSync needs, and says what is wrong and how to fix it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask
from flask_babel import format_decimal, gettext
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from datasync_flask.clock import utcnow
from datasync_flask.config import LOOPBACK_HOSTS, Settings
from datasync_flask.database import is_up_to_date
from datasync_flask.extensions import db
from datasync_flask.operations import browser_address, health, key_rotation
from datasync_flask.operations.browser_address import BrowserAddress
from datasync_flask.salesforce import reachability
from datasync_flask.salesforce.errors import SalesforceError
from datasync_flask.salesforce_connections.models import SalesforceConnection

# Tokens and signatures tolerate this difference; with more, codes look expired.
CLOCK_MAY_DIFFER_SECONDS = 60
LEAST_FREE_BYTES = 1_000_000_000
# Ignore an address that nobody has opened for longer.
SEEN_LATELY = timedelta(days=7)


@dataclass(frozen=True)
class Finding:
    """The result of one check; `fix` says what to do when it isn't well."""

    name: str
    is_well: bool
    text: str
    fix: str = ""


class Doctor:
    """One run of all checks."""

    def __init__(self, app: Flask, *, asks_others: bool = True) -> None:
        self._app, self._asks_others = app, asks_others
        self._settings: Settings = app.config["SETTINGS"]
        self._clocks: list[tuple[str, datetime]] = []

    def examine(self) -> Iterator[Finding]:
        """Yield findings part by part; a part that raises gives a finding too."""
        for name, check in self._checks():
            try:
                yield from check()
            except Exception as error:
                yield Finding(name, False, f"{type(error).__name__}: {error}"[:300], gettext("See docs/operations.md."))

    def _checks(self) -> tuple[tuple[str, Callable[[], Iterator[Finding]]], ...]:
        own = (
            ("settings", self._check_settings),
            ("database", self._check_database),
            ("browsers", self._check_browsers),
            ("queue and worker", self._check_parts),
            ("keys", self._check_keys),
            ("data folder", self._check_data_folder),
        )
        # These wait for answers from other servers, which a page mustn't do.
        others = (
            ("public address", self._check_public_address),
            ("Salesforce", self._check_salesforce),
            ("clock", self._check_clock),
        )
        return (*own, *others) if self._asks_others else own

    def _check_settings(self) -> Iterator[Finding]:
        yield Finding("settings", True, gettext("every value can be used"))
        if self._settings.callback_needs_https:
            yield Finding(
                "Callback URL",
                False,
                gettext("%(url)s begins with http", url=self._settings.callback_url),
                gettext(
                    "Salesforce accepts http for this computer only: serve DataSync over https and set "
                    "DATASYNC_PUBLIC_URL to that address."
                ),
            )
        else:
            yield Finding("Callback URL", True, self._settings.callback_url)

    def _check_browsers(self) -> Iterator[Finding]:
        seen = db.session.get(BrowserAddress, 1)
        is_lately = seen is not None and seen.seen_at > utcnow() - SEEN_LATELY
        if seen is not None and is_lately and browser_address.differs(seen.address, self._settings):
            fix = gettext(
                "Set DATASYNC_PUBLIC_URL=%(url)s, and DATASYNC_TRUSTED_PROXIES to the number of proxies in front; or "
                "have people open the public address.",
                url=browser_address.advised(seen.address),
            )
            text = gettext(
                "people open %(seen)s, but the Callback URL leads to %(url)s",
                seen=seen.address,
                url=self._settings.effective_public_url,
            )
            yield Finding("browsers", False, text, fix)
        elif not self._settings.public_url and self._is_for_others():
            fix = gettext("Set it to the address that people’s browsers show, like https://datasync.example.com.")
            yield Finding(
                "browsers", False, gettext("DATASYNC_PUBLIC_URL isn’t set, but others can reach DataSync"), fix
            )
        else:
            yield Finding("browsers", True, gettext("everybody opens the public address"))

    def _is_for_others(self) -> bool:
        return self._settings.host not in LOOPBACK_HOSTS or self._settings.trusted_proxies > 0

    def _check_database(self) -> Iterator[Finding]:
        try:
            is_current = is_up_to_date(self._app)
        except SQLAlchemyError as error:
            cause = (str(getattr(error, "orig", error)).strip().splitlines() or [gettext("no reason given")])[0]
            fix = gettext("Start the database, or correct DATASYNC_DATABASE_URL.")
            yield Finding("database", False, gettext("no answer: %(cause)s", cause=cause), fix)
            return
        text = f"{db.engine.dialect.name}, " + (
            gettext("schema of this version") if is_current else gettext("another schema")
        )
        yield Finding("database", is_current, text, "" if is_current else gettext("Run: datasync db upgrade"))

    def _check_parts(self) -> Iterator[Finding]:
        fixes = {
            "queue": gettext("Start the queue’s server, or correct DATASYNC_QUEUE_URL."),
            "worker": gettext(
                "Start one: datasync worker (make run starts it too). Until then nothing is checked or loaded."
            ),
        }
        for part in health.parts():
            if part.name in fixes:
                yield Finding(part.name, part.is_well, part.text, "" if part.is_well else fixes[part.name])

    def _check_keys(self) -> Iterator[Finding]:
        readable, unreadable = key_rotation.count_readable()
        if not unreadable:
            yield Finding("keys", True, gettext("%(count)s stored secrets, all can be read", count=readable))
            return
        fix = gettext(
            "Put the key they were encrypted with back into DATASYNC_ENCRYPTION_KEYS. If it is lost, open the "
            "connections that need attention and enter their secrets again."
        )
        text = gettext("%(some)s of %(all)s stored secrets can’t be read", some=unreadable, all=readable + unreadable)
        yield Finding("keys", False, text, fix)

    def _check_data_folder(self) -> Iterator[Finding]:
        folder = self._settings.effective_data_dir
        nearest = folder
        while not nearest.exists():
            nearest = nearest.parent
        if not os.access(nearest, os.W_OK | os.X_OK):
            fix = gettext("Give this user the right, or choose another with DATASYNC_DATA_DIR.")
            yield Finding("data folder", False, gettext("%(folder)s can’t be written", folder=folder), fix)
            return
        free = shutil.disk_usage(nearest).free
        text = gettext(
            "%(folder)s, %(gigabytes)s GB free", folder=folder, gigabytes=format_decimal(free / 1e9, "#,##0.0")
        )
        is_enough = free >= LEAST_FREE_BYTES
        yield Finding(
            "data folder", is_enough, text, "" if is_enough else gettext("Make room: a run that fills it fails.")
        )

    def _check_public_address(self) -> Iterator[Finding]:
        url = self._settings.effective_public_url
        try:
            # Trust our own address for this one request, which has no secret.
            answer = reachability.ask(f"{url}/healthz", (self._settings.public_origin,))
        except SalesforceError as error:
            fix = gettext(
                "Start the web process; behind a proxy, see that it forwards to it, and that the name leads there."
            )
            yield Finding("public address", False, f"{url}: {error.detail or error.problem.value}", fix)
            return
        is_ours = answer.status == 200 and answer.text == "ok\n"
        fix = "" if is_ours else gettext("Another program answers there: correct DATASYNC_PUBLIC_URL or the proxy.")
        text = gettext("%(url)s answers", url=url) if is_ours else f"HTTP {answer.status}"
        yield Finding("public address", is_ours, text, fix)

    def _check_salesforce(self) -> Iterator[Finding]:
        trusted = self._settings.salesforce_hosts
        rows = db.session.scalars(select(SalesforceConnection)).all()
        origins = sorted({row.login_origin for row in rows if row.login_origin} | set(trusted))
        db.session.commit()
        if not origins:
            yield Finding("Salesforce", True, gettext("no connection yet, nothing to reach"))
        for origin in origins:
            try:
                answer = reachability.ask_login_host(origin, trusted)
            except SalesforceError as error:
                fix = gettext("See that this machine may open connections to it: name server, firewall, proxy.")
                yield Finding(origin, False, error.detail or error.problem.value, fix)
                continue
            if answer.server_time is not None:
                self._clocks.append((origin, answer.server_time))
            yield Finding(origin, answer.status < 500, gettext("answers (HTTP %(status)s)", status=answer.status))

    def _check_clock(self) -> Iterator[Finding]:
        for origin, theirs in self._clocks:
            differs = abs((utcnow() - theirs).total_seconds())
            if differs > CLOCK_MAY_DIFFER_SECONDS:
                text = gettext(
                    "%(seconds)s s away from %(origin)s", seconds=format_decimal(round(differs)), origin=origin
                )
                fix = gettext("Let this machine’s clock follow a time server, for instance with systemd-timesyncd.")
                yield Finding("clock", False, text, fix)
                return
        text = gettext("agrees with Salesforce’s") if self._clocks else gettext("nothing to compare it with")
        yield Finding("clock", True, text)
