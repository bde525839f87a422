"""Commands about the keys that secrets are encrypted with."""

from __future__ import annotations

import click
from cryptography.fernet import Fernet


@click.group()
def keys() -> None:
    """Keys that encrypt stored secrets."""


@keys.command("generate")
def generate() -> None:
    """Print a new key, for DATASYNC_ENCRYPTION_KEYS."""
    click.echo(Fernet.generate_key().decode())


@keys.command("certificate")
def certificate() -> None:
    """Create and print a new certificate for signed tokens (JWT); a connection uses it once it authenticates again."""
    from datasync_flask.audit import trail
    from datasync_flask.cli.session import app_session
    from datasync_flask.extensions import db
    from datasync_flask.salesforce.assertions import fingerprint
    from datasync_flask.salesforce_connections import certificates

    with app_session():
        made = certificates.make()
        trail.record(trail.Event.CERTIFICATE_MADE, fingerprint=fingerprint(made.pem))
        db.session.commit()
        click.echo(made.pem, nl=False)
    click.echo(
        "Upload it to the app in Salesforce, then press Authenticate and Save on the connection's page. Until then, "
        "connections go on with the certificate they have.",
        err=True,
    )


@keys.command("hashing")
@click.option("--new", is_flag=True, help="Make a new one first; the next runs load everything again with it.")
def hashing(*, new: bool) -> None:
    """Print the key that personal data is hashed with, to compute hashes elsewhere. Keep it secret."""
    from datasync_flask.audit import trail
    from datasync_flask.cli.session import app_session
    from datasync_flask.extensions import db
    from datasync_flask.extractions import hashing_key
    from datasync_flask.security.crypto import SecretUnreadable

    with app_session():
        if new:
            hashing_key.make_new()
            trail.record(trail.Event.HASHING_KEY_MADE)
            db.session.commit()
        try:
            click.echo(hashing_key.hashing_key().hex())
        except SecretUnreadable:
            raise click.ClickException(
                "The key can't be read with any of DATASYNC_ENCRYPTION_KEYS. With --new you get another one, and the "
                "next runs load everything again."
            ) from None


@keys.command("rotate")
def rotate() -> None:
    """Encrypt all stored secrets again with the first key; you can interrupt and repeat this while the app runs."""
    from datasync_flask.audit import trail
    from datasync_flask.cli.session import app_session
    from datasync_flask.extensions import db
    from datasync_flask.operations.key_rotation import rotate_all

    with app_session():
        done, unreadable = rotate_all()
        trail.record(trail.Event.KEYS_ROTATED, secrets=done)
        db.session.commit()
    click.echo(f"{done} secrets are encrypted with the first key now.")
    if unreadable:
        raise click.ClickException(
            f"{unreadable} secrets can't be read with any of the keys; they were left as they are."
        )
