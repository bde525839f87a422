"""Commands for the server's operators: doctor, backup, restore."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check settings, database, queue, worker, keys, addresses and clock; exit status 1 when something is wrong."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.operations.doctor import Doctor

    with app_session(needs_schema=False) as app:
        found = []
        for finding in Doctor(app).examine():
            found.append(finding)
            if not as_json:
                click.echo(f"{'ok   ' if finding.is_well else 'WRONG'}  {finding.name}: {finding.text}")
                if finding.fix:
                    click.echo(f"       {finding.fix}")
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2))
    raise SystemExit(0 if all(finding.is_well for finding in found) else 1)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write database and keys into FILE (a .tar.gz), also while DataSync runs. Keep it safe: it holds keys."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.operations.backup import BackupFailed, make_backup

    with app_session() as app:
        try:
            rows = make_backup(app, file)
        except BackupFailed as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"{file}: {rows} rows and the encryption keys. Who has this file can read every stored secret.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace what is in the database now.")
def restore(file: Path, replace: bool) -> None:
    """Restore the database from FILE, written by `datasync backup`. Stop web and workers first."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.database import upgrade_database
    from datasync_flask.operations.backup import BackupFailed, put_back

    with app_session(needs_schema=False) as app:
        upgrade_database(app)
        try:
            rows, keys = put_back(app, file, replace=replace)
        except BackupFailed as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"{rows} rows are back. {keys}")
