"""What goes wrong in the middle of a run loses and doubles nothing, and never leaves it running for ever."""

from __future__ import annotations

import resource
import secrets
import threading
from datetime import timedelta

import psycopg
import pytest

from datasync_flask.clock import utcnow
from datasync_flask.destinations.base import Table
from datasync_flask.extensions import db
from datasync_flask.extractions import schedule
from datasync_flask.extractions.models import Extraction, Run
from datasync_flask.extractions.runs import abandoned_jobs, lease, object_states, states
from datasync_flask.extractions.runs.reading import Reader
from datasync_flask.salesforce_connections import store
from datasync_flask.security.crypto import secret_box
from tests.support.extraction import Extracting, Org
from tests.support.killed import Killed, killed_at

pytestmark = pytest.mark.slow


@pytest.fixture
def ready(extracting: Extracting, org: Org, warehouse: str) -> Extracting:
    """7,000 rows in pages of 1,000."""
    org.do("Account", "generate", count=7000)
    extracting.walk.practice.change_org(result_page_rows=1000)
    extracting.make(["Account"], warehouse, **{"tracking_type-Account": "date_deletes"})
    return extracting


def make_silent(extracting: Extracting, run_id: str) -> None:
    """Pretend the run's process died a while ago."""
    with extracting.app.app_context():
        run = db.session.get_one(Run, run_id)
        run.heartbeat_at = utcnow() - lease.SILENT_FOR - timedelta(seconds=1)
        db.session.commit()


@pytest.mark.parametrize("at_page", [0, 3, 6])
def test_killed_while_reading_it_goes_on_where_it_was(ready: Extracting, at_page: int) -> None:
    run_id = ready.start()
    original = Reader._read_page

    def read_page(self: Reader) -> None:
        if self.progress.pages == at_page:
            raise Killed
        original(self)

    with killed_at(Reader, "_read_page", read_page):
        ready.work_on(run_id)
    assert ready.stored(run_id).state == "running"
    with ready.app.app_context():
        assert states.claim(run_id) == ""
    make_silent(ready, run_id)
    with ready.app.app_context():
        assert lease.due(utcnow()) == [run_id]
    before = ready.walk.practice.requests()["results"] if at_page else 0
    ready.work_on(run_id)
    assert ready.stored(run_id).state == "done"
    assert ready.walk.practice.requests()["results"] - before == 7 - at_page
    ready.assert_same("Account")


def test_killed_while_writing_it_is_written_again(ready: Extracting) -> None:
    run_id = ready.start()
    with killed_at(object_states, "object_done"):
        ready.work_on(run_id)
    make_silent(ready, run_id)
    with ready.app.app_context():
        # The table is there, though nobody had time to write down whose it is.
        assert db.session.get_one(Extraction, ready.id).objects[0].watermark is None
    ready.work_on(run_id)
    assert ready.stored(run_id).state == "done", ready.stored(run_id).problem_detail
    ready.assert_same("Account")


def with_full_disk(extracting: Extracting, most: int) -> Run:
    """Do a run while no file may grow beyond so many bytes: writing fails as it does where there is no room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        return extracting.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_a_disk_that_is_full_leaves_the_table_as_it_was(extracting: Extracting, org: Org, kind: str) -> None:
    org.do("Account", "generate", count=50)
    extracting.make(
        ["Account"], extracting.make_destination(kind, {"path": "full"}), **{"tracking_type-Account": "none"}
    )
    extracting.done()
    before = sorted(row["id"] for row in extracting.table("Account"))
    org.do("Account", "generate", count=20_000)
    # Room for the working files, but not for the table.
    run = with_full_disk(extracting, 2_400_000)
    assert run.state == "failed"
    assert run.problem.startswith("destination."), run.problem
    assert sorted(row["id"] for row in extracting.table("Account")) == before
    assert extracting.done().state == "done"
    extracting.assert_same("Account")


def test_a_full_disk_of_the_server_is_named_and_nothing_is_lost(
    extracting: Extracting, org: Org, warehouse: str
) -> None:
    # Texts that no compression makes much smaller.
    org.do("Account", "insert", rows=[{"Name": "Large", "Description": secrets.token_hex(1_000)} for _ in range(2_000)])
    extracting.make(["Account"], warehouse)
    run = with_full_disk(extracting, 1_000_000)
    assert (run.state, run.problem) == ("failed", "run.server_disk_full"), run.problem_detail
    extracting.walk.visitor.get(f"/extractions/{extracting.id}/runs/{run.id}")
    assert "Make room on that server, then run again: nothing is lost." in extracting.walk.visitor.text
    extracting.done()
    extracting.assert_same("Account")


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset"},
        {"status": 503, "body": "<html>Down for maintenance</html>", "headers": {"Content-Type": "text/html"}},
        {
            "status": 200,
            "body": '"Id","Name"\n"001',
            "headers": {"Content-Type": "text/csv", "Sforce-NumberOfRecords": "1000"},
        },
        {"status": 500, "body": '[{"errorCode":"UNKNOWN_EXCEPTION","message":"An unexpected error occurred."}]'},
        {"status": 401, "body": '[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]'},
    ],
    ids=["reset", "503 html", "half a page", "500", "401"],
)
def test_answers_that_break_off_are_asked_for_again(ready: Extracting, fault: dict[str, object]) -> None:
    ready.walk.practice.fault("results", **fault)
    assert ready.run().state == "done"
    ready.assert_same("Account")


def test_a_revoked_permission_waits_for_the_connection_and_goes_on(ready: Extracting) -> None:
    ready.walk.practice.expire("refresh")
    run = ready.run()
    assert (run.state, run.problem) == ("waiting", "salesforce.revoked")
    assert (ready.walk.state, ready.walk.reason) == ("needs_attention", "revoked")
    visitor = ready.walk.visitor
    visitor.get(f"/extractions/{ready.id}/runs/{run.id}")
    assert "Salesforce doesn’t accept the permission any more" in visitor.text
    assert visitor.page.get_element_by_id("run-progress").get("data-state") == "waiting"
    with ready.app.app_context():
        states.wake_waiting()
        assert lease.due(utcnow()) == []
    ready.walk.allow()
    ready.walk.work()
    with ready.app.app_context():
        states.wake_waiting()
        assert lease.due(utcnow()) == [run.id]
    ready.work_on(run.id)
    assert ready.stored(run.id).state == "done"
    ready.assert_same("Account")


def test_at_the_ceiling_it_pauses_and_goes_on(ready: Extracting) -> None:
    ready.walk.practice.change_org(daily_requests=14)
    run = ready.run()
    assert (run.state, run.problem) == ("paused", "run.quota")
    assert run.due_at is not None
    ready.walk.visitor.get(f"/extractions/{ready.id}/runs/{run.id}")
    assert (
        f"{run.calls_used} of 14 API calls are used today, and this extraction pauses at 11." in ready.walk.visitor.text
    )
    assert "It checks again" in ready.walk.visitor.text
    ready.walk.practice.change_org(daily_requests=15000)
    with ready.app.app_context():
        assert lease.due(utcnow()) == []
        assert lease.due(run.due_at) == [run.id]
        row = db.session.get_one(Run, run.id)
        row.due_at = utcnow()
        db.session.commit()
    ready.work_on(run.id)
    assert ready.stored(run.id).state == "done"
    ready.assert_same("Account")


def test_cancelled_before_and_while_it_runs(ready: Extracting, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = ready.walk.visitor
    first = ready.start()
    assert visitor.post(f"/extractions/{ready.id}/runs/{first}/cancel").status_code == 303
    assert ready.stored(first).state == "cancelled"
    second = ready.start()
    original = Reader._read_page

    def cancel(self: Reader) -> None:
        original(self)
        if self.progress.pages == 2:
            with ready.app.app_context():
                states.cancel(states.load(second))
                assert lease.renew(second, states.load(second).lease_id) is False
            # What the run's own heartbeat does every few seconds.
            raise runner_stop()

    def runner_stop() -> Exception:
        from datasync_flask.extractions.runs.endings import Stopped

        return Stopped()

    monkeypatch.setattr(Reader, "_read_page", cancel)
    ready.work_on(second)
    assert ready.stored(second).state == "cancelled"
    with ready.app.app_context():
        assert states.folder_of(second).exists()
        states.clear_folders()
        assert not states.folder_of(second).exists()
    assert not ready.open()[0].has_table(_account())


def _account() -> Table:

    return Table("crm", "account")


@pytest.mark.parametrize("is_reachable", [True, False])
def test_a_run_cancelled_while_no_process_has_it_leaves_no_job_behind(ready: Extracting, *, is_reachable: bool) -> None:
    practice = ready.walk.practice
    practice.change_org(daily_requests=11)
    run = ready.run()
    assert run.state == "paused"
    practice.change_org(daily_requests=15000)
    ready.walk.visitor.post(f"/extractions/{ready.id}/runs/{run.id}/cancel")
    if not is_reachable:
        practice.fault("job", kind="reset", times=None)
    before = practice.requests().get("job", 0)
    with ready.app.app_context():
        abandoned_jobs.abort_all()
        asked = practice.requests()["job"]
        abandoned_jobs.abort_all()
    # Aborted and deleted; where Salesforce can't be reached it isn't tried again.
    assert asked > before
    assert practice.requests()["job"] == asked
    practice.clear_faults()
    assert ready.done().state == "done"


def test_three_objects_renew_a_token_that_is_over_once(extracting: Extracting, org: Org, warehouse: str) -> None:
    names = ["Account", "Contact", "Opportunity"]
    for name in names:
        org.do(name, "generate", count=20)
    extracting.make(names, warehouse)
    extracting.walk.practice.expire()
    before = extracting.walk.practice.requests()["token"]
    assert extracting.run().state == "done"
    assert extracting.walk.practice.requests()["token"] == before + 1


def test_one_run_at_a_time(ready: Extracting) -> None:
    made, refused, ready_to_go = [], [], threading.Barrier(4)

    def start() -> None:
        ready_to_go.wait(10)
        with ready.app.app_context():
            try:
                made.append(states.start(ready.id, "test").id)
            except states.AlreadyRunning as other:
                refused.append(other.run_id)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert refused == made * 3
    holders = []
    with ready.app.app_context():
        holders = [states.claim(made[0]) for _ in range(3)]
    assert [bool(lease_id) for lease_id in holders] == [True, False, False]


def test_a_process_that_keeps_dying_is_given_up(ready: Extracting) -> None:
    run_id = ready.start()
    for _ in range(states.MAX_TRIES):
        with ready.app.app_context():
            assert states.claim(run_id)
        make_silent(ready, run_id)
    with ready.app.app_context():
        assert states.claim(run_id) == ""
    assert (ready.stored(run_id).state, ready.stored(run_id).problem) == ("failed", "run.gave_up")


def test_a_lost_key_fails_with_what_to_do(ready: Extracting) -> None:
    from cryptography.fernet import Fernet

    from datasync_flask.security.crypto import SecretBox

    ready.app.extensions["secret_box"] = SecretBox([Fernet.generate_key().decode()])
    run = ready.run()
    assert run.state in {"waiting", "failed"}
    assert run.problem == "salesforce.secrets_unreadable"


def test_due_schedules_start_once(ready: Extracting) -> None:
    ready.edit(schedule="every 15 minutes")
    with ready.app.app_context():
        extraction = db.session.get_one(Extraction, ready.id)
        assert extraction.next_run_at is not None
        missed = utcnow() - timedelta(days=2)
        extraction.next_run_at = missed
        db.session.commit()
        assert len(schedule.start_due(utcnow())) == 1
        assert schedule.start_due(utcnow()) == []
        db.session.expire_all()
        after = db.session.get_one(Extraction, ready.id).next_run_at
        assert after is not None
        assert utcnow() < after <= utcnow() + timedelta(minutes=15)


def test_secrets_are_in_no_row_and_no_working_file(ready: Extracting) -> None:
    assert ready.run().state == "done"
    with ready.app.app_context():
        connection = store.load(ready.walk.id)
        assert connection is not None
        assert connection.grant is not None
        token = secret_box().open(connection.grant.access_token_sealed)
    for path in ready.folder.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path


class TestOnPostgresql:
    """The app's own database, gone for a moment."""

    @pytest.fixture
    def database_url(self, _postgresql_url: str) -> str:
        with psycopg.connect(_postgresql_url.replace("+psycopg", ""), autocommit=True) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            names = ", ".join(f'"{name}"' for (name,) in tables if name != "alembic_version")
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        return _postgresql_url

    def test_a_database_that_goes_and_comes_back(
        self, ready: Extracting, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = ready.start()
        original, gone = Reader._read_page, []

        def read(reader: Reader) -> None:
            original(reader)
            if reader.progress.pages == 3 and not gone:
                with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as admin:
                    gone.append(
                        admin.execute(
                            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                        ).fetchone()
                    )

        with monkeypatch.context() as patch:
            patch.setattr(Reader, "_read_page", read)
            ready.work_on(run_id)
        assert gone
        if ready.stored(run_id).state != "done":
            make_silent(ready, run_id)
            ready.work_on(run_id)
        assert ready.stored(run_id).state == "done", ready.stored(run_id).problem_detail
        ready.assert_same("Account")
