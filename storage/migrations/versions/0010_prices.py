"""Prices over time: a series for each group of guns, its versions, and how far the observations are read.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "price_series",
        sa.Column("id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("station_id", storage.columns.Words(), nullable=False),
        sa.Column("plug", storage.columns.Words(), nullable=False),
        sa.Column("power_kw", storage.columns.Exact(), nullable=True),
        sa.Column("time_zone", storage.columns.Words(), nullable=False),
        sa.Column("began_at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("seen_at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("source", storage.columns.Words(), nullable=False),
        sa.Column("said_id", sa.Text(), nullable=False),
        sa.Column("apart", storage.columns.Words(), nullable=False),
        sa.Column("believed_id", sa.Text(), nullable=True),
        sa.Column("waiting", storage.columns.Words(), nullable=False),
        sa.Column("lapsed", storage.columns.Flag(), nullable=False),
        sa.Column("currency", storage.columns.Words(), nullable=False),
        sa.Column("price", storage.columns.Exact(), nullable=True),
        sa.Column("version_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.Column("look_at", storage.columns.UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["said_id"], ["tariffs.id"], name=op.f("fk_price_series_said_id")),
        sa.ForeignKeyConstraint(["believed_id"], ["tariffs.id"], name=op.f("fk_price_series_believed_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_series")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_price_series_station_id"), "price_series", ["station_id"], unique=False)
    op.create_index(op.f("ix_price_series_look_at"), "price_series", ["look_at"], unique=False)
    op.create_table(
        "price_versions",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("at", storage.columns.UtcTime(timezone=True), nullable=False),
        sa.Column("tariff_id", sa.Text(), nullable=True),
        sa.Column("cause", storage.columns.Words(), nullable=False),
        sa.Column("source", storage.columns.Words(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["price_series.id"], name=op.f("fk_price_versions_series_id")),
        sa.ForeignKeyConstraint(["tariff_id"], ["tariffs.id"], name=op.f("fk_price_versions_tariff_id")),
        sa.PrimaryKeyConstraint("series_id", "at", name=op.f("pk_price_versions")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "price_days",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lowest", storage.columns.Exact(), nullable=False),
        sa.Column("median", storage.columns.Exact(), nullable=False),
        sa.Column("highest", storage.columns.Exact(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["price_series.id"], name=op.f("fk_price_days_series_id")),
        sa.PrimaryKeyConstraint("series_id", "day", name=op.f("pk_price_days")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        sa.Column("name", storage.columns.Words(), nullable=False),
        sa.Column("last_id", _NUMBER, nullable=False),
        sa.Column("gaps", storage.columns.Words(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    op.drop_table("cursors")
    op.drop_table("price_days")
    op.drop_table("price_versions")
    op.drop_index(op.f("ix_price_series_look_at"), table_name="price_series")
    op.drop_index(op.f("ix_price_series_station_id"), table_name="price_series")
    op.drop_table("price_series")
