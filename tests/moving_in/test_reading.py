"""Files that can't be read get a reason, never a fault: broken, huge, binary, hostile, or of another program."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from datasync_flask.moving_in import hcl
from datasync_flask.moving_in.formats import understand
from datasync_flask.moving_in.masking import masked
from datasync_flask.moving_in.reading import Document, FileRefused, decoded
from tests.moving_in.support import NAMES, document, found_in

# Each of many sources has the same long list.
MANY_OF_MANY = (
    f"plugins:\n  extractors:\n  - name: tap-salesforce\n    select: &s [{', '.join(['A.*'] * 2000)}]\n"
    + "  - {name: other, inherit_from: tap-salesforce, select: *s}\n" * 1500
)
BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "filename", "reason"),
    [
        ('{"client_id": "a",\n "b"', "", "This isn’t JSON: line 2, column 5."),
        ('{"a": 1', "x.json", "This isn’t JSON"),
        ("a: b: c", "x.yml", "This isn’t YAML: line 1."),
        ("a: [1\nb: 2", "", "This isn’t YAML: line 2."),
        ("[a]\nb = = 1", "", "This isn’t TOML: line 2, column 5."),
        ("a = 1\na = 2", "x.toml", "This isn’t TOML"),
        ("a: !!python/object/apply:os.system [ls]", "", "Line 1 has a YAML tag"),
        ("plugins:\n  - !secret x", "meltano.yml", "Line 2 has a YAML tag"),
        ("a: \x07", "x.yml", "This isn’t YAML"),
        ("[" * 100_000, "", "nested too deeply"),
        ('{"a":' * 100_000, "x.json", "nested too deeply"),
        ("a = " + "[" * 100_000, "x.toml", "nested too deeply"),
        ("- " * 50_000, "x.yaml", "nested too deeply"),
        ('resource "airbyte_x" "y" {' + "a = {" * 1000, "", "nested too deeply"),
        ("[a" + ".a" * 50_000 + "]", "", "nested too deeply"),
        ("a" + " . a" * 40_000 + " = 1", "x.toml", "nested too deeply"),
        (MANY_OF_MANY, "meltano.yml", "refers to its own parts too often"),
        ('{"a": ' + "9" * 5000 + "}", "", "a number in it is too long"),
        ("only some words", "", "This isn’t a file of tap-salesforce, Meltano, Airbyte, dlt or ingestr"),
        ('{"host": "db", "port": 5432}', "", "This isn’t a file of tap-salesforce"),
        ("datasync: 1\nconnections: []", "", "This is an export of DataSync"),
        (BOMB, "", "refers to its own parts too often"),
    ],
)  # fmt: skip
def test_says_why_a_file_cannot_be_read(text: str, filename: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason.replace("(", r"\(")):
        found_in(text, filename)
    assert isinstance(masked(Document(text, filename))[0], str)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"\x89PNG\r\n\x1a\n\x00", "isn’t a text file"), (b"PK\x03\x04\xff\xfe", "isn’t a text file"), (b" \n", "is empty"),
     ('{"username": "ü"}'.encode("latin-1"), "isn’t in UTF-8"),
     (b"", "is empty"), (b"a" * (20 * 1024 * 1024 + 1), "too large")],
)  # fmt: skip
def test_refuses_what_is_no_text(data: bytes, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        decoded(data)


def test_understands_the_encodings_of_windows() -> None:
    assert decoded("\ufeff{}".encode()) == "{}"
    assert decoded("{}".encode("utf-16")) == "{}"


def test_parts_that_hold_themselves_are_no_fault() -> None:
    for text in ("a: &a [*a]", "b: &b {password: *b }", "streams: &s [{stream: *s, sync_mode: *s}]\nclient_id: *s"):
        with pytest.raises(FileRefused, match="This isn’t YAML: line 1"):
            found_in(text)


KEYS = sorted(
    {"plugins", "extractors", "name", "tap-salesforce", "config", "select", "metadata", "environments", "streams", "stream",
     "tap_stream_id", "breadcrumb", "selected", "properties", "schema", "username", "password", "security_token",
     "client_id", "client_secret", "start_date", "is_sandbox", "streams_to_discover", "select_fields_by_default",
     "streams_criteria", "criteria", "value", "configuration", "configurations", "sync_catalog", "syncCatalog", "sourceType",
     "source_id", "sync_mode", "selected_fields", "field_path", "cursor_field", "domain_url", "auth_type", "credentials",
     "sources", "connections", "data", "salesforce", "consumer_key", "consumer_secret", "user_name", "privatekey", "domain",
     "resource", "airbyte_source_salesforce", "airbyte_connection", "definition_type", "inherit_from", "schedules",
     "instance_url", "airbyte_config", "replication-method", "datasync", "schedule"}
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from([*KEYS, "Account", "Account.*", "!A.b", "*", "2020-01-01", "test", "acme.my", "salesforce", "$X", "\ud800",
                     "https://[", "exacts", "incremental"]),
)  # fmt: skip
DATA = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=5)
    ),
    max_leaves=25,
)


def survives(text: str, filename: str = "") -> None:
    read = Document(text, filename)
    try:
        found = understand(read)[1]
    except FileRefused:
        pass
    else:
        for each in found.remarks:
            assert each.text.encode()
        for connection in found.connections:
            assert len(connection.description) <= 120
    assert isinstance(masked(read)[0], str)


@given(DATA)
def test_no_data_is_a_fault(data: Any) -> None:
    survives(json.dumps(data))
    survives(json.dumps(data), "a.tf.json")


@given(DATA.filter(lambda data: isinstance(data, dict)))
def test_no_yaml_is_a_fault(data: Any) -> None:
    survives(yaml.safe_dump(data), "meltano.yml")


@given(st.sampled_from(NAMES), st.integers(0, 3000), st.integers(0, 60), st.text(max_size=8))
def test_no_damage_to_a_file_is_a_fault(name: str, start: int, length: int, instead: str) -> None:
    whole = document(name)
    survives(whole.text[:start] + instead + whole.text[start + length :], whole.filename)


@given(st.text(), st.sampled_from(["", "a.json", "a.yml", "a.toml", "a.tf", "a.py", "a.sh"]))
@example("salesforce://?%", "")
@example("salesforce://[?a=b", "")
@example("salesforce://?" + "a=1&" * 100, "")
@example("resource airbyte_x", "")
@example('resource "airbyte_x" y', "")
@example("import dlt\n'\\d'", "")
@example("a: 2021-99-99", "a.yml")
@example("? [a]: b\n: c", "a.yml")
def test_no_text_is_a_fault(text: str, filename: str) -> None:
    survives(text, filename)


@given(st.text(alphabet='ab"{}[]()=:,.<-$\\\n #/*12', max_size=60))
def test_terraform_is_read_or_refused(text: str) -> None:
    with suppress(FileRefused):
        assert all(isinstance(block.values, dict) for block in hcl.blocks(text))
