"""Commands about Salesforce connections, with the same texts as the pages; export and import have all kinds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    from datasync_flask.salesforce_connections.models import SalesforceConnection


def _find(name: str) -> SalesforceConnection:
    from datasync_flask.api.definitions import find_connection
    from datasync_flask.salesforce_connections.models import SalesforceConnection

    found = find_connection(name)
    if not isinstance(found, SalesforceConnection):
        raise click.ClickException(f"There is no Salesforce connection with the description or id {name!r}.")
    return found


def facts(connection: SalesforceConnection) -> dict[str, Any]:
    """The facts about a connection that the pages show, without secrets."""
    from datasync_flask.problems.registry import trouble
    from datasync_flask.problems.trouble import During
    from datasync_flask.salesforce_connections.verdicts import checks_of

    problem, grant = connection.current_problem, connection.grant
    told = trouble(problem, During.CONNECTION) if problem else None
    found: dict[str, Any] = {
        "id": connection.id,
        "description": connection.description,
        "kind": connection.kind,
        "state": str(connection.state),
        "reason": connection.reason,
        "message": told.meaning if told else "",
        "detail": connection.problem_detail,
        "next_steps": list(told.steps) if told else [],
        "since": connection.state_since.isoformat(),
        "login_host": connection.login_origin,
        "authentication": str(connection.auth_method),
        "client_id": connection.client_id,
        "tracking_type": str(connection.tracking_type),
        "last_look_at": connection.last_probe_at.isoformat() if connection.last_probe_at else None,
        "next_look_at": connection.next_probe_at.isoformat() if connection.next_probe_at else None,
    }
    if grant is not None and grant.checked_at is not None:
        found |= {
            "user": grant.username,
            "org": grant.org_name,
            "org_id": grant.org_id,
            "sandbox": grant.is_sandbox,
            "instance": grant.host,
            "api_version": grant.api_version,
            "scopes": grant.scopes.split(),
            "api_calls_left": grant.api_calls_left,
            "api_calls_max": grant.api_calls_max,
            "checked_at": grant.checked_at.isoformat(),
        }
    checks = [{"code": each.code, "verdict": str(each.verdict), "text": each.text} for each in checks_of(connection)]
    return found | {"checks": checks}


def _print(connection: SalesforceConnection, as_json: bool) -> None:
    shown = facts(connection)
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    checks = shown.pop("checks")
    for name, value in shown.items():
        if name == "next_steps":
            for number, step in enumerate(value, start=1):
                click.echo(f"{f'step {number}':16} {step}")
        elif value not in ("", None):
            click.echo(f"{name.replace('_', ' '):16} {' '.join(value) if isinstance(value, list) else value}")
    for check in checks:
        click.echo(f"{'check ' + check['code']:16} {check['verdict']}: {check['text']}")


@click.group()
def connection() -> None:
    """Connections: to Salesforce, and to destinations."""


@connection.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_connections(as_json: bool) -> None:
    """List all Salesforce connections with their state."""
    from sqlalchemy import select
    from sqlalchemy.orm import selectinload

    from datasync_flask.cli.session import app_session
    from datasync_flask.connections.models import Connection
    from datasync_flask.extensions import db
    from datasync_flask.salesforce_connections.models import SalesforceConnection

    with app_session():
        rows = db.session.scalars(
            select(SalesforceConnection)
            .options(selectinload(SalesforceConnection.grant), selectinload(SalesforceConnection.visibility))
            .order_by(Connection.description_key)
        ).all()
        shown = [facts(row) for row in rows]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    for row in shown:
        click.echo(f"{row['id']}  {row['state']:24} {row['reason']:18} {row['description']}")


@connection.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the Salesforce connection with the description or id NAME."""
    from datasync_flask.cli.session import app_session

    with app_session():
        _print(_find(name), as_json)


@connection.command("check")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(name: str, as_json: bool) -> None:
    """Test the Salesforce connection NAME with real API calls now; exit status 1 when it doesn't work."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.connections.models import State
    from datasync_flask.salesforce_connections.health_check import check_now
    from datasync_flask.security.crypto import SecretUnreadable

    with app_session():
        found = _find(name)
        try:
            checked = check_now(found.id) or found
        except SecretUnreadable as error:
            raise click.ClickException(str(error)) from None
        _print(checked, as_json)
        works = checked.state == State.CONNECTED and (checked.grant is None or checked.grant.failed_checks == 0)
    raise SystemExit(0 if works else 1)


@connection.command("export")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: print).")
def export(output: Path | None) -> None:
    """Write all connections and extractions as YAML, without secrets."""
    from datasync_flask.api.transfer import export
    from datasync_flask.cli.session import app_session

    with app_session():
        text = export()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} can't be written: {error.strerror}.") from None


@connection.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--source", default="", help="Another tool's file: the Salesforce connection that extractions read from.")
@click.option("--destination", default="", help="Another tool's file: the destination that extractions write to.")
@click.option("--preview", is_flag=True, help="Another tool's file: only list what it gives, make nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(file: BinaryIO, source: str, destination: str, preview: bool, as_json: bool) -> None:
    """Create or change connections and extractions from FILE (- for standard input); exit status 1 when one of them
    can't be saved. FILE is an export, or settings of tap-salesforce, Meltano, Airbyte, dlt or ingestr, which become
    drafts.
    """
    from datasync_flask.api.transfer import NotOurs, bring
    from datasync_flask.cli.moving_in import bring_drafts
    from datasync_flask.cli.session import app_session
    from datasync_flask.moving_in.reading import MAX_BYTES, Document, FileRefused, decoded

    with app_session():
        try:
            document = Document(decoded(file.read(MAX_BYTES + 1)), str(getattr(file, "name", "")))
            if "datasync" not in document.mapping:
                raise SystemExit(
                    bring_drafts(document, source=source, destination=destination, preview=preview, as_json=as_json)
                )
            brought = list(bring(document.text))
        except (NotOurs, FileRefused) as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps([asdict(each) for each in brought], indent=2))
    else:
        for each in brought:
            click.echo(f"{each.what:8} {each.kind} {each.description}{f': {each.errors}' if each.errors else ''}")
            for warning in each.warnings:
                click.echo(f"         {warning}")
    raise SystemExit(1 if any(each.errors for each in brought) else 0)
