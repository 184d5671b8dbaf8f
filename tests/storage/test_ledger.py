"""The ledger on both engines: booked once, never below zero, never rewritten, and the database's own word on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, StatementError

from core.ledger import (
    Account,
    Cause,
    LedgerError,
    NotEnoughMoney,
    Pot,
    Transfer,
    available,
    held,
    held_for,
    merged,
    payable,
    posting,
    psp,
    refund_asked,
    refund_done,
    refund_refused,
    refunding,
    settled,
    topped_up,
)
from core.money import Money
from storage.tables import charge_quotes, charging_sessions, refunds, topups, transfers
from storage.unit_of_work import SqlDatabase

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def yuan(amount: int) -> Money:
    return Money(amount * 100, "CNY")


def top_up(database: SqlDatabase, who: str, amount: Money, transaction: str) -> bool:
    """A paid order and its posting, as the wallet does it."""
    with database.write() as unit, orders(unit) as db:
        order = {"id": transaction, "user_id": who, "client_key": transaction, "channel": "sandbox", "state": "paid"}
        order |= {"currency": amount.currency, "amount": amount.amount_minor, "quote_id": "", "refunded": 0}
        order |= {"psp_transaction": transaction, "created_at": NOON, "expires_at": NOON, "looks": 0, "detail": ""}
        if db.execute(text("SELECT 1 FROM topups WHERE id = :id"), {"id": transaction}).first() is None:
            db.execute(topups.insert().values(order))
        return unit.ledger.post(topped_up("sandbox", transaction, who, amount), NOON)


@contextmanager
def orders(unit: Any) -> Iterator[Any]:
    """The rows beside the ledger, which other repositories write."""
    yield unit.ledger.db


def start(database: SqlDatabase, who: str, session: str, amount: Money, state: str = "charging") -> None:
    """A session with its hold."""
    with database.write() as unit, orders(unit) as db:
        quote = {"id": f"q{session}", "user_id": who, "document": "{}", "signature": "", "expires_at": NOON}
        db.execute(charge_quotes.insert().values(quote))
        row: dict[str, Any] = dict.fromkeys(
            ("client_key", "start_seq", "gun_key", "station_id", "operator_id", "connector_id"), session
        )
        row |= {"id": session, "user_id": who, "supplier_id": "s", "quote_id": f"q{session}", "state": state}
        row |= {"payment": "wallet", "created_at": NOON, "changed_at": NOON, "currency": amount.currency}
        row |= {"stop_reason": "", "failure": "", "looks": 0}
        db.execute(charging_sessions.insert().values(row))
        unit.ledger.post(held_for(session, who, amount), NOON)
        unit.ledger.open_hold(session, who, amount, NOON)


def end(database: SqlDatabase, who: str, session: str, captured: int, overrun: int = 0) -> bool:
    with database.write() as unit, orders(unit) as db:
        hold = unit.ledger.resolve_hold(session, captured, NOON)
        if hold is None:
            return False
        released = hold.released.amount_minor
        money = settled(session, who, "s", "CNY", captured=captured, released=released, overrun=overrun)
        unit.ledger.post(money, NOON)
        changed = charging_sessions.update().where(charging_sessions.c.id == session)
        db.execute(changed.values(state="settled", charged=captured))
        return True


def found(database: SqlDatabase, at: datetime = NOON) -> list[str]:
    with database.read() as unit:
        return sorted({one.invariant for one in unit.ledger.breaches(at)})


def pots(database: SqlDatabase, who: str) -> tuple[int, int, int]:
    with database.read() as unit:
        wallet = unit.ledger.wallets([who])[0]
    return wallet.available.amount_minor, wallet.held.amount_minor, wallet.refunding.amount_minor


# --- booking ------------------------------------------------------------------------------------------------------


def test_a_charge_from_top_up_to_statement(database: SqlDatabase) -> None:
    assert top_up(database, "lin", yuan(50), "T1")
    start(database, "lin", "S1", yuan(40))
    assert pots(database, "lin") == (1000, 4000, 0)
    assert end(database, "lin", "S1", 2345)
    assert pots(database, "lin") == (2655, 0, 0)
    with database.read() as unit:
        assert unit.ledger.balance(payable("s", "CNY")) == Money(2345, "CNY")
        assert unit.ledger.balance(psp("sandbox", "CNY")) == yuan(-50)
        lines = unit.ledger.statement(["lin"], before=None, limit=10)
        assert [one.transfer.id for one in lines] == ["rel:S1", "cap:S1", "hold:S1", "topup:sandbox:T1"]
        older = unit.ledger.statement(["lin"], before=lines[1].number, limit=1)
        assert [one.transfer.id for one in older] == ["hold:S1"]
        assert [one.transfer.cause for one in unit.ledger.transfers_of("S1")] == [
            Cause.HOLD,
            Cause.CAPTURE,
            Cause.RELEASE,
        ]
        assert unit.ledger.statement(["wei"], before=None, limit=10) == []
    assert found(database) == []


def test_the_same_cause_is_booked_once(database: SqlDatabase) -> None:
    assert top_up(database, "lin", yuan(50), "T1")
    assert not top_up(database, "lin", yuan(50), "T1")
    assert pots(database, "lin") == (5000, 0, 0)


def test_the_same_cause_with_another_amount_is_an_error(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    with pytest.raises(LedgerError), database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "T1", "lin", yuan(51)), NOON)
    with pytest.raises(LedgerError), database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "T1", "wei", yuan(50)), NOON)
    assert pots(database, "lin") == (5000, 0, 0)


def test_nobody_goes_below_zero_and_what_is_missing_is_said(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    with pytest.raises(NotEnoughMoney) as refused, database.write() as unit:
        unit.ledger.post(held_for("S1", "lin", Money(5001, "CNY")), NOON)
    assert refused.value.missing == Money(1, "CNY")
    assert pots(database, "lin") == (5000, 0, 0)


def test_a_refusal_leaves_nothing_of_the_posting(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(1), "T1")
    two = posting(
        "both",
        Transfer("one", available("lin", "CNY"), available("wei", "CNY"), yuan(1), Cause.REVIEW),
        Transfer("two", available("lin", "CNY"), available("wei", "CNY"), yuan(1), Cause.REVIEW),
    )
    with pytest.raises(NotEnoughMoney), database.write() as unit:
        unit.ledger.post(two, NOON)
    assert pots(database, "lin") == (100, 0, 0)


def test_a_posting_without_transfers_books_nothing(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert not unit.ledger.post(settled("S", "lin", "s", "CNY", captured=0, released=0), NOON)


def test_currencies_have_pots_of_their_own(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    top_up(database, "lin", Money(700, "JPY"), "T2")
    with database.read() as unit:
        assert [one.available for one in unit.ledger.wallets(["lin"])] == [yuan(50), Money(700, "JPY")]
    assert found(database) == []


def test_two_accounts_of_one_person_are_read_together_and_merged(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    top_up(database, "lin2", yuan(7), "T2")
    with database.read() as unit:
        assert unit.ledger.wallets(["lin", "lin2"])[0].available == yuan(57)
    with database.write() as unit:
        unit.ledger.post(merged("m1", "lin2", "lin", [yuan(7)]), NOON)
    assert pots(database, "lin") == (5700, 0, 0)
    assert pots(database, "lin2") == (0, 0, 0)
    assert found(database) == []


# --- holds --------------------------------------------------------------------------------------------------------


def test_a_hold_is_resolved_once(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    start(database, "lin", "S1", yuan(40))
    assert end(database, "lin", "S1", 4000)
    assert not end(database, "lin", "S1", 0)
    assert pots(database, "lin") == (1000, 0, 0)


@pytest.mark.parametrize("captured", [-1, 4001])
def test_no_more_than_the_hold_is_captured(database: SqlDatabase, captured: int) -> None:
    top_up(database, "lin", yuan(50), "T1")
    start(database, "lin", "S1", yuan(40))
    with pytest.raises(LedgerError):
        end(database, "lin", "S1", captured)
    assert pots(database, "lin") == (1000, 4000, 0)


def test_a_hold_grows_while_it_is_active(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    start(database, "lin", "S1", yuan(20))
    with database.write() as unit:
        unit.ledger.post(held_for("S1", "lin", yuan(10), extension=1), NOON)
        assert unit.ledger.extend_hold("S1", yuan(10)).amount == yuan(30)
    assert found(database) == []
    end(database, "lin", "S1", 2500)
    with pytest.raises(LedgerError), database.write() as unit:
        unit.ledger.extend_hold("S1", yuan(1))
    with pytest.raises(LedgerError), database.write() as unit:
        unit.ledger.resolve_hold("nobody", 0, NOON)


# --- refunds ------------------------------------------------------------------------------------------------------


def test_a_refund_ends_in_one_way_only(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    with database.write() as unit:
        unit.ledger.post(refund_asked("R1", "lin", yuan(20)), NOON)
        assert unit.ledger.balance(refunding("lin", "CNY")) == yuan(20)
    with database.write() as unit:
        assert unit.ledger.post(refund_done("R1", "lin", "sandbox", yuan(20)), NOON)
        assert not unit.ledger.post(refund_done("R1", "lin", "sandbox", yuan(20)), NOON)
    with pytest.raises(LedgerError), database.write() as unit:
        unit.ledger.post(refund_refused("R1", "lin", yuan(20)), NOON)
    assert pots(database, "lin") == (3000, 0, 0)


# --- what the database itself refuses -----------------------------------------------------------------------------

FORBIDDEN = {
    "a transfer is changed": "UPDATE transfers SET amount = 1",
    "a transfer is deleted": "DELETE FROM transfers",
    "a transfer is replaced": "INSERT OR REPLACE INTO transfers SELECT * FROM transfers",
    "a balance is written": "UPDATE accounts SET balance = balance + 1 WHERE pot = 'available'",
    "a balance is moved twice by one transfer": """
        UPDATE accounts SET balance = balance - 4000 WHERE pot = 'available' AND owner = 'lin'
    """,
    "a balance is moved by an older transfer": """
        UPDATE accounts SET balance = balance - 4000, last_transfer = 2 WHERE pot = 'available'
    """,
    "an account starts with money": """
        INSERT INTO accounts (id, pot, owner, currency, balance, last_transfer)
        VALUES ('x', 'available', 'x', 'CNY', 1, 0)
    """,
    "an account goes": "DELETE FROM accounts",
    "an account changes hands": "UPDATE accounts SET owner = 'wei' WHERE owner = 'lin'",
    "a currency is turned": "UPDATE accounts SET currency = 'EUR'",
    "nothing is moved": "INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{b}', 0, '', {now})",
    "less than nothing moves": "INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{b}', -5, '', {now})",
    "money stays where it is": "INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{a}', 5, '', {now})",
    "two currencies mix": "INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{e}', 5, '', {now})",
    "more is taken than there is": """
        INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{b}', 999999, '', {now})
    """,
    "an id comes twice": "INSERT INTO transfers {columns} VALUES ('hold:S1', 'x', 'x', '{a}', '{b}', 1, '', {now})",
    "a hold of nothing": "UPDATE holds SET amount = 0",
    "a hold is resolved in part": "UPDATE holds SET state = 'resolved', captured = 1",
    "a hold is captured beyond itself": "UPDATE holds SET captured = amount + 1, released = -1, state = 'resolved'",
    "an active hold gives back": "UPDATE holds SET released = 1",
    "a hold goes": "DELETE FROM holds",
}
ONLY_SQLITE = {
    "half a cent": "INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{b}', 1.5, '', {now})",
    "an amount in words": "INSERT INTO transfers {columns} VALUES ('x', 'x', 'x', '{a}', '{b}', 'ten', '', {now})",
}


@pytest.fixture
def books(database: SqlDatabase) -> SqlDatabase:
    top_up(database, "lin", yuan(50), "T1")
    start(database, "lin", "S1", yuan(40))
    top_up(database, "chen", Money(100, "EUR"), "T2")
    return database


def run(database: SqlDatabase, statement: str) -> None:
    sqlite = database.engine.dialect.name == "sqlite"
    names = {
        "columns": "(id, posting_id, cause, debit, credit, amount, session_id, booked_at)",
        "a": available("lin", "CNY").id,
        "b": held("lin", "CNY").id,
        "e": available("chen", "EUR").id,
        "now": "0" if sqlite else "now()",
    }
    with database.engine.begin() as db:
        db.exec_driver_sql(statement.format(**names))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_database_refuses(books: SqlDatabase, what: str) -> None:
    if "OR REPLACE" in FORBIDDEN[what] and books.engine.dialect.name != "sqlite":
        pytest.skip("a statement of SQLite alone")
    with pytest.raises(DBAPIError):
        run(books, FORBIDDEN[what])
    assert pots(books, "lin") == (1000, 4000, 0)
    assert found(books) == []


def test_what_is_refused_is_refused_for_its_reason(books: SqlDatabase) -> None:
    """The same statement with a sound amount passes, and both balances follow."""
    run(books, "INSERT INTO transfers {columns} VALUES ('x', 'x', 'review', '{a}', '{b}', 5, '', {now})")
    assert pots(books, "lin") == (995, 4005, 0)


def test_half_a_cent_never_reaches_either_engine(books: SqlDatabase) -> None:
    row = {"id": "x", "posting_id": "x", "cause": "x", "session_id": "", "booked_at": NOON, "amount": 1.5}
    with pytest.raises(StatementError, match="whole minor units"), books.engine.begin() as db:
        db.execute(transfers.insert().values(row | {"debit": "a", "credit": "b"}))


@pytest.mark.parametrize("what", ONLY_SQLITE)
def test_sqlite_is_not_lenient_with_amounts(books: SqlDatabase, what: str) -> None:
    if books.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL refuses words, and makes a whole number of 1.5 before any rule sees it")
    with pytest.raises(DBAPIError):
        run(books, ONLY_SQLITE[what])


def test_a_resolved_hold_is_not_touched_again(books: SqlDatabase) -> None:
    end(books, "lin", "S1", 4000)
    with pytest.raises(DBAPIError):
        run(books, "UPDATE holds SET captured = 0, released = 4000")


@pytest.mark.parametrize("table", ["transfers", "accounts", "holds", "session_events"])
def test_no_table_of_money_is_emptied(books: SqlDatabase, table: str) -> None:
    if books.engine.dialect.name != "postgresql":
        pytest.skip("a statement of PostgreSQL alone")
    with pytest.raises(DBAPIError):
        run(books, f"TRUNCATE {table} CASCADE")


# --- the invariants see ---------------------------------------------------------------------------------------

# Each turns sound books into wrong ones. Triggers are off, as somebody with the keys of the database could have it.
WRONG = {
    "I2": "UPDATE accounts SET balance = balance + 1 WHERE pot IN ('available', 'psp') AND currency = 'CNY'",
    "I1": "UPDATE accounts SET balance = balance + 1 WHERE pot = 'psp'",
    "I4": "UPDATE holds SET amount = amount - 1",
    "I5": "UPDATE charging_sessions SET state = 'start_failed'",
    "I6": "UPDATE holds SET amount = amount - 1",
    "I7": "UPDATE charging_sessions SET charged = 1",
    "I8": "UPDATE topups SET amount = amount + 1 WHERE currency = 'CNY'",
    "I10": "UPDATE holds SET held_at = held_at - {days}",
}


@pytest.mark.parametrize("invariant", WRONG)
def test_an_invariant_is_seen_broken(books: SqlDatabase, invariant: str) -> None:
    sqlite = books.engine.dialect.name == "sqlite"
    with books.engine.begin() as db:
        if sqlite:
            for name in db.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
                db.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            db.exec_driver_sql("SET session_replication_role = replica")
        days = str(4 * 24 * 3600 * 1_000_000) if sqlite else "interval '4 days'"
        db.exec_driver_sql(WRONG[invariant].format(days=days))
        if not sqlite:
            db.exec_driver_sql("SET session_replication_role = DEFAULT")
    assert invariant in found(books)


def test_refunds_on_their_way_are_compared_with_the_ledger(books: SqlDatabase) -> None:
    with books.write() as unit, orders(unit) as db:
        row: dict[str, Any] = {
            "id": "R1",
            "request_id": "w",
            "user_id": "lin",
            "topup_id": "T1",
            "channel": "sandbox",
        }
        row |= {"currency": "CNY", "amount": 300, "state": "sent", "asked_at": NOON, "due_at": NOON, "psp_refund": ""}
        db.execute(refunds.insert().values(row | {"looks": 0, "detail": ""}))
    assert found(books) == ["I8"]
    with books.write() as unit:
        unit.ledger.post(refund_asked("R1", "lin", yuan(3)), NOON)
    assert found(books) == []


def test_a_hold_may_be_three_days_old_and_no_older(books: SqlDatabase) -> None:
    assert found(books, NOON + timedelta(hours=72)) == []
    assert found(books, NOON + timedelta(hours=72, seconds=1)) == ["I10"]


# --- many at once -----------------------------------------------------------------------------------------------


def test_a_wallet_is_spent_once_however_many_try(database: SqlDatabase) -> None:
    top_up(database, "lin", yuan(50), "T1")
    outcomes: list[str] = []

    def take(number: int) -> None:
        for step in range(5):
            try:
                with database.write() as unit:
                    move = Transfer(
                        f"t{number}-{step}", available("lin", "CNY"), payable("s", "CNY"), yuan(2), Cause.REVIEW
                    )
                    unit.ledger.post(posting(move.id, move), NOON)
                outcomes.append("taken")
            except NotEnoughMoney:
                outcomes.append("refused")

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes.count("taken") == 25
    assert outcomes.count("refused") == 15
    assert pots(database, "lin") == (0, 0, 0)
    assert found(database) == []


def test_money_goes_round_in_both_directions_without_a_jam(database: SqlDatabase) -> None:
    """Two transfers that lock the same two accounts from opposite ends do not wait for each other in a ring."""
    top_up(database, "lin", yuan(50), "T1")
    top_up(database, "wei", yuan(50), "T2")
    errors: list[BaseException] = []

    def send(sender: str, receiver: str) -> None:
        try:
            for step in range(15):
                with database.write() as unit:
                    id_ = f"{sender}-{step}"
                    move = Transfer(id_, available(sender, "CNY"), available(receiver, "CNY"), yuan(1), Cause.REVIEW)
                    unit.ledger.post(posting(id_, move), NOON)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=send, args=pair) for pair in (("lin", "wei"), ("wei", "lin"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert pots(database, "lin") == pots(database, "wei") == (5000, 0, 0)


def test_every_account_is_listed_and_adds_up_to_nothing(books: SqlDatabase) -> None:
    with books.read() as unit:
        listed = unit.ledger.accounts()
    assert (Account(Pot.HELD, "lin", "CNY"), 4000) in listed
    for currency in ("CNY", "EUR"):
        assert sum(balance for account, balance in listed if account.currency == currency) == 0
    with books.read() as unit, pytest.raises(DBAPIError):
        unit.ledger.post(topped_up("sandbox", "T9", "lin", yuan(1)), NOON)
