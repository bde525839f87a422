"""a run that was deleted while it writes keeps its table until it has stopped"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

FOREIGN_KEY = "fk_table_writers_run_id_runs"


def upgrade() -> None:
    with op.batch_alter_table("table_writers") as batch:
        batch.drop_constraint(op.f(FOREIGN_KEY), type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM table_writers WHERE run_id NOT IN (SELECT id FROM runs)")
    with op.batch_alter_table("table_writers") as batch:
        batch.create_foreign_key(op.f(FOREIGN_KEY), "runs", ["run_id"], ["id"], ondelete="CASCADE")
