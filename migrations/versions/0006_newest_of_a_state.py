"""an index for the newest connections of a state"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_connections_state_and_since", "connections", ["state", "state_since"])
    op.drop_index("ix_connections_state", table_name="connections")


def downgrade() -> None:
    op.create_index("ix_connections_state", "connections", ["state"])
    op.drop_index("ix_connections_state_and_since", table_name="connections")
