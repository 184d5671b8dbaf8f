"""Working with many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

# The longest list of values in one statement.
CHUNK = 500


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def insert(db: Connection, table: Table) -> Any:
    """An INSERT that can say what happens on a conflict; both engines write it alike, SQLAlchemy keeps two."""
    return (sqlite if db.dialect.name == "sqlite" else postgresql).insert(table)


def insert_new(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        db.execute(insert(db, table).on_conflict_do_nothing(), rows)


def upsert(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows, or overwrite those with the same primary key by the columns given."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = insert(db, table)
    overwritten = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    db.execute(statement.on_conflict_do_update(index_elements=keys, set_=overwritten), rows)
