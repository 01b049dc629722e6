"""Alembic's way in: the connection comes from whoever opens the store."""

from alembic import context

from serving.store.schema import META

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=META,
    version_table="patron_version",
    transactional_ddl=False,  # the connection's own transaction holds all
)
context.run_migrations()
