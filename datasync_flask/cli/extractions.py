"""Commands about extractions, with the same texts as the pages."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from datasync_flask.extractions.models import Extraction, Run

POLL_SECONDS = 0.5


@click.group()
def extraction() -> None:
    """Extractions and their runs."""


def _find(name: str) -> Extraction:
    from datasync_flask.api.definitions import find_extraction

    found = find_extraction(name)
    if found is None:
        raise click.ClickException(f"There is no extraction with the description or id {name!r}.")
    return found


def _run_facts(run: Run | None) -> dict[str, Any] | None:
    from datasync_flask.extractions.texts import explain_problem

    if run is None:
        return None
    return {
        "id": run.id,
        "state": str(run.state),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "api_calls": run.api_calls,
        "message": explain_problem(run),
        "detail": run.problem_detail,
        "objects": [
            {
                "name": each.name, "step": each.step, "rows": each.rows, "deleted": each.deleted,
                "source_count": each.source_count, "target_count": each.target_count,
            }
            for each in run.objects
        ],
    }  # fmt: skip


@extraction.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_extractions(as_json: bool) -> None:
    """List all extractions with their newest run."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.extractions.loader import all_with_last_run

    with app_session():
        shown = [
            {
                "id": found.id,
                "description": found.description,
                "source": found.source.description,
                "destination": found.destination.description,
                "dataset": found.dataset,
                "objects": [chosen.name for chosen in found.objects],
                "schedule": found.schedule,
                "next_run_at": found.next_run_at.isoformat() if found.next_run_at else None,
                "last_run": _run_facts(run),
            }
            for found, run in all_with_last_run()
        ]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    for row in shown:
        last = row["last_run"]
        state = last["state"] if isinstance(last, dict) else "never ran"
        click.echo(f"{row['id']}  {state:10} {row['description']}")


@extraction.command("run")
@click.argument("name")
@click.option("--wait", is_flag=True, help="Wait for its end; exit status 1 unless it is done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def run(name: str, wait: bool, as_json: bool) -> None:
    """Start a run of the extraction NAME (description or id); a worker does it."""
    from datasync_flask.cli.session import app_session
    from datasync_flask.extensions import db
    from datasync_flask.extractions.models import RunState
    from datasync_flask.extractions.runs import states
    from datasync_flask.queue import queue

    with app_session():
        found = _find(name)
        try:
            run_id = states.start(found.id, "command line").id
        except states.AlreadyRunning as other:
            raise click.ClickException(f"Run {other.run_id} of it isn't over yet.") from None
        queue().run_soon(run_id)
        state = RunState.QUEUED
        while wait:
            state = RunState(states.load(run_id).state)
            db.session.commit()
            if state.is_over:
                break
            time.sleep(POLL_SECONDS)
        facts = _run_facts(states.load(run_id)) or {}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(f"{facts['id']}  {facts['state']}  {facts['message']} {facts['detail']}".rstrip())
        for each in facts["objects"] if wait else ():
            click.echo(
                f"  {each['name']}: {each['rows']} rows, {each['deleted']} deleted; {each['source_count']} in "
                f"Salesforce, {each['target_count']} here"
            )
    raise SystemExit(1 if wait and state is not RunState.DONE else 0)
