"""Alembic's entry: runs the chosen versions on the connection that `upgrade` has put into the configuration."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
