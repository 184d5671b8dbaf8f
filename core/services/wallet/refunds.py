"""Money back, the way it came: from the newest top-ups first, each step booked and told.

One wish of the driver may lead to several refunds, because each goes back to the payment it came from and no further.
The order to the provider is a row of the outbox; our refund's id is the key on both sides, so that it may be sent
again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import NotFound, UserError
from core.ledger import refund_asked, refund_done, refund_refused
from core.money import Money
from core.outbox import Fate, MessageClass, NewRow, OutboxRow, Result
from core.payments import (
    OPEN_REFUNDS,
    REFUND_LOOKS_AFTER,
    REFUND_LOOKS_EVERY,
    SILENT_PROVIDER_ASKED_AGAIN_AFTER,
    PaymentUnavailable,
    Refund,
    RefundReport,
    RefundState,
    Topup,
)
from core.ports import AnswersForOrders, CaseKind, UnitOfWork
from core.services.notify import tell
from core.services.wallet.planning import adds_up, limits_of, new_refund, plan, request_id_of
from core.services.wallet.till import KeyUsed, Till, open_case

# While the money is on its way and the provider has the last word.
_UNDER_WAY = frozenset({RefundState.ASKED, RefundState.SENT})


class Refunds:
    def __init__(self, till: Till) -> None:
        self._till = till

    # --- the wish ---------------------------------------------------------------------------------------------

    def ask(self, user_id: str, wanted: Money | None, client_key: str) -> list[Refund]:
        """`wanted` None is all that can go back. The same key again gives the refunds it led to."""
        if wanted is not None and wanted.amount_minor <= 0:
            raise UserError("nothing_to_refund")
        request_id, at = request_id_of(user_id, client_key), self._till.clock.now()
        with self._till.database.write() as unit:
            # The lock on them makes two wishes of one person follow each other.
            topups = unit.payments.refundable(unit.people.same_person(user_id))
            if before := unit.payments.refunds_asked(request_id):
                if wanted is not None and not adds_up(before, wanted):
                    raise KeyUsed
                return before
            holder = unit.people.current(user_id)
            planned = plan(unit, holder, topups, wanted)
            refunds = [
                new_refund(f"{request_id}{number:02d}", request_id, holder, topup, amount, at)
                for number, (topup, amount) in enumerate(planned, start=1)
            ]
            rows = [self._book(unit, refund, topup, at) for refund, (topup, _) in zip(refunds, planned, strict=True)]
        self._till.ring_all(rows)
        return refunds

    def possible(self, user_id: str) -> list[Money]:
        """How much can go back now, by currency; what is held for a charge is not counted."""
        with self._till.database.read() as unit:
            topups = unit.payments.refundable(unit.people.same_person(user_id))
            limits = limits_of(unit, unit.people.current(user_id), topups)
        return [limit for limit in limits.values() if limit.amount_minor]

    def ways(self, user_id: str, wanted: Money) -> list[tuple[str, Money]]:
        """Where this much would go back to, by channel. Raises as `ask` does."""
        if wanted.amount_minor <= 0:
            raise UserError("nothing_to_refund")
        with self._till.database.read() as unit:
            topups = unit.payments.refundable(unit.people.same_person(user_id))
            planned = plan(unit, unit.people.current(user_id), topups, wanted)
        sums: dict[str, Money] = {}
        for topup, part in planned:
            sums[topup.channel] = sums.get(topup.channel, Money(0, part.currency)) + part
        return list(sums.items())

    def _book(self, unit: UnitOfWork, refund: Refund, topup: Topup, at: datetime) -> int | None:
        unit.payments.add_refund(refund)
        unit.payments.save_topup(replace(topup, refunded=topup.refunded + refund.amount.amount_minor))
        unit.ledger.post(refund_asked(refund.id, refund.user_id, refund.amount), at)
        return unit.outbox.add(
            NewRow(f"refund:{refund.id}", MessageClass.COMMAND, "refund", refund.id, user_id=refund.user_id), at
        )

    # --- the order to the provider ------------------------------------------------------------------------------

    def send(self, row: OutboxRow) -> Result:
        """The outbox's handler. Safe to repeat: the provider knows the refund by our id."""
        try:
            self._order(row.subject)
        except PaymentUnavailable as error:
            return Result(Fate.NOT_SENT, error=str(error)[:300])
        return Result(Fate.SENT, sent_ref=row.subject)

    def _order(self, refund_id: str) -> Refund:
        with self._till.database.read() as unit:
            refund = _known(unit, refund_id)
            topup = unit.payments.topup(refund.topup_id)
        assert topup is not None, "a refund refers to its top-up"
        if refund.state is not RefundState.ASKED:
            return refund
        report = self._till.provider_of_order(refund.channel).refund(refund, topup)
        return self.report(refund.channel, report) or refund

    def look(self, refund_id: str) -> Refund:
        """Ask the provider what became of it; one that it does not know is ordered again."""
        with self._till.database.read() as unit:
            refund = _known(unit, refund_id)
        if refund.state not in _UNDER_WAY:
            return refund
        try:
            provider = self._till.provider_of_order(refund.channel)
            report = provider.refund_report(refund) if isinstance(provider, AnswersForOrders) else None
            if report is None or report.state is RefundState.ASKED:
                refund = self._order(refund_id)
            else:
                refund = self.report(refund.channel, report) or refund
        except PaymentUnavailable:
            return self._looked(refund_id, SILENT_PROVIDER_ASKED_AGAIN_AFTER)
        if refund.state not in _UNDER_WAY:
            return refund
        looks = refund.looks
        return self._looked(
            refund_id, REFUND_LOOKS_AFTER[looks] if looks < len(REFUND_LOOKS_AFTER) else REFUND_LOOKS_EVERY
        )

    def _looked(self, refund_id: str, again_after: timedelta) -> Refund:
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            refund = _known(unit, refund_id)
            if refund.state not in _UNDER_WAY:
                return refund
            refund = replace(refund, looks=refund.looks + 1, next_look_at=at + again_after)
            unit.payments.save_refund(refund)
            if refund.due_at <= at:
                open_case(unit, CaseKind.REFUND, refund.id, refund.user_id, "not paid out by the day we named", at)
            return refund

    # --- the provider's word --------------------------------------------------------------------------------------

    def report(self, channel: str, report: RefundReport) -> Refund | None:
        """Write down what the provider says. None, and a case, for a refund that is not ours."""
        at = self._till.clock.now()
        with self._till.database.write() as unit:
            seen = unit.payments.refund(report.refund_id)
            if seen is None or seen.channel != channel:
                subject, detail = f"{channel}:{report.refund_id}", f"a refund that we do not know: {report}"
                open_case(unit, CaseKind.REFUND, subject[:200], "", detail[:500], at)
                return None
            refund, row = self._apply(unit, seen, report, at)
        self._till.ring_all([row])
        return refund

    def _apply(
        self, unit: UnitOfWork, refund: Refund, report: RefundReport, at: datetime
    ) -> tuple[Refund, int | None]:
        if refund.state not in OPEN_REFUNDS:
            if report.state in {RefundState.DONE, RefundState.REFUSED} and report.state is not refund.state:
                detail = f"we booked {refund.state}, now the provider says {report.state}: {report.detail}"
                open_case(unit, CaseKind.REFUND, refund.id, refund.user_id, detail[:500], at)
            return refund, None
        if report.amount not in (None, refund.amount):
            detail = f"the provider names {report.amount} instead of {refund.amount}"
            open_case(unit, CaseKind.REFUND, refund.id, refund.user_id, detail, at)
            return refund, None
        match report.state:
            case RefundState.DONE:
                return self._done(unit, refund, report, at)
            case RefundState.REFUSED:
                return self._refused(unit, refund, report, at)
            case RefundState.BY_HAND:
                return self._by_hand(unit, refund, report, at)
            case RefundState.SENT:
                return self._sent(unit, refund, report, at)
            case RefundState.ASKED:
                return refund, None

    def _sent(
        self, unit: UnitOfWork, refund: Refund, report: RefundReport, at: datetime
    ) -> tuple[Refund, int | None]:
        first = refund.state is RefundState.ASKED
        changed = _with(refund, report, RefundState.SENT)
        if first:
            changed = replace(changed, sent_at=at, looks=0, next_look_at=at + REFUND_LOOKS_AFTER[0])
        unit.payments.save_refund(changed)
        return changed, self._tell(unit, changed, at) if first else None

    def _done(
        self, unit: UnitOfWork, refund: Refund, report: RefundReport, at: datetime
    ) -> tuple[Refund, int | None]:
        unit.ledger.post(refund_done(refund.id, refund.user_id, refund.channel, refund.amount), at)
        done_at = report.done_at or at
        changed = replace(
            _with(refund, report, RefundState.DONE),
            sent_at=refund.sent_at or at,
            done_at=done_at,
            next_look_at=None,
        )
        unit.payments.save_refund(changed)
        return changed, self._tell(unit, changed, at)

    def _refused(
        self, unit: UnitOfWork, refund: Refund, report: RefundReport, at: datetime
    ) -> tuple[Refund, int | None]:
        topup = unit.payments.topup(refund.topup_id)
        assert topup is not None, "a refund refers to its top-up"
        unit.ledger.post(refund_refused(refund.id, refund.user_id, refund.amount), at)
        unit.payments.save_topup(replace(topup, refunded=topup.refunded - refund.amount.amount_minor))
        changed = replace(_with(refund, report, RefundState.REFUSED), done_at=at, next_look_at=None)
        unit.payments.save_refund(changed)
        detail = f"{refund.channel} cannot pay it out: {report.detail}"
        open_case(unit, CaseKind.REFUND, refund.id, refund.user_id, detail[:500], at)
        return changed, self._tell(unit, changed, at)

    def _by_hand(
        self, unit: UnitOfWork, refund: Refund, report: RefundReport, at: datetime
    ) -> tuple[Refund, int | None]:
        if refund.state is RefundState.BY_HAND:
            return refund, None
        changed = replace(_with(refund, report, RefundState.BY_HAND), sent_at=at, next_look_at=None)
        unit.payments.save_refund(changed)
        detail = f"{refund.channel} has no interface for refunds: pay it out there, then decide"
        open_case(unit, CaseKind.REFUND, refund.id, refund.user_id, detail, at)
        return changed, self._tell(unit, changed, at)

    def _tell(self, unit: UnitOfWork, refund: Refund, at: datetime) -> int | None:
        params = {"amount": refund.amount, "due_at": refund.due_at, "reference": refund.id}
        return tell(
            unit,
            unit.people.current(refund.user_id),
            f"refund_{refund.state}",
            params,
            klass=MessageClass.MONEY,
            subject=refund.id,
            state=refund.state.value,
            at=at,
        )


def _with(refund: Refund, report: RefundReport, state: RefundState) -> Refund:
    return replace(refund, state=state, psp_refund=report.psp_refund or refund.psp_refund, detail=report.detail[:300])


def _known(unit: UnitOfWork, refund_id: str) -> Refund:
    refund = unit.payments.refund(refund_id)
    if refund is None:
        raise NotFound("no_such_refund")
    return refund
