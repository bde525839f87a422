"""apps that require no secret, and since when Salesforce has known an app"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("salesforce_connections") as batch:
        batch.add_column(sa.Column("client_secret_use", sa.String(16), nullable=False, server_default="required"))
        batch.add_column(sa.Column("app_known_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE salesforce_connections SET app_known_at = (SELECT granted_at FROM salesforce_grants "
        "WHERE salesforce_grants.connection_id = salesforce_connections.id)"
    )
    with op.batch_alter_table("salesforce_connections") as batch:
        batch.alter_column(
            "client_secret_use", server_default=None, existing_type=sa.String(16), existing_nullable=False
        )


def downgrade() -> None:
    with op.batch_alter_table("salesforce_connections") as batch:
        batch.drop_column("app_known_at")
        batch.drop_column("client_secret_use")
