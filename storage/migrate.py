"""Bringing a database to the tables this code expects. Safe when several processes start at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text

from storage.engine import database_url, open_engine
from storage.unit_of_work import translated_errors

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = "kilowatch migrations"


def upgrade(url: str) -> None:
    """Run the migrations that are missing, in one transaction. Creates a SQLite file and its folder."""
    target = database_url(url)
    if target.get_backend_name() == "sqlite" and target.database:
        Path(target.database).parent.mkdir(parents=True, exist_ok=True)
    engine = open_engine(url)
    try:
        # On SQLite the transaction itself (BEGIN IMMEDIATE) makes others wait.
        with translated_errors(), engine.begin() as db:
            if engine.dialect.name == "postgresql":
                # Waiting for another process's migrations, and a migration itself, may take long.
                db.execute(text("SET LOCAL statement_timeout = 0"))
                db.execute(text("SET LOCAL lock_timeout = 0"))
                db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
            command.upgrade(_config(db), "head")
    finally:
        engine.dispose()


def pending(url: str) -> bool:
    """Whether migrations are missing. A SQLite file that does not exist is not created by asking."""
    target = database_url(url)
    if target.get_backend_name() == "sqlite" and not Path(target.database or "").exists():
        return True
    engine = open_engine(url)
    try:
        with translated_errors(), engine.begin() as db:
            current = set(MigrationContext.configure(db).get_current_heads())
            return current != set(ScriptDirectory.from_config(_config(db)).get_heads())
    finally:
        engine.dispose()


def _config(db: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = db
    return config
