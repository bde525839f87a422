"""The ``datasync`` command. Exit status: 0 done, 1 it failed, 2 wrong use."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from datasync_flask.cli import accounts, connections, extractions, keys, operations, serve
from datasync_flask.config import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="datasync-flask")
def cli() -> None:
    """DataSync for Salesforce: connect Salesforce as a data source, and keep it connected."""


for command in (
    serve.run,
    serve.web,
    serve.worker,
    serve.prepare,
    serve.demo,
    serve.practice_org,
    serve.seed_demo,
    serve.db,
    accounts.user,
    connections.connection,
    extractions.extraction,
    keys.keys,
    operations.doctor,
    operations.backup,
    operations.restore,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``datasync`` command, with the arguments of the process if none are given."""
    try:
        cli(arguments)
    except SettingsError as error:
        click.echo(f"DataSync can't start with these settings:\n{error}", err=True)
        sys.exit(1)
    except Exception as error:
        # Compare by name, so that commands without a database don't load its driver.
        if type(error).__name__ != "OperationalError":
            raise
        cause = str(getattr(error, "orig", error)).strip().splitlines() or ["no reason given"]
        click.echo(f"The database or the queue can't be reached: {cause[0]}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
