"""labels of extractions, and extractions whose schedule is paused"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "extraction_labels",
        sa.Column("extraction_id", sa.String(length=16), nullable=False),
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["extraction_id"],
            ["extractions.id"],
            name=op.f("fk_extraction_labels_extraction_id_extractions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["label_id"], ["labels.id"], name=op.f("fk_extraction_labels_label_id_labels"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("extraction_id", "label_id", name=op.f("pk_extraction_labels")),
    )
    op.create_index(op.f("ix_extraction_labels_label_id"), "extraction_labels", ["label_id"])
    with op.batch_alter_table("extractions") as batch:
        batch.add_column(sa.Column("is_paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("extractions") as batch:
        batch.alter_column("is_paused", server_default=None, existing_type=sa.Boolean(), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("extractions") as batch:
        batch.drop_column("is_paused")
    op.drop_index(op.f("ix_extraction_labels_label_id"), table_name="extraction_labels")
    op.drop_table("extraction_labels")
