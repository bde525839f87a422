"""where notices may go, what came of a test, the address that browsers show"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("notice_channels", schema=None) as batch_op:
        batch_op.add_column(sa.Column("allow_internal", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("test_error", sa.String(length=300), nullable=False, server_default=""))
    op.create_table(
        "browser_addresses",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.String(length=300), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_addresses")),
    )


def downgrade() -> None:
    op.drop_table("browser_addresses")
    with op.batch_alter_table("notice_channels", schema=None) as batch_op:
        batch_op.drop_column("test_error")
        batch_op.drop_column("tested_at")
        batch_op.drop_column("allow_internal")
