"""An org in a set of tables with others gets another name."""

from __future__ import annotations

import pytest

from datasync_flask.destinations.base import ORG_NAME_COLUMN, Table
from datasync_flask.extractions.runs import states
from tests.support.combined_orgs import OTHER, load_both, rows_of
from tests.support.extraction import Extracting


@pytest.mark.parametrize("fields", [{}, {"history-Account": "on"}])
def test_a_renamed_org_has_its_new_name_in_all_rows_after_the_next_run(
    extracting: Extracting, second: Extracting, warehouse: str, fields: dict[str, str]
) -> None:
    load_both(extracting, second, warehouse, **fields)
    (touched, *_) = second.org.ids("Account")
    second.org.do("Account", "update", ids=[touched], values={"Name": "Changed"})
    second.done()

    def versions() -> list[tuple[str, str, str]]:
        opened, dataset = extracting.open()
        shown = opened.preview(Table(dataset, "account"), 100)
        at = [[name for name, _ in shown.columns].index(name) for name in (ORG_NAME_COLUMN, "id", "name")]
        return sorted((str(row[at[0]]), str(row[at[1]]), str(row[at[2]])) for row in shown.rows)

    before = versions()
    second.walk.practice.change_org(org_name="Renamed Org")
    second.walk.visitor.post(f"/connections/{second.walk.id}/check")
    second.walk.work()
    renamed = sorted((org.replace("Other Org", "Renamed Org"), *others) for org, *others in before)
    # Nothing else has changed, then a row has, then everything is read again.
    assert [row.is_whole for row in second.done().objects] == [False]
    assert versions() == renamed
    second.org.do("Account", "update", ids=[touched], values={"Name": "Again"})
    second.done()
    second.walk.visitor.post(f"/extractions/{second.id}/objects/Account/reload")
    with second.app.app_context():
        run_id = states.open_run(second.id)
    assert run_id
    second.work_on(run_id)
    assert second.stored(run_id).objects[0].is_whole
    assert {name for name, *_ in versions()} == {"Practice Org", "Renamed Org"}
    assert {row["id"] for row in rows_of(second, OTHER)} == set(second.org.ids("Account"))
    assert len(versions()) == len(before) + len(fields)
    extracting.done()
    assert len(versions()) == len(before) + len(fields)


def test_an_org_renamed_while_everything_is_read_with_history(
    extracting: Extracting, second: Extracting, warehouse: str
) -> None:
    load_both(extracting, second, warehouse, **{"history-Account": "on"})
    second.walk.practice.change_org(org_name="Renamed Org")
    second.walk.visitor.post(f"/connections/{second.walk.id}/check")
    second.walk.work()
    response = second.walk.visitor.post(f"/extractions/{second.id}/objects/Account/reload")
    second.work_on(response.headers["Location"].rsplit("/", 1)[-1])
    assert {row[ORG_NAME_COLUMN] for row in rows_of(second, OTHER)} == {"Renamed Org"}
    assert len(rows_of(second, OTHER)) == 4
