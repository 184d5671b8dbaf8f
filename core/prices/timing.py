"""When to charge: the cheapest time until the driver has to leave, where the tariff makes it worth to wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.tariff import NotCovered, Quote, Tariff, quote

# Less is not worth a second trip, and not worth a line in the chat.
WORTH_WAITING = Decimal("0.05")
FURTHEST = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class Advice:
    """Start at `best_at` instead of now. `saving` is exact, in the tariff's currency."""

    now: Quote
    best: Quote
    best_at: datetime

    @property
    def saving(self) -> Decimal:
        return self.now.exact - self.best.exact


def wait_or_go(tariff: Tariff, *, kwh: Decimal, minutes: Decimal, now: datetime, ready_by: datetime) -> Advice | None:
    """None where it does not pay: one price all day, no time left, or a saving of less than 5 %.

    The cost of a charge bends only where its beginning or its end meets a boundary of the tariff, so only those
    starts are tried; of equal ones the earliest is advised.
    """
    latest = min(ready_by, now + FURTHEST) - timedelta(minutes=float(minutes))
    if latest <= now or not tariff.clocks:
        return None
    try:
        here = quote(tariff, kwh=kwh, minutes=minutes, at=now)
    except NotCovered:
        return None
    best, best_at = here, now
    for start in sorted(_bends(tariff, now, latest, timedelta(minutes=float(minutes)))):
        try:
            there = quote(tariff, kwh=kwh, minutes=minutes, at=start)
        except NotCovered:
            continue
        if there.exact < best.exact:
            best, best_at = there, start
    worth = here.exact - best.exact >= here.exact * WORTH_WAITING and best.exact < here.exact
    return Advice(here, best, best_at) if worth else None


def _bends(tariff: Tariff, now: datetime, latest: datetime, lasts: timedelta) -> Iterator[datetime]:
    boundary = tariff.next_boundary(now)
    while boundary is not None and boundary - lasts <= latest:
        for start in (boundary - lasts, boundary):
            if now < start <= latest:
                yield start
        boundary = tariff.next_boundary(boundary)
    yield latest
