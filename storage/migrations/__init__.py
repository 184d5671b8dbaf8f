"""Alembic's scripts. Run them with storage.migrate."""
