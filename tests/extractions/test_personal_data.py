"""Fields that are hashed or left out: nowhere in clear, whatever was loaded before, in every kind of destination."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasync_flask.destinations.base import Table
from datasync_flask.extensions import db
from datasync_flask.extractions.hashing_key import hashing_key, make_new
from datasync_flask.extractions.models import Extraction, HashingKey
from datasync_flask.extractions.runs import object_states, reading
from datasync_flask.extractions.runs.page_files import what_is_wrong
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.operations import key_rotation
from tests.support.extraction import Extracting, Org
from tests.support.killed import Killed, killed_at

CLEAR = "ada.planted"
ROWS = [
    {"LastName": f"Planted {number}", "Email": f"{CLEAR}{number}@example.com", "Birthdate": "1815-12-10"}
    for number in range(4)
] + [{"LastName": "Nobody"}]


@pytest.fixture
def contacts(extracting: Extracting, org: Org) -> Org:
    """An org with contacts, one of them without an address."""
    org.do("Contact", "insert", rows=ROWS)
    return org


def treat(extracting: Extracting, **treatments: str) -> int:
    visitor = extracting.walk.visitor
    assert visitor.get(f"/extractions/{extracting.id}/objects/Contact").status_code == 200
    return int(
        visitor.submit("fields-form", **{f"treatment-{name}": to for name, to in treatments.items()}).status_code
    )


def hash_of(extracting: Extracting, text: str) -> str:
    with extracting.app.app_context():
        return hmac.new(hashing_key(), text.encode(), hashlib.sha256).hexdigest()


def in_files(extracting: Extracting, text: str) -> list[str]:
    """The files of the installation that have a text, in whatever form."""
    found = []
    for file in sorted(path for path in extracting.folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        if content[:4] == b"PAR1" and content[-4:] == b"PAR1":
            content += str(pq.read_table(file).to_pylist()).encode()
        if text.encode() in content:
            found.append(str(file.relative_to(extracting.folder)))
    return found


def all_versions(extracting: Extracting) -> list[dict[str, Any]]:
    destination, dataset = extracting.open()
    shown = destination.preview(Table(dataset, "contact"), 1_000)
    names = [name.lower() for name, _ in shown.columns]
    return [dict(zip(names, row, strict=True)) for row in shown.rows]


@pytest.mark.parametrize("rest_rows", [reading.REST_ROWS, 0])
def test_a_hashed_value_is_nowhere_in_clear(
    extracting: Extracting, contacts: Org, warehouse: str, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, rest_rows: int,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    # By REST, and by a bulk job.
    monkeypatch.setattr(reading, "REST_ROWS", rest_rows)
    extracting.make(["Contact"], warehouse)
    assert treat(extracting, Email="hash", Birthdate="hash", FirstName="leave_out") == 303
    run_id = extracting.start()
    with killed_at(object_states, "object_done"):
        extracting.work_on(run_id)
    # Nobody had time to remove the working files.
    assert list(extracting.folder.rglob("000001.parquet"))
    assert in_files(extracting, CLEAR) == []
    extracting.done_again(run_id)
    rows = {row["last_name"]: row for row in extracting.table("Contact")}
    for row in ROWS:
        here = rows[row["LastName"]]
        for name in ("Email", "Birthdate"):
            wanted = hash_of(extracting, row[name]) if name in row else None
            assert here[name.lower()] == wanted
        assert "first_name" not in here
    visitor = extracting.walk.visitor
    for page in ("", "/data/Contact", f"/runs/{run_id}"):
        assert visitor.get(f"/extractions/{extracting.id}{page}").status_code == 200
        assert CLEAR not in visitor.response.text
    assert in_files(extracting, CLEAR) == []
    assert CLEAR not in caplog.text
    visitor.get(f"/extractions/{extracting.id}")
    assert "2 fields hashed, 1 left out" in visitor.text


def test_killed_while_reading_nothing_stays_in_clear(extracting: Extracting, contacts: Org, warehouse: str) -> None:
    extracting.make(["Contact"], warehouse)
    run_id, original = extracting.start(), Reader.read

    def read(self: Reader) -> Iterator[None]:
        yield from original(self)
        raise Killed

    with killed_at(Reader, "read", read):
        extracting.work_on(run_id)
    # These pages were read before; the run doesn't go on with them.
    assert in_files(extracting, CLEAR)
    assert treat(extracting, Email="hash") == 303
    extracting.done_again(run_id)
    assert {row["email"] for row in extracting.table("Contact")} == {
        None, *(hash_of(extracting, row["Email"]) for row in ROWS if "Email" in row)
    }  # fmt: skip
    assert in_files(extracting, CLEAR) == []


@pytest.mark.parametrize("history", [False, True])
def test_what_was_loaded_before_is_gone(extracting: Extracting, contacts: Org, destination: str, history: bool) -> None:
    extracting.make(
        ["Contact"], destination, **{"tracking_type-Contact": "date", **({"history-Contact": "on"} if history else {})}
    )
    extracting.done()
    contacts.do("Contact", "update", ids=contacts.ids("Contact")[:1], values={"Email": f"{CLEAR}.later@example.com"})
    extracting.done()
    assert CLEAR in str(all_versions(extracting))
    assert treat(extracting, Email="hash", Birthdate="hash", LastName="leave_out") == 303
    # Nobody is shown it while the next run is awaited.
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/data/Contact")
    assert CLEAR not in extracting.walk.visitor.response.text
    run = extracting.done()
    assert run.objects[0].is_whole
    rows = all_versions(extracting)
    assert CLEAR not in str(rows)
    assert "Planted" not in str(rows)
    assert not [row for row in rows if row.get("birthdate")]
    assert {row["email"] for row in rows} >= {hash_of(extracting, f"{CLEAR}.later@example.com"), None}
    assert hash_of(extracting, "1815-12-10") in {row["birthdate_v_text"] for row in rows}
    assert len(rows) == (11 if history else 5)
    assert in_files(extracting, CLEAR) == []
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "The columns birthdate, email, last_name were emptied" in extracting.walk.visitor.text
    # Then only changes are read again.
    assert not extracting.done().objects[0].is_whole
    # And back: every row has its values once more.
    assert treat(extracting, Email="load", Birthdate="load", LastName="load") == 303
    extracting.done()
    here = {row["last_name"]: str(row["birthdate"])[:10] for row in extracting.table("Contact")}
    assert here == {row["LastName"]: str(row.get("Birthdate")) for row in ROWS}


def test_what_a_run_needs_is_always_loaded(extracting: Extracting, contacts: Org, warehouse: str) -> None:
    extracting.make(["Contact"], warehouse)
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/objects/Contact")
    labels = visitor.page.xpath("//form[@id='fields-form']//select/@aria-label")
    assert "Email: load, leave out or hash" in labels
    assert not {"Id", "SystemModstamp", "IsDeleted"} & {label.partition(":")[0] for label in labels}
    for reason in ("identifies the row", "tells which rows changed", "tells which rows were deleted"):
        assert f"Always loaded: {reason}" in visitor.text
    assert treat(extracting, Id="hash") == 422
    assert "Id is needed as it is" in visitor.text
    assert treat(extracting, CreatedDate="hash", Email="leave_out") == 303
    visitor.get(f"/extractions/{extracting.id}/objects/Contact")
    assert visitor.submit("fields-form", cursor="CreatedDate").status_code == 422
    # What was typed is still there.
    assert visitor.form_values("fields-form")["treatment-Email"] == "leave_out"


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_capitals_let_nothing_through(
    extracting: Extracting, contacts: Org, warehouse: str, spelled: Callable[[str], str]
) -> None:
    extracting.make(
        ["Contact"], warehouse, **{"hashed-Contact": spelled("Email"), "left_out-Contact": spelled("Birthdate")}
    )
    first = extracting.done()
    assert first.objects[0].notes == ["The first run loads everything."]
    rows = {row["last_name"]: row for row in extracting.table("Contact")}
    for row in ROWS:
        assert rows[row["LastName"]]["email"] == (hash_of(extracting, row["Email"]) if "Email" in row else None)
    assert "birthdate" not in rows["Nobody"]
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/objects/Contact")
    shown = visitor.form_values("fields-form")
    assert (shown["treatment-Email"], shown["treatment-Birthdate"]) == ("hash", "leave_out")
    # Changing something else, and then what was spelled otherwise.
    assert treat(extracting, Phone="leave_out") == 303
    extracting.done()
    assert in_files(extracting, CLEAR) == []
    assert treat(extracting, Email="load") == 303
    extracting.done()
    assert {row["email"] for row in extracting.table("Contact")} == {row.get("Email") for row in ROWS}


def test_a_hashed_field_whose_capitals_change_stays_hashed(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Person__c", "object", fields={"Mail__c": "string", "Tax__c": "string"})
    keys = org.do("Person__c", "insert", rows=[{"Mail__c": CLEAR, "Tax__c": "tax.planted"}])
    extracting.make(["Person__c"], warehouse, **{"hashed-Person__c": "Mail__c", "left_out-Person__c": "Tax__c"})
    extracting.done()
    org.do("Person__c", "fields", added={"MAIL__c": "string", "TAX__c": "string"}, removed=["Mail__c", "Tax__c"])
    org.do("Person__c", "update", ids=keys, values={"MAIL__c": CLEAR, "TAX__c": "tax.planted"})
    run = extracting.done()
    assert not run.objects[0].is_whole
    assert [row["mail_c"] for row in extracting.table("Person__c")] == [hash_of(extracting, CLEAR)]
    assert in_files(extracting, CLEAR) == []
    assert in_files(extracting, "tax.planted") == []


def test_one_key_for_the_installation(extracting: Extracting, contacts: Org, warehouse: str) -> None:
    contacts.do("Account", "insert", rows=[{"Name": ROWS[0]["Email"]}])
    extracting.make(["Contact", "Account"], warehouse, **{"hashed-Account": "Name", "hashed-Contact": "Email"})
    extracting.done()
    (account,) = extracting.table("Account")
    assert account["name"] in {row["email"] for row in extracting.table("Contact")}
    with extracting.app.app_context():
        before = hashing_key()
        sealed = db.session.scalars(db.select(HashingKey.key_sealed)).one()
        assert before.hex() not in sealed
        key_rotation.rotate_all()
        assert db.session.scalars(db.select(HashingKey.key_sealed)).one() != sealed
        assert hashing_key() == before


@pytest.mark.parametrize(("history", "is_marked"), [(False, True), (True, True), (False, False)])
def test_hashes_of_two_keys_never_meet_in_a_column(
    extracting: Extracting, contacts: Org, warehouse: str, history: bool, is_marked: bool
) -> None:
    fields = {"hashed-Contact": "Email", "tracking_type-Contact": "date"} | (
        {"history-Contact": "on"} if history else {}
    )
    extracting.make(["Contact"], warehouse, **fields)
    extracting.done()
    assert not extracting.done().objects[0].is_whole
    with extracting.app.app_context():
        before = hashing_key().hex()
        if not is_marked:
            # Loaded by an older version.
            (chosen,) = db.session.get_one(Extraction, extracting.id).objects
            assert chosen.loaded_as is not None
            chosen.loaded_as = replace(chosen.loaded_as, key="")
        # The row is gone: with it, the only copy of the key.
        db.session.execute(db.delete(HashingKey))
        db.session.commit()
    (row_id, *_) = contacts.ids("Contact")
    contacts.do("Contact", "update", ids=[row_id], values={"Phone": "1"})
    run = extracting.done()
    assert run.objects[0].is_whole
    assert any("a different key" in note for note in run.objects[0].notes) is is_marked
    with extracting.app.app_context():
        assert hashing_key().hex() != before
    here = {row["last_name"]: row["email"] for row in extracting.table("Contact")}
    assert here == {row["LastName"]: hash_of(extracting, row["Email"]) if "Email" in row else None for row in ROWS}
    assert not extracting.done().objects[0].is_whole


def test_a_run_that_goes_on_with_another_key_begins_again(
    extracting: Extracting, contacts: Org, warehouse: str
) -> None:
    extracting.make(["Contact"], warehouse, **{"hashed-Contact": "Email"})
    run_id = extracting.start()
    with killed_at(object_states, "object_done"):
        extracting.work_on(run_id)
    with extracting.app.app_context():
        make_new()
        db.session.commit()
    extracting.done_again(run_id)
    here = {row["last_name"]: row["email"] for row in extracting.table("Contact")}
    assert here == {row["LastName"]: hash_of(extracting, row["Email"]) if "Email" in row else None for row in ROWS}


@pytest.mark.parametrize("history", [False, True])
def test_hashes_of_two_types_never_meet_in_a_column(
    extracting: Extracting, contacts: Org, warehouse: str, history: bool
) -> None:
    """A text 1500.50 that becomes a number is 1500.5, which has another hash; a row that is older isn't read again."""
    fields = {"hashed-Contact": "Email,Birthdate", "tracking_type-Contact": "date"}
    extracting.make(["Contact"], warehouse, **fields | ({"history-Contact": "on"} if history else {}))
    extracting.done()
    assert not extracting.done().objects[0].is_whole
    with extracting.app.app_context():
        (chosen,) = db.session.get_one(Extraction, extracting.id).objects
        assert chosen.loaded_as is not None
        assert chosen.loaded_as.hashed_types == "birthdate:date,email:text"
        # As if it had been a text until now.
        chosen.loaded_as = replace(chosen.loaded_as, hashed_types="birthdate:text,email:text")
        db.session.commit()
    run = extracting.done()
    assert run.objects[0].is_whole
    assert any("another type now" in note for note in run.objects[0].notes)
    assert not extracting.done().objects[0].is_whole


def test_a_hashed_field_that_is_hidden_for_a_while_is_not_loaded_again(
    extracting: Extracting, contacts: Org, warehouse: str
) -> None:
    extracting.make(["Contact"], warehouse, **{"hashed-Contact": "Email", "tracking_type-Contact": "date"})
    extracting.done()
    contacts.do("Contact", "hide", fields=["Email"])
    assert not extracting.done().objects[0].is_whole
    with extracting.app.app_context():
        (chosen,) = db.session.get_one(Extraction, extracting.id).objects
        assert chosen.loaded_as is not None
        assert chosen.loaded_as.types == {"email": "text"}


def test_a_filter_may_use_a_hashed_field(extracting: Extracting, contacts: Org, warehouse: str) -> None:
    extracting.make(
        ["Contact"], warehouse, **{"filter-Contact": f"Email = '{CLEAR}1@example.com'", "hashed-Contact": "Email"}
    )
    extracting.done()
    assert [row["last_name"] for row in extracting.table("Contact")] == ["Planted 1"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"hashed-Contact": "Id"}, "Id is needed as it is"),
        ({"left_out-Contact": "SystemModstamp"}, "SystemModstamp is needed as it is"),
        ({"hashed-Contact": "isdeleted"}, "isdeleted is needed as it is"),
        ({"hashed-Contact": "email", "left_out-Contact": "EMAIL"}, "email is hashed and left out"),
        ({"hashed-Contact": "Email", "left_out-Contact": "Email"}, "Email is hashed and left out"),
        ({"hashed-Contact": "Email", "fields-Contact": "LastName"}, "Email is hashed but not among the fields"),
        ({"left_out-Contact": "Email", "fields-Contact": "Email"}, "Email is left out and among the fields"),
    ],
)
def test_what_cannot_be_is_refused(extracting: Extracting, warehouse: str, given: dict[str, str], words: str) -> None:
    values = {"description": "No", "source": extracting.walk.id, "destination": warehouse, "dataset": "crm",
              "objects": ["Contact"], "schedule": "", "timezone": "UTC", **given}  # fmt: skip
    visitor = extracting.walk.visitor
    assert visitor.post("/extractions/new", values).status_code == 422
    assert words in visitor.text


def test_a_page_that_is_no_csv_is_told_without_its_rows() -> None:
    error = pa.ArrowInvalid(f"CSV parse error: Row #2: Expected 2 columns, got 3: {CLEAR}")
    assert what_is_wrong(error) == "Expected 2 columns, got 3"
    assert CLEAR not in what_is_wrong(pa.ArrowInvalid(f"straddling object: {CLEAR}"))


def test_eight_hundred_fields_are_one_form(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Wide__c", "object", fields={f"Field_{number}__c": "string" for number in range(790)})
    extracting.make(["Wide__c"], warehouse)
    visitor = extracting.walk.visitor
    address = f"/extractions/{extracting.id}/objects/Wide__c"
    assert len(visitor.get(address).data) < 300_000
    assert visitor.submit("fields-form", **{"treatment-Field_789__c": "hash"}).status_code == 303
    visitor.get(address)
    assert visitor.form_values("fields-form")["treatment-Field_789__c"] == "hash"
    assert visitor.get(f"/extractions/{extracting.id}").status_code == 200
    assert "1 field hashed" in visitor.text
