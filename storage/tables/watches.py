"""The tables of watches and alerts."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Text, UniqueConstraint, text

from storage.columns import Exact, Flag, Real, RowNumber, UtcTime, Words
from storage.tables.parts import key, number_key, table, words

_LIVE = text("ended_at IS NULL")

watches = table(
    "watches",
    number_key(),
    words("user_id"),
    words("place"),
    # Of a watch on a station.
    words("station_id"),
    Column("series_id", RowNumber, nullable=False),
    words("plug"),
    Column("power_kw", Exact),
    # Of one on an area, or along a way.
    Column("lat", Real),
    Column("lng", Real),
    Column("radius_m", Integer),
    Column("plugs", Integer, nullable=False),  # bits, core.watch.plug_bits
    Column("min_power_kw", Exact),
    words("operator_id"),
    words("shape"),  # JSON of a way
    words("rule"),
    Column("amount", Exact, nullable=False),
    words("currency"),
    words("label"),
    Column("origin_lat", Real),
    Column("origin_lng", Real),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("cooldown_s", Integer, nullable=False),
    Column("armed", Flag, nullable=False),
    Column("said", Exact),
    Column("said_series", RowNumber),
    Column("alerted_at", UtcTime),
    Column("low_since", UtcTime),
    Column("level", Integer, nullable=False),
    Column("again_level", Integer),
    Column("look_at", UtcTime),
    Column("muted_until", UtcTime),
    Column("told", Integer, nullable=False),
    Column("note_at", UtcTime),
    Column("ended_at", UtcTime),
    words("ended"),
    Column("changed_at", UtcTime, nullable=False),
    CheckConstraint("place IN ('station', 'area', 'way')", name="place"),
    CheckConstraint("rule IN ('below', 'below_usual', 'lowest', 'gun_free')", name="rule"),
    CheckConstraint("ended IN ('', 'stopped', 'expired')", name="ended"),
    Index(None, "user_id"),
    Index(None, "series_id", "rule", sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index(None, "changed_at"),
    Index(None, "look_at", sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index(None, "note_at", sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index(None, "expires_at", sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index(None, "ended_at"),
    # Watches for a free gun are few and looked at every other second.
    Index(
        "ix_watches_guns",
        "station_id",
        sqlite_where=text("ended_at IS NULL AND rule = 'gun_free'"),
        postgresql_where=text("ended_at IS NULL AND rule = 'gun_free'"),
    ),
    sqlite_autoincrement=True,
)

alerts = table(
    "alerts",
    number_key(),
    Column("watch_id", RowNumber, ForeignKey("watches.id"), nullable=False),
    words("user_id"),
    Column("series_id", RowNumber, nullable=False),
    words("station_id"),
    words("version"),
    words("rule"),
    Column("at", UtcTime, nullable=False),
    Column("price", Exact),
    Column("price_before", Exact),
    Column("value", Exact, nullable=False),
    Column("threshold", Exact, nullable=False),
    words("currency"),
    Column("tariff_id", Text, nullable=False),
    Column("worth", Integer, nullable=False),
    Column("also", Integer, nullable=False),
    Column("outbox_id", RowNumber, index=True),
    Column("told_at", UtcTime),
    UniqueConstraint("watch_id", "version"),
    Index(None, "user_id", "at"),
    sqlite_autoincrement=True,
)

leaves = table(
    "leaves",
    key("openid"),
    Column("template", Words, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
)
