"""Layouts, list views and actions, which descriptions link to. The practice org has none of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from datasync_flask.practice_org.answers import object_called, require_api

bp = Blueprint("layouts", __name__, url_prefix="/services/data/v<version>/sobjects/<name>")

_ANSWERS: dict[str, Any] = {
    "describe/approvalLayouts": {"approvalLayouts": []},
    "describe/compactLayouts": {
        "compactLayouts": [], "defaultCompactLayoutId": None, "recordTypeCompactLayoutMappings": [], "urls": {},
    },
    "describe/layouts": {"layouts": [], "recordTypeMappings": [], "recordTypeSelectorRequired": [False]},
    "listviews": {"done": True, "listviews": [], "nextRecordsUrl": None, "size": 0},
    "quickActions": [],
}  # fmt: skip
_LAYOUT = ("buttonLayoutSection", "detailLayoutSections", "editLayoutSections", "multirowEditLayoutSections",
           "offlineLinks", "quickActionList", "relatedContent", "relatedLists", "saveOptions")  # fmt: skip


def _answered(name: str, answer: Any) -> ResponseReturnValue:
    require_api("describe")
    found = object_called(name)
    return jsonify({**answer, "sobjectType": found.name} if "listviews" in answer else answer)


def layouts(version: str, name: str, what: str) -> ResponseReturnValue:
    """An empty answer in the expected form."""
    return _answered(name, _ANSWERS[what])


for each in _ANSWERS:
    bp.add_url_rule(f"/{each}", view_func=layouts, defaults={"what": each})


@bp.get("/describe/layouts/<layout_id>")
def layout(version: str, name: str, layout_id: str) -> ResponseReturnValue:
    """An empty layout."""
    return _answered(name, dict.fromkeys(_LAYOUT) | {"id": layout_id})
