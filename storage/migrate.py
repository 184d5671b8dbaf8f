"""Bringing a database to the tables this code expects. Safe when several processes start at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, inspect, select, text

from storage.engine import database_url, open_engine
from storage.unit_of_work import translated_errors

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = "kilowatch migrations"


def upgrade(url: str) -> None:
    """Run the migrations that are missing, in one transaction. Creates a SQLite file and its folder."""
    from alembic import command

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
    """Whether migrations are missing. A SQLite file that does not exist is not created by asking.

    Every process asks this when it starts, so without Alembic, which takes a third of a second to import.
    """
    target = database_url(url)
    if target.get_backend_name() == "sqlite" and not Path(target.database or "").exists():
        return True
    engine = open_engine(url)
    try:
        with translated_errors(), engine.begin() as db:
            if not inspect(db).has_table("alembic_version"):
                return True
            return set(db.scalars(text("SELECT version_num FROM alembic_version"))) != {head()}
    finally:
        engine.dispose()


def head() -> str:
    """The number of the newest migration. They are one line, each named by its number."""
    return max(script.name.split("_")[0] for script in _SCRIPTS.glob("versions/[0-9]*_*.py"))


def _config(db: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = db
    return config
