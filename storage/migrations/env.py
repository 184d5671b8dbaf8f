"""Alembic's entry point. The connection, and the transaction around everything, come from storage.migrate."""

from alembic import context

from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite rolls back changes of tables too, which Alembic does not expect of it.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
