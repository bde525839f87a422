"""Commands about people."""

from __future__ import annotations

import json

import click


@click.group()
def user() -> None:
    """People who may sign in."""


@user.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(["viewer", "editor", "admin"]), default="editor", show_default=True)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="DATASYNC_NEW_PASSWORD")
def add(email: str, role: str, password: str) -> None:
    """Add an account for EMAIL."""
    from datasync_flask.accounts.models import Role
    from datasync_flask.accounts.service import AccountError, create_user
    from datasync_flask.cli.session import app_session

    with app_session():
        try:
            created = create_user(email, password, Role(role))
        except AccountError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"{created.email} may sign in as {created.role}.")


@user.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_users(as_json: bool) -> None:
    """List all accounts."""
    from sqlalchemy import select

    from datasync_flask.accounts.models import User
    from datasync_flask.cli.session import app_session
    from datasync_flask.extensions import db

    with app_session():
        rows = [
            {
                "email": found.email,
                "role": str(found.role),
                "last_sign_in_at": found.last_sign_in_at.isoformat() if found.last_sign_in_at else None,
            }
            for found in db.session.scalars(select(User).order_by(User.email))
        ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['email']}  {row['role']}  last sign-in: {row['last_sign_in_at'] or 'never'}")


@user.command("password")
@click.argument("email")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="DATASYNC_NEW_PASSWORD")
def password(email: str, password: str) -> None:
    """Give the account of EMAIL a new password; its sessions, API tokens and links end."""
    from datasync_flask.accounts.service import AccountError, find, set_password
    from datasync_flask.cli.session import app_session

    with app_session():
        found = find(email)
        if found is None:
            raise click.ClickException(f"There is no account for {email}.")
        try:
            set_password(found, password)
        except AccountError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"The password of {found.email} is changed; its sessions, API tokens and links have ended.")
