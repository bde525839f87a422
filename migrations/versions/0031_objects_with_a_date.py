"""which objects of an org have a date to detect changes by"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("object_catalogs") as batch:
        batch.add_column(sa.Column("dated", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("object_catalogs") as batch:
        batch.drop_column("dated")
