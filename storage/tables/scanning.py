"""The tables of scan-to-charge: scans with their evidence, the messages that show a charge, what drivers say."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary

from storage.columns import UtcTime, Words
from storage.tables.parts import key, table, words

scans = table(
    "scans",
    key(),
    words("user_id"),
    Column("at", UtcTime, nullable=False, index=True),
    words("source"),
    words("text"),
    words("state"),
    words("reasons"),  # with blanks between
    words("problem"),
    words("operator_id"),
    words("connector_id"),
    words("station_id"),
    words("supplier_id"),
    words("choices"),  # JSON: [[operator, connector, station], …]
    Column("tries", Integer, nullable=False),
    Column("passed_at", UtcTime),
    words("quote_id"),
    words("photo_ref"),
    Column("reported_at", UtcTime, index=True),
    words("report"),
    CheckConstraint("state IN ('which_gun', 'ask_station', 'ask_last_four', 'passed', 'refused')", name="state"),
    Index(None, "user_id", "at"),
)

scan_photos = table(
    "scan_photos",
    Column("scan_id", Words, ForeignKey("scans.id"), primary_key=True),
    Column("photo", LargeBinary, nullable=False),
    Column("kept_at", UtcTime, nullable=False, index=True),
)

live_messages = table(
    "live_messages",
    Column("session_id", Words, ForeignKey("charging_sessions.id"), primary_key=True),
    key("channel"),
    words("address"),
    words("message_id"),
    words("shown"),
    Column("shown_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Index(None, "channel", "closed_at", "shown_at"),
)

opinions = table(
    "opinions",
    Column("session_id", Words, ForeignKey("charging_sessions.id"), primary_key=True),
    Column("user_id", Words, nullable=False, index=True),
    words("promised"),
    Column("at", UtcTime, nullable=False, index=True),
    CheckConstraint("promised IN ('yes', 'broken', 'blocked', 'price', 'other')", name="promised"),
)

# What an operator's list says is printed on a gun, for scans: before any rule of ours.
gun_texts = table(
    "gun_texts",
    Column("station_id", Words, ForeignKey("stations.id"), primary_key=True),
    key("text"),
    key("operator_id"),
    key("connector_id"),
    Index(None, "text"),
)
