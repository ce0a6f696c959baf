"""The database's versions, for alembic."""
