"""Watches, the alerts they make, leaves to speak in WeChat, and what of the outbox goes first.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL(), "sqlite")
_LIVE = sa.text("ended_at IS NULL")
_PENDING = sa.text("state = 'pending'")
_GUNS = sa.text("ended_at IS NULL AND rule = 'gun_free'")


def upgrade() -> None:
    op.create_table(
        "leaves",
        sa.Column("openid", storage.columns.Words(), nullable=False),
        sa.Column("template", storage.columns.Words(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("changed_at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("openid", "template", name=op.f("pk_leaves")),
        sqlite_strict=True,
    )
    op.create_table(
        "watches",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("user_id", storage.columns.Words(), nullable=False),
        sa.Column("place", storage.columns.Words(), nullable=False),
        sa.Column("station_id", storage.columns.Words(), nullable=False),
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("plug", storage.columns.Words(), nullable=False),
        sa.Column("power_kw", storage.columns.Exact(), nullable=True),
        sa.Column("lat", _REAL, nullable=True),
        sa.Column("lng", _REAL, nullable=True),
        sa.Column("radius_m", sa.Integer(), nullable=True),
        sa.Column("plugs", sa.Integer(), nullable=False),
        sa.Column("min_power_kw", storage.columns.Exact(), nullable=True),
        sa.Column("operator_id", storage.columns.Words(), nullable=False),
        sa.Column("shape", storage.columns.Words(), nullable=False),
        sa.Column("rule", storage.columns.Words(), nullable=False),
        sa.Column("amount", storage.columns.Exact(), nullable=False),
        sa.Column("currency", storage.columns.Words(), nullable=False),
        sa.Column("label", storage.columns.Words(), nullable=False),
        sa.Column("origin_lat", _REAL, nullable=True),
        sa.Column("origin_lng", _REAL, nullable=True),
        sa.Column("created_at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("expires_at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("cooldown_s", sa.Integer(), nullable=False),
        sa.Column("armed", storage.columns.Flag(), nullable=False),
        sa.Column("said", storage.columns.Exact(), nullable=True),
        sa.Column("said_series", _NUMBER, nullable=True),
        sa.Column("alerted_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("low_since", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("again_level", sa.Integer(), nullable=True),
        sa.Column("look_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("muted_until", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("note_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("ended_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("ended", storage.columns.Words(), nullable=False),
        sa.Column("changed_at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.CheckConstraint("ended IN ('', 'stopped', 'expired')", name=op.f("ck_watches_ended")),
        sa.CheckConstraint("place IN ('station', 'area', 'way')", name=op.f("ck_watches_place")),
        sa.CheckConstraint("rule IN ('below', 'below_usual', 'lowest', 'gun_free')", name=op.f("ck_watches_rule")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_watches_changed_at"), "watches", ["changed_at"], unique=False)
    op.create_index(op.f("ix_watches_ended_at"), "watches", ["ended_at"], unique=False)
    op.create_index(
        op.f("ix_watches_expires_at"),
        "watches",
        ["expires_at"],
        unique=False,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index(
        "ix_watches_guns", "watches", ["station_id"], unique=False, sqlite_where=_GUNS, postgresql_where=_GUNS
    )
    op.create_index(
        op.f("ix_watches_look_at"), "watches", ["look_at"], unique=False, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.create_index(
        op.f("ix_watches_note_at"), "watches", ["note_at"], unique=False, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.create_index(
        op.f("ix_watches_series_id_rule"),
        "watches",
        ["series_id", "rule"],
        unique=False,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index(op.f("ix_watches_user_id"), "watches", ["user_id"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("watch_id", _NUMBER, nullable=False),
        sa.Column("user_id", storage.columns.Words(), nullable=False),
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("station_id", storage.columns.Words(), nullable=False),
        sa.Column("version", storage.columns.Words(), nullable=False),
        sa.Column("rule", storage.columns.Words(), nullable=False),
        sa.Column("at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("price", storage.columns.Exact(), nullable=True),
        sa.Column("price_before", storage.columns.Exact(), nullable=True),
        sa.Column("value", storage.columns.Exact(), nullable=False),
        sa.Column("threshold", storage.columns.Exact(), nullable=False),
        sa.Column("currency", storage.columns.Words(), nullable=False),
        sa.Column("tariff_id", sa.Text(), nullable=False),
        sa.Column("worth", sa.Integer(), nullable=False),
        sa.Column("also", sa.Integer(), nullable=False),
        sa.Column("outbox_id", _NUMBER, nullable=True),
        sa.Column("told_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["watch_id"], ["watches.id"], name=op.f("fk_alerts_watch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint("watch_id", "version", name=op.f("uq_alerts_watch_id_version")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_alerts_outbox_id"), "alerts", ["outbox_id"], unique=False)
    op.create_index(op.f("ix_alerts_user_id_at"), "alerts", ["user_id", "at"], unique=False)
    op.add_column("outbox", sa.Column("rank", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        "ix_outbox_turn", "outbox", ["rank", "id"], unique=False, sqlite_where=_PENDING, postgresql_where=_PENDING
    )
    op.drop_index(op.f("ix_outbox_state_next_at"), table_name="outbox")
    op.create_index(op.f("ix_outbox_channel_next_at"), "outbox", ["channel", "next_at"], unique=False)
    op.create_index(op.f("ix_outbox_lease_until"), "outbox", ["lease_until"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_outbox_lease_until"), table_name="outbox")
    op.drop_index(op.f("ix_outbox_channel_next_at"), table_name="outbox")
    op.create_index(op.f("ix_outbox_state_next_at"), "outbox", ["state", "next_at"], unique=False)
    op.drop_index("ix_outbox_turn", table_name="outbox")
    op.drop_column("outbox", "rank")
    op.drop_table("alerts")
    op.drop_table("watches")
    op.drop_table("leaves")
