"""Scans of gun codes with their evidence, messages that show a charge, and what drivers say afterwards.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcTime, Words

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Numbers of guns byte by byte: SQLite's own order, on PostgreSQL another one than the database's language has.
_BYTES = "ix_connectors_connector_id_bytes"


def upgrade() -> None:
    op.create_table(
        "scans",
        sa.Column("id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("source", Words, nullable=False),
        sa.Column("text", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("reasons", Words, nullable=False),
        sa.Column("problem", Words, nullable=False),
        sa.Column("operator_id", Words, nullable=False),
        sa.Column("connector_id", Words, nullable=False),
        sa.Column("station_id", Words, nullable=False),
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("choices", Words, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("passed_at", UtcTime, nullable=True),
        sa.Column("quote_id", Words, nullable=False),
        sa.Column("photo_ref", Words, nullable=False),
        sa.Column("reported_at", UtcTime, nullable=True),
        sa.Column("report", Words, nullable=False),
        sa.CheckConstraint(
            "state IN ('which_gun', 'ask_station', 'ask_last_four', 'passed', 'refused')", name=op.f("ck_scans_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scans")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_scans_at"), "scans", ["at"], unique=False)
    op.create_index(op.f("ix_scans_reported_at"), "scans", ["reported_at"], unique=False)
    op.create_index(op.f("ix_scans_user_id_at"), "scans", ["user_id", "at"], unique=False)
    op.create_table(
        "scan_photos",
        sa.Column("scan_id", Words, nullable=False),
        sa.Column("photo", sa.LargeBinary, nullable=False),
        sa.Column("kept_at", UtcTime, nullable=False),
        sa.ForeignKeyConstraint(["scan_id"], ["scans.id"], name=op.f("fk_scan_photos_scan_id")),
        sa.PrimaryKeyConstraint("scan_id", name=op.f("pk_scan_photos")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_scan_photos_kept_at"), "scan_photos", ["kept_at"], unique=False)
    op.create_table(
        "gun_texts",
        sa.Column("station_id", Words, nullable=False),
        sa.Column("text", Words, nullable=False),
        sa.Column("operator_id", Words, nullable=False),
        sa.Column("connector_id", Words, nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_gun_texts_station_id")),
        sa.PrimaryKeyConstraint("station_id", "text", "operator_id", "connector_id", name=op.f("pk_gun_texts")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_gun_texts_text"), "gun_texts", ["text"], unique=False)
    op.create_table(
        "live_messages",
        sa.Column("session_id", Words, nullable=False),
        sa.Column("channel", Words, nullable=False),
        sa.Column("address", Words, nullable=False),
        sa.Column("message_id", Words, nullable=False),
        sa.Column("shown", Words, nullable=False),
        sa.Column("shown_at", UtcTime, nullable=False),
        sa.Column("closed_at", UtcTime, nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["charging_sessions.id"], name=op.f("fk_live_messages_session_id")),
        sa.PrimaryKeyConstraint("session_id", "channel", name=op.f("pk_live_messages")),
        sqlite_strict=True,
    )
    op.create_index(
        op.f("ix_live_messages_channel_closed_at_shown_at"),
        "live_messages",
        ["channel", "closed_at", "shown_at"],
        unique=False,
    )
    op.create_table(
        "opinions",
        sa.Column("session_id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("promised", Words, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.CheckConstraint(
            "promised IN ('yes', 'broken', 'blocked', 'price', 'other')", name=op.f("ck_opinions_promised")
        ),
        sa.ForeignKeyConstraint(["session_id"], ["charging_sessions.id"], name=op.f("fk_opinions_session_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_opinions")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_opinions_at"), "opinions", ["at"], unique=False)
    op.create_index(op.f("ix_opinions_user_id"), "opinions", ["user_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(_BYTES, "connectors", [sa.text('connector_id COLLATE "C"')], unique=False)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index(_BYTES, table_name="connectors")
    for name in ("opinions", "live_messages", "gun_texts", "scan_photos", "scans"):
        op.drop_table(name)
