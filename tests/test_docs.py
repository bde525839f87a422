"""The documentation is held to the code: every setting, command, address and reason is in it, and every link leads on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask

from datasync_flask import cli
from datasync_flask.config import Settings
from datasync_flask.connections.models import State
from datasync_flask.practice_org.org import Settings as PracticeSettings
from datasync_flask.salesforce.errors import Reason

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


def read(name: str) -> str:
    return (ROOT / name).read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"DATASYNC_{name.upper()}" in read("docs/settings.md")


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {f"DATASYNC_{name.upper()}" for name in Settings.model_fields} | {"DATASYNC_NEW_PASSWORD"}
    for page in PAGES:
        assert set(re.findall(r"DATASYNC_[A-Z_]+", page.read_text())) <= known, page


def commands(group: click.Group, prefix: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}"


@pytest.mark.parametrize("command", list(commands(cli.cli, "datasync")))
def test_every_command_is_documented(command: str) -> None:
    assert f"`{command}" in read("docs/commands.md")


def test_every_address_is_documented(app: Flask) -> None:
    documented = read("docs/addresses.md")
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            shown = re.sub(r"<public_id:(connection|extraction|draft)_id>", "<id>", rule.rule)
            assert shown.replace("<public_id:run_id>", "<run>") in read("docs/api.md"), rule.rule
        elif rule.endpoint != "static":
            assert (
                f"`{re.sub(r'<public_id:(connection|extraction|draft)_id>', '<id>', rule.rule).replace('<public_id:run_id>', '<run>')}`"
                in documented
            ), rule


@pytest.mark.parametrize("word", [*Reason, *State])
def test_every_reason_and_state_is_documented(word: str) -> None:
    assert f"| `{word}` |" in read("docs/connections.md")


@pytest.mark.parametrize("name", PracticeSettings.__dataclass_fields__)
def test_every_setting_of_the_practice_org_is_documented(name: str) -> None:
    assert f"`{name}`" in read("docs/practice-org.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_make_targets_that_the_readme_names_exist() -> None:
    makefile = read("Makefile")
    for page in PAGES:
        for target in re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text(), re.M):
            assert re.search(rf"^{target}:", makefile, re.M), target


def test_vendored_files_are_what_their_note_says() -> None:
    rows = re.findall(r"\| (\S+\.js) \| \S+ \| ([0-9a-f]{64}) \|", read("static/vendor/README.md"))
    assert {name for name, _ in rows} == {path.name for path in (ROOT / "static/vendor").glob("*.js")}
    for name, checksum in rows:
        assert hashlib.sha256((ROOT / "static/vendor" / name).read_bytes()).hexdigest() == checksum


def test_contributing_names_files_that_are_there() -> None:
    named = set(re.findall(r"`([\w/]+\.(?:py|js|css|po))`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert len(named) > 20
    folders = ("datasync_flask", "static", "templates", "tests", "benchmarks", "tools")
    there = [path.as_posix() for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in there)} == set()
