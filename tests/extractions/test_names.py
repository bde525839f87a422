"""Names of tables and columns: as dlt spells them, given once, and never to anything else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datasync_flask.destinations.base import Column, ColumnType, Table
from datasync_flask.extensions import db
from datasync_flask.extractions.models import Extraction
from datasync_flask.extractions.names import snake_case
from datasync_flask.extractions.runs.column_types import GivenNames, columns_for
from datasync_flask.salesforce.descriptions import API_NAME, Field
from tests.support.extraction import Extracting, Org


@given(st.from_regex(API_NAME, fullmatch=True))
def test_names_are_spelled_as_dlt_spells_them(name: str) -> None:
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    spelled = snake_case(name)
    assert spelled == NamingConvention().normalize_identifier(name)
    # What dlt is given it spells again.
    assert NamingConvention().normalize_identifier(f"{spelled}_x") == f"{spelled}_x"


def names_of(fields: list[Field], given_names: GivenNames) -> dict[str, str]:
    return {name: column.name for name, column in columns_for(fields, given_names)[0].items()}


# Names that meet in snake case, and types that change.
FIELDS = st.lists(
    st.builds(
        Field,
        st.sampled_from(["Id", "My_Field__c", "MyField__c", "My__Field__c", "MyField_X__c", "IsDeleted", "Is_Deleted"]),
        st.just(""),
        st.sampled_from(["string", "double", "datetime"]),
    ),
    unique_by=lambda field: field.name,
)


@given(st.lists(FIELDS, min_size=1, max_size=8))
def test_in_whatever_order_fields_come_go_and_come_back_no_column_moves(runs: list[list[Field]]) -> None:
    stored: GivenNames = {}
    seen: dict[str, tuple[str, str]] = {}
    for fields in runs:
        columns, _ = columns_for(fields, stored)
        assert len({column.name for column in columns.values()}) == len(fields)
        for field in fields:
            column = columns[field.name]
            assert seen.setdefault(column.name, (field.name, column.type)) == (field.name, column.type)
            assert columns[field.name].name == stored[field.name][column.type.value]
    owners = {column: owner for column, (owner, _) in seen.items()}
    assert owners.get("id", "Id") == "Id"
    assert owners.get("is_deleted", "IsDeleted") == "IsDeleted"


def test_the_first_keeps_the_plain_name_and_a_type_has_its_column() -> None:
    stored: GivenNames = {}
    first, second = Field("My_Field__c", "", "string"), Field("MyField__c", "", "string")
    assert names_of([first, second], stored) == {"My_Field__c": "my_field_c", "MyField__c": "my_field_c_x"}
    assert names_of([second, first], stored) == {"My_Field__c": "my_field_c", "MyField__c": "my_field_c_x"}
    retyped = Field("MyField__c", "", "double")
    columns, noted = columns_for([retyped], stored)
    assert (columns["MyField__c"], noted) == (Column("my_field_c_x_v_double", ColumnType.DOUBLE), ["MyField__c"])
    # Back to what it was, and again: each type keeps its column.
    assert names_of([second], stored) == {"MyField__c": "my_field_c_x"}
    assert names_of([retyped], stored) == {"MyField__c": "my_field_c_x_v_double"}


def test_columns_that_nobody_remembers_hold_only_what_fits_them() -> None:
    columns, _ = columns_for([Field("N", "", "double"), Field("Name", "", "string")], {}, {"n": "text", "name": "text"})
    assert {name: column.name for name, column in columns.items()} == {"N": "n_x", "Name": "name"}


def test_columns_of_the_program_are_given_to_no_field() -> None:
    fields = [Field(name, "", "string") for name in ("_dlt_id", "_dlt_load_id", "_dlt_valid_from", "_datasync_version")]
    assert not set(names_of(fields, {}).values()) & {field.name for field in fields}


def test_a_run_with_the_fields_in_another_order_moves_no_column(
    extracting: Extracting, org: Org, destination: str
) -> None:
    name = "Both__c"
    org.do(name, "object", fields={"My_Field__c": "string", "Other__c": "string"})
    org.do(name, "insert", rows=[{"My_Field__c": "first", "Other__c": "x"}])
    extracting.make([name], destination, **{f"tracking_type-{name}": "date"})
    extracting.done()
    # The field of the same spelling is described before it from now on.
    org.do(name, "fields", added={"MyField__c": "string"}, removed=["My_Field__c"])
    org.do(name, "fields", added={"My_Field__c": "string"}, removed=[])
    (row_id,) = org.ids(name)
    org.do(name, "update", ids=[row_id], values={"My_Field__c": "first again", "MyField__c": "second"})
    extracting.done()
    (row,) = extracting.table(name)
    assert (row["my_field_c"], row["my_field_c_x"]) == ("first again", "second")
    # Gone for a run, and back.
    org.do(name, "fields", added={}, removed=["My_Field__c"])
    org.do(name, "update", ids=[row_id], values={"MyField__c": "third"})
    extracting.done()
    assert extracting.table(name)[0]["my_field_c_x"] == "third"
    org.do(name, "fields", added={"My_Field__c": "string"}, removed=[])
    org.do(name, "update", ids=[row_id], values={"My_Field__c": "back"})
    extracting.done()
    (row,) = extracting.table(name)
    assert (row["my_field_c"], row["my_field_c_x"]) == ("back", "third")


def test_capitals_that_change_move_no_column(extracting: Extracting, org: Org, destination: str) -> None:
    name = "Case__c"
    org.do(name, "object", fields={"my_Field__c": "string", "Other__c": "string"})
    (row_id,) = org.do(name, "insert", rows=[{"my_Field__c": "first", "Other__c": "x"}])
    extracting.make([name], destination, **{f"tracking_type-{name}": "date"})
    extracting.done()
    org.do(name, "fields", added={"My_Field__c": "string", "OTHER__c": "string"}, removed=["my_Field__c", "Other__c"])
    org.do(name, "update", ids=[row_id], values={"My_Field__c": "second", "OTHER__c": "y"})
    run = extracting.done()
    (row,) = extracting.table(name)
    assert (row["my_field_c"], row["other_c"]) == ("second", "y")
    assert not [column for column in row if column.endswith("_x")]
    assert run.objects[0].notes == []
    with extracting.app.app_context():
        (chosen,) = db.session.get_one(Extraction, extracting.id).objects
        assert {"My_Field__c", "OTHER__c"} <= chosen.field_columns.keys()
        assert "my_Field__c" not in chosen.field_columns


def test_which_column_is_whose_is_shown(extracting: Extracting, org: Org, warehouse: str) -> None:
    org.do("Both__c", "object", fields={"My_Field__c": "string", "MyField__c": "string"})
    org.do("Both__c", "insert", rows=[{}])
    extracting.make(["Both__c"], warehouse)
    extracting.done()
    visitor = extracting.walk.visitor
    visitor.get(f"/extractions/{extracting.id}/objects/Both__c")
    shown = {
        item.xpath("string(.//code[1])"): item.xpath("string(.//code[@class='column'])")
        for item in visitor.page.xpath("//form[@id='fields-form']//li")
    }
    assert (shown["My_Field__c"], shown["MyField__c"]) == ("my_field_c", "my_field_c_x")
    visitor.get(f"/extractions/{extracting.id}")
    assert "both_c" in visitor.text


def test_two_objects_of_one_spelling_have_tables_of_their_own(
    extracting: Extracting, org: Org, destination: str
) -> None:
    for name in ("My_Obj__c", "MyObj__c"):
        org.do(name, "object", fields={})
        org.do(name, "insert", rows=[{"Name": name}])
    extracting.make(["MyObj__c"], destination)
    extracting.done()
    extracting.edit(objects=["My_Obj__c", "MyObj__c"])
    extracting.done()
    extracting.done()
    found, dataset = extracting.open()
    tables = {"my_obj_c": "MyObj__c", "my_obj_c_x": "My_Obj__c"}
    for table, name in tables.items():
        shown = found.preview(Table(dataset, table), 10)
        position = [column.lower() for column, _ in shown.columns].index("name")
        assert [row[position] for row in shown.rows] == [name]
    with extracting.app.app_context():
        stored = db.session.get_one(Extraction, extracting.id)
        assert {chosen.table_name: chosen.name for chosen in stored.objects} == tables
