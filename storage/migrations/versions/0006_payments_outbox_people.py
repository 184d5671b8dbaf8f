"""Payments, the outbox, cases, and what logging in and linking need."""

import sqlalchemy as sa
from alembic import op

from storage.columns import Exact, Flag, RowNumber, UtcTime, Words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("quiet_from", sa.Integer, nullable=True))
    op.add_column("users", sa.Column("quiet_to", sa.Integer, nullable=True))
    op.add_column("users", sa.Column("time_zone", Words, nullable=True))
    op.add_column("users", sa.Column("merged_into", Words, nullable=True))
    op.add_column("users", sa.Column("deleted_at", UtcTime, nullable=True))
    op.add_column("identities", sa.Column("used_at", UtcTime, nullable=True))
    op.add_column("identities", sa.Column("gone_at", UtcTime, nullable=True))
    op.create_index(op.f("ix_users_merged_into"), "users", ["merged_into"], unique=False)
    op.add_column("charge_records", sa.Column("booked_at", UtcTime, nullable=True))
    op.create_index(
        "ix_charge_records_unbooked",
        "charge_records",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("booked_at IS NULL"),
        postgresql_where=sa.text("booked_at IS NULL"),
    )
    op.create_table(
        "cars",
        sa.Column("id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("name", Words, nullable=False),
        sa.Column("plug", Words, nullable=False),
        sa.Column("battery_kwh", Exact, nullable=False),
        sa.Column("usable_kwh", Exact, nullable=False),
        sa.Column("usual", Flag, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_cars_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cars")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_cars_user_id"), "cars", ["user_id"], unique=False)
    op.create_table(
        "cases",
        sa.Column("id", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("subject", Words, nullable=False),
        sa.Column("session_id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("detail", Words, nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("decision", Words, nullable=False),
        sa.Column("who", Words, nullable=False),
        sa.Column("why", Words, nullable=False),
        sa.Column("decided_at", UtcTime, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sqlite_strict=True,
    )
    op.create_index(
        "uq_cases_open",
        "cases",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_table(
        "channel_pauses",
        sa.Column("channel", Words, nullable=False),
        sa.Column("paused_until", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_pauses")),
        sqlite_strict=True,
    )
    op.create_table(
        "differences",
        sa.Column("scope", Words, nullable=False),
        sa.Column("difference", Words, nullable=False),
        sa.Column("first_seen_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("scope", "difference", name=op.f("pk_differences")),
        sqlite_strict=True,
    )
    op.create_table(
        "halts",
        sa.Column("name", Words, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("who", Words, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_halts")),
        sqlite_strict=True,
    )
    op.create_table(
        "idempotency",
        sa.Column("user_id", Words, nullable=False),
        sa.Column("route", Words, nullable=False),
        sa.Column("key", Words, nullable=False),
        sa.Column("request_hash", Words, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", Words, nullable=False),
        sa.Column("kept_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "route", "key", name=op.f("pk_idempotency")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_idempotency_kept_at"), "idempotency", ["kept_at"], unique=False)
    op.create_table(
        "link_codes",
        sa.Column("code_hash", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("channel", Words, nullable=False),
        sa.Column("label", Words, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.Column("used_at", UtcTime, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_link_codes_user_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_link_codes")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_link_codes_expires_at"), "link_codes", ["expires_at"], unique=False)
    op.create_index(op.f("ix_link_codes_user_id"), "link_codes", ["user_id"], unique=False)
    op.create_table(
        "link_tries",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("tried_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_tries")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_link_tries_user_id_tried_at"), "link_tries", ["user_id", "tried_at"], unique=False)
    op.create_table(
        "logins",
        sa.Column("token_hash", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("used_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.Column("revoked_at", UtcTime, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_logins_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_logins")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_logins_expires_at"), "logins", ["expires_at"], unique=False)
    op.create_index(op.f("ix_logins_user_id"), "logins", ["user_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("dedupe_key", Words, nullable=False),
        sa.Column("class", Words, nullable=False),
        sa.Column("kind", Words, nullable=False),
        sa.Column("subject", Words, nullable=False),
        sa.Column("channel", Words, nullable=False),
        sa.Column("address", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("body", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("token", Words, nullable=False),
        sa.Column("lease_until", UtcTime, nullable=True),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("next_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=True),
        sa.Column("finished_at", UtcTime, nullable=True),
        sa.Column("error", Words, nullable=False),
        sa.Column("sent_ref", Words, nullable=False),
        sa.Column("doubtful_since", UtcTime, nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'uncertain', 'dead', 'expired')", name=op.f("ck_outbox_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_dedupe_key")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_outbox_channel_address_state"), "outbox", ["channel", "address", "state"], unique=False)
    op.create_index(op.f("ix_outbox_finished_at"), "outbox", ["finished_at"], unique=False)
    op.create_index(op.f("ix_outbox_state_next_at"), "outbox", ["state", "next_at"], unique=False)
    op.create_index(op.f("ix_outbox_user_id"), "outbox", ["user_id"], unique=False)
    op.create_table(
        "reconciliations",
        sa.Column("id", Words, nullable=False),
        sa.Column("scope", Words, nullable=False),
        sa.Column("day", Words, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("differences", sa.Integer, nullable=False),
        sa.Column("document", Words, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_reconciliations_at"), "reconciliations", ["at"], unique=False)
    op.create_table(
        "topups",
        sa.Column("id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("client_key", Words, nullable=False),
        sa.Column("channel", Words, nullable=False),
        sa.Column("currency", Words, nullable=False),
        sa.Column("amount", RowNumber, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("quote_id", Words, nullable=False),
        sa.Column("psp_transaction", Words, nullable=True),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.Column("paid_at", UtcTime, nullable=True),
        sa.Column("refunded", RowNumber, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("next_look_at", UtcTime, nullable=True),
        sa.Column("detail", Words, nullable=False),
        sa.CheckConstraint(
            "state IN ('created', 'pending', 'paid', 'parked', 'closed')", name=op.f("ck_topups_state")
        ),
        sa.CheckConstraint("amount > 0 AND refunded >= 0 AND refunded <= amount", name=op.f("ck_topups_amounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topups")),
        sa.UniqueConstraint("channel", "psp_transaction", name=op.f("uq_topups_channel_psp_transaction")),
        sa.UniqueConstraint("user_id", "client_key", name=op.f("uq_topups_user_id_client_key")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_topups_next_look_at"), "topups", ["next_look_at"], unique=False)
    op.create_index(op.f("ix_topups_quote_id"), "topups", ["quote_id"], unique=False)
    op.create_index(op.f("ix_topups_paid_at"), "topups", ["paid_at"], unique=False)
    op.create_index(op.f("ix_topups_user_id_created_at"), "topups", ["user_id", "created_at"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("id", Words, nullable=False),
        sa.Column("request_id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("topup_id", Words, nullable=False),
        sa.Column("channel", Words, nullable=False),
        sa.Column("currency", Words, nullable=False),
        sa.Column("amount", RowNumber, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("asked_at", UtcTime, nullable=False),
        sa.Column("due_at", UtcTime, nullable=False),
        sa.Column("sent_at", UtcTime, nullable=True),
        sa.Column("done_at", UtcTime, nullable=True),
        sa.Column("psp_refund", Words, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("next_look_at", UtcTime, nullable=True),
        sa.Column("detail", Words, nullable=False),
        sa.CheckConstraint("state IN ('asked', 'sent', 'done', 'refused', 'by_hand')", name=op.f("ck_refunds_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.ForeignKeyConstraint(["topup_id"], ["topups.id"], name=op.f("fk_refunds_topup_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_refunds_done_at"), "refunds", ["done_at"], unique=False)
    op.create_index(op.f("ix_refunds_next_look_at"), "refunds", ["next_look_at"], unique=False)
    op.create_index(op.f("ix_refunds_request_id"), "refunds", ["request_id"], unique=False)
    op.create_index(op.f("ix_refunds_topup_id"), "refunds", ["topup_id"], unique=False)
    op.create_index(op.f("ix_refunds_user_id"), "refunds", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_charge_records_unbooked", "charge_records")
    op.drop_column("charge_records", "booked_at")
    with op.batch_alter_table("users") as users:
        users.drop_index("ix_users_merged_into")
        for name in ("quiet_from", "quiet_to", "time_zone", "merged_into", "deleted_at"):
            users.drop_column(name)
    with op.batch_alter_table("identities") as identities:
        identities.drop_column("used_at")
        identities.drop_column("gone_at")
    op.drop_table("refunds")
    op.drop_table("topups")
    op.drop_table("reconciliations")
    op.drop_table("outbox")
    op.drop_table("logins")
    op.drop_table("link_tries")
    op.drop_table("link_codes")
    op.drop_table("idempotency")
    op.drop_table("halts")
    op.drop_table("differences")
    op.drop_table("channel_pauses")
    op.drop_table("cases")
    op.drop_table("cars")
