"""Cases for the people who run it: listed, shown with everything there is about them, decided once."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from core.charging import ChargeRecord
from core.ledger import Account
from core.money import Money
from core.payments import Refund, Topup
from core.ports import Booked, Booking, Case, CaseKind, Clock, Database, UnitOfWork
from core.services.cases.charges import decide_charge, decide_orphan
from core.services.cases.desk import MOST_TEXT, Attach, CaseError, Decision, Desk, Tell, Wish, exactly
from core.services.cases.payments import charge_back, decide_refund, decide_topup, pay_supplier, received
from core.session import ChargingSession, Hold, SessionEvent

MAY_STAY_OPEN = frozenset({Decision.GIFT, Decision.DRIVER_PAYS, Decision.SUPPLIER_AT_FAULT})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """Everything about a case. The records are all that the supplier sent under the session's number."""

    case: Case
    session: ChargingSession | None
    diary: Sequence[SessionEvent]
    hold: Hold | None
    transfers: Sequence[Booked]
    records: Sequence[tuple[ChargeRecord, Booking | None]]
    topup: Topup | None
    refund: Refund | None


class CaseService:
    """A decision books its posting and closes the case in one transaction; what is decided stays decided.

    `ring` is the outbox's doorbell, called after a commit. Raises CaseError for what is not possible.
    """

    def __init__(
        self, database: Database, clock: Clock, *, tell: Tell, ring: Callable[[int], object], attach: Attach
    ) -> None:
        self.database, self.clock = database, clock
        self._tell, self._ring, self._attach = tell, ring, attach

    def listed(self, *, decided: bool = False, kind: CaseKind | None = None, limit: int = 100) -> list[Case]:
        """Open ones, oldest first; with `decided` the decided ones, newest first."""
        with self.database.read() as unit:
            return unit.cases.listed(decided=decided, kind=kind, limit=limit)

    def show(self, case_id: str) -> CaseFile:
        with self.database.read() as unit:
            case = _known(unit, case_id)
            session = unit.sessions.get(case.session_id) if case.session_id else None
            return CaseFile(
                case=case,
                session=session,
                diary=unit.sessions.diary(session.id) if session else (),
                hold=unit.ledger.hold(session.id) if session else None,
                transfers=unit.ledger.transfers_of(session.id) if session else (),
                records=_records(unit, case, session),
                topup=unit.payments.topup(case.subject),
                refund=unit.payments.refund(case.subject),
            )

    def decide(self, case_id: str, wish: Wish) -> Case:
        """Carry out a decision, once. Raises CaseError; then nothing was changed."""
        _check(wish)
        at = self.clock.now()
        with self.database.read() as unit:
            seen = _known(unit, case_id)
        with self.database.write() as unit:
            # Whoever opens a case holds the lock on what it is about: we take the locks in the same order.
            session = self._lock_matter(unit, seen, wish)
            case = _known(unit, case_id)
            if case.decided_at is not None:
                raise CaseError(f"decided by {case.who} at {case.decided_at:%Y-%m-%d %H:%M}: {case.decision}")
            desk = Desk(unit, case, wish, at, self._tell, self._attach, session)
            _BY_KIND[case.kind](desk)
            closed = desk.close()
        self._finish(desk)
        return closed

    def dispute(self, session_id: str, words: str, *, user_id: str = "") -> Case:
        """A driver does not agree with a charge: one open case each. With `user_id` only for a session of theirs."""
        at = self.clock.now()
        with self.database.write() as unit:
            session = unit.sessions.get(session_id)
            if session is None or (user_id and session.user_id not in unit.people.same_person(user_id)):
                raise CaseError(f"there is no session {session_id}")
            detail = " ".join(words.split())[:MOST_TEXT]
            id_ = f"C{secrets.token_hex(6)}"
            return unit.cases.open(Case(id_, CaseKind.DISPUTE, session.id, session.id, session.user_id, detail, at))

    # --- without a question before ----------------------------------------------------------------------------

    def pay_supplier(self, supplier_id: str, batch: str, amount: Decimal, currency: str, who: str, why: str) -> Case:
        """Posting 16: a supplier was paid from our bank, under the number of the bank's order."""
        money = exactly(amount, currency)
        return self._by_hand(
            f"pay:{batch}", supplier_id, who, why, lambda d: pay_supplier(d, supplier_id, batch, money)
        )

    def received(self, channel: str, reference: str, amount: Decimal, currency: str, who: str, why: str) -> Case:
        """Posting 15: a payment provider has paid out to our bank."""
        money = exactly(amount, currency)
        return self._by_hand(
            f"payout:{channel}:{reference}", channel, who, why, lambda d: received(d, channel, reference, money)
        )

    def charge_back(self, topup_id: str, reference: str, amount: Decimal | None, who: str, why: str) -> Case:
        """Posting 17: a card holder took a top-up back, or `amount` of it; `reference` is the provider's number."""

        def book(desk: Desk) -> None:
            topup = desk.unit.payments.topup(topup_id)
            if topup is None:
                raise CaseError(f"there is no top-up {topup_id}")
            left = Money(topup.amount.amount_minor - topup.refunded, topup.amount.currency)
            desk.case = replace(desk.case, user_id=topup.user_id)
            charge_back(desk, topup, left if amount is None else exactly(amount, left.currency))

        return self._by_hand(f"chargeback:{reference}", topup_id, who, why, book)

    def owed(self) -> list[tuple[Account, int]]:
        """What we owe suppliers and what providers have of ours, in minor units."""
        with self.database.read() as unit:
            return [
                one for one in unit.ledger.accounts() if one[0].pot.value in {"payable", "disputed", "psp", "bank"}
            ]

    def _by_hand(self, number: str, subject: str, who: str, why: str, book: Callable[[Desk], None]) -> Case:
        """A case that is opened and decided at once, under a number that is used once."""
        _check(wish := Wish(Decision.DONE, who, why))
        at = self.clock.now()
        with self.database.write() as unit:
            if unit.cases.get(number) is not None:
                raise CaseError(f"{number} is booked already")
            case = Case(number, CaseKind.BY_HAND, f"{number} {subject}", "", "", "moved by one of us", at)
            desk = Desk(unit, unit.cases.open(case), wish, at, self._tell, self._attach)
            book(desk)
            closed = desk.close()
        self._finish(desk)
        return closed

    def _finish(self, desk: Desk) -> None:
        log.info(
            "a case was decided",
            extra={"case": desk.case.id, "kind": desk.case.kind.value, "decision": desk.wish.decision.value},
        )
        for row in desk.rows:
            self._ring(row)

    def _lock_matter(self, unit: UnitOfWork, case: Case, wish: Wish) -> ChargingSession | None:
        supplier_id, _, record_id = case.subject.partition(":")
        if case.kind in (CaseKind.ORPHAN, CaseKind.DISPUTE) and record_id:
            unit.bookings.get(supplier_id, record_id)
        session_id = wish.session_id if case.kind is CaseKind.ORPHAN else case.session_id
        if not session_id:
            unit.payments.topup(case.subject)
            unit.payments.refund(case.subject)
            return None
        session = unit.sessions.get(session_id)
        if session is None:
            raise CaseError(f"there is no session {session_id}")
        return session


def _note(desk: Desk) -> None:
    if desk.wish.decision is not Decision.NOTED:
        raise CaseError(f"a {desk.case.kind} can only be noted; what it shows is put right where it arose")


_BY_KIND: dict[CaseKind, Callable[[Desk], None]] = {
    CaseKind.REVIEW: decide_charge,
    CaseKind.DISPUTE: decide_charge,
    CaseKind.ORPHAN: decide_orphan,
    CaseKind.TOPUP: decide_topup,
    CaseKind.REFUND: decide_refund,
    CaseKind.DIFFERENCE: _note,
    CaseKind.STICKER: _note,
    CaseKind.BY_HAND: _note,
}


def _check(wish: Wish) -> None:
    if not wish.who.strip() or not wish.why.strip():
        raise CaseError("say who decides (--who) and why (--why)")
    if len(wish.who) > MOST_TEXT or len(wish.why) > MOST_TEXT:
        raise CaseError(f"who and why are at most {MOST_TEXT} characters")
    if wish.keep_open and wish.decision not in MAY_STAY_OPEN:
        raise CaseError(f"{wish.decision} closes the case")


def _known(unit: UnitOfWork, case_id: str) -> Case:
    case = unit.cases.get(case_id)
    if case is None:
        raise CaseError(f"there is no case {case_id}")
    return case


def _records(
    unit: UnitOfWork, case: Case, session: ChargingSession | None
) -> list[tuple[ChargeRecord, Booking | None]]:
    found: dict[str, tuple[str, ChargeRecord]] = {}
    if session is not None:
        for record in unit.records.records_of(session.supplier_id, session.start_seq):
            found[record.record_id] = session.supplier_id, record
    supplier_id, _, record_id = case.subject.partition(":")
    if record_id and (named := unit.records.record(supplier_id, record_id)) is not None:
        found[record_id] = supplier_id, named
    return [(record, unit.bookings.get(supplier, record.record_id)) for supplier, record in found.values()]
