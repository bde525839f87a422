"""Whatever a person may type as a filter runs, or is refused in Salesforce's words; nothing is a 500."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import hypothesis
import pytest
import time_machine
from hypothesis import strategies as st

from datasync_flask.practice_org.data import Data
from datasync_flask.practice_org.date_literals import span_of
from datasync_flask.practice_org.soql import run_soql
from datasync_flask.practice_org.soql_parser import SoqlError
from tests.practice_org.conftest import Client

DATA = Data()
NOW = datetime.now(UTC)


@pytest.fixture
def companies(client: Client) -> Client:
    def stamp(days: int) -> str:
        return (NOW - timedelta(days=days)).isoformat()

    parent, child, other = client.do(
        "Account",
        "insert",
        rows=[
            {"Name": "Alpine", "Industry": "Energy", "NumberOfEmployees": 10, "AnnualRevenue": 5.5, "Tags__c": "A;B",
             "Founded__c": "1990-05-01", "IsPartner__c": True},
            {"Name": "Beacon's 50%", "Industry": "Media", "NumberOfEmployees": 200, "Tags__c": "C"},
            {"Name": "cedar", "NumberOfEmployees": None, "Founded__c": "2020-01-01"},
        ],
    )  # fmt: skip
    client.do("Account", "update", ids=[child], values={"ParentId": parent})
    client.do("Account", "formula", ids=[parent], values={"CreatedDate": stamp(1)})
    client.do("Account", "formula", ids=[child], values={"CreatedDate": stamp(40)})
    client.do("Account", "formula", ids=[other], values={"CreatedDate": stamp(400)})
    client.do("Contact", "insert", rows=[{"Name": "Ann", "LastName": "Ann", "AccountId": parent}])
    return client


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Name = 'ALPINE'", "a"),
        ("Name LIKE 'b%'", "b"),
        ("Name LIKE '_lpine'", "a"),
        (r"Name LIKE '%50\%'", "b"),
        (r"Name = 'Beacon\'s 50%'", "b"),
        ("Name != 'Alpine'", "bc"),
        ("Name IN ('alpine', 'cedar')", "ac"),
        ("Name NOT IN ('alpine', 'cedar')", "b"),
        ("Industry = null", "c"),
        ("Industry = ''", "c"),
        ("Industry != null", "ab"),
        ("NumberOfEmployees > 9 AND NumberOfEmployees < 200", "a"),
        ("NumberOfEmployees >= 10", "ab"),
        ("AnnualRevenue = 5.5", "a"),
        ("IsPartner__c = true", "a"),
        ("IsPartner__c = FALSE OR Name = 'Alpine'", "a"),
        ("(Industry = 'Energy' OR Industry = 'Media') AND (NOT (Name LIKE 'A%'))", "b"),
        ("NOT Name = 'Alpine'", "bc"),
        ("Parent.Name = 'Alpine'", "b"),
        ("Parent.Parent.Name = null", "abc"),
        ("Parent.NumberOfEmployees > 5", "b"),
        ("CreatedDate = LAST_N_DAYS:3", "a"),
        ("CreatedDate < LAST_N_DAYS:3", "bc"),
        ("CreatedDate >= LAST_N_DAYS:90", "ab"),
        ("CreatedDate > 2001-01-01T00:00:00Z AND CreatedDate < 2099-01-01T00:00:00.000+01:00", "abc"),
        ("Founded__c < 2000-01-01", "a"),
        ("Founded__c < THIS_YEAR", "ac"),
        ("Founded__c IN (1990-05-01, 1991-05-01)", "a"),
        ("CALENDAR_YEAR(Founded__c) = 2020", "c"),
        ("Tags__c INCLUDES ('B', 'C')", "ab"),
        ("Tags__c INCLUDES ('A;B')", "a"),
        ("Tags__c EXCLUDES ('A')", "bc"),
        ("toLabel(Industry) = 'energy'", "a"),
        ("Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Ann')", "a"),
        ("Id NOT IN (SELECT AccountId FROM Contact)", "bc"),
        ("Account.Name = 'cedar'", "c"),
        ("Owner.Name = 'Ada Practice' AND CreatedBy.Username LIKE 'ada@%'", "abc"),
        ("LastModifiedById = '0055g00000PrctU'", "abc"),
        ("name = 'cedar' and SYSTEMMODSTAMP > 2001-01-01t00:00:00z".replace("t00:00:00z", "T00:00:00Z"), "c"),
    ],
)
@pytest.mark.slow
def test_filters_find_what_they_say(companies: Client, where: str, found: str) -> None:
    names = companies.values(f"SELECT Name FROM Account WHERE {where}")
    assert sorted(name[0].lower() for name in names) == list(found)
    assert companies.query(f"SELECT COUNT() FROM Account WHERE {where}")["totalSize"] == len(found)


@pytest.mark.parametrize(
    ("where", "code", "text"),
    [
        ("CreatedDate > '2024-01-01T00:00:00Z'", "INVALID_FIELD",
         "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
        ("CreatedDate > 2024-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("Founded__c = '2024-01-01'", "INVALID_FIELD", "must be of type date and should not be enclosed in quotes"),
        ("NumberOfEmployees = '5'", "INVALID_FIELD", "must be of type int and should not be enclosed in quotes"),
        ("IsPartner__c = 'true'", "INVALID_FIELD", "must be of type boolean and should not be enclosed in quotes"),
        ("Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"),
        ("Nope__c = 5", "INVALID_FIELD", "No such column 'Nope__c' on entity 'Account'"),
        ("Parent.Nope = 5", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"),
        ("Nobody.Name = 'x'", "INVALID_FIELD", "Didn't understand relationship 'Nobody' in field path"),
        ("Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"),
        ("Id = '123'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: 123"),
        ("Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field"),
        ("NumberOfEmployees LIKE '5%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("Name INCLUDES ('A')", "INVALID_QUERY_FILTER_OPERATOR", "includes operator is not valid on field 'Name'"),
        ("Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("Name = \"a\"", "MALFORMED_QUERY", "no viable alternative at character '\"'"),
        ("Name == 'a'", "MALFORMED_QUERY", "unexpected token: '='"),
        ("Name = 'a", "MALFORMED_QUERY", "no viable alternative"),
        ("(Name = 'a'", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("Name = 'a')", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("Founded__c = 2024-13-45", "MALFORMED_QUERY", "Invalid date: 2024-13-45"),
        ("CreatedDate > 2024-01-01T99:00:00Z", "MALFORMED_QUERY", "Invalid datetime"),
        ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_salesforces_words(companies: Client, where: str, code: str, text: str) -> None:
    status, told, message = companies.refusal("/query", q=f"SELECT Id FROM Account WHERE {where}")
    assert (status, told) == (400, code)
    assert text in message
    assert "ERROR at Row:1:Column:" in message


def test_a_mistake_is_pointed_at(client: Client) -> None:
    _, code, message = client.refusal("/query", q="SELECT Id,Name,BillingCity,IsDeleted FROM Accout")
    assert code == "INVALID_TYPE"
    _, part, caret, place, text = message.split("\n")
    assert part[caret.index("^") :] == "Accout"
    assert place == "ERROR at Row:1:Column:43"
    assert text.startswith("sObject type 'Accout' is not supported. If you are attempting to use a custom object")


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("", "MALFORMED_QUERY", "A query string has to be specified"),
        ("SELECT Id FORM Account", "MALFORMED_QUERY", "unexpected token: 'FORM'"),
        ("SELECT Id FROM Account LIMIT ten", "MALFORMED_QUERY", "unexpected token: 'ten'"),
        ("SELECT Id, Id FROM Account", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT Id, (SELECT Id FROM Nothings) FROM Account", "INVALID_TYPE", "Didn't understand relationship"),
        ("SELECT QualifiedApiName FROM FieldDefinition", "MALFORMED_QUERY", "a filter on a reified column is required"),
        ("DELETE FROM Account", "MALFORMED_QUERY", "unexpected token: 'DELETE'"),
    ],
)
def test_whole_queries_are_refused_too(client: Client, soql: str, code: str, text: str) -> None:
    status, told, message = client.refusal("/query", q=soql)
    assert (status, told) == (400, code)
    assert text in message


def test_order_limit_and_offset(companies: Client) -> None:
    def names(tail: str) -> list[str]:
        return [name[0] for name in companies.values(f"SELECT Name FROM Account {tail}")]

    assert names("ORDER BY Name") == ["A", "B", "c"]
    assert names("ORDER BY Name DESC LIMIT 2") == ["c", "B"]
    assert names("ORDER BY NumberOfEmployees") == ["c", "A", "B"]
    assert names("ORDER BY NumberOfEmployees DESC") == ["B", "A", "c"]
    assert names("ORDER BY NumberOfEmployees NULLS LAST LIMIT 1 OFFSET 1") == ["B"]
    assert names("ORDER BY Parent.Name NULLS LAST, Name DESC") == ["B", "c", "A"]


def test_counts_groups_and_conversions(companies: Client) -> None:
    (only,) = companies.query("SELECT COUNT(Id) FROM Account")["records"]
    assert only == {"attributes": {"type": "AggregateResult"}, "expr0": 3}
    answer = companies.query("SELECT COUNT() FROM Account")
    assert answer == {"totalSize": 3, "done": True, "records": []}
    soql = "SELECT IsDeleted d, MAX(NumberOfEmployees) most, COUNT(Industry) FROM Account GROUP BY IsDeleted"
    (only,) = companies.query(soql)["records"]
    assert list(only.values())[1:] == [False, 200, 2]
    having = "SELECT Industry FROM Account GROUP BY Industry HAVING COUNT(Id) > 1"
    assert companies.query(having)["totalSize"] == 0
    assert companies.values("SELECT toLabel(Industry) FROM Account WHERE Name = 'Alpine'") == ["Energy"]
    (whole,) = companies.query("SELECT FIELDS(ALL) FROM Account LIMIT 1")["records"]
    described = companies.get("/sobjects/Account/describe")["fields"]
    assert list(whole) == ["attributes", *(field["name"] for field in described)]
    (custom,) = companies.query("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1")["records"]
    assert all(name.endswith("__c") for name in list(custom)[1:])


def test_records_inside_records_and_ids_of_fifteen_letters(companies: Client) -> None:
    (row,) = companies.query("SELECT Account.Name, Account.Parent.Name, Id FROM Contact")["records"]
    assert list(row) == ["attributes", "Account", "Id"]
    assert list(row["Account"]) == ["attributes", "Name", "Parent"]
    assert (row["Account"]["Name"], row["Account"]["Parent"]) == ("Alpine", None)
    (account_id,) = companies.values("SELECT Id FROM Account WHERE Name = 'Alpine'")
    assert companies.values(f"SELECT Name FROM Account WHERE Id = '{account_id[:15]}'") == ["Alpine"]
    (row,) = companies.query("SELECT Id, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Alpine'")["records"]
    assert row["Contacts"]["records"][0]["LastName"] == "Ann"


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("TODAY", "2026-11-26", "2026-11-27"),
        ("YESTERDAY", "2026-11-25", "2026-11-26"),
        ("LAST_N_DAYS:3", "2026-11-23", "2026-11-27"),
        ("NEXT_N_DAYS:3", "2026-11-27", "2026-11-30"),
        ("N_DAYS_AGO:3", "2026-11-23", "2026-11-24"),
        ("LAST_90_DAYS", "2026-08-28", "2026-11-27"),
        ("THIS_WEEK", "2026-11-22", "2026-11-29"),
        ("LAST_WEEK", "2026-11-15", "2026-11-22"),
        ("LAST_N_WEEKS:2", "2026-11-08", "2026-11-22"),
        ("LAST_MONTH", "2026-10-01", "2026-11-01"),
        ("NEXT_MONTH", "2026-12-01", "2027-01-01"),
        ("LAST_N_MONTHS:11", "2025-12-01", "2026-11-01"),
        ("THIS_QUARTER", "2026-10-01", "2027-01-01"),
        ("LAST_QUARTER", "2026-07-01", "2026-10-01"),
        ("NEXT_N_QUARTERS:1", "2027-01-01", "2027-04-01"),
        ("THIS_FISCAL_YEAR", "2026-01-01", "2027-01-01"),
        ("LAST_N_YEARS:2", "2024-01-01", "2026-01-01"),
        ("LAST_N_DAYS:99999", "1753-02-11", "2026-11-27"),
    ],
)
def test_date_literals(word: str, first: str, after: str) -> None:
    with time_machine.travel(datetime(2026, 11, 26, 15, tzinfo=UTC), tick=False):
        span = span_of(word)
    assert span is not None
    assert [moment.date().isoformat() for moment in span] == [first, after]
    assert span_of("SOMEDAY") is None


_WORDS = st.sampled_from(
    ["SELECT", "Id", "Name", ",", "FROM", "Account", "WHERE", "(", ")", "=", "LIKE", "'x'", "AND", "OR", "NOT", "IN",
     "ORDER", "BY", "LIMIT", "5", "null", "COUNT", "LAST_N_DAYS:3", "2024-01-01", "GROUP", "HAVING", "."]
)  # fmt: skip


@hypothesis.given(st.lists(_WORDS, max_size=14))
def test_any_words_are_a_query_or_refused(text: list[str]) -> None:
    with suppress(SoqlError):
        assert run_soql(DATA, " ".join(text), with_deleted=False).object.name == "Account"
