"""the org of a connection, the app of its tokens, and tokens on trial"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_APP = ("login_host", "login_url", "auth_method", "client_id", "username", "certificate_id")


def upgrade() -> None:
    op.create_table(
        "trial_grants",
        sa.Column("connection_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("access_token_sealed", sa.Text(), nullable=False),
        sa.Column("refresh_token_sealed", sa.Text(), nullable=False),
        sa.Column("instance_url", sa.String(length=300), nullable=False),
        sa.Column("identity_url", sa.String(length=300), nullable=False),
        sa.Column("scopes", sa.String(length=1000), nullable=False),
        sa.Column("app_settings", sa.JSON(), nullable=False),
        sa.Column("app_secret_sealed", sa.Text(), nullable=False),
        sa.Column("org_id", sa.String(length=18), nullable=False),
        sa.Column("org_name", sa.String(length=255), nullable=False),
        sa.Column("is_sandbox", sa.Boolean(), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("failed_checks", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["salesforce_connections.id"],
            name=op.f("fk_trial_grants_connection_id_salesforce_connections"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_trial_grants")),
    )
    op.create_index(op.f("ix_trial_grants_asked_at"), "trial_grants", ["asked_at"])
    with op.batch_alter_table("salesforce_connections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("org_id", sa.String(length=18), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("org_name", sa.String(length=255), nullable=False, server_default=""))
    with op.batch_alter_table("salesforce_grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("works", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("app_settings", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("app_secret_sealed", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("extraction_objects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("loaded_org_id", sa.String(length=18), nullable=False, server_default=""))
    with op.batch_alter_table("authorization_attempts", schema=None) as batch_op:
        batch_op.alter_column("session_hash", new_column_name="browser_hash")
        batch_op.drop_column("was_connected")
    _fill()


def _fill() -> None:
    """Let each connection belong to the org that its tokens open, and each table to the org of its source."""
    connection = op.get_bind()
    # Attempts were bound to a session that no cookie holds any more: whoever is on the way starts again.
    connection.execute(sa.text("DELETE FROM authorization_attempts"))
    columns = [sa.column(name) for name in _APP]
    sources = sa.table(
        "salesforce_connections", sa.column("id"), sa.column("org_id"), sa.column("org_name"),
        sa.column("client_secret_sealed"), *columns,
    )  # fmt: skip
    grants = sa.table(
        "salesforce_grants", sa.column("connection_id"), sa.column("org_id"), sa.column("org_name"),
        sa.column("works"), sa.column("app_secret_sealed"), sa.column("app_settings", sa.JSON()),
    )  # fmt: skip
    states = sa.table("connections", sa.column("id"), sa.column("state"))
    objects = sa.table("extraction_objects", sa.column("extraction_id"), sa.column("loaded_at"),
                       sa.column("loaded_org_id"))  # fmt: skip
    extractions = sa.table("extractions", sa.column("id"), sa.column("source_id"))
    rows = connection.execute(
        sa.select(
            sources, grants.c.org_id.label("granted_org"), grants.c.org_name.label("granted_name"), states.c.state
        )
        .select_from(sources)
        .join(grants, grants.c.connection_id == sources.c.id)
        .join(states, states.c.id == sources.c.id)
    ).all()
    for row in rows:
        connection.execute(
            sa.update(grants)
            .where(grants.c.connection_id == row.id)
            .values(
                app_settings={name: getattr(row, name) for name in _APP},
                app_secret_sealed=row.client_secret_sealed,
                works=row.state == "connected",
            )
        )
        org = {"org_id": row.granted_org, "org_name": row.granted_name}
        connection.execute(sa.update(sources).where(sources.c.id == row.id).values(**org))
        of_source = sa.select(extractions.c.id).where(extractions.c.source_id == row.id)
        connection.execute(
            sa.update(objects)
            .where(objects.c.extraction_id.in_(of_source), objects.c.loaded_at.is_not(None))
            .values(loaded_org_id=row.granted_org)
        )


def downgrade() -> None:
    op.execute("DELETE FROM authorization_attempts")
    with op.batch_alter_table("authorization_attempts", schema=None) as batch_op:
        batch_op.alter_column("browser_hash", new_column_name="session_hash")
        batch_op.add_column(sa.Column("was_connected", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("extraction_objects", schema=None) as batch_op:
        batch_op.drop_column("loaded_org_id")
    with op.batch_alter_table("salesforce_grants", schema=None) as batch_op:
        batch_op.drop_column("app_secret_sealed")
        batch_op.drop_column("app_settings")
        batch_op.drop_column("works")
    with op.batch_alter_table("salesforce_connections", schema=None) as batch_op:
        batch_op.drop_column("org_name")
        batch_op.drop_column("org_id")
    op.drop_table("trial_grants")
