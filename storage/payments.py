"""Orders to payment providers: money in, and money back the way it came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, or_, select, update
from sqlalchemy import insert as plain_insert

from core.money import Money
from core.payments import OPEN_REFUNDS, TAKEN, Refund, RefundState, Topup, TopupState
from storage.bulk import insert, rows_by
from storage.tables import refunds, topups

Order = TypeVar("Order", Topup, Refund)


class SqlPayments:
    """core.ports.PaymentRepository. `locks` in a writing unit: two changes of one order follow each other."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    # --- top-ups --------------------------------------------------------------------------------------------

    def add_topup(self, topup: Topup) -> Topup:
        # The key of a row that another transaction is writing makes this one wait for its end.
        new = insert(self.db, topups).values(_topup_row(topup))
        on_key = new.on_conflict_do_nothing(index_elements=["user_id", "client_key"])
        if self.db.execute(on_key.returning(topups.c.id)).first() is not None:
            return topup
        same = select(topups).where(topups.c.user_id == topup.user_id, topups.c.client_key == topup.client_key)
        before = self._topup(same)
        assert before is not None, "a top-up is never deleted"
        return before

    def topup(self, topup_id: str) -> Topup | None:
        return self._topup(select(topups).where(topups.c.id == topup_id))

    def by_transaction(self, channel: str, psp_transaction: str) -> Topup | None:
        return self._topup(
            select(topups).where(topups.c.channel == channel, topups.c.psp_transaction == psp_transaction)
        )

    def of_quote(self, quote_id: str) -> Topup | None:
        newest = select(topups).where(topups.c.quote_id == quote_id, topups.c.quote_id != "")
        return self._topup(newest.order_by(topups.c.created_at.desc(), topups.c.id.desc()).limit(1))

    def save_topup(self, topup: Topup) -> None:
        self._save(topups, _topup_row(topup))

    def topups_of(self, user_ids: Sequence[str], limit: int = 50) -> list[Topup]:
        found = self._of(topups, user_ids, topups.c.created_at, limit)
        return [_topup(row) for row in found]

    def refundable(self, user_ids: Sequence[str]) -> list[Topup]:
        statement = select(topups).where(
            topups.c.state == TopupState.PAID.value, topups.c.refunded < topups.c.amount, _OURS
        )
        rows = rows_by(self.db, self._locked(statement.order_by(topups.c.id)), topups.c.user_id, user_ids)
        found = [_topup(row) for row in rows]
        return sorted(found, key=lambda one: (one.paid_at or one.created_at, one.id), reverse=True)

    def topups_due(self, at: datetime, limit: int) -> list[str]:
        return self._due(topups, at, limit)

    def topups_between(self, channel: str, since: datetime, until: datetime) -> list[Topup]:
        return [_topup(row) for row in self._between(topups, topups.c.paid_at, channel, since, until)]

    # --- refunds --------------------------------------------------------------------------------------------

    def add_refund(self, refund: Refund) -> None:
        self.db.execute(plain_insert(refunds).values(_refund_row(refund)))

    def refund(self, refund_id: str) -> Refund | None:
        statement = self._locked(select(refunds).where(refunds.c.id == refund_id))
        row = self.db.execute(statement).mappings().first()
        return _refund(row) if row else None

    def save_refund(self, refund: Refund) -> None:
        self._save(refunds, _refund_row(refund))

    def refunds_of(self, user_ids: Sequence[str], limit: int = 50) -> list[Refund]:
        return [_refund(row) for row in self._of(refunds, user_ids, refunds.c.asked_at, limit)]

    def refunds_asked(self, request_id: str) -> list[Refund]:
        statement = select(refunds).where(refunds.c.request_id == request_id).order_by(refunds.c.id)
        return [_refund(row) for row in self.db.execute(statement).mappings()]

    def refunds_due(self, at: datetime, limit: int) -> list[str]:
        return self._due(refunds, at, limit)

    def overdue_refunds(self, at: datetime, limit: int) -> list[Refund]:
        of = refunds.c
        under_way = (of.done_at.is_(None), of.state.in_(sorted(OPEN_REFUNDS)), of.due_at <= at)
        overdue = select(refunds).where(*under_way).order_by(of.due_at, of.id).limit(limit)
        return [_refund(row) for row in self.db.execute(overdue).mappings()]

    def refunds_between(self, channel: str, since: datetime, until: datetime) -> list[Refund]:
        return [_refund(row) for row in self._between(refunds, refunds.c.done_at, channel, since, until)]

    # --- both -----------------------------------------------------------------------------------------------

    def _topup(self, statement: Select[Any]) -> Topup | None:
        row = self.db.execute(self._locked(statement)).mappings().first()
        return _topup(row) if row else None

    def _locked(self, statement: Select[Any]) -> Select[Any]:
        return statement.with_for_update() if self._locks else statement

    def _save(self, table: Table, row: dict[str, Any]) -> None:
        """What may change. Raises LookupError for an order that was never stored."""
        changed = {name: value for name, value in row.items() if name not in _FIXED}
        if self.db.execute(update(table).where(table.c.id == row["id"]).values(changed)).rowcount == 0:
            raise LookupError(f"no order {row['id']}")

    def _of(
        self, table: Table, user_ids: Sequence[str], when: ColumnElement[datetime], limit: int
    ) -> Iterable[RowMapping]:
        newest = (when.desc(), table.c.id.desc())
        statement = select(table).where(table.c.user_id.in_(user_ids)).order_by(*newest).limit(limit)
        return self.db.execute(statement).mappings()

    def _due(self, table: Table, at: datetime, limit: int) -> list[str]:
        statement = select(table.c.id).where(table.c.next_look_at <= at).order_by(table.c.next_look_at).limit(limit)
        return list(self.db.execute(statement).scalars())

    def _between(
        self, table: Table, when: ColumnElement[datetime], channel: str, since: datetime, until: datetime
    ) -> Iterable[RowMapping]:
        statement = select(table).where(table.c.channel == channel, when >= since, when < until)
        return self.db.execute(statement.order_by(when, table.c.id)).mappings()


# The provider has given it to us: a payment, or a promise of which it has taken the cost.
_OURS = or_(topups.c.quote_id == "", topups.c.detail == TAKEN)

# What an order was for is never changed: a provider may have it already.
_FIXED = frozenset(
    {
        "id",
        "user_id",
        "client_key",
        "request_id",
        "topup_id",
        "channel",
        "currency",
        "amount",
        "created_at",
        "asked_at",
    }
)


def _row(order: Topup | Refund) -> dict[str, Any]:
    plain = {name: getattr(order, name) for name in type(order).__slots__ if name != "amount"}
    return plain | {
        "state": order.state.value,
        "amount": order.amount.amount_minor,
        "currency": order.amount.currency,
    }


def _topup_row(topup: Topup) -> dict[str, Any]:
    # None, because two unpaid orders have no transaction in common.
    return _row(topup) | {"psp_transaction": topup.psp_transaction or None}


def _refund_row(refund: Refund) -> dict[str, Any]:
    return _row(refund)


def _topup(row: RowMapping) -> Topup:
    fields = _fields(row)
    fields["psp_transaction"] = row["psp_transaction"] or ""
    return Topup(**fields, state=TopupState(row["state"]))


def _refund(row: RowMapping) -> Refund:
    return Refund(**_fields(row), state=RefundState(row["state"]))


def _fields(row: RowMapping) -> dict[str, Any]:
    plain = {name: value for name, value in row.items() if name not in {"currency", "state"}}
    return plain | {"amount": Money(row["amount"], row["currency"])}
