"""defaults for columns that the version before doesn't write"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("salesforce_connections") as batch:
        batch.alter_column(
            "client_secret_use", server_default="required", existing_type=sa.String(16), existing_nullable=False
        )
    with op.batch_alter_table("extractions") as batch:
        batch.alter_column("is_paused", server_default=sa.false(), existing_type=sa.Boolean(), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("extractions") as batch:
        batch.alter_column("is_paused", server_default=None, existing_type=sa.Boolean(), existing_nullable=False)
    with op.batch_alter_table("salesforce_connections") as batch:
        batch.alter_column(
            "client_secret_use", server_default=None, existing_type=sa.String(16), existing_nullable=False
        )
