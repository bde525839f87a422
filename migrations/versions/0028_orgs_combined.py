"""tables that several orgs share, each with a part of its own"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_NEW = (
    ("extractions", "combines_orgs", sa.Boolean(), sa.false()),
    ("extraction_objects", "loaded_org_name", sa.String(length=255), ""),
    ("runs", "removes_rows", sa.Boolean(), sa.false()),
)


def upgrade() -> None:
    # The defaults stay: a process of the version before writes these tables too while both are there.
    for table, name, kind, default in _NEW:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=default))
    with op.batch_alter_table("destination_tables") as batch:
        batch.add_column(sa.Column("org_id", sa.String(length=15), nullable=False, server_default=""))
        batch.drop_constraint("pk_destination_tables", type_="primary")
        batch.create_primary_key(op.f("pk_destination_tables"), ["place", "table_key", "org_id"])
    op.create_table(
        "table_writers",
        sa.Column("place", sa.String(length=600), nullable=False),
        sa.Column("table_key", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_table_writers_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("place", "table_key", name=op.f("pk_table_writers")),
    )
    op.create_index(op.f("ix_table_writers_run_id"), "table_writers", ["run_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_table_writers_run_id"), table_name="table_writers")
    op.drop_table("table_writers")
    # Who came later gives its part of a table back; without the column one extraction has a table.
    op.execute(
        "DELETE FROM destination_tables WHERE EXISTS (SELECT 1 FROM destination_tables AS other "
        "WHERE other.place = destination_tables.place AND other.table_key = destination_tables.table_key "
        "AND other.org_id < destination_tables.org_id)"
    )
    with op.batch_alter_table("destination_tables") as batch:
        batch.drop_constraint("pk_destination_tables", type_="primary")
        batch.drop_column("org_id")
        batch.create_primary_key(op.f("pk_destination_tables"), ["place", "table_key"])
    for table, name, _, _ in reversed(_NEW):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)
