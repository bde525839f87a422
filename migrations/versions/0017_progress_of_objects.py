"""progress of an object's run, how a table is loaded"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0013"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 500
# Progress that has columns of its own.
SHOWN = ("job_id", "pages", "rows", "is_read", "expected")


def _rows(table, *names):
    """Yield all rows of a table, some at a time."""
    last = 0
    while True:
        columns = [table.c.id, *(table.c[name] for name in names)]
        query = sa.select(*columns).where(table.c.id > last).order_by(table.c.id).limit(ROWS_AT_ONCE)
        found = op.get_bind().execute(query).all()
        yield from found
        if len(found) < ROWS_AT_ONCE:
            return
        last = found[-1].id


def _write(table, row_id, **values):
    op.get_bind().execute(table.update().where(table.c.id == row_id).values(**values))


def _objects():
    columns = [sa.column(name) for name in ("id", "step", *SHOWN)]
    return sa.table("run_objects", *columns, sa.column("plan", sa.JSON()), sa.column("progress", sa.JSON()))


def _chosen():
    loaded_as = sa.column("loaded_as", sa.JSON(none_as_null=True))
    return sa.table("extraction_objects", sa.column("id"), sa.column("made_by"), loaded_as)


def _loaded_as(made_by):
    """Return what "tracking|cursor|history|marks|where|filter" says."""
    if not made_by:
        return None
    tracking_type, cursor, history, marks, _, row_filter = [*made_by.split("|", 5), "", "", "", "", ""][:6]
    return {
        "tracking_type": tracking_type,
        "cursor": cursor,
        "keeps_history": history == "True",
        "marks_deleted": marks == "True",
        "filter": row_filter,
    }


def _made_by(loaded_as):
    if not loaded_as:
        return ""
    names = ("tracking_type", "cursor", "keeps_history", "marks_deleted")
    return "|".join([*(str(loaded_as[name]) for name in names), "where", loaded_as["filter"]])


def upgrade() -> None:
    with op.batch_alter_table("run_objects") as batch_op:
        batch_op.add_column(sa.Column("progress", sa.JSON(), nullable=False, server_default="{}"))
    table = _objects()
    for row in _rows(table, "step", "plan"):
        plan = row.plan or {}
        before = plan.get("progress", {})
        progress = {name: before[name] for name in ("locator", "odd", "apart") if name in before}
        if "at" in plan:
            progress["reads"] = {name: plan[name] for name in ("at", "soql", "columns") if name in plan}
        # A run that goes on finds all that it had; what is over stays as it was shown.
        is_over = row.step in {"done", "failed"}
        shown = {} if is_over else {name: before[name] for name in SHOWN if name in before}
        _write(table, row.id, progress=progress, **shown)
    with op.batch_alter_table("run_objects") as batch_op:
        batch_op.drop_column("plan")
        batch_op.drop_column("locator")
        batch_op.alter_column("progress", server_default=None)
    with op.batch_alter_table("extraction_objects") as batch_op:
        batch_op.add_column(sa.Column("loaded_as", sa.JSON(), nullable=True))
    table = _chosen()
    for row in _rows(table, "made_by"):
        _write(table, row.id, loaded_as=_loaded_as(row.made_by))
    with op.batch_alter_table("extraction_objects") as batch_op:
        batch_op.drop_column("made_by")


def downgrade() -> None:
    with op.batch_alter_table("extraction_objects") as batch_op:
        batch_op.add_column(sa.Column("made_by", sa.Text(), nullable=False, server_default=""))
    table = _chosen()
    for row in _rows(table, "loaded_as"):
        _write(table, row.id, made_by=_made_by(row.loaded_as))
    with op.batch_alter_table("extraction_objects") as batch_op:
        batch_op.drop_column("loaded_as")
        batch_op.alter_column("made_by", server_default=None)
    with op.batch_alter_table("run_objects") as batch_op:
        batch_op.add_column(sa.Column("plan", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("locator", sa.Text(), nullable=False, server_default=""))
    table = _objects()
    for row in _rows(table, "progress", *SHOWN):
        progress = {name: row.progress[name] for name in ("locator", "odd", "apart") if name in row.progress}
        shown = {name: getattr(row, name) for name in SHOWN} | {"is_read": bool(row.is_read)}
        reads = row.progress.get("reads")
        _write(table, row.id, plan={**reads, "progress": progress | shown} if reads else {})
    with op.batch_alter_table("run_objects") as batch_op:
        batch_op.drop_column("progress")
        batch_op.alter_column("plan", server_default=None)
        batch_op.alter_column("locator", server_default=None)
