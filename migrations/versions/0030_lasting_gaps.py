"""the differences from Salesforce that last, so that Home finds them without reading all runs"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("extraction_objects") as batch:
        batch.add_column(sa.Column("lasting_gap", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("extraction_objects") as batch:
        batch.drop_column("lasting_gap")
