"""Column types that mean the same on SQLite (STRICT tables) and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Boolean, DateTime, Dialect, Double, Integer, Text
from sqlalchemy.types import REAL, TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Numbers of rows. STRICT tables know INTEGER only.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")
# Degrees and metres.
Real: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """An aware moment: timestamptz on PostgreSQL, microseconds since 1970 on SQLite, so that order is time order."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time is aware; this one has no zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + timedelta(microseconds=value)
        moment: datetime = value
        return moment.astimezone(UTC)


class Flag(TypeDecorator[bool]):
    """Yes or no: boolean on PostgreSQL, 1 or 0 on SQLite, which has no boolean in STRICT tables."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Boolean())

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


class Exact(TypeDecorator[Decimal]):
    """A decimal number, digit for digit. Kept as text: SQLite has no exact number of this kind."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not (isinstance(value, Decimal) and value.is_finite()):
            raise ValueError(f"not a finite decimal number: {value!r}")
        return str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else _decimal(value)


class Words(TypeDecorator[str]):
    """Text from outside. What neither engine can hold (NUL, half of a surrogate pair) is taken out or replaced."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _clean(value)


class WordList(TypeDecorator[Sequence[str]]):
    """Many texts as one value of a statement: an array on PostgreSQL, JSON on SQLite. No column has it."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        words = [_clean(one) for one in value or ()]
        return json.dumps(words, ensure_ascii=False) if dialect.name == "sqlite" else words


class NumberList(TypeDecorator[Sequence[int]]):
    """Many whole numbers as one value of a statement: an array on PostgreSQL, JSON on SQLite. No column has it."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(BigInteger))

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        numbers = [int(one) for one in value or ()]
        return json.dumps(numbers) if dialect.name == "sqlite" else numbers


def _clean(text: str) -> str:
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=10_000)
def _decimal(text: str) -> Decimal:
    """A catalogue holds few distinct powers and very many guns."""
    return Decimal(text)
