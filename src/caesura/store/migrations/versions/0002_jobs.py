"""The tables of pgqueuer, which runs ordinary jobs."""

from caesura.store.migrations.upgrade import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(__file__)
