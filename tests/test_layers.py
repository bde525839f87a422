"""What the picture in CONTRIBUTING says is what import-linter holds; and what may be imported late."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from datasync_flask import PAGES, PARTS

ROOT = Path(__file__).resolve().parents[1]
# Loaded where they are used, and why.
HEAVY = {
    "dlt": "0.6 s; runs only",
    "duckdb": "30 MB; runs and previews only",
    "pyarrow": "0.2 s and 60 MB; runs and previews only",
    "deltalake": "0.1 s and 100 MB; runs and previews of object stores only",
    "obstore": "comes with it; runs and previews of object stores only",
    "psycopg": "0.1 s; only who writes to PostgreSQL",
    "flask_migrate": "Alembic takes 0.2 s; only who changes the schema",
    "apprise": "0.3 s; only the process that sends through it",
    "requests": "comes with Apprise, in its process only",
}
# The only modules of ours among them: each loads one of these at its top.
OURS = {
    "datasync_flask.destinations.dlt_postgres": "its classes inherit from dlt's",
    "datasync_flask.extractions.runs.runner": "loads dlt and pyarrow; a run's own process only",
}


def layers() -> list[set[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (found,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [set(re.split(r"\s*[|:]\s*", layer)) for layer in found]


def test_the_picture_in_contributing_is_the_contract() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text().split("## How is the code laid out?")[1]
    lines = re.findall(r"^    (\w+(?:, \w+)*)  +\S", text.split("\n## ")[0], re.M)
    assert [set(line.split(", ")) for line in lines] == layers()


def test_the_app_is_made_from_the_bottom_up() -> None:
    order = [name for layer in reversed(layers()) for name in sorted(layer)]
    rank = {name: number for number, layer in enumerate(reversed(layers())) for name in layer}
    for names in (PARTS, PAGES):
        packages = [name.partition(".")[0] for name in names]
        assert set(packages) <= set(order)
    # What only pages need, from accounts on: guards come before the views they guard.
    above = [rank[name.partition(".")[0]] for name in PAGES if "." in name]
    assert above == sorted(above)


def late_imports() -> Iterator[tuple[str, str]]:
    """Yield what isn't imported at the top, and where."""
    for path in sorted((ROOT / "datasync_flask").rglob("*.py")):
        if path.is_relative_to(ROOT / "datasync_flask/cli"):
            continue
        tree = ast.parse(path.read_text())
        for node in set(ast.walk(tree)) - set(tree.body):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.ImportFrom):
                yield node.module or "", where
            elif isinstance(node, ast.Import):
                yield from ((alias.name, where) for alias in node.names)


def test_nothing_but_heavy_libraries_is_imported_inside_a_function() -> None:
    found = [(name, where) for name, where in late_imports() if name != "_typeshed.wsgi"]
    ours = [(name, where) for name, where in found if name.startswith("datasync_flask")]
    assert {name for name, _ in ours} == OURS.keys(), ours
    assert {name.partition(".")[0] for name, _ in found} == HEAVY.keys() | {"datasync_flask"}, found


def test_no_packages_import_each_other() -> None:
    """Layers that stand on one line may: between them nothing but this looks."""
    imports = {(where, name) for where, name in imports_between_packages()}
    assert not {pair for pair in imports if pair[::-1] in imports}


def imports_between_packages() -> Iterator[tuple[str, str]]:
    """Yield which package imports which."""
    for path in (ROOT / "datasync_flask").rglob("*.py"):
        package = path.relative_to(ROOT / "datasync_flask").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "datasync_flask":
                names = (node.module or "").split(".")[1:2] or [alias.name for alias in node.names]
                yield from ((package, name) for name in names if name != package)
