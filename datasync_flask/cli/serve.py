"""Commands that serve: run, web, worker, demo, practice-org; and the database's schema."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from datasync_flask.cli.supervised import stop_with_parent
from datasync_flask.cli.supervisor import Child, Supervisor, start_fork
from datasync_flask.config import LOOPBACK_HOSTS, UNSAFE_PORTS, Settings, load_settings

DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "practice makes perfect"
DEMO_PROPAGATION_SECONDS = 20
DEMO_ROWS = 20_000


class Port(click.IntRange):
    """A port that a browser will open."""

    def __init__(self) -> None:
        super().__init__(1, 65535)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Refuse ports that browsers refuse."""
        port: int = super().convert(value, param, ctx)
        if port in UNSAFE_PORTS:
            self.fail(f"{port} is a port that browsers refuse to open; choose another, for instance 5000.", param, ctx)
        return port


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(
                f"Port {port} on {host} can't be used ({error.strerror}). Choose another: PORT=8000 with make, "
                "--port 8000 with datasync."
            ) from None


def _prepare() -> str:
    """Bring the database up to date while the web's modules load; return the set-up link ('' if there is an account).

    This uses a separate process, because no connection to the database may be open when web and worker are forked.
    """
    from datasync_flask import PAGES, PARTS

    load(PARTS)
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = start_fork(["prepare"], sending)
    load(("cli.web_server", "worker", *PAGES))
    process.join()
    if process.exitcode != 0:
        raise SystemExit(process.exitcode)
    return str(receiving.recv()).strip()


def load(names: Sequence[str]) -> None:
    """Import our own modules that programs need, before they are forked."""
    for name in names:
        importlib.import_module(f"datasync_flask.{name}")


@click.command(hidden=True)
def prepare() -> None:
    """Bring the database up to date, make the first administrator, or print the link to do so."""
    from datasync_flask.accounts.service import AccountError, first_administrator
    from datasync_flask.cli.session import app_session
    from datasync_flask.database import upgrade_database

    with app_session(needs_schema=False, pages=False) as app:
        upgrade_database(app)
        # Report an unreachable queue now, instead of letting the worker restart again and again.
        app.extensions["queue"].open()
        try:
            click.echo(first_administrator(app) or "")
        except AccountError as error:
            raise click.ClickException(f"DATASYNC_ADMIN_{error.field.upper()}: {error}") from None


def _say_start(settings: Settings, setup_link: str) -> None:
    click.echo(f"\n  DataSync is at {settings.effective_public_url}\n")
    if setup_link:
        click.echo(f"  There is no account yet. Create the first one here (the link works once):\n  {setup_link}\n")
    if settings.callback_needs_https:
        click.echo("  Salesforce accepts this address only with https: see 'Connect a real org' in the README.\n")


@click.command()
@click.option("--port", type=Port(), help="Port the web pages are served on (default: DATASYNC_PORT, else 5000).")
def run(port: int | None) -> None:
    """Run web and worker together, with everything they need."""
    if port is not None:
        os.environ["DATASYNC_PORT"] = str(port)
    settings = load_settings()
    _refuse_taken_port(settings.host, settings.port)
    _say_start(settings, _prepare())
    Supervisor([Child("web", ["web"]), Child("worker", ["worker"])]).run()


@click.command()
@click.option("--port", type=Port(), help="Port to listen on (default: DATASYNC_PORT, else 5000).")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Web processes.")
def web(port: int | None, processes: int) -> None:
    """Serve the web pages (gunicorn)."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.cli.web_server import WebServer
    from datasync_flask.salesforce_connections.due_work import restart_for_moved_callbacks

    if port is not None:
        os.environ["DATASYNC_PORT"] = str(port)
    settings = load_settings()
    with app_session(settings) as app:
        # Only the web process knows for certain which address people use.
        restart_for_moved_callbacks()
    _refuse_taken_port(settings.host, settings.port)
    stop_with_parent()
    WebServer(app, settings, processes).run()


@click.command()
def worker() -> None:
    """Check connections and run extractions in the background."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.worker import run_worker

    settings = load_settings()
    with app_session(settings, pages=False) as app:
        stop_with_parent()
    run_worker(app)


@click.command()
@click.option("--port", type=Port(), default=5000, show_default=True, help="Port of the web pages.")
@click.option("--practice-port", type=Port(), help="Port of the practice org (default: the next one).")
@click.option(
    "--propagation",
    type=click.FloatRange(0, 3600),
    default=DEMO_PROPAGATION_SECONDS,
    show_default=True,
    help="Seconds until the practice org knows a new app.",
)
def demo(port: int, practice_port: int | None, propagation: float) -> None:
    """Run everything beside a practice Salesforce org, with an account that is ready."""
    practice_port = practice_port or port + 1
    practice_origin = f"http://127.0.0.1:{practice_port}"
    folder = Path(os.environ.get("DATASYNC_INSTANCE_DIR", "instance")) / "demo"
    os.environ.update(
        {
            "DATASYNC_PORT": str(port),
            "DATASYNC_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DATASYNC_HOST": "127.0.0.1",
            "DATASYNC_INSTANCE_DIR": str(folder),
            "DATASYNC_DATABASE_URL": "",
            "DATASYNC_QUEUE_URL": "",
            "DATASYNC_ADMIN_EMAIL": DEMO_EMAIL,
            "DATASYNC_ADMIN_PASSWORD": DEMO_PASSWORD,
            "DATASYNC_SALESFORCE_HOSTS": practice_origin,
        }
    )
    os.environ.setdefault("DATASYNC_PROBE_INTERVAL", "3")
    settings = load_settings()
    _refuse_taken_port(settings.host, settings.port)
    _refuse_taken_port("127.0.0.1", practice_port)
    _prepare()
    click.echo(
        f"""
  DataSync is at       {settings.effective_public_url}
    Email              {DEMO_EMAIL}
    Password           {DEMO_PASSWORD}

  The practice org is at {practice_origin}/lightning/setup/home
    Create an app there as the guide in DataSync describes. The org recognises it after {propagation:g} seconds.
    For Login host, choose My Domain and enter {practice_origin}

  Or start with the extraction that is ready: open Extractions and press Run now.
"""
    )
    practice = ["practice-org", "--port", str(practice_port), "--propagation", str(propagation)]
    practice += ["--state", str(folder / "practice_org.json"), "--rows", str(DEMO_ROWS)]
    seed = [sys.executable, "-m", "datasync_flask.cli", "seed-demo", practice_origin]
    subprocess.Popen(seed, stdout=subprocess.DEVNULL)
    Supervisor([Child("practice org", practice), Child("web", ["web"]), Child("worker", ["worker"])]).run()


@click.command("seed-demo", hidden=True)
@click.argument("practice_origin")
def seed_demo(practice_origin: str) -> None:
    """Give the demo a connection that works and an extraction that is ready to run."""
    from datasync_flask.cli.demo import seed
    from datasync_flask.cli.session import app_session

    with app_session():
        seed(practice_origin)


@click.command("practice-org")
@click.option("--port", type=Port(), default=5001, show_default=True, help="Port to listen on, on loopback only.")
@click.option("--host", default="127.0.0.1", hidden=True)
@click.option(
    "--propagation",
    type=click.FloatRange(0, 3600),
    default=DEMO_PROPAGATION_SECONDS,
    show_default=True,
    help="Seconds until a new or changed app is known.",
)
@click.option("--tls", is_flag=True, help="Serve https with a certificate made at start; its path is printed.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="File to keep apps and tokens in.")
@click.option("--rows", type=click.IntRange(0, 5_000_000), default=0, help="Rows of Account to begin with.")
@click.option("--objects", type=click.IntRange(0, 5_000), default=0, help="Have at least so many objects.")
@click.option("--latency", type=click.IntRange(0, 60_000), default=0, help="Milliseconds that an answer takes longer.")
@click.option("--bandwidth", type=click.FloatRange(0), default=0, help="Kilobytes a second; 0: as fast as it goes.")
def practice_org(
    port: int,
    host: str,
    propagation: float,
    tls: bool,
    state: Path | None,
    rows: int,
    objects: int,
    latency: int,
    bandwidth: float,
) -> None:
    """Run a stand-in Salesforce org to practise with."""
    from datasync_flask.practice_org.server import serve

    if host not in LOOPBACK_HOSTS:
        raise click.UsageError("The practice org listens on this computer only.")
    stop_with_parent()
    serve(
        host,
        port,
        propagation=propagation,
        tls=tls,
        state=state,
        rows=rows,
        objects=objects,
        latency=latency / 1000,
        bandwidth=bandwidth,
    )


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Upgrade the database to the schema of this version."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.database import upgrade_database

    with app_session(needs_schema=False) as app:
        upgrade_database(app)
    click.echo("The database is up to date.")
