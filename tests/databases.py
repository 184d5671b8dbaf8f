"""New SQLite databases for tests: the migrations run once in a process, each database is a copy of what they made."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from storage.migrate import upgrade

NAME = "kilowatch.sqlite3"


def database_in(folder: Path) -> str:
    """The URL of the database in this folder: the one that is there, or a new one, migrated and empty."""
    path = folder / NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()
