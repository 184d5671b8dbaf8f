"""The ledger, charging sessions, and the rules that only triggers can hold."""

import sqlalchemy as sa
from alembic import op

from storage.columns import Exact, RowNumber, UtcTime, Words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _refuse(name: str, event: str, table: str, words: str, when: str = "") -> str:
    condition = f"WHEN {when} " if when else ""
    return f"CREATE TRIGGER {name} BEFORE {event} ON {table} {condition}BEGIN SELECT RAISE(ABORT, '{words}'); END"


# A balance moves by a transfer that names the account, by its amount, and each transfer moves it once.
_BY_A_TRANSFER = """
    SELECT 1 FROM transfers t
    WHERE t.number = NEW.last_transfer AND NEW.last_transfer > OLD.last_transfer
      AND ((t.debit = NEW.id AND NEW.balance = OLD.balance - t.amount)
        OR (t.credit = NEW.id AND NEW.balance = OLD.balance + t.amount))
"""

_SQLITE = [
    """
    CREATE TRIGGER transfers_booked AFTER INSERT ON transfers BEGIN
        UPDATE accounts SET balance = balance - NEW.amount, last_transfer = NEW.number WHERE id = NEW.debit;
        UPDATE accounts SET balance = balance + NEW.amount, last_transfer = NEW.number WHERE id = NEW.credit;
    END
    """,
    _refuse(
        "transfers_one_currency",
        "INSERT",
        "transfers",
        "two currencies do not mix",
        "(SELECT currency FROM accounts WHERE id = NEW.debit) IS NOT "
        "(SELECT currency FROM accounts WHERE id = NEW.credit)",
    ),
    _refuse("transfers_not_changed", "UPDATE", "transfers", "a transfer is never changed"),
    _refuse("transfers_not_deleted", "DELETE", "transfers", "a transfer is never deleted"),
    _refuse("accounts_start_empty", "INSERT", "accounts", "an account starts empty", "NEW.balance <> 0"),
    _refuse("accounts_not_changed", "UPDATE OF id, pot, owner, currency", "accounts", "an account is never changed"),
    _refuse("accounts_not_deleted", "DELETE", "accounts", "an account is never deleted"),
    _refuse(
        "accounts_moved",
        "UPDATE OF balance, last_transfer",
        "accounts",
        "a balance moves by a transfer",
        f"NOT EXISTS ({_BY_A_TRANSFER})",
    ),
    _refuse("holds_once", "UPDATE", "holds", "a hold is resolved once", "OLD.state = 'resolved'"),
    _refuse("holds_not_deleted", "DELETE", "holds", "a hold is never deleted"),
    _refuse("session_events_not_changed", "UPDATE", "session_events", "the diary is never rewritten"),
    _refuse("session_events_not_deleted", "DELETE", "session_events", "the diary is never rewritten"),
]

_POSTGRESQL = [
    """
    CREATE FUNCTION kilowatch_refused() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE FUNCTION kilowatch_booked() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        one record;
    BEGIN
        IF (SELECT currency FROM accounts WHERE id = NEW.debit)
                IS DISTINCT FROM (SELECT currency FROM accounts WHERE id = NEW.credit) THEN
            RAISE EXCEPTION 'two currencies do not mix' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        -- In the order of ids, as every writer locks.
        FOR one IN SELECT id FROM accounts WHERE id IN (NEW.debit, NEW.credit) ORDER BY id LOOP
            UPDATE accounts
            SET balance = balance + CASE WHEN id = NEW.debit THEN -NEW.amount ELSE NEW.amount END,
                last_transfer = NEW.number
            WHERE id = one.id;
        END LOOP;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE FUNCTION kilowatch_balance_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS ({_BY_A_TRANSFER}) THEN
            RAISE EXCEPTION 'a balance moves by a transfer' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER transfers_booked AFTER INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION kilowatch_booked()
    """,
    """
    CREATE TRIGGER accounts_moved BEFORE UPDATE OF balance, last_transfer ON accounts
    FOR EACH ROW EXECUTE FUNCTION kilowatch_balance_moved()
    """,
    """
    CREATE TRIGGER accounts_start_empty BEFORE INSERT ON accounts FOR EACH ROW WHEN (NEW.balance <> 0)
    EXECUTE FUNCTION kilowatch_refused('an account starts empty')
    """,
    """
    CREATE TRIGGER accounts_not_changed BEFORE UPDATE OF id, pot, owner, currency ON accounts
    FOR EACH ROW EXECUTE FUNCTION kilowatch_refused('an account is never changed')
    """,
    """
    CREATE TRIGGER holds_once BEFORE UPDATE ON holds FOR EACH ROW WHEN (OLD.state = 'resolved')
    EXECUTE FUNCTION kilowatch_refused('a hold is resolved once')
    """,
    *(
        f"CREATE TRIGGER {table}_not_{event.lower()} BEFORE {event} ON {table} FOR EACH {each} "
        f"EXECUTE FUNCTION kilowatch_refused('{words}')"
        for table, events, words in (
            ("transfers", ("UPDATE", "DELETE", "TRUNCATE"), "a transfer is never changed"),
            ("accounts", ("DELETE", "TRUNCATE"), "an account is never deleted"),
            ("holds", ("DELETE", "TRUNCATE"), "a hold is never deleted"),
            ("session_events", ("UPDATE", "DELETE", "TRUNCATE"), "the diary is never rewritten"),
        )
        for event in events
        for each in (("STATEMENT" if event == "TRUNCATE" else "ROW"),)
    ),
]


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", Words, nullable=False),
        sa.Column("pot", Words, nullable=False),
        sa.Column("owner", Words, nullable=False),
        sa.Column("currency", Words, nullable=False),
        sa.Column("balance", RowNumber, nullable=False),
        sa.Column("last_transfer", RowNumber, nullable=False),
        sa.CheckConstraint(
            "balance >= 0 OR pot NOT IN ('available', 'held', 'refunding')", name=op.f("ck_accounts_floor")
        ),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_accounts_currency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("pot", "owner", "currency", name=op.f("uq_accounts_pot_owner_currency")),
        sqlite_strict=True,
    )
    op.create_table(
        "transfers",
        sa.Column("number", RowNumber, autoincrement=True, nullable=False),
        sa.Column("id", Words, nullable=False),
        sa.Column("posting_id", Words, nullable=False),
        sa.Column("cause", Words, nullable=False),
        sa.Column("debit", Words, nullable=False),
        sa.Column("credit", Words, nullable=False),
        sa.Column("amount", RowNumber, nullable=False),
        sa.Column("session_id", Words, nullable=False),
        sa.Column("booked_at", UtcTime, nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_positive")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_transfers_two_accounts")),
        sa.ForeignKeyConstraint(["credit"], ["accounts.id"], name=op.f("fk_transfers_credit")),
        sa.ForeignKeyConstraint(["debit"], ["accounts.id"], name=op.f("fk_transfers_debit")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_transfers")),
        sa.UniqueConstraint("id", name=op.f("uq_transfers_id")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_transfers_credit_number"), "transfers", ["credit", "number"], unique=False)
    op.create_index(op.f("ix_transfers_debit_number"), "transfers", ["debit", "number"], unique=False)
    op.create_index(op.f("ix_transfers_session_id"), "transfers", ["session_id"], unique=False)
    op.create_table(
        "charge_quotes",
        sa.Column("id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("document", Words, nullable=False),
        sa.Column("signature", Words, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charge_quotes")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_charge_quotes_expires_at"), "charge_quotes", ["expires_at"], unique=False)
    op.create_table(
        "charging_sessions",
        sa.Column("id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("client_key", Words, nullable=False),
        sa.Column("start_seq", Words, nullable=False),
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("station_id", Words, nullable=False),
        sa.Column("operator_id", Words, nullable=False),
        sa.Column("connector_id", Words, nullable=False),
        sa.Column("gun_key", Words, nullable=False),
        sa.Column("quote_id", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("payment", Words, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.Column("seen_at", UtcTime, nullable=True),
        sa.Column("started_at", UtcTime, nullable=True),
        sa.Column("ended_at", UtcTime, nullable=True),
        sa.Column("energy_kwh", Exact, nullable=True),
        sa.Column("power_kw", Exact, nullable=True),
        sa.Column("soc_percent", Exact, nullable=True),
        sa.Column("seen_cost", Exact, nullable=True),
        sa.Column("currency", Words, nullable=False),
        sa.Column("charged", RowNumber, nullable=True),
        sa.Column("stop_wanted_at", UtcTime, nullable=True),
        sa.Column("stop_reason", Words, nullable=False),
        sa.Column("failure", Words, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("unknown_since", UtcTime, nullable=True),
        sa.Column("next_look_at", UtcTime, nullable=True),
        sa.Column("grow_to", RowNumber, nullable=True),
        sa.CheckConstraint("charged >= 0", name=op.f("ck_charging_sessions_charged")),
        sa.ForeignKeyConstraint(["quote_id"], ["charge_quotes.id"], name=op.f("fk_charging_sessions_quote_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charging_sessions")),
        sa.UniqueConstraint("supplier_id", "start_seq", name=op.f("uq_charging_sessions_supplier_id_start_seq")),
        sa.UniqueConstraint("user_id", "client_key", name=op.f("uq_charging_sessions_user_id_client_key")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_charging_sessions_next_look_at"), "charging_sessions", ["next_look_at"], unique=False)
    op.create_index(op.f("ix_charging_sessions_quote_id"), "charging_sessions", ["quote_id"], unique=False)
    op.create_index(
        op.f("ix_charging_sessions_user_id_created_at"), "charging_sessions", ["user_id", "created_at"], unique=False
    )
    op.create_index(
        "uq_charging_sessions_gun_busy",
        "charging_sessions",
        ["gun_key"],
        unique=True,
        sqlite_where=sa.text(
            "state IN ('charging', 'held', 'start_unknown', 'starting', 'stop_unknown', 'stopping')"
        ),
        postgresql_where=sa.text(
            "state IN ('charging', 'held', 'start_unknown', 'starting', 'stop_unknown', 'stopping')"
        ),
    )
    op.create_index(
        "uq_charging_sessions_user_busy",
        "charging_sessions",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text(
            "state IN ('charging', 'held', 'start_unknown', 'starting', 'stop_unknown', 'stopping')"
        ),
        postgresql_where=sa.text(
            "state IN ('charging', 'held', 'start_unknown', 'starting', 'stop_unknown', 'stopping')"
        ),
    )
    op.create_table(
        "holds",
        sa.Column("session_id", Words, nullable=False),
        sa.Column("user_id", Words, nullable=False),
        sa.Column("currency", Words, nullable=False),
        sa.Column("amount", RowNumber, nullable=False),
        sa.Column("captured", RowNumber, nullable=False),
        sa.Column("released", RowNumber, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("held_at", UtcTime, nullable=False),
        sa.Column("resolved_at", UtcTime, nullable=True),
        sa.CheckConstraint("state = 'active' OR captured + released = amount", name=op.f("ck_holds_resolved_whole")),
        sa.CheckConstraint("state = 'resolved' OR captured + released = 0", name=op.f("ck_holds_active_whole")),
        sa.CheckConstraint("state IN ('active', 'resolved')", name=op.f("ck_holds_state")),
        sa.CheckConstraint("amount > 0 AND captured >= 0 AND released >= 0", name=op.f("ck_holds_amounts")),
        sa.ForeignKeyConstraint(["session_id"], ["charging_sessions.id"], name=op.f("fk_holds_session_id")),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_holds")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_holds_user_id"), "holds", ["user_id"], unique=False)
    op.create_table(
        "session_events",
        sa.Column("id", RowNumber, autoincrement=True, nullable=False),
        sa.Column("session_id", Words, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("event", Words, nullable=False),
        sa.Column("moved_from", Words, nullable=False),
        sa.Column("moved_to", Words, nullable=True),
        sa.Column("detail", Words, nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["charging_sessions.id"], name=op.f("fk_session_events_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_events")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_session_events_session_id"), "session_events", ["session_id"], unique=False)
    op.create_table(
        "record_bookings",
        sa.Column("supplier_id", Words, nullable=False),
        sa.Column("record_id", Words, nullable=False),
        sa.Column("session_id", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("currency", Words, nullable=False),
        sa.Column("total", RowNumber, nullable=False),
        sa.Column("from_user", RowNumber, nullable=False),
        sa.Column("borne", RowNumber, nullable=False),
        sa.Column("credit_of", Words, nullable=False),
        sa.Column("booked_at", UtcTime, nullable=False),
        sa.CheckConstraint(
            "state IN ('applied', 'credit', 'credited', 'orphan', 'doubted')", name=op.f("ck_record_bookings_state")
        ),
        sa.PrimaryKeyConstraint("supplier_id", "record_id", name=op.f("pk_record_bookings")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_record_bookings_session_id"), "record_bookings", ["session_id"], unique=False)
    op.create_index(
        "uq_record_bookings_live",
        "record_bookings",
        ["session_id"],
        unique=True,
        sqlite_where=sa.text("state = 'applied'"),
        postgresql_where=sa.text("state = 'applied'"),
    )
    rules = _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL
    for rule in rules:
        op.execute(rule)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in ("booked", "balance_moved", "hold_resolved_once", "refused"):
            op.execute(f"DROP FUNCTION IF EXISTS kilowatch_{name}() CASCADE")
    op.drop_table("record_bookings")
    op.drop_table("session_events")
    op.drop_table("holds")
    op.drop_table("charging_sessions")
    op.drop_table("charge_quotes")
    op.drop_table("transfers")
    op.drop_table("accounts")
