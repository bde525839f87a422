"""An org of real size: pickers meet many objects, wide ones, those of packages, and some that can't be read plainly."""

from __future__ import annotations

from collections import Counter

import pytest

from datasync_flask.practice_org.big_org import WIDE_FIELDS, grow
from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.describe import describe, entry_of
from datasync_flask.practice_org.soql import run_soql
from datasync_flask.practice_org.soql_parser import SoqlError


@pytest.fixture(scope="module")
def big() -> Data:
    data = Data()
    grow(data, 900)
    return data


def test_objects_of_all_kinds(big: Data) -> None:
    entries = [entry_of(found, "66.0") for found in big.listed()]
    assert len(entries) == 900
    names = [entry["name"] for entry in entries]
    assert len({name.lower() for name in names}) == 900
    assert all(len(name) <= 80 for name in names)
    kinds = Counter(entry["associateEntityType"] for entry in entries)
    assert min(kinds["History"], kinds["Share"], kinds["Feed"]) >= 50
    assert len({name.split("__")[0] for name in names if name.count("__") == 2}) >= 3
    assert min(sum(entry["custom"] for entry in entries), sum(not entry["custom"] for entry in entries)) >= 300
    assert sum(not entry["queryable"] for entry in entries) >= 3
    assert {"AccountHistory", "AccountShare", "AccountFeed", "Invoice__c"} <= set(names)


def test_wide_objects(big: Data) -> None:
    wide = [found for found in big.listed() if len(found.fields) == WIDE_FIELDS]
    assert len(wide) >= 5
    described = describe(big, wide[0], "66.0", "http://127.0.0.1")
    assert len(described["fields"]) == WIDE_FIELDS
    assert len({field["name"] for field in described["fields"]}) == WIDE_FIELDS


def test_what_the_user_does_not_see(big: Data) -> None:
    unseen = [found for found in big.objects.values() if not found.is_accessible]
    assert len(unseen) >= 10
    with pytest.raises(SoqlError, match="is not supported"):
        run_soql(big, f"SELECT Id FROM {unseen[0].name}", with_deleted=False)
    assert sum(bool(found.hidden) for found in big.listed()) >= 10


def test_objects_that_need_a_filter(big: Data) -> None:
    with pytest.raises(SoqlError, match="ContentDocumentLink requires a filter by a single Id on ContentDocumentId"):
        run_soql(big, "SELECT Id FROM ContentDocumentLink", with_deleted=False)
    filtered = "SELECT Id FROM ContentDocumentLink WHERE ContentDocumentId IN ('069000000000001AAA')"
    assert run_soql(big, filtered, with_deleted=False).rows == []
    with pytest.raises(SoqlError, match="does not support query"):
        run_soql(big, "SELECT Id FROM ActivityHistory", with_deleted=False)


def test_every_object_answers_a_query(big: Data) -> None:
    rows = 0
    for found in big.listed():
        if found.is_queryable and not found.needs_filter:
            soql = f"SELECT FIELDS(ALL) FROM {found.name} ORDER BY Id LIMIT 2"
            answer = run_soql(big, soql, with_deleted=True)
            rows += len([[column.read(row) for column in answer.columns] for row in answer.rows])
    assert rows > 500
    definitions = run_soql(
        big,
        "SELECT COUNT() FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Invoice__c'",
        with_deleted=False,
    )
    assert len(definitions.rows) == len(big.objects["Invoice__c"].fields) + len(big.objects["Invoice__c"].hidden)
