"""Working with many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.columns import WordList

T = TypeVar("T")

# The most values in one statement.
CHUNK = 1_000


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


# --- finding --------------------------------------------------------------------------------------------------
#
# A list of values goes to the database as one parameter, so that the statement is the same text every time. How
# PostgreSQL finds the rows must not hang on its statistics: without them it takes ten values for half the table and
# reads all of it. Hence a list whose length the planner cannot see, and rows looked up one value at a time.


def listed(db: Connection, values: Iterable[str]) -> Select[Any]:
    """At most CHUNK values as a query, for `column.in_(…)` in an UPDATE or DELETE by a column that is unique."""
    given = select(bindparam("listed", list(values), WordList, unique=True))
    if db.dialect.name == "sqlite":
        return select(func.json_each(given.scalar_subquery()).table_valued("value").c.value)
    return select(func.unnest(given.scalar_subquery()).column_valued("value"))


def rows_by(
    db: Connection, statement: Select[Any], column: ColumnElement[str], values: Iterable[str]
) -> Iterator[RowMapping]:
    """The rows of the statement in which this column, which an index finds, has one of the values.

    They are locked, when the statement does that, in the order of the values, so that no two writers wait for each
    other. An order that the statement has holds among the rows of one value.
    """
    for chunk in chunks(sorted(set(values))):
        yield from db.execute(_by(db, statement, column, chunk)).mappings()


def _by(db: Connection, statement: Select[Any], column: ColumnElement[str], values: Sequence[str]) -> Select[Any]:
    if db.dialect.name == "sqlite":
        return statement.where(column.in_(listed(db, values)))
    wanted = listed(db, values).subquery("wanted")
    # OFFSET 0 keeps the planner from turning the look-ups by index into one join that reads the table.
    found = statement.where(column == wanted.c.value).offset(literal_column("0", Integer)).lateral("found")
    return select(found).select_from(wanted.join(found, true()))


# --- writing --------------------------------------------------------------------------------------------------


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
