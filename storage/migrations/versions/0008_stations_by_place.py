"""Stations are found by where they are, in processes that keep no index of them.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_stations_lat_lng"), "stations", ["lat", "lng"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_stations_lat_lng"), table_name="stations")
