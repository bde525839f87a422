"""What depends on nothing that tests change is made once per process: they make thousands of apps, all alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from werkzeug.routing import Rule


def compile_routes_once(patch: pytest.MonkeyPatch) -> None:
    """Keep the functions by which Werkzeug builds addresses: they depend on a route's text alone."""
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


def share_statements(engine: Engine, first: Engine) -> None:
    """Have `engine` use the SQL that was compiled for `first`, which has been connected to a database of its kind."""
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
