"""The tables of prices over time.

Nothing here refers to `stations`: whoever inserts such a row waits for all who write the station, and lets them wait.
Stations are never deleted.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Text

from storage.columns import Exact, Flag, RowNumber, UtcTime, Words
from storage.tables.parts import key, table, words

price_series = table(
    "price_series",
    Column("id", RowNumber, primary_key=True, autoincrement=False),
    Column("station_id", Words, nullable=False, index=True),
    words("plug"),
    Column("power_kw", Exact),
    words("time_zone"),
    Column("began_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    words("source"),
    Column("said_id", Text, ForeignKey("tariffs.id"), nullable=False),
    words("apart"),  # JSON: [[operator, connector, tariff], …]; nearly always empty
    Column("believed_id", Text, ForeignKey("tariffs.id")),
    words("waiting"),  # JSON, as storage/prices.py writes it; nearly always empty
    Column("lapsed", Flag, nullable=False),
    words("currency"),
    Column("price", Exact),
    Column("version_at", UtcTime),
    Column("look_at", UtcTime),
    Index(None, "look_at"),
)

# Append-only. Of a time-of-use tariff its steps are worked out: only another tariff is a row.
price_versions = table(
    "price_versions",
    Column("series_id", RowNumber, ForeignKey("price_series.id"), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("tariff_id", Text, ForeignKey("tariffs.id")),
    words("cause"),
    words("source"),
    sqlite_with_rowid=False,
)

# What is kept of days whose many versions are gone.
price_days = table(
    "price_days",
    Column("series_id", RowNumber, ForeignKey("price_series.id"), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("lowest", Exact, nullable=False),
    Column("median", Exact, nullable=False),
    Column("highest", Exact, nullable=False),
    sqlite_with_rowid=False,
)

# How far somebody has read a table that only grows, and the numbers below that were not there yet.
cursors = table(
    "cursors",
    key("name"),
    Column("last_id", RowNumber, nullable=False),
    words("gaps"),  # JSON: [[first, last, transaction], …]
)
