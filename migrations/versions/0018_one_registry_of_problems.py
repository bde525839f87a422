"""problems of runs under the codes of the registry: salesforce.…, destination.…, run.…"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("runs", "run_objects")
OF_RUNS = "'quota', 'fault', 'no_progress', 'table_taken', 'table_given_back', 'loaded_from_other_org', 'gave_up'"


def upgrade() -> None:
    for name in TABLES:
        op.execute(
            f"UPDATE {name} SET problem = CASE "
            "WHEN substr(problem, 1, 12) = 'destination_' THEN 'destination.' || substr(problem, 13) "
            f"WHEN problem IN ({OF_RUNS}) THEN 'run.' || problem "
            "ELSE 'salesforce.' || problem END "
            "WHERE problem <> ''"
        )


def downgrade() -> None:
    for name in TABLES:
        op.execute(
            f"UPDATE {name} SET problem = CASE "
            "WHEN substr(problem, 1, 12) = 'destination.' THEN 'destination_' || substr(problem, 13) "
            "WHEN substr(problem, 1, 4) = 'run.' THEN substr(problem, 5) "
            "ELSE substr(problem, 12) END "
            "WHERE problem <> ''"
        )
