"""Queries of every shape: groups with totals, TYPEOF, aliases, escapes; and whatever a generator makes of the grammar."""

from __future__ import annotations

from contextlib import suppress

import hypothesis
import pytest
from hypothesis import strategies as st

from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.soql import SoqlError, run_soql
from datasync_flask.practice_org.values import as_csv
from tests.practice_org.conftest import Client

DATA = Data()
DATA.generate("Account", 8)
DATA.insert("Account", [{"Name": 5, "AnnualRevenue": "much", "CreatedDate": None, "Founded__c": "never", "Tags__c": 7}])
DATA.generate("Contact", 4)


@pytest.fixture
def families(client: Client) -> Client:
    """Two accounts with three contacts each, of which the first was founded in 1990 and the second in 2020."""
    accounts = client.do(
        "Account", "insert",
        rows=[
            {"Name": "Alpine", "Industry": "Energy", "Founded__c": "1990-05-01", "AnnualRevenue": 1234.5},
            {"Name": "ünï'x\\y", "Industry": "Media", "Founded__c": "2020-02-29", "AnnualRevenue": 7},
        ],
    )  # fmt: skip
    client.do("Contact", "insert", rows=[{"LastName": f"C{n}", "AccountId": accounts[n % 2]} for n in range(6)])
    return client


def test_each_parent_has_its_own_limit(families: Client) -> None:
    soql = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName LIMIT 2) FROM Account ORDER BY Founded__c"
    records = families.query(soql)["records"]
    names = [[child["LastName"] for child in record["Contacts"]["records"]] for record in records]
    assert names == [["C0", "C2"], ["C1", "C3"]]


def test_groups_with_totals(families: Client) -> None:
    soql = "SELECT Industry, GROUPING(Industry) total, COUNT(Id) n FROM Account GROUP BY ROLLUP(Industry)"
    rows = [tuple(record.values())[1:] for record in families.query(soql)["records"]]
    assert rows == [("Energy", 0, 1), ("Media", 0, 1), (None, 1, 2)]
    cube = "SELECT Industry, Name, COUNT(Id) n FROM Account GROUP BY CUBE(Industry, Name)"
    assert families.query(cube)["totalSize"] == 2 + 2 + 2 + 1


def test_parts_of_dates(families: Client) -> None:
    soql = (
        "SELECT CALENDAR_YEAR(Founded__c) y, DAY_IN_YEAR(Founded__c) d, FISCAL_QUARTER(Founded__c) q, "
        "WEEK_IN_MONTH(Founded__c) w, WEEK_IN_YEAR(Founded__c) ww, COUNT(Id) n FROM Account "
        "GROUP BY CALENDAR_YEAR(Founded__c), DAY_IN_YEAR(Founded__c), FISCAL_QUARTER(Founded__c), "
        "WEEK_IN_MONTH(Founded__c), WEEK_IN_YEAR(Founded__c) ORDER BY CALENDAR_YEAR(Founded__c) DESC"
    )
    rows = [tuple(record.values())[1:] for record in families.query(soql)["records"]]
    assert rows == [(2020, 60, 1, 5, 9, 1), (1990, 121, 2, 1, 18, 1)]
    zoned = "SELECT HOUR_IN_DAY(convertTimezone(CreatedDate)) h, COUNT(Id) n FROM Account GROUP BY "
    assert families.query(f"{zoned}HOUR_IN_DAY(convertTimezone(CreatedDate))")["totalSize"] == 1


def test_branches_by_object(families: Client) -> None:
    head = "SELECT TYPEOF Owner WHEN User THEN Username WHEN Account THEN Industry"
    (first, _) = families.query(f"{head} ELSE Id END FROM Account")["records"]
    assert list(first["Owner"]) == ["attributes", "Username"]
    (first, _) = families.query("SELECT TYPEOF Owner WHEN Account THEN Industry END FROM Account")["records"]
    assert first["Owner"] is None


def test_aliases_lead_through_relationships(families: Client) -> None:
    soql = "SELECT c.LastName, a.Name FROM Contact c, c.Account a WHERE a.Name = 'Alpine' AND c.LastName = 'C2'"
    (record,) = families.query(soql)["records"]
    assert (record["LastName"], record["Account"]["Name"]) == ("C2", "Alpine")


def test_values_written_for_people(families: Client) -> None:
    soql = "SELECT FORMAT(AnnualRevenue) r, FORMAT(Founded__c) f, FORMAT(convertCurrency(AnnualRevenue)) FROM Account"
    (record, _) = families.query(soql)["records"]
    assert list(record.values())[1:] == ["$1,234.50", "5/1/1990", "$1,234.50"]


@pytest.mark.parametrize(
    "where",
    [
        r"Name = '\u00fcn\u00EF\'x\\y'",
        r"Name LIKE '\u00FCn_\'%'",
        "AnnualRevenue < USD100",
        "AnnualRevenue < EUR7.50",
    ],
)
def test_literals(families: Client, where: str) -> None:
    assert families.values(f"SELECT Name FROM Account WHERE {where}") == ["ünï'x\\y"]


@pytest.mark.parametrize(
    "tail",
    ["FOR VIEW", "FOR VIEW, REFERENCE", "UPDATE TRACKING", "UPDATE TRACKING, VIEWSTAT", "FOR UPDATE"],
)
def test_what_only_marks_records_is_taken(families: Client, tail: str) -> None:
    soql = f"SELECT Id FROM Account USING SCOPE mine WITH SYSTEM_MODE LIMIT 1 {tail}"
    assert families.query(soql)["totalSize"] == 1


@pytest.mark.parametrize(
    ("soql", "words"),
    [
        ("SELECT COUNT() FROM Account GROUP BY Name", "COUNT() must be the only element"),
        ("SELECT COUNT(), Name FROM Account", "COUNT() must be the only element"),
        ("SELECT Id FROM Account HAVING COUNT(Id) > 1", "unexpected token: 'HAVING'"),
        ("SELECT Id FROM Account WHERE COUNT(Id) > 1", "unexpected token: 'COUNT'"),
        ("SELECT CALENDAR_YEAR(CreatedDate) FROM Account", "must be grouped or aggregated: CreatedDate"),
        ("SELECT CALENDAR_YEAR(Name), COUNT(Id) FROM Account GROUP BY CALENDAR_YEAR(Name)", "date function CALENDAR_YEAR"),
        ("SELECT Name FROM Account GROUP BY Name ORDER BY Industry", "must be grouped or aggregated: Industry"),
        ("SELECT FIELDS(ALL) FROM Account GROUP BY Name LIMIT 1", "must be grouped or aggregated"),
        ("SELECT Description FROM Account GROUP BY Description", "field 'Description' can not be grouped"),
        ("SELECT MAX(IsDeleted) FROM Account", "does not support aggregate operator MAX"),
        ("SELECT COUNT(COUNT(Id)) FROM Account", "unexpected token: 'COUNT'"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Id FROM Contact)", "should point to the same object type"),
        ("SELECT Id FROM Account WHERE Name IN (SELECT Id FROM Contact)", "should be an id field"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) OR Name = 'x'", "with the 'OR' operator"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT Id FROM Contact))",
         "Nesting of semi join sub-selects is not supported"),
        ("SELECT Id FROM Account USING SCOPE nothing", "unexpected token: 'nothing'"),
        ("SELECT Id FROM Account WITH NONSENSE", "unexpected token: 'NONSENSE'"),
        (r"SELECT Id FROM Account WHERE Name = '\q'", "Illegal character sequence"),
        ("SELECT Id FROM Account WHERE NumberOfEmployees > USD5", "must be of type int"),
        ("SELECT Id FROM Contact c, d.Account a", "unexpected token: 'd.Account'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(families: Client, soql: str, words: str) -> None:
    status, _, message = families.refusal("/query", q=soql)
    assert status == 400
    assert words in message


_FIELDS = st.sampled_from(
    ["Id", "Name", "Industry", "AnnualRevenue", "NumberOfEmployees", "CreatedDate", "Founded__c", "IsDeleted",
     "Tags__c", "BillingAddress", "Description", "Opens__c", "Owner.Name", "Parent.Parent.Name", "Nope", "Nope.Name"]
)  # fmt: skip
_FUNCTIONS = st.sampled_from(
    ["COUNT", "SUM", "MIN", "MAX", "AVG", "COUNT_DISTINCT", "toLabel", "FORMAT", "CALENDAR_YEAR", "DAY_ONLY",
     "HOUR_IN_DAY", "FISCAL_MONTH", "WEEK_IN_YEAR", "GROUPING", "FIELDS", "convertTimezone"]
)  # fmt: skip
_OPERANDS = _FIELDS | st.builds("{}({})".format, _FUNCTIONS, _FIELDS)
_LITERALS = st.sampled_from(
    ["'x'", "''", r"'a\nb'", r"'\u00e4%'", "null", "true", "5", "-1.5e3", "9e999", "2024-01-01", "2024-02-30", "TODAY",
     "LAST_N_DAYS:3", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "10:00:00Z", "USD5", "(SELECT Id FROM",
     "'0015g0000000001'", "'A;B'"]
)  # fmt: skip
_SIGNS = st.sampled_from(["=", "!=", "<", ">=", "LIKE"])
_CONDITIONS = st.one_of(
    st.builds("{} {} {}".format, _OPERANDS, _SIGNS, _LITERALS),
    st.builds("{} {} ({}, {})".format, _OPERANDS, st.sampled_from(["IN", "NOT IN", "INCLUDES"]), _LITERALS, _LITERALS),
    st.builds("{} IN (SELECT {} FROM Contact)".format, _FIELDS, st.sampled_from(["Id", "AccountId", "Name"])),
)
_LOGIC = st.recursive(
    _CONDITIONS,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner) | inner.map("NOT {}".format)
    ),
    max_leaves=4,
)
_ITEMS = st.lists(
    _OPERANDS | st.sampled_from(
        ["COUNT()", "FIELDS(STANDARD)", "(SELECT Id, Name FROM Contacts LIMIT 1)", "COUNT(Id) n",
         "TYPEOF Owner WHEN User THEN Name ELSE Id END"]
    ),
    min_size=1, max_size=3,
).map(", ".join)  # fmt: skip
_GROUPS = st.lists(_OPERANDS, min_size=1, max_size=2).map(", ".join)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A query as the grammar has them, most of which make no sense."""
    parts = [f"SELECT {draw(_ITEMS)} FROM Account"]
    maybe = st.booleans()
    if draw(maybe):
        parts.append(f"WHERE {draw(_LOGIC)}")
    if draw(maybe):
        parts.append(
            draw(st.sampled_from(["GROUP BY {}", "GROUP BY ROLLUP({})", "GROUP BY CUBE({})"])).format(draw(_GROUPS))
        )
        if draw(maybe):
            parts.append(f"HAVING {draw(_LOGIC)}")
    if draw(maybe):
        parts.append(f"ORDER BY {draw(_GROUPS)} DESC NULLS LAST")
    if draw(maybe):
        parts.append(f"LIMIT {draw(st.integers(0, 3))} OFFSET {draw(st.integers(0, 3))}")
    return " ".join(parts)


@hypothesis.settings(max_examples=400)
@hypothesis.given(queries())
@pytest.mark.slow
def test_any_query_is_answered_or_refused(soql: str) -> None:
    with suppress(SoqlError):
        answer = run_soql(DATA, soql, with_deleted=True)
        columns = [column for column in answer.columns if column.kind != "children"]
        assert all(as_csv(column.read(row)).startswith('"') for row in answer.rows for column in columns)
