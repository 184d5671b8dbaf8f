"""Where every cent went: the lines of a wallet with their reasons, the receipt of a charge. Data, no sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.charging import ChargeRecord
from core.errors import NotFound
from core.ledger import Cause, Pot, Transfer, available
from core.money import Money, round_once
from core.ports import Booked, UnitOfWork
from core.services.charging.metering import bill_by_tariff
from core.services.wallet.till import Till
from core.session import ChargingSession, Hold
from core.settlement import tolerated
from core.tariff import Cost, Part

MOST_LINES = 100


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement, as the person sees it: what it did to the free money, to the held and to what is going back.

    The reason is the session with its station, gun and price version, or the top-up or refund behind it. `number` is
    what to go on from.
    """

    number: int
    booked_at: datetime
    cause: Cause
    available: Money
    held: Money
    refunding: Money
    session_id: str = ""
    station_name: str = ""
    operator_name: str = ""
    gun_label: str = ""
    tariff_id: str = ""  # the version of the price
    price_per_kwh: Decimal | None = None
    order_id: str = ""  # of the top-up or refund, ours
    channel: str = ""
    reference: str = ""  # the provider's number for it


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a charge cost and who pays what of it.

    `paid` by the driver and `borne` by us make up what the supplier gets. Without a `record` it is settled by the
    meter so far, or not settled yet. `by_price` is what the record should cost by the price that was agreed to, and
    `parts` what it is made of, exact; both empty where that cannot be told. `balance` is what is free now.
    """

    session: ChargingSession
    record: ChargeRecord | None
    hold: Hold | None
    paid: Money
    borne: Money
    lines: tuple[Booked, ...]
    by_price: Money | None
    parts: Mapping[Part, Decimal]
    balance: Money
    time_zone: str  # of the station; "" where it is no longer listed

    @property
    def total(self) -> Money:
        return self.paid + self.borne

    @property
    def billed(self) -> Money | None:
        """What the supplier asks for."""
        return round_once(self.record.total_cost, self.session.currency) if self.record else None

    @property
    def as_agreed(self) -> bool | None:
        """Whether the bill is what the agreed price makes of it, within the cents that rounding may cost; None
        without a bill, or where that cannot be computed."""
        if self.record is None or self.billed is None or self.by_price is None:
            return None
        ours = self.by_price.amount_minor
        return abs(self.billed.amount_minor - ours) <= tolerated(ours, len(self.record.periods))


class Statements:
    def __init__(self, till: Till) -> None:
        self._till = till

    def lines(self, user_id: str, before: int | None, limit: int) -> list[StatementLine]:
        """Newest first; `before` is the number of the last line that was seen."""
        with self._till.database.read() as unit:
            people = unit.people.same_person(user_id)
            booked = unit.ledger.statement(people, before=before, limit=max(1, min(limit, MOST_LINES)))
            reasons = _Reasons(unit)
            return [_line(one, frozenset(people), reasons) for one in booked]

    def receipt(self, user_id: str, session_id: str) -> Receipt:
        """Raises NotFound for a session that is not this person's."""
        with self._till.database.read() as unit:
            session = unit.sessions.get(session_id)
            if session is None or session.user_id not in unit.people.same_person(user_id):
                raise NotFound("no_such_session")
            booking = unit.bookings.live(session_id)
            record = unit.records.record(session.supplier_id, booking.record_id) if booking else None
            lines = tuple(unit.ledger.transfers_of(session_id))
            ours = bill_by_tariff(session, record) if record else None
            return Receipt(
                session=session,
                record=record,
                hold=unit.ledger.hold(session_id),
                paid=Money(sum(_paid(one.transfer) for one in lines), session.currency),
                borne=Money(sum(_borne(one.transfer) for one in lines), session.currency),
                lines=lines,
                by_price=ours.total if ours else None,
                parts=_parts(record, ours) if record else {},
                balance=unit.ledger.balance(available(unit.people.current(user_id), session.currency)),
                time_zone=next((one.time_zone for one in unit.catalogue.stations([session.station_id])), ""),
            )


class _Reasons:
    """Looks up what stands behind the lines of one page, each once."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._sessions: dict[str, ChargingSession | None] = {}

    def of(self, transfer: Transfer) -> dict[str, Any]:
        if transfer.session_id:
            return self._of_session(transfer.session_id)
        kind, _, rest = transfer.id.partition(":")
        if kind == "topup":
            channel, _, transaction = rest.partition(":")
            order = self._unit.payments.by_transaction(channel, transaction)
            return {"channel": channel, "reference": transaction, "order_id": order.id if order else ""}
        if kind in {"rfb", "rfe"}:
            refund = self._unit.payments.refund(rest)
            known = {"channel": refund.channel, "reference": refund.psp_refund} if refund else {}
            return {"order_id": rest, **known}
        return {"order_id": rest}

    def _of_session(self, session_id: str) -> dict[str, Any]:
        if session_id not in self._sessions:
            self._sessions[session_id] = self._unit.sessions.get(session_id)
        session = self._sessions[session_id]
        if session is None:
            return {"session_id": session_id}
        quoted = session.quote
        return {
            "session_id": session_id,
            "station_name": quoted.station_name,
            "operator_name": quoted.operator_name,
            "gun_label": quoted.gun_label or quoted.ref.connector_id,
            "tariff_id": quoted.tariff_id,
            "price_per_kwh": quoted.price_per_kwh,
        }


def _line(booked: Booked, people: Collection[str], reasons: _Reasons) -> StatementLine:
    transfer = booked.transfer
    return StatementLine(
        number=booked.number,
        booked_at=booked.booked_at,
        cause=transfer.cause,
        available=_moved(transfer, people, Pot.AVAILABLE),
        held=_moved(transfer, people, Pot.HELD),
        refunding=_moved(transfer, people, Pot.REFUNDING),
        **reasons.of(transfer),
    )


def _moved(transfer: Transfer, people: Collection[str], pot: Pot) -> Money:
    """What the transfer did to this pot of the person."""
    minor = transfer.amount.amount_minor
    into = minor if transfer.credit.pot is pot and transfer.credit.owner in people else 0
    out_of = minor if transfer.debit.pot is pot and transfer.debit.owner in people else 0
    return Money(into - out_of, transfer.amount.currency)


def _parts(record: ChargeRecord, ours: Cost | None) -> Mapping[Part, Decimal]:
    """What the bill is made of: in the supplier's words, else by our own computation where that comes to the same."""
    theirs = {Part.ENERGY: record.energy_cost, Part.SERVICE: record.service_cost}
    said = {part: amount for part, amount in theirs.items() if amount}
    total = round_once(record.total_cost, record.currency)
    if said and round_once(sum(said.values(), Decimal(0)), record.currency) == total:
        return said
    return dict(ours.parts) if ours and ours.total == total else {}


_OF_THE_PERSON = frozenset({Pot.AVAILABLE, Pot.HELD})
_TO_OTHERS = frozenset({Pot.PAYABLE, Pot.FEES, Pot.DISPUTED})


def _paid(transfer: Transfer) -> int:
    """What it took from the person for the charge; less than nothing when it gave back. Minor units."""
    minor, gave, got = transfer.amount.amount_minor, transfer.debit.pot, transfer.credit.pot
    if gave in _OF_THE_PERSON and got in _TO_OTHERS:
        return minor
    return -minor if gave in _TO_OTHERS and got in _OF_THE_PERSON else 0


def _borne(transfer: Transfer) -> int:
    minor = transfer.amount.amount_minor
    if transfer.debit.pot is Pot.OVERRUN:
        return minor
    return -minor if transfer.credit.pot is Pot.OVERRUN else 0
