"""Working with many rows at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.columns import NumberList, WordList

T = TypeVar("T")

# The most values in one statement.
CHUNK = 1_000
# The most rows that are overwritten by one statement.
MOST_AT_ONCE = 10_000
_NEVER = datetime.max.replace(tzinfo=UTC)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


# --- finding --------------------------------------------------------------------------------------------------
#
# A list of values goes to the database as one parameter, so that the statement is the same text every time. How
# PostgreSQL finds the rows must not hang on its statistics: without them it takes ten values for half the table and
# reads all of it. Hence a list whose length the planner cannot see, and rows looked up one value at a time.


Key = TypeVar("Key", str, int)


def listed(db: Connection, values: Iterable[Key]) -> Select[Any]:
    """At most CHUNK values as a query, for `column.in_(…)` in an UPDATE or DELETE by a column that is unique."""
    given_values = list(values)
    kind = NumberList if given_values and isinstance(given_values[0], int) else WordList
    given = select(bindparam("listed", given_values, kind, unique=True))
    if db.dialect.name == "sqlite":
        return select(func.json_each(given.scalar_subquery()).table_valued("value").c.value)
    return select(func.unnest(given.scalar_subquery()).column_valued("value"))


def rows_by(
    db: Connection, statement: Select[Any], column: ColumnElement[Any], values: Iterable[Key]
) -> Iterator[RowMapping]:
    """The rows of the statement in which this column, which an index finds, has one of the values.

    They are locked, when the statement does that, in the order of the values, so that no two writers wait for each
    other. An order that the statement has holds among the rows of one value.
    """
    for chunk in chunks(sorted(set(values))):
        yield from db.execute(_by(db, statement, column, chunk)).mappings()


def _by(db: Connection, statement: Select[Any], column: ColumnElement[Any], values: Sequence[Key]) -> Select[Any]:
    if db.dialect.name == "sqlite":
        return statement.where(column.in_(listed(db, values)))
    wanted = listed(db, values).subquery("wanted")
    # OFFSET 0 keeps the planner from turning the look-ups by index into one join that reads the table.
    found = statement.where(column == wanted.c.value).offset(literal_column("0", Integer)).lateral("found")
    return select(found).select_from(wanted.join(found, true()))


def since(column: ColumnElement[datetime], at: datetime) -> ColumnElement[bool]:
    """At or after this moment. With one end only, PostgreSQL without statistics takes a third of the table for it."""
    return column.between(at, _NEVER)


# --- writing --------------------------------------------------------------------------------------------------


def insert(db: Connection, table: Table) -> Any:
    """An INSERT that can say what happens on a conflict; both engines write it alike, SQLAlchemy keeps two."""
    return (sqlite if db.dialect.name == "sqlite" else postgresql).insert(table)


def insert_new(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet."""
    insert_rows(db, insert(db, table).on_conflict_do_nothing(), rows)


def upsert(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows, or overwrite those with the same primary key by the columns given. Of two the last counts."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # Two keys of a supplier may be one when the columns have cleaned them.
    ready = _ready(db, table, keys)
    latest = {tuple(ready[name](row[name]) for name in keys): row for row in rows}
    statement = insert(db, table)
    overwritten = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    upserting = statement.on_conflict_do_update(index_elements=keys, set_=overwritten)
    insert_rows(db, upserting, list(latest.values()))


def update_rows(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Overwrite the columns given of rows that are there, found by the primary key; all with the same columns."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    names = [name for name in rows[0] if name not in keys]
    for chunk in chunks(rows, MOST_AT_ONCE):
        if db.dialect.name == "sqlite":
            # Past SQLAlchemy, which takes four times as long over the values as SQLite over the rows.
            ready = _ready(db, table, (*names, *keys)).items()
            where = " AND ".join(f'"{name}" = ?' for name in keys)
            changes = ", ".join(f'"{name}" = ?' for name in names)
            values = [tuple(make(row[name]) for name, make in ready) for row in chunk]
            statement = f'UPDATE "{table.name}" SET {changes} WHERE {where}'  # noqa: S608 - names of our own tables
            db.exec_driver_sql(statement, values)
        else:
            told = _unpacked(db, table, (*keys, *names), chunk).subquery("told")
            found = (table.c[name] == told.c[name] for name in keys)
            db.execute(update(table).where(*found).values({name: told.c[name] for name in names}))


def insert_rows(db: Connection, statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Run this INSERT for all rows, which have the same columns.

    PostgreSQL gets them as one value: a statement for each row takes twice the time on both sides.
    """
    for chunk in chunks(rows):
        if db.dialect.name == "sqlite":
            db.execute(statement, chunk)
        else:
            names = list(chunk[0])
            db.execute(statement.from_select(names, _unpacked(db, statement.table, names, chunk)))


def _unpacked(db: Connection, table: Table, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> Select[Any]:
    ready = _ready(db, table, names)
    told = [{name: make(row[name]) for name, make in ready.items()} for row in rows]
    given = bindparam("rows", json.dumps(told, default=datetime.isoformat), Text, unique=True)
    # The kind of row says how each value is to be read.
    kind: ColumnElement[Any] = literal_column(f'NULL::"{table.name}"')
    unpacked = func.json_populate_recordset(kind, cast(given, JSON)).table_valued(*names)
    return select(*(unpacked.c[name] for name in names))


def _ready(db: Connection, table: Table, names: Iterable[str]) -> dict[str, Callable[[Any], Any]]:
    """How a value of each column is made ready for the database."""
    kinds = {name: table.c[name].type.dialect_impl(db.dialect) for name in names}
    return {name: kind.bind_processor(db.dialect) or _as_it_is for name, kind in kinds.items()}


def _as_it_is(value: Any) -> Any:
    return value
