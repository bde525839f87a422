"""extractions that are being set up, and about how many rows the objects of an org have"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "extraction_drafts",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(16), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["salesforce_connections.id"],
            name=op.f("fk_extraction_drafts_source_id_salesforce_connections"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["users.id"], name=op.f("fk_extraction_drafts_created_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extraction_drafts")),
    )
    op.create_index(op.f("ix_extraction_drafts_source_id"), "extraction_drafts", ["source_id"])
    with op.batch_alter_table("object_catalogs") as batch:
        batch.add_column(sa.Column("counts", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("object_catalogs") as batch:
        batch.drop_column("counted_at")
        batch.drop_column("counts")
    op.drop_index(op.f("ix_extraction_drafts_source_id"), table_name="extraction_drafts")
    op.drop_table("extraction_drafts")
