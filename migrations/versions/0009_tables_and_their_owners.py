"""tables have one owner, columns keep their names, runs count how often they stalled"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destination_tables",
        sa.Column("place", sa.String(length=600), nullable=False),
        sa.Column("table_key", sa.String(length=250), nullable=False),
        sa.Column("extraction_id", sa.String(length=16), nullable=False),
        sa.Column("object_name", sa.String(length=80), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["extraction_id"],
            ["extractions.id"],
            name=op.f("fk_destination_tables_extraction_id_extractions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place", "table_key", name=op.f("pk_destination_tables")),
    )
    op.create_index(op.f("ix_destination_tables_extraction_id"), "destination_tables", ["extraction_id"])
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stalls", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("extraction_objects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("field_columns", sa.JSON(), nullable=False, server_default="{}"))
    connection = op.get_bind()
    _give_tables(connection)
    _remember_columns(connection)


def downgrade() -> None:
    with op.batch_alter_table("extraction_objects", schema=None) as batch_op:
        batch_op.drop_column("field_columns")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("stalls")
    op.drop_index(op.f("ix_destination_tables_extraction_id"), table_name="destination_tables")
    op.drop_table("destination_tables")


_connections = sa.table("connections", sa.column("id"), sa.column("kind"))
_destinations = sa.table("destination_connections", sa.column("id"), sa.column("settings", sa.JSON))
_extractions = sa.table(
    "extractions", sa.column("id"), sa.column("destination_id"), sa.column("dataset"), sa.column("created_at")
)
_objects = sa.table(
    "extraction_objects", sa.column("id"), sa.column("extraction_id"), sa.column("name"), sa.column("table_name"),
    sa.column("columns", sa.JSON), sa.column("field_columns", sa.JSON),
)  # fmt: skip
_runs = sa.table("runs", sa.column("id"), sa.column("extraction_id"))
_run_objects = sa.table(
    "run_objects", sa.column("id"), sa.column("run_id"), sa.column("name"), sa.column("step"),
    sa.column("ended_at"), sa.column("plan", sa.JSON), sa.column("notes", sa.JSON),
)  # fmt: skip
_tables = sa.table(
    "destination_tables", sa.column("place"), sa.column("table_key"), sa.column("extraction_id"),
    sa.column("object_name"), sa.column("table_name"),
)  # fmt: skip


def _snake_case(name: str) -> str:
    spaced = re.sub(r"([^_])([A-Z][a-z]+)", r"\1_\2", name)
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", spaced).lower()
    bare = spaced.rstrip("_")
    return re.sub("_{2,}", "_", bare + "x" * (len(spaced) - len(bare)))


def _place(kind: str, settings: dict) -> str:
    if "path" in settings:
        parts = [part for part in str(settings["path"]).replace("\\", "/").split("/") if part not in {"", "."}]
        return f"{kind}:{'/'.join(parts).casefold()}"
    host = str(settings.get("host", "")).strip().lower().rstrip(".").strip("[]")
    if host in {"localhost", "::1"} or host.startswith(("/", "127.")):
        host = "localhost"
    database = str(settings.get("database", ""))
    port = settings.get("port") or {"postgresql": 5432, "mysql": 3306}.get(kind, 0)
    return f"{kind}:{host}:{port}/{database.casefold() if kind == 'mysql' else database}"


def _keys(kind: str, dataset: str, table: str) -> tuple:
    if kind in {"sqlite", "mysql"}:
        return (f"{dataset}_{table}".lower(),)
    if kind == "parquet":
        return (f"{dataset}/{table}".lower(),)
    schema = _snake_case(dataset)
    return f"{schema}.{table}", f"{schema}_staging.{table}"


def _give_tables(connection: sa.Connection) -> None:
    """Give each table to the extraction that loaded it first; one that was never loaded, to the oldest extraction."""
    first_loads = {
        (row.extraction_id, row.name): row.at
        for row in connection.execute(
            sa.select(_runs.c.extraction_id, _run_objects.c.name, sa.func.min(_run_objects.c.ended_at).label("at"))
            .join_from(_run_objects, _runs, _run_objects.c.run_id == _runs.c.id)
            .where(_run_objects.c.step == "done")
            .group_by(_runs.c.extraction_id, _run_objects.c.name)
        )
    }
    rows = connection.execute(
        sa.select(
            _objects.c.extraction_id, _objects.c.name, _objects.c.table_name, _extractions.c.dataset,
            _extractions.c.created_at, _connections.c.kind, _destinations.c.settings,
        )
        .join_from(_objects, _extractions, _objects.c.extraction_id == _extractions.c.id)
        .join(_destinations, _destinations.c.id == _extractions.c.destination_id)
        .join(_connections, _connections.c.id == _destinations.c.id)
    ).all()  # fmt: skip

    def turn(row) -> tuple:
        loaded = first_loads.get((row.extraction_id, row.name))
        return (not row.table_name, loaded is None, str(loaded), str(row.created_at), row.name)

    taken = set()
    for row in sorted(rows, key=turn):
        table, place = row.table_name or _snake_case(row.name), _place(row.kind, row.settings or {})
        keys = [(place, key) for key in _keys(row.kind, row.dataset, table)]
        if taken.isdisjoint(keys):
            taken.update(keys)
            values = {"extraction_id": row.extraction_id, "object_name": row.name, "table_name": table}
            connection.execute(_tables.insert(), [{"place": place, "table_key": key, **values} for place, key in keys])


def _remember_columns(connection: sa.Connection) -> None:
    """Write down whose each column is, as the last load gave them: in the order of its query, by the rule of then."""
    for row in connection.execute(sa.select(_objects)).all():
        if not row.columns:
            continue
        last = connection.execute(
            sa.select(_run_objects.c.plan, _run_objects.c.notes)
            .join_from(_run_objects, _runs, _run_objects.c.run_id == _runs.c.id)
            .where(_runs.c.extraction_id == row.extraction_id, _run_objects.c.name == row.name)
            .where(_run_objects.c.step == "done")
            .order_by(_run_objects.c.id.desc())
            .limit(1)
        ).first()
        soql = str((last.plan or {}).get("soql", "")) if last is not None else ""
        query = re.match(r"SELECT (\w+(?:, \w+)*) FROM ", soql)
        if query is None:
            continue
        names = _columns_of(query[1].split(", "), dict(row.columns), set(last.notes or ()))
        connection.execute(_objects.update().where(_objects.c.id == row.id).values(field_columns=names))


def _columns_of(fields: list, columns: dict, notes: set) -> dict:
    found, taken = {}, set()
    plain = {_snake_case(name) for name in fields}
    for name in fields:
        first = _snake_case(name)
        beside = {
            kind: column for column, kind in columns.items() if column == f"{first}_v_{kind}" and column not in plain
        }
        is_retyped = f"retyped:{name}" in notes
        if first in taken and not (is_retyped and beside):
            while first in taken:
                first += "_x"
            beside = {}
        elif first in taken:
            # The rule of then gave a column of its type to the second field of one name.
            found[name] = {kind: column for kind, column in beside.items() if column not in taken}
            taken.update(found[name].values())
            continue
        if first in columns:
            found[name] = {columns[first]: first} | {k: v for k, v in beside.items() if v not in taken}
            taken.update(found[name].values())
    return found
