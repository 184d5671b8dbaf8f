"""The daily comparison with everybody who keeps books of the same money, and on demand."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from core.money import Money
from core.ports import (
    Case,
    CaseKind,
    Clock,
    Database,
    ListsRecords,
    ListsStations,
    PaymentProvider,
    PublishesBills,
    Reconciliation,
    StartsCharging,
)
from core.services.books import BooksService
from core.services.reconciliation import charges, payments
from core.services.reconciliation.findings import ZONE, Comparison, Difference, yesterday
from core.services.wallet import WalletService
from core.statements import OrderCheck

BOOKS = "books"
# When one of us is called: this much differs, or something has differed for this long.
TOLERATED_SHARE = 0.001
TOLERATED_AGE = timedelta(days=3)
KEPT_FOR = timedelta(days=400)
LEASE_S = 3600.0
MOST_IN_A_CASE = 5
DECIDED_LOOKED_THROUGH = 1_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison that was made. Sums are in minor units by currency; a difference says when it was met first."""

    run: Reconciliation
    compared: int
    ours: Mapping[str, int]
    theirs: Mapping[str, int]
    differences: Sequence[tuple[Difference, datetime]]
    whole: bool  # False when somebody was silent
    alarming: bool


class ReconciliationService:
    """`run` compares one scope: "supplier:<id>", "psp:<channel>" or "books". Nothing that differs is mended.

    What comes of a run takes the ordinary ways: a record that had been missed is stored for the charging to book, a
    lost notice is asked for and booked as a notice would be. Both are reported all the same.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        books: BooksService,
        wallet: WalletService,
        suppliers: Mapping[str, ListsStations],
        providers: Mapping[str, PaymentProvider],
    ) -> None:
        self.database, self.clock, self.books, self.wallet = database, clock, books, wallet
        self.suppliers, self.providers = suppliers, providers

    def scopes(self) -> list[str]:
        """Everybody there is to compare with."""
        charging = [one for one, source in self.suppliers.items() if isinstance(source, StartsCharging)]
        paying = [one for one, provider in self.providers.items() if isinstance(provider, PublishesBills)]
        return [*(f"supplier:{one}" for one in charging), *(f"psp:{one}" for one in paying), BOOKS]

    def run_all(self, day: date | None = None) -> list[Report]:
        """Every scope, each in its own try. Nothing when another has it in hand."""
        at = self.clock.now()
        with self.database.write() as unit:
            if not unit.ticks.lease("reconcile", at, LEASE_S):
                return []
        reports = []
        try:
            for scope in self.scopes():
                try:
                    reports.append(self.run(scope, day))
                except Exception:
                    log.exception("a reconciliation failed", extra={"scope": scope})
        finally:
            with self.database.write() as unit:
                unit.reconciliations.purge(at - KEPT_FOR)
                # A list may name twenty thousand orders.
                unit.reconciliations.purge(at - charges.LOOKS_BACK_AT_MOST, scopes=charges.check_scope(""))
                unit.ticks.release("reconcile", at)
        return reports

    def run(self, scope: str, day: date | None = None, statement: Money | None = None) -> Report:
        """One scope and one day (China's; without one yesterday). `statement` is what a supplier says we owe it."""
        comparison = Comparison(scope, day or yesterday(self.clock.now()))
        kind, _, name = scope.partition(":")
        if kind == "supplier":
            self._compare_supplier(name, comparison, statement)
        elif kind == "psp":
            self._compare_provider(name, comparison)
        else:
            self._compare_books(comparison)
        return self._keep(comparison)

    def latest(self, limit: int = 50) -> list[Reconciliation]:
        with self.database.read() as unit:
            return unit.reconciliations.latest(limit)

    def checked(self, supplier_id: str, check: OrderCheck) -> None:
        """A supplier's own daily list, with what we answered to it, for the next run."""
        at = self.clock.now()
        day = (check.since or at).astimezone(ZONE).date()
        run = Reconciliation(
            id=secrets.token_hex(8),
            scope=charges.check_scope(supplier_id),
            day=day,
            at=at,
            differences=len(check.disputed),
            document=charges.check_document(check),
        )
        with self.database.write() as unit:
            unit.reconciliations.save(run)
        if check.disputed:
            log.warning("a supplier's list differs", extra={"supplier": supplier_id, "disputed": len(check.disputed)})

    # --- the comparisons --------------------------------------------------------------------------------------

    def _compare_supplier(self, supplier_id: str, run: Comparison, statement: Money | None) -> None:
        source, at = self.suppliers.get(supplier_id), self.clock.now()
        if isinstance(source, ListsRecords):
            with self.database.read() as unit:
                since = charges.records_since(unit, run)
            records = charges.pulled(source, since, run)
            with self.database.write() as unit:
                charges.keep_pulled(unit, supplier_id, records, run, at)
            stated = charges.stated_by_records(records, since)
        else:
            with self.database.read() as unit:
                stated = charges.stated_by_checks(unit, supplier_id, run)
        with self.database.read() as unit:
            charges.compare_orders(unit, supplier_id, stated, run)
            charges.compare_waiting(unit, supplier_id, run, at)
            charges.compare_payable(unit, supplier_id, run, statement)

    def _compare_provider(self, channel: str, run: Comparison) -> None:
        provider = self.providers.get(channel)
        if not isinstance(provider, PublishesBills):
            run.whole = False
            run.differs("no_bill", run.scope, "this way of payment publishes no bills")
            return
        lines = payments.bills(provider, run)
        with self.database.read() as unit:
            topups, refunds = payments.compare_bill(unit, channel, lines, run)
            payments.compare_ours(unit, channel, lines, run)
            lost = [order for one in sorted(topups) if (order := unit.payments.topup(one)) is not None]
        at = self.clock.now()
        with self.database.write() as unit:
            for line in lines:
                fee = payments.fee_posting(channel, line)
                if fee is not None:
                    unit.ledger.post(fee, at)
        self._open_cases(run)
        payments.ask_again(self.wallet, self.providers[channel], lost, sorted(refunds))

    def _open_cases(self, run: Comparison) -> None:
        """Each payment that nobody has booked is somebody's money: a case, unless it was decided before."""
        at = self.clock.now()
        with self.database.write() as unit:
            decided = unit.cases.listed(decided=True, kind=CaseKind.TOPUP, limit=DECIDED_LOOKED_THROUGH)
            for subject in run.payments.keys() - {one.subject for one in decided}:
                id_, detail = f"C{secrets.token_hex(6)}", run.payments[subject]
                unit.cases.open(Case(id_, CaseKind.TOPUP, subject, "", "", detail, at))

    def _compare_books(self, run: Comparison) -> None:
        report = self.books.check()
        run.compared = len(report.accounts)
        for one in report.breaches:
            run.differs(one.invariant, one.detail[:200], one.detail)

    # --- what was found ---------------------------------------------------------------------------------------

    def _keep(self, run: Comparison) -> Report:
        at, found = self.clock.now(), list(run.found.values())
        with self.database.write() as unit:
            aged = [(one, unit.reconciliations.first_seen(run.scope, one.key, at)) for one in found]
            if run.whole:
                unit.reconciliations.gone(run.scope, run.found)
            alarming = run.share > TOLERATED_SHARE or any(at - first > TOLERATED_AGE for _, first in aged)
            kept = Reconciliation(
                id=secrets.token_hex(8),
                scope=run.scope,
                day=run.day,
                at=at,
                differences=len(found),
                document=_document(run, aged, alarming),
            )
            unit.reconciliations.save(kept)
            if alarming or not all(one.is_silence for one in found):
                new = _case(run, aged, at)
                known = unit.cases.open(new)
                unit.cases.save(replace(known, detail=new.detail))  # what differs today, in the case of yesterday
        _log(run, aged, alarming, at)
        return Report(kept, run.compared, dict(run.ours), dict(run.theirs), aged, run.whole, alarming)


def _case(run: Comparison, aged: Sequence[tuple[Difference, datetime]], at: datetime) -> Case:
    words = "; ".join(f"{one.key} ({one.detail})" for one, _ in aged[:MOST_IN_A_CASE])
    more = f"; and {len(aged) - MOST_IN_A_CASE} more" if len(aged) > MOST_IN_A_CASE else ""
    detail = f"{len(aged)} {'differences' if len(aged) > 1 else 'difference'} on {run.day}: {words}"[:1500] + more
    return Case(f"D{secrets.token_hex(6)}", CaseKind.DIFFERENCE, run.scope, "", "", detail, at)


def _log(run: Comparison, aged: Sequence[tuple[Difference, datetime]], alarming: bool, at: datetime) -> None:
    oldest = max((at - first for _, first in aged), default=timedelta())
    figures = {
        "scope": run.scope,
        "day": run.day.isoformat(),
        "compared": run.compared,
        "differences": len(aged),
        "oldest_hours": int(oldest.total_seconds() // 3600),
    }
    if alarming:
        log.error("books differ: somebody has to look", extra=figures)
    elif aged:
        log.warning("books differ", extra=figures)
    else:
        log.info("books agree", extra=figures)


def _document(run: Comparison, aged: Sequence[tuple[Difference, datetime]], alarming: bool) -> str:
    return json.dumps(
        {
            "compared": run.compared,
            "ours": dict(run.ours),
            "theirs": dict(run.theirs),
            "whole": run.whole,
            "alarming": alarming,
            "differences": [difference_document(one, first) for one, first in aged],
        },
        ensure_ascii=False,
    )


def difference_document(one: Difference, first_seen_at: datetime) -> dict[str, object]:
    about = {"amount_minor": one.about.amount_minor, "currency": one.about.currency} if one.about else None
    return {
        "what": one.what,
        "subject": one.subject,
        "detail": one.detail,
        "about": about,
        "first_seen_at": first_seen_at.isoformat(),
    }
