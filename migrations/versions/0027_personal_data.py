"""fields that are hashed or left out, and the key of the hashes"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hashing_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hashing_keys")),
    )
    with op.batch_alter_table("extraction_objects") as batch:
        batch.add_column(sa.Column("hashed", sa.JSON(), server_default="[]", nullable=False))
        batch.add_column(sa.Column("left_out", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("extraction_objects") as batch:
        batch.drop_column("left_out")
        batch.drop_column("hashed")
    op.drop_table("hashing_keys")
