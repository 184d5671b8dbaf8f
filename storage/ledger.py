"""The ledger: transfers booked once, balances kept by the database, holds resolved once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, literal_column, or_, select, update
from sqlalchemy import insert as plain_insert

from core.ledger import FLOOR_ZERO, Account, Cause, LedgerError, NotEnoughMoney, Posting, Pot, Transfer
from core.money import Money
from core.ports import Booked, Breach, Wallet
from core.session import Hold
from storage import invariants
from storage.bulk import insert
from storage.tables import accounts, holds, transfers


class SqlLedger:
    """core.ports.LedgerRepository.

    Everybody locks in one order: session, hold, then accounts by id, so that nobody waits in a ring.
    """

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self.locks = db, locks

    def post(self, posting: Posting, at: datetime) -> bool:
        if not posting.transfers:
            return False
        touched = {one.id: one for transfer in posting.transfers for one in (transfer.debit, transfer.credit)}
        self._open(touched.values())
        balances = self._lock(sorted(touched))
        if self._booked_before(posting):
            return False
        _check_floors(posting, balances)
        self.db.execute(plain_insert(transfers), [_row(one, posting.id, at) for one in posting.transfers])
        return True

    def _open(self, wanted: Any) -> None:
        rows = [
            {
                "id": one.id,
                "pot": one.pot.value,
                "owner": one.owner,
                "currency": one.currency,
                "balance": 0,
                "last_transfer": 0,
            }
            for one in sorted(wanted, key=lambda one: one.id)
        ]
        self.db.execute(insert(self.db, accounts).on_conflict_do_nothing(), rows)

    def _lock(self, ids: list[str]) -> dict[str, int]:
        statement = select(accounts.c.id, accounts.c.balance).where(accounts.c.id.in_(ids)).order_by(accounts.c.id)
        rows = self.db.execute(statement.with_for_update())
        return {row.id: row.balance for row in rows}

    def _booked_before(self, posting: Posting) -> bool:
        ids = [one.id for one in posting.transfers]
        rows = self.db.execute(select(transfers).where(transfers.c.id.in_(ids)))
        booked = {row.id: (row.debit, row.credit, row.amount) for row in rows}
        if not booked:
            return False
        asked = {one.id: (one.debit.id, one.credit.id, one.amount.amount_minor) for one in posting.transfers}
        if booked != asked:
            raise LedgerError(f"{posting.id} is booked with other accounts or amounts")
        return True

    def balance(self, account: Account) -> Money:
        balance = self.db.execute(select(accounts.c.balance).where(accounts.c.id == account.id)).scalar()
        return Money(balance or 0, account.currency)

    def wallets(self, user_ids: Sequence[str]) -> list[Wallet]:
        statement = (
            # The sum of BIGINTs is a NUMERIC on PostgreSQL.
            select(accounts.c.currency, accounts.c.pot, func.sum(accounts.c.balance).label("balance"))
            .where(accounts.c.pot.in_([one.value for one in FLOOR_ZERO]), accounts.c.owner.in_(user_ids))
            .group_by(accounts.c.currency, accounts.c.pot)
        )
        pots = {(row.currency, row.pot): int(row.balance) for row in self.db.execute(statement)}
        return [
            Wallet(
                *(Money(pots.get((currency, pot), 0), currency) for pot in (Pot.AVAILABLE, Pot.HELD, Pot.REFUNDING))
            )
            for currency in sorted({currency for currency, _ in pots})
        ]

    def statement(self, user_ids: Sequence[str], *, before: int | None, limit: int) -> list[Booked]:
        theirs = select(accounts.c.id).where(
            accounts.c.pot.in_([*(one.value for one in FLOOR_ZERO), Pot.RECEIVABLE.value]),
            accounts.c.owner.in_(user_ids),
        )
        ids = self.db.execute(theirs).scalars().all()
        wanted = or_(transfers.c.debit.in_(ids), transfers.c.credit.in_(ids))
        if before is not None:
            wanted = wanted & (transfers.c.number < before)
        return self._listed(select(transfers).where(wanted).order_by(transfers.c.number.desc()).limit(limit))

    def transfers_of(self, session_id: str) -> list[Booked]:
        wanted = select(transfers).where(transfers.c.session_id == session_id)
        return self._listed(wanted.order_by(transfers.c.number))

    def _listed(self, statement: Any) -> list[Booked]:
        rows = self.db.execute(statement).all()
        known = self._accounts({row.debit for row in rows} | {row.credit for row in rows})
        return [_booked(row, known) for row in rows]

    def _accounts(self, ids: set[str]) -> dict[str, Account]:
        statement = select(accounts.c.id, accounts.c.pot, accounts.c.owner, accounts.c.currency)
        rows = self.db.execute(statement.where(accounts.c.id.in_(ids)))
        return {row.id: Account(Pot(row.pot), row.owner, row.currency) for row in rows}

    # --- holds ------------------------------------------------------------------------------------------------

    def open_hold(self, session_id: str, user_id: str, amount: Money, at: datetime) -> None:
        row = {
            "session_id": session_id,
            "user_id": user_id,
            "currency": amount.currency,
            "amount": amount.amount_minor,
            "captured": 0,
            "released": 0,
            "state": "active",
            "held_at": at,
        }
        self.db.execute(plain_insert(holds).values(row))

    def extend_hold(self, session_id: str, by: Money) -> Hold:
        if by.amount_minor <= 0:
            raise LedgerError(f"{session_id}: a hold is extended by a positive amount")
        active = (holds.c.session_id == session_id, holds.c.state == "active", holds.c.currency == by.currency)
        longer = update(holds).where(*active).values(amount=holds.c.amount + by.amount_minor)
        row = self.db.execute(longer.returning(*holds.c)).first()
        if row is None:
            raise LedgerError(f"{session_id} has no active hold in {by.currency}")
        return _hold(row)

    def resolve_hold(self, session_id: str, captured: int, at: datetime) -> Hold | None:
        hold = self.hold(session_id)
        if hold is None:
            raise LedgerError(f"{session_id} has no hold")
        if not hold.active:
            return None
        if not 0 <= captured <= hold.amount.amount_minor:
            raise LedgerError(f"{session_id}: {captured} of a hold of {hold.amount.amount_minor} cannot be captured")
        resolved = {
            "captured": captured,
            "released": hold.amount.amount_minor - captured,
            "state": "resolved",
            "resolved_at": at,
        }
        active = (holds.c.session_id == session_id, holds.c.state == "active")
        row = self.db.execute(update(holds).where(*active).values(resolved).returning(*holds.c)).first()
        return None if row is None else _hold(row)

    def hold(self, session_id: str) -> Hold | None:
        statement = select(holds).where(holds.c.session_id == session_id)
        row = self.db.execute(statement.with_for_update() if self.locks else statement).first()
        return None if row is None else _hold(row)

    def old_holds(self, before: datetime, limit: int) -> list[Hold]:
        of = holds.c
        # Written out, so that both databases see that the index of the active ones will do.
        active = select(holds).where(of.state == literal_column("'active'"), of.held_at <= before)
        return [_hold(row) for row in self.db.execute(active.order_by(of.held_at, of.session_id).limit(limit))]

    # --- the books ----------------------------------------------------------------------------------------------

    def accounts(self) -> list[tuple[Account, int]]:
        rows = self.db.execute(select(accounts).order_by(accounts.c.id))
        return [(Account(Pot(row.pot), row.owner, row.currency), row.balance) for row in rows]

    def by_cause(self, account: Account) -> dict[Cause, int]:
        found: dict[Cause, int] = {}
        for side, sign in ((transfers.c.credit, 1), (transfers.c.debit, -1)):
            total = func.sum(transfers.c.amount)
            rows = self.db.execute(
                select(transfers.c.cause, total).where(side == account.id).group_by(transfers.c.cause)
            )
            for cause, amount in rows:
                found[Cause(cause)] = found.get(Cause(cause), 0) + sign * int(amount)
        return found

    def breaches(self, at: datetime) -> Iterator[Breach]:
        yield from invariants.breaches(self.db, at)


def _check_floors(posting: Posting, balances: dict[str, int]) -> None:
    """What the table's own check would refuse, said with a name. Transfers move one after the other, as they will."""
    for one in posting.transfers:
        minor = one.amount.amount_minor
        balances[one.debit.id] -= minor
        balances[one.credit.id] += minor
        if one.debit.floor_zero and balances[one.debit.id] < 0:
            if one.debit.pot is Pot.AVAILABLE:
                raise NotEnoughMoney(Money(-balances[one.debit.id], one.debit.currency))
            raise LedgerError(f"{posting.id} takes more than there is in {one.debit.id}")


def _row(one: Transfer, posting_id: str, at: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "posting_id": posting_id,
        "cause": one.cause.value,
        "debit": one.debit.id,
        "credit": one.credit.id,
        "amount": one.amount.amount_minor,
        "session_id": one.session_id,
        "booked_at": at,
    }


def _booked(row: Any, known: dict[str, Account]) -> Booked:
    debit, credit = known[row.debit], known[row.credit]
    transfer = Transfer(row.id, debit, credit, Money(row.amount, debit.currency), Cause(row.cause), row.session_id)
    return Booked(row.number, transfer, row.posting_id, row.booked_at)


def _hold(row: Any) -> Hold:
    return Hold(
        session_id=row.session_id,
        user_id=row.user_id,
        amount=Money(row.amount, row.currency),
        captured=Money(row.captured, row.currency),
        released=Money(row.released, row.currency),
        active=row.state == "active",
        held_at=row.held_at,
        resolved_at=row.resolved_at,
    )
