"""The stylesheet and the pages agree: no rule that nothing uses, no class that nothing styles."""

from __future__ import annotations

import re
from pathlib import Path

from datasync_flask.connections.history import STATE_TONES
from datasync_flask.extractions.texts import RUN_TONES

ROOT = Path(__file__).resolve().parent.parent
EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
# Classes that only scripts or tests ask for.
HOOKS = {"column"}
# Classes that Python chooses or htmx sets.
ELSEWHERE = {*STATE_TONES.values(), *RUN_TONES.values(), "done", "now", "htmx-request"}


def styled_classes() -> set[str]:
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "static/style.css").read_text(), flags=re.DOTALL)
    # What stands in braces without braces inside is declarations; what is left is selectors and conditions.
    selectors = re.sub(r"\{[^{}]*\}", " ", text)
    return set(re.findall(r"\.([a-z][\w-]*)", selectors))


def classes_of_pages() -> set[str]:
    """The classes that templates give to elements."""
    found = set()
    for template in (ROOT / "templates").rglob("*.html"):
        for value in re.findall(r'\bclass="([^"]*)"', template.read_text()):
            found |= set(EXPRESSION.sub(" ", value).split())
            found |= set(re.findall(r"'([a-z-]+)' if", value))
    return found


def words_in_expressions() -> set[str]:
    """What a template may hand to a macro as a class; texts that people read are none."""
    found = set()
    for template in (ROOT / "templates").rglob("*.html"):
        for expression in EXPRESSION.findall(template.read_text()):
            for value in re.findall(r'"([a-z -]+)"', re.sub(r'_\("[^"]*"\)', "", expression)):
                found |= set(value.split())
    return found


def test_every_rule_is_used() -> None:
    assert sorted(styled_classes() - classes_of_pages() - words_in_expressions() - ELSEWHERE) == []


def test_every_class_has_a_rule() -> None:
    assert sorted(classes_of_pages() - styled_classes() - HOOKS) == []


def test_gaps_are_steps_of_the_scale() -> None:
    gaps = re.findall(r"[^-]gap: ([^;}]*)", (ROOT / "static/style.css").read_text())
    assert len(gaps) > 20
    assert [gap for gap in gaps if not re.fullmatch(r"(?:(?:0|var\(--(?:space-[1-6]|gap)\))\s*)+", gap)] == []
