"""Which part of the navigation a page belongs to."""

from __future__ import annotations

from flask import request

_SECTIONS = {
    "home": ("home",),
    "connections": (
        "connections", "quick_edit", "status", "callback", "hand_off", "salesforce", "connection_orgs", "moving_in",
    ),
    "extractions": ("extractions", "extraction_list", "extraction_objects", "extraction_orgs", "setup"),
    "settings": ("people", "audit", "notices", "this_server"),
    "help": ("help", "components"),
}  # fmt: skip
_BY_BLUEPRINT = {blueprint: section for section, blueprints in _SECTIONS.items() for blueprint in blueprints}
# Pages with another section than the rest of their blueprint.
_BY_ENDPOINT = {"people.account": "", "extractions.objects": "connections"}


def section() -> str:
    """The key of the section that this request's page belongs to, '' outside all of them."""
    of_blueprint = _BY_BLUEPRINT.get(request.blueprint or "", "")
    return _BY_ENDPOINT.get(request.endpoint or "", of_blueprint)
