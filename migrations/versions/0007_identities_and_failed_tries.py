"""who somebody is at a sign-on service, failed tries, and with whom links end"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LINKS = (("person_links", "invited_by"), ("hand_off_links", "made_by"))


def upgrade() -> None:
    op.create_table(
        "sign_on_identities",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sign_on_identities_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_on_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_sign_on_identities_issuer")),
        sa.UniqueConstraint("user_id", "issuer", name=op.f("uq_sign_on_identities_user_id")),
    )
    op.create_table(
        "failed_tries",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_failed_tries")),
    )
    op.create_index(op.f("ix_failed_tries_ends_at"), "failed_tries", ["ends_at"])
    for table, maker in LINKS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column(f"{maker}_id", sa.Integer(), nullable=True))
            batch_op.create_foreign_key(
                op.f(f"fk_{table}_{maker}_id_users"), "users", [f"{maker}_id"], ["id"], ondelete="CASCADE"
            )
            batch_op.create_index(op.f(f"ix_{table}_{maker}_id"), [f"{maker}_id"])
        op.execute(f"UPDATE {table} SET {maker}_id = (SELECT users.id FROM users WHERE users.email = {table}.{maker})")
        # Whoever made these was removed: they would never have ended by themselves.
        op.execute(f"DELETE FROM {table} WHERE {maker}_id IS NULL")


def downgrade() -> None:
    for table, maker in LINKS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_index(op.f(f"ix_{table}_{maker}_id"))
            batch_op.drop_constraint(op.f(f"fk_{table}_{maker}_id_users"), type_="foreignkey")
            batch_op.drop_column(f"{maker}_id")
    op.drop_table("failed_tries")
    op.drop_table("sign_on_identities")
