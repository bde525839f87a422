"""certificates for signed tokens"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_certificates",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("private_key_sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_certificates")),
    )
    with op.batch_alter_table("salesforce_connections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("username", sa.String(length=255), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("certificate_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_salesforce_connections_certificate_id_signing_certificates"),
            "signing_certificates",
            ["certificate_id"],
            ["id"],
        )


def downgrade() -> None:
    with op.batch_alter_table("salesforce_connections", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_salesforce_connections_certificate_id_signing_certificates"), type_="foreignkey"
        )
        batch_op.drop_column("certificate_id")
        batch_op.drop_column("username")
    op.drop_table("signing_certificates")
