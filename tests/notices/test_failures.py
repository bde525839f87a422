"""What kept a message from being sent is stored as text, and found again with its values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.notices.failures import FAILURES, NotSent, parts_of

VALUES = {
    "host": "mail.example.com",
    "error": "SSLError",
    "seconds": "20",
    "status": "503",
    "name": "slack",
    "scheme": "gotify",
    "encrypted": "gotifys",
}


@pytest.mark.parametrize("message", FAILURES)
def test_each_message_is_found_with_its_values(message: str) -> None:
    text = str(NotSent(message, **VALUES))
    found, values = parts_of(text)
    assert found == message
    assert found % values == text if values else found == text


@given(st.text())
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert str(NotSent(text)) == text
    message, values = parts_of(text)
    assert (message % values if values else message) == text
