"""how often formula fields are refreshed, and as of when they are fresh"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "extractions", sa.Column("formula_rhythm", sa.String(length=16), nullable=False, server_default="daily")
    )
    op.add_column("extraction_objects", sa.Column("formula_fields", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("extraction_objects", sa.Column("formulas_fresh_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("extraction_objects", "formulas_fresh_at")
    op.drop_column("extraction_objects", "formula_fields")
    op.drop_column("extractions", "formula_rhythm")
