"""The books: every invariant of the money, asked at a start, daily and on demand. A breach stops new charges."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.ledger import Account
from core.ports import Breach, Clock, Database, Halt

HALT = "books"
OURSELVES = "kilowatch"
MOST_SHOWN = 100  # breaches in one report; the first tells where to look

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BooksReport:
    """What the books look like at one moment. `accounts` have balances in minor units."""

    at: datetime
    accounts: Sequence[tuple[Account, int]]
    breaches: Sequence[Breach]
    halts: Sequence[Halt]  # why nothing new is started


class BooksService:
    """Asks the invariants and keeps the halt that a breach leads to. docs/money.md names the invariants."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def report(self) -> BooksReport:
        """All accounts and all breaches, read in one snapshot. Changes nothing."""
        at = self.clock.now()
        with self.database.read() as unit:
            found: list[Breach] = []
            for breach in unit.ledger.breaches(at):
                found.append(breach)
                if len(found) == MOST_SHOWN:
                    break
            return BooksReport(at, unit.ledger.accounts(), found, unit.halts.all())

    def check(self) -> BooksReport:
        """The report, and what follows from it: a breach halts new starts, sound books lift our own halt."""
        report = self.report()
        if report.breaches:
            first = report.breaches[0]
            log.critical(
                "the books do not balance", extra={"breaches": len(report.breaches), "first": first.invariant}
            )
            reason = f"{first.invariant}: {first.detail}"
            with self.database.write() as unit:
                unit.halts.set(Halt(HALT, reason, OURSELVES, report.at))
        elif any(one.name == HALT and one.who == OURSELVES for one in report.halts):
            with self.database.write() as unit:
                unit.halts.lift(HALT)
            log.warning("the books balance again: charging is possible")
        else:
            return report
        with self.database.read() as unit:
            return replace(report, halts=unit.halts.all())

    def halted(self) -> str | None:
        """Why nothing new is started, or None."""
        with self.database.read() as unit:
            halts = unit.halts.all()
        return halts[0].reason if halts else None
