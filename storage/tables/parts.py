"""What all tables are made of: one metadata with names for every constraint, STRICT tables on SQLite."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, Integer, MetaData, Table
from sqlalchemy.types import TypeDecorator, TypeEngine

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


class Minor(TypeDecorator[int]):
    """An amount in whole minor units. PostgreSQL would make 2 of 1.5 without a word, so a fraction stops here."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is not None and type(value) is not int:
            raise TypeError(f"not an amount in whole minor units: {value!r}")
        return value


def table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True, **options)


def key(name: str = "id") -> Column[str]:
    return Column(name, Words, primary_key=True)


def words(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


def number_key() -> Column[int]:
    return Column("id", RowNumber, primary_key=True, autoincrement=True)
