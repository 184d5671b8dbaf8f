"""A desk with money on it: Lin's wallet, charges settled by the real machine, and the cases that come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core.charging import ChargeRecord
from core.ledger import held_for, refund_asked, settled, topped_up
from core.money import Money
from core.payments import Refund, RefundState, Topup, TopupState
from core.ports import Booking, Case, CaseKind, UnitOfWork
from core.services.cases import CaseService, Decision, Wish
from core.services.charging import ChargingService
from core.session import ChargingSession, SessionState
from storage.unit_of_work import SqlDatabase
from tests.storage.money_samples import session, stored, yuan
from tests.world import NOW, SetClock

SUPPLIER = "lotus"
WHY = "as the supplier wrote on Monday"


@dataclass
class Bench:
    database: SqlDatabase
    clock: SetClock = field(default_factory=SetClock)
    said: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    rung: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.charging = ChargingService(
            self.database, self.clock, {}, tell=self._tell, ring=self.rung.append, key=b"k" * 32
        )
        self.cases = CaseService(
            self.database, self.clock, tell=self._tell, ring=self.rung.append, attach=self.charging.attach
        )

    def _tell(
        self, unit: UnitOfWork, user_id: str, code: str, params: Mapping[str, object], **more: Any
    ) -> int | None:
        self.said.append((user_id, code, dict(params)))
        return len(self.said)

    # --- what there is ----------------------------------------------------------------------------------------

    def top_up(self, amount: str, number: int = 1, user_id: str = "lin") -> Topup:
        topup = self._topup(amount, number, TopupState.PAID, user_id)
        with self.database.write() as unit:  # one moment, as in production
            unit.payments.add_topup(topup)
            unit.ledger.post(topped_up("sandbox", topup.psp_transaction, user_id, topup.amount), self.clock.now())
        return topup

    def order(self, amount: str, number: int, state: TopupState, user_id: str = "lin") -> Topup:
        with self.database.write() as unit:
            return unit.payments.add_topup(self._topup(amount, number, state, user_id))

    def _topup(self, amount: str, number: int, state: TopupState, user_id: str) -> Topup:
        at = self.clock.now()
        paid = state in {TopupState.PAID, TopupState.PARKED}
        return Topup(
            id=f"T{number}",
            user_id=user_id,
            client_key=f"top-up-{number}",
            channel="sandbox",
            amount=yuan(amount),
            state=state,
            created_at=at,
            expires_at=at + timedelta(hours=2),
            psp_transaction=f"P{number}" if paid else "",
            paid_at=at if paid else None,
        )

    def refund(self, topup: Topup, amount: str, state: RefundState = RefundState.BY_HAND) -> Refund:
        at = self.clock.now()
        asked = Refund(
            f"R{topup.id}",
            "wish",
            topup.user_id,
            topup.id,
            "sandbox",
            yuan(amount),
            state,
            at,
            at + timedelta(days=5),
        )
        with self.database.write() as unit:
            unit.payments.add_refund(asked)
            unit.payments.save_topup(replace(topup, refunded=topup.refunded + asked.amount.amount_minor))
            unit.ledger.post(refund_asked(asked.id, asked.user_id, asked.amount), at)
        return asked

    def charging_session(self, number: int = 1, hold: str = "40", **more: Any) -> ChargingSession:
        """Lin charges at 1.50 a kWh, with this much held."""
        at = self.clock.now()
        one = session(number, at=at, **{"state": SessionState.CHARGING, "started_at": at, **more})
        one = replace(one, quote=replace(one.quote, hold=yuan(hold)))
        with self.database.write() as unit:
            unit.sessions.save_quote(one.quote, "signature")
            assert unit.sessions.add(one) is None
            unit.ledger.open_hold(one.id, one.user_id, yuan(hold), at)
            unit.ledger.post(held_for(one.id, one.user_id, yuan(hold)), at)
        return one

    def failed_session(self) -> ChargingSession:
        """A start that was refused: the hold is resolved, all of it released."""
        at = self.clock.now()
        one = self.charging_session(state=SessionState.START_FAILED)
        with self.database.write() as unit:
            unit.ledger.resolve_hold(one.id, 0, at)
            hold = one.quote.hold.amount_minor
            unit.ledger.post(settled(one.id, "lin", SUPPLIER, "CNY", captured=0, released=hold), at)
        return one

    def record(self, start_seq: str, total: str, record_id: str = "", **more: Any) -> Booking:
        """The supplier's record, stored and booked."""
        at = self.clock.now()
        told = ChargeRecord(
            record_id=record_id or start_seq,
            start_seq=start_seq,
            ref=more.pop("ref", session(1).ref),
            started_at=at,
            ended_at=at + timedelta(minutes=4),
            energy_kwh=Decimal(total) / Decimal("1.5"),
            total_cost=Decimal(total),
            currency="CNY",
        )
        told = replace(told, **more)
        with self.database.write() as unit:
            unit.records.add_record(SUPPLIER, told, at)
        return self.charging.book_record(SUPPLIER, told)

    # --- what comes of it -------------------------------------------------------------------------------------

    def case(self, kind: CaseKind) -> Case:
        [one] = self.cases.listed(kind=kind)
        return one

    def opened(self, kind: CaseKind, subject: str, user_id: str = "lin") -> Case:
        with self.database.write() as unit:
            return unit.cases.open(
                Case(f"C{subject}", kind, subject, "", user_id, "something is odd", self.clock.now())
            )

    def decide(self, case: Case, decision: Decision, **more: Any) -> Case:
        return self.cases.decide(case.id, Wish(decision, "Mei", WHY, **more))

    def balances(self) -> dict[str, Any]:
        """Every account that is not empty, in yuan, without the currency at its end."""
        with self.database.read() as unit:
            listed = unit.ledger.accounts()
        return {account.id.removesuffix(":CNY"): Money(minor, "CNY").decimal for account, minor in listed if minor}

    def session(self, session_id: str = "session-1") -> ChargingSession:
        return stored(self.database, session_id)

    def breaches(self, at: datetime = NOW) -> list[str]:
        with self.database.read() as unit:
            return [f"{one.invariant} {one.detail}" for one in unit.ledger.breaches(at)]
