"""What depends on nothing that tests change is made once per process: they make thousands of apps, all alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from apispec import APISpec
from flask import Flask
from flask_smorest import Api, Blueprint
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule


def compile_routes_once(patch: pytest.MonkeyPatch) -> None:
    """Keep the functions by which Werkzeug builds addresses: they depend on a route's text alone.

    No public name leads there, and compiling them takes three times as long as the rest of an app.
    """
    compiled: dict[tuple[Any, ...], Callable[..., Any]] = {}
    compile_builder = Rule._compile_builder

    def find_or_compile(rule: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, append_unknown, *rule._trace)
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    patch.setattr(Rule, "_compile_builder", find_or_compile)


def compile_statements_once(patch: pytest.MonkeyPatch) -> None:
    """Have all engines of a kind of database share what SQLAlchemy compiled; its keys contain the dialect."""
    dialects: dict[str, sqlalchemy.Dialect] = {}
    compiled: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
    make = sqlalchemy.engine_from_config

    def make_alike(*arguments: Any, **options: Any) -> sqlalchemy.Engine:
        engine = make(*arguments, **options)
        name = engine.dialect.name
        engine.update_execution_options(compiled_cache=compiled[name])
        if name in dialects:
            engine.dialect = dialects[name]
        else:
            # A dialect knows its server only after the first connection.
            sqlalchemy.event.listen(engine, "connect", lambda *_: dialects.setdefault(name, engine.dialect))
        return engine

    patch.setattr(sqlalchemy, "engine_from_config", make_alike)


def compile_templates_once(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have all apps find in `folder` what Jinja compiled."""
    patch.setattr(Flask, "jinja_options", {"bytecode_cache": FileSystemBytecodeCache(str(folder))})


def describe_when_asked(patch: pytest.MonkeyPatch) -> None:
    """Have an app describe its API when a test asks for the description; that takes as long as the rest of the app."""
    register = Blueprint.register_views_in_doc

    def register_later(blueprint: Blueprint, api: Api, app: Flask, spec: APISpec, **options: Any) -> None:
        def describe() -> Any:
            del spec.to_dict
            register(blueprint, api, app, spec, **options)
            return spec.to_dict()

        spec.to_dict = describe

    patch.setattr(Blueprint, "register_views_in_doc", register_later)
