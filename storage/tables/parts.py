"""What all tables are made of: one metadata with names for every constraint, STRICT tables on SQLite."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, Table

from storage.columns import RowNumber, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True, **options)


def key(name: str = "id") -> Column[str]:
    return Column(name, Words, primary_key=True)


def words(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


def number_key() -> Column[int]:
    return Column("id", RowNumber, primary_key=True, autoincrement=True)
