"""No secret is shown again, and the text around it stays as it was typed, so that drafts can be made of it."""

from __future__ import annotations

import pytest

from datasync_flask.moving_in.formats import understand
from datasync_flask.moving_in.masking import masked
from datasync_flask.moving_in.reading import Document
from tests.moving_in.support import NAMES, document


@pytest.mark.parametrize("name", NAMES)
def test_a_file_gives_the_same_without_its_secrets(name: str) -> None:
    whole = document(name)
    text, count = masked(whole)
    assert ("REMOVED" in text) == (count > 0)
    # What stands in a comment, and what is only a reference, isn't one.
    assert "SECRET" not in text.replace("# SECRET (please", "").replace("${SALESFORCE_CLIENT_SECRET}", "")
    assert len(text.splitlines()) >= len(whole.text.splitlines()) - 3
    kind, found = understand(Document(text, name))
    assert (kind.title, found) == (understand(whole)[0].title, understand(whole)[1])
    assert masked(Document(text, name)) == (text, 0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"password": "a\\"b", "user": "x"}', '{"password": "REMOVED", "user": "x"}'),
        ('{"clientSecret":"x1"}', '{"clientSecret":"REMOVED"}'),
        ("password: it's, all {of} it # mine\nuser: x", "password: REMOVED # mine\nuser: x"),
        ("{password: a, user: x}", "{password: REMOVED, user: x}"),
        ("security_token: 'it''s'", "security_token: 'REMOVED'"),
        ("private_key: |\n  line one\n  line two\nuser: x", "private_key: |\n  REMOVED\nuser: x"),
        ("password = '''a\nb'''", "password = '''REMOVED'''"),
        ("export TAP_SALESFORCE_PASSWORD=a$b\n", "export TAP_SALESFORCE_PASSWORD=REMOVED\n"),
        ("postgresql://u:pa:ss@host/db", "postgresql://u:REMOVED@host/db"),
        ("salesforce://?token=a%20b&domain=test", "salesforce://?token=REMOVED&domain=test"),
        ("password: $PASSWORD", "password: $PASSWORD"),
        ("password:\nuser: x", "password:\nuser: x"),
        ("https://acme.my.salesforce.com:8443/a@b", "https://acme.my.salesforce.com:8443/a@b"),
        ("password: >-\n  two\n  lines\n", "password: >-\n  REMOVED\n"),
        # In another place than usual, but the data says what it is.
        ("? password\n: long-secret-value\n", "? password\n: REMOVED\n"),
    ],
)
def test_masks_what_looks_like_a_secret(before: str, after: str) -> None:
    assert masked(Document(before))[0] == after


@pytest.mark.parametrize("piece", ['password="', "password='''", "password: |\n ", "://a:", "?token=", "token", "-----BEGIN A-----",
                                   "a", "secret: x\n", "{token: b, "])  # fmt: skip
def test_the_longest_texts_come_to_an_end(piece: str) -> None:
    # Rules without bounds would take hours.
    assert "long-secret" not in masked(Document(piece * (200_000 // len(piece)) + "\npassword: long-secret", "a.sh"))[0]
