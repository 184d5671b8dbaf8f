"""The tables of the money: ledger, sessions, payments, and what must be said or done next.

What these tables cannot say, triggers do (migration 0005): a transfer moves both balances, is never changed, and
stays in one currency; a balance moves only by a transfer, once; a hold is resolved once; the diary is never
rewritten.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, UniqueConstraint, text

from core.session import BUSY
from storage.columns import Exact, RowNumber, UtcTime, Words
from storage.tables.parts import Minor, key, number_key, table, words

# --- the ledger -----------------------------------------------------------------------------------------------

accounts = table(
    "accounts",
    key(),
    words("pot"),
    words("owner"),
    words("currency"),
    Column("balance", Minor, nullable=False),
    # The transfer that moved the balance last: each moves it once, in their order.
    Column("last_transfer", RowNumber, nullable=False),
    CheckConstraint("balance >= 0 OR pot NOT IN ('available', 'held', 'refunding')", name="floor"),
    CheckConstraint("length(currency) = 3", name="currency"),
    UniqueConstraint("pot", "owner", "currency"),
)

transfers = table(
    "transfers",
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("id", Words, nullable=False, unique=True),
    words("posting_id"),
    words("cause"),
    Column("debit", Words, ForeignKey("accounts.id"), nullable=False),
    Column("credit", Words, ForeignKey("accounts.id"), nullable=False),
    Column("amount", Minor, nullable=False),
    words("session_id"),
    Column("booked_at", UtcTime, nullable=False),
    CheckConstraint("amount > 0", name="positive"),
    CheckConstraint("debit <> credit", name="two_accounts"),
    Index(None, "debit", "number"),
    Index(None, "credit", "number"),
    Index(None, "session_id"),
    sqlite_autoincrement=True,
)

_ACTIVE = text("state = 'active'")

holds = table(
    "holds",
    Column("session_id", Words, ForeignKey("charging_sessions.id"), primary_key=True),
    Column("user_id", Words, nullable=False, index=True),
    words("currency"),
    Column("amount", Minor, nullable=False),
    Column("captured", Minor, nullable=False),
    Column("released", Minor, nullable=False),
    words("state"),
    Column("held_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
    CheckConstraint("amount > 0 AND captured >= 0 AND released >= 0", name="amounts"),
    CheckConstraint("state IN ('active', 'resolved')", name="state"),
    CheckConstraint("state = 'active' OR captured + released = amount", name="resolved_whole"),
    CheckConstraint("state = 'resolved' OR captured + released = 0", name="active_whole"),
    Index("ix_holds_active", "held_at", sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
)

# --- sessions -------------------------------------------------------------------------------------------------

charge_quotes = table(
    "charge_quotes",
    key(),
    words("user_id"),
    words("document"),
    words("signature"),
    Column("expires_at", UtcTime, nullable=False, index=True),
)

_BUSY = text(f"state IN ({', '.join(repr(one.value) for one in sorted(BUSY))})")

charging_sessions = table(
    "charging_sessions",
    key(),
    words("user_id"),
    words("client_key"),
    words("start_seq"),
    words("supplier_id"),
    words("station_id"),
    words("operator_id"),
    words("connector_id"),
    words("gun_key"),
    Column("quote_id", Words, ForeignKey("charge_quotes.id"), nullable=False, index=True),
    words("state"),
    words("payment"),
    Column("created_at", UtcTime, nullable=False, index=True),
    Column("changed_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("energy_kwh", Exact),
    Column("power_kw", Exact),
    Column("soc_percent", Exact),
    Column("seen_cost", Exact),
    words("currency"),
    Column("charged", Minor),
    Column("stop_wanted_at", UtcTime),
    words("stop_reason"),
    words("failure"),
    Column("looks", Integer, nullable=False),
    Column("unknown_since", UtcTime),
    Column("next_look_at", UtcTime, index=True),
    Column("grow_to", Minor),
    CheckConstraint("charged >= 0", name="charged"),
    UniqueConstraint("user_id", "client_key"),
    UniqueConstraint("supplier_id", "start_seq"),
    Index(None, "user_id", "created_at"),
    # Two drivers on one gun, one driver on two guns: the second is refused before any money is held.
    Index("uq_charging_sessions_gun_busy", "gun_key", unique=True, sqlite_where=_BUSY, postgresql_where=_BUSY),
    Index("uq_charging_sessions_user_busy", "user_id", unique=True, sqlite_where=_BUSY, postgresql_where=_BUSY),
)

# The diary: what happened to a session, also what changed nothing.
session_events = table(
    "session_events",
    number_key(),
    Column("session_id", Words, ForeignKey("charging_sessions.id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    words("event"),
    words("moved_from"),
    Column("moved_to", Words),
    words("detail"),
    sqlite_autoincrement=True,
)

_LIVE_RECORD = text("state = 'applied'")

# What became of each charge record in our books; the record itself stands in charge_records.
record_bookings = table(
    "record_bookings",
    key("supplier_id"),
    key("record_id"),
    Column("session_id", Words, nullable=False, index=True),
    words("state"),
    words("currency"),
    Column("total", Minor, nullable=False),
    Column("from_user", Minor, nullable=False),
    Column("borne", Minor, nullable=False),
    words("credit_of"),
    Column("booked_at", UtcTime, nullable=False),
    CheckConstraint("state IN ('applied', 'credit', 'credited', 'orphan', 'doubted')", name="state"),
    Index(
        "uq_record_bookings_live",
        "session_id",
        unique=True,
        sqlite_where=_LIVE_RECORD,
        postgresql_where=_LIVE_RECORD,
    ),
)

# --- payments -------------------------------------------------------------------------------------------------

topups = table(
    "topups",
    key(),
    words("user_id"),
    words("client_key"),
    words("channel"),
    words("currency"),
    Column("amount", Minor, nullable=False),
    words("state"),
    Column("quote_id", Words, nullable=False, index=True),
    Column("psp_transaction", Words),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("paid_at", UtcTime, index=True),
    Column("refunded", Minor, nullable=False),
    Column("looks", Integer, nullable=False),
    Column("next_look_at", UtcTime, index=True),
    words("detail"),
    CheckConstraint("state IN ('created', 'pending', 'paid', 'parked', 'closed')", name="state"),
    CheckConstraint("amount > 0 AND refunded >= 0 AND refunded <= amount", name="amounts"),
    UniqueConstraint("user_id", "client_key"),
    UniqueConstraint("channel", "psp_transaction"),
    Index(None, "user_id", "created_at"),
)

refunds = table(
    "refunds",
    key(),
    Column("request_id", Words, nullable=False, index=True),
    Column("user_id", Words, nullable=False, index=True),
    Column("topup_id", Words, ForeignKey("topups.id"), nullable=False, index=True),
    words("channel"),
    words("currency"),
    Column("amount", Minor, nullable=False),
    words("state"),
    Column("asked_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime),
    Column("done_at", UtcTime, index=True),
    words("psp_refund"),
    Column("looks", Integer, nullable=False),
    Column("next_look_at", UtcTime, index=True),
    words("detail"),
    CheckConstraint("state IN ('asked', 'sent', 'done', 'refused', 'by_hand')", name="state"),
    CheckConstraint("amount > 0", name="amount"),
)

# --- what must be said or done next ---------------------------------------------------------------------------

_PENDING = text("state = 'pending'")

outbox = table(
    "outbox",
    number_key(),
    Column("dedupe_key", Words, nullable=False, unique=True),
    words("class"),
    words("kind"),
    words("subject"),
    words("channel"),
    words("address"),
    Column("user_id", Words, nullable=False, index=True),
    words("body"),
    words("state"),
    Column("attempts", Integer, nullable=False),
    words("token"),
    Column("lease_until", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("finished_at", UtcTime, index=True),
    words("error"),
    words("sent_ref"),
    Column("doubtful_since", UtcTime),
    # What comes first of what is due: 0 for all but alerts.
    Column("rank", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("state IN ('pending', 'sending', 'sent', 'uncertain', 'dead', 'expired')", name="state"),
    Index(None, "channel", "address", "state"),
    # None begins with the state: whoever walks the queue shall take the one below, which is in its order.
    Index(None, "channel", "next_at"),
    Index(None, "lease_until"),
    Index("ix_outbox_turn", "rank", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
    sqlite_autoincrement=True,
)

channel_pauses = table("channel_pauses", key("channel"), Column("paused_until", UtcTime, nullable=False))

# --- the people who run it ------------------------------------------------------------------------------------

_OPEN = text("decided_at IS NULL")

cases = table(
    "cases",
    key(),
    words("kind"),
    words("subject"),
    words("session_id"),
    words("user_id"),
    words("detail"),
    Column("opened_at", UtcTime, nullable=False),
    words("decision"),
    words("who"),
    words("why"),
    Column("decided_at", UtcTime),
    Index("uq_cases_open", "kind", "subject", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# Why nothing new is started.
halts = table("halts", key("name"), words("reason"), words("who"), Column("at", UtcTime, nullable=False))

reconciliations = table(
    "reconciliations",
    key(),
    words("scope"),
    words("day"),  # ISO 8601
    Column("at", UtcTime, nullable=False, index=True),
    Column("differences", Integer, nullable=False),
    words("document"),
)

# Differences that were found, with the moment they were met first.
differences = table("differences", key("scope"), key("difference"), Column("first_seen_at", UtcTime, nullable=False))

idempotency = table(
    "idempotency",
    key("user_id"),
    key("route"),
    key("key"),
    words("request_hash"),
    Column("status", Integer, nullable=False),
    words("body"),
    Column("kept_at", UtcTime, nullable=False, index=True),
)
