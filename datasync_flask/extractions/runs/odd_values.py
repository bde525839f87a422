"""Values that didn't go in as they are, in words."""

from __future__ import annotations

import json

from flask_babel import gettext

from datasync_flask.salesforce.errors import tidy

# What such a note begins with; reading.py makes them.
KIND = "value"


def odd_value_text(note: str) -> str:
    """What such a note says, without its kind: which field, how many rows, which of them, and why."""
    name, why, count, examples = json.loads(note)
    message = {
        "not_of_type": gettext(
            "%(name)s: %(count)s values aren't of the field's type, so they are empty here.", name=name, count=count
        ),
        "out_of_range": gettext(
            "%(name)s: %(count)s values are larger than a column of this type holds, so they are empty here.",
            name=name,
            count=count,
        ),
        "rounded": gettext(
            "%(name)s: %(count)s values have more digits than a column of this type holds. They are rounded here.",
            name=name,
            count=count,
        ),
        "characters": gettext(
            "%(name)s: %(count)s values have characters that no text can hold. They are left out or replaced here.",
            name=name,
            count=count,
        ),
    }
    shown = "; ".join(f"{key}: {tidy(text)}" for key, text in examples)
    return f"{message[why]} {gettext('For example %(examples)s', examples=shown)}"
