"""The first schema."""

from caesura.store.migrations.upgrade import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(__file__)
