"""A site with something in every state, and the pages that show it: what pictures are taken of and axe is run on."""

from __future__ import annotations

from lxml import html

from tests.support.practice import PracticeOrg
from tests.support.program import Site, wait_for

NO_APP = {"client_id": "", "client_secret": ""}
# Before anything is made.
EMPTY_PAGES = {"home-empty": "/", "connections-empty": "/connections", "extractions-empty": "/extractions"}
SIGNED_OUT_PAGES = {"sign-in": "/login", "set-up-refused": "/setup"}
FIXED_PAGES = {
    "home": "/",
    "connections": "/connections",
    "connections-grouped": "/connections?group=label",
    "connections-no-match": "/connections?q=nothing",
    "connection-kinds": "/connections/new",
    "form": "/connections/new/salesforce",
    "import": "/connections/import",
    "destination-form": "/connections/new/postgresql",
    "extractions": "/extractions",
    "extractions-problems": "/extractions?state=problems",
    "extraction-source": "/extractions/new",
    "people": "/people",
    "notices": "/notices",
    "audit": "/audit",
    "this-server": "/settings/server",
    "account": "/account",
    "help": "/help",
    "help-search": "/help?q=tracking",
    "help-page": "/help/using",
    "help-errors": "/help/errors",
    "components": "/-/components",
    "not-found": "/nothing",
}


def make_states(site: Site, practice: PracticeOrg) -> dict[str, str]:
    """The pages of everything that is made, by the name of their picture."""
    connections = make_connections(site, practice)
    pages = {f"connection-{state}": f"/connections/{made}" for state, made in connections.items()}
    at = pages["connection-connected"]
    pages |= {
        "connection-edit": f"{at}/edit",
        "connection-delete": f"{at}/delete",
        "objects": f"{at}/objects?name=Account&count=1",
        "hand-off": f"{pages['connection-draft']}/hand-off",
        "handed-off": hand_over(site, connections["draft"]),
        "join": make_people(site),
    }
    return FIXED_PAGES | pages | make_extractions(site, practice, connections)


def make_connections(site: Site, practice: PracticeOrg) -> dict[str, str]:
    """A connection in each state, with names that a team would give them."""
    waiting = practice.register(site.callback_url, propagation_seconds=3600)
    made = {
        "draft": site.save(NO_APP, description="Field service"),
        "waiting": site.save(waiting, description="Partner portal UAT"),
    }
    names = {"ready": "Marketing", "authorizing": "Support desk", "connected": "Sales EMEA", "attention": "Legacy org"}
    for key, description in names.items():
        made[key] = site.save(practice.register(site.callback_url), description=description)
        site.wait_for_state(made[key], "ready_to_authorize")
    site.leave(made["authorizing"])
    site.allow(made["connected"])
    site.http.get(practice.answer_as_person(site.leave(made["attention"]), "deny"))
    site.wait_for_state(made["connected"], "connected")
    site.wait_for_state(made["attention"], "needs_attention")
    site.wait_for_state(made["waiting"], "waiting_for_propagation")
    for key, labels in (("connected", "sales, emea"), ("ready", "emea"), ("attention", "sales")):
        site.edit(made[key], label_names=labels)
    return made


def hand_over(site: Site, connection_id: str) -> str:
    """The path of a hand-off link."""
    return _new_link(site, site.post(f"/connections/{connection_id}/hand-off").text)


def make_people(site: Site) -> str:
    """Have somebody told of problems, make a token, and return the path of an invitation."""
    hook = {"kind": "webhook", "target": "https://chat.example.com/hook", "description": "Data team's chat"}
    site.post("/notices", hook)
    site.post("/account/tokens", {"name": "nightly job", "days": "90"})
    return _new_link(site, site.post("/people/invite", {"email": "grace@example.com", "role": "editor"}).text)


def _new_link(site: Site, text: str) -> str:
    return str(html.fromstring(text).xpath("string(//*[@class='aside']//code)")).removeprefix(site.address)


def make_extractions(site: Site, practice: PracticeOrg, connections: dict[str, str]) -> dict[str, str]:
    """The pages of destinations, and of extractions whose runs ended in every way, one of which still goes."""
    for name, count in (("Account", 8000), ("Contact", 300), ("OrderStatus", 4)):
        _generate(practice, name, count)
    warehouse = site.post("/connections/new/duckdb", {"description": "Warehouse", "path": "warehouse.duckdb"})
    lost = {"host": "db.internal", "port": "5432", "database": "analytics", "username": "datasync", "password": "x"}
    broken = site.post("/connections/new/postgresql", {"description": "Old reporting", **lost, "anyway": "1"})
    source, at = connections["connected"], warehouse.headers["location"]
    destination = at.rsplit("/", 1)[-1]

    def extraction(description: str, objects: list[str], **fields: str) -> str:
        return _extraction(
            site, description=description, source=source, destination=destination, objects=objects, **fields
        )

    done = extraction(
        "Sales to the warehouse", ["Account", "Contact", "OrderStatus"], schedule="every 15 minutes",
        **{"tracking_type-Account": "date_deletes"},
    )  # fmt: skip
    done_runs = [_run(site, done, "done") for _ in range(3)]
    differing = extraction("Contacts to the warehouse", ["Contact"], dataset="contacts")
    _run(site, differing, "done")
    # Their change date is older than the last run.
    _generate(practice, "Contact", 20)
    differing_runs = [_run(site, differing, "done") for _ in range(2)]
    failing = extraction("Orders nightly", ["Account", "OrderStatus"], dataset="orders", schedule="0 2 * * *")
    refusal = '[{"errorCode":"NOBODY_KNOWS_THIS","message":"Nobody knows this"}]'
    practice.fault("describe", status=400, body=refusal, times=None)
    failed_run = _run(site, failing, "failed")
    practice.clear_faults()
    pausing = extraction("Leads hourly", ["Account"], dataset="leads", schedule="every 1 hours")
    practice.change_org(daily_requests=11)
    paused_run = _run(site, pausing, "paused")
    practice.change_org(daily_requests=15000)
    going = extraction("Cases", ["Account", "OrderStatus"], dataset="cases")
    practice.fault("results", kind="hang", seconds=60, times=None)
    going_run = _run(site, going, "running")
    draft = site.post("/extractions/setup", {"source": source}).headers["location"].removesuffix("/objects")
    _continue(site, f"{draft}/objects")
    _continue(site, f"{draft}/destination")
    return {
        "destination": at,
        "destination-broken": broken.headers["location"],
        "destination-edit": f"{broken.headers['location']}/edit",
        "extraction": done,
        "extraction-edit": f"{done}/edit",
        "extraction-delete": f"{done}/delete",
        "extraction-fields": f"{done}/objects/Account",
        "extraction-data": f"{done}/data/Account",
        "extraction-differing": differing,
        "extraction-failed": failing,
        "extraction-paused": pausing,
        "run-done": done_runs[-1],
        "run-first": done_runs[0],
        "run-differing": differing_runs[-1],
        "run-failed": failed_run,
        "run-paused": paused_run,
        "run-running": going_run,
        "setup-objects": f"{draft}/objects",
        "setup-object": f"{draft}/objects/Account",
        "setup-alike": f"{draft}/alike",
        "setup-source": f"{draft}/source",
        "setup-destination": f"{draft}/destination",
        "setup-review": f"{draft}/review",
    }


def _generate(practice: PracticeOrg, name: str, count: int) -> None:
    order = {"object": name, "do": "generate", "count": count}
    practice.http.post("/practice/data", json=order, timeout=60).raise_for_status()


def _extraction(site: Site, **fields: str | list[str]) -> str:
    """The path of a new extraction."""
    given = {"csrf_token": site.token("/extractions/new"), "dataset": "salesforce", "timezone": "Europe/Berlin"}
    answer = site.http.post("/extractions/new", data=given | fields)
    return str(answer.headers["location"])


def _continue(site: Site, step: str) -> None:
    """Take what a step suggests."""
    form = html.fromstring(site.http.get(step).text).get_element_by_id(f"{step.rsplit('/', 1)[-1]}-form")
    values: dict[str, list[str]] = {}
    for name, value in form.form_values():
        values.setdefault(name, []).append(value)
    site.http.post(step, data={**values, "do": "continue"})


def _run(site: Site, extraction: str, state: str) -> str:
    """Start a run, wait until it has come to a state, and return its path."""
    run = str(site.post(f"{extraction}/runs").headers["location"])
    wait_for(lambda: f'data-state="{state}"' in site.http.get(f"{run}/progress").text, 180)
    return run
