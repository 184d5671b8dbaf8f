"""Partners that talk to us, what they say of sessions, frozen suppliers, and places told by many suppliers."""

import sqlalchemy as sa
from alembic import op

from storage.columns import UtcTime, Words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "partners",
        sa.Column("id", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("token_hash", Words, nullable=True),
        sa.Column("pending_token_hash", Words, nullable=True),
        sa.Column("document", Words, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partners")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_partners_token_hash")),
        sa.UniqueConstraint("pending_token_hash", name=op.f("uq_partners_pending_token_hash")),
        sqlite_strict=True,
    )
    op.create_table(
        "commands",
        sa.Column("id", Words, nullable=False),
        sa.Column("partner_id", Words, nullable=False),
        sa.Column("command", Words, nullable=False),
        sa.Column("start_seq", Words, nullable=False),
        sa.Column("result", Words, nullable=False),
        sa.Column("detail", Words, nullable=False),
        sa.Column("asked_at", UtcTime, nullable=False),
        sa.Column("answered_at", UtcTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_commands_start_seq"), "commands", ["start_seq"], unique=False)
    op.create_table(
        "session_updates",
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("start_seq", Words, nullable=False),
        sa.Column("document", Words, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("supplier_id", "start_seq", name=op.f("pk_session_updates")),
        sqlite_strict=True,
    )
    op.create_table(
        "charge_records",
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("record_id", Words, nullable=False),
        sa.Column("start_seq", Words, nullable=False),
        sa.Column("body_hash", Words, nullable=False),
        sa.Column("document", Words, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("supplier_id", "record_id", name=op.f("pk_charge_records")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_charge_records_start_seq"), "charge_records", ["start_seq"], unique=False)
    op.create_table(
        "freezes",
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("who", Words, nullable=False),
        sa.Column("frozen_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("supplier_id", name=op.f("pk_freezes")),
        sqlite_strict=True,
    )
    op.create_table(
        "links",
        sa.Column("station_id", Words, nullable=False),
        sa.Column("place_id", Words, nullable=False),
        sa.Column("method", Words, nullable=False),
        sa.Column("evidence", Words, nullable=False),
        sa.Column("linked_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", name=op.f("pk_links")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_links_place_id"), "links", ["place_id"], unique=False)
    op.create_table(
        "splits",
        sa.Column("one", Words, nullable=False),
        sa.Column("other", Words, nullable=False),
        sa.Column("who", Words, nullable=False),
        sa.Column("split_at", UtcTime, nullable=False),
        sa.CheckConstraint("one < other", name=op.f("ck_splits_ordered")),
        sa.PrimaryKeyConstraint("one", "other", name=op.f("pk_splits")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    for name in ("splits", "links", "freezes", "charge_records", "session_updates", "commands", "partners"):
        op.drop_table(name)
