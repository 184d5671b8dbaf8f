"""Periodic work: at each slot of a schedule, whoever of all clocks is first rings for the job.

The database decides who is first, so that two clocks do no harm (RQ's own cron has no such rule and runs every
interval job again at each start). At a start the current slot is rung for at once. Without Redis the clock does
the jobs itself. Beside it, in threads of their own, the outbox is swept and prices are followed.
"""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from core.errors import SupplierUnavailable
from core.ports import CanBePinged, ListsChanges, ListsRecords, PublishesTariffs, ReportsStatus
from core.services import Services
from jobs import context, outbox, prices
from jobs.names import JOBS

BEAT_S = 1.0
# What is to be done whatever suppliers there are, and every how many seconds.
UPKEEP = {
    "follow_sessions": 5,
    "work_notices": 5,
    "look_at_payments": 15,
    "book_records": 30,
    "match_orphans": 600,
    "watch_promises": 600,
    "merge_places": 60,
    "clean_up": 3600,
    "look_after_watches": 3600,
    "compact_prices": 24 * 3600,
    "check_books": 6 * 3600,
    "reconcile": 24 * 3600,
}
# When in its slot a job is due, in seconds; else at the slot's start. 03:30 in Shenzhen, when suppliers and payment
# providers have closed the day before.
DUE_AT_S = {"reconcile": int(19.5 * 3600)}
SUPPLIERS_WITHIN_S = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job rung for every `every_s` seconds, with these ids in front of the moment of the ring."""

    job: str
    every_s: int
    ids: tuple[str, ...] = ()
    dated: bool = True  # the job wants the moment as its last argument
    starts_at_s: int = 0  # its slots begin so much later than at whole multiples of `every_s` since 1970, UTC

    def slot(self, moment: int) -> int:
        """The number of the slot that this moment, in seconds since 1970, lies in."""
        return (moment - self.starts_at_s) // self.every_s


def schedules(services: Services) -> list[Schedule]:
    """What there is to do: a few pulls for each live supplier, in the order a first start needs them."""
    pulls: list[Schedule] = []
    for supplier_id, source in services.suppliers.items():
        pulls.append(Schedule("pull_catalogue", 60, (supplier_id,)))
        if isinstance(source, ListsChanges):
            pulls.append(Schedule("pull_changes", 300, (supplier_id,)))
        if isinstance(source, ReportsStatus):
            pulls.append(Schedule("pull_statuses", 60, (supplier_id,)))
        if isinstance(source, PublishesTariffs):
            pulls.append(Schedule("pull_prices", 900, (supplier_id,)))
        if isinstance(source, ListsRecords):
            pulls.append(Schedule("pull_records", 600, (supplier_id,)))
    upkeep = (
        Schedule(job, every_s, dated=False, starts_at_s=DUE_AT_S.get(job, 0)) for job, every_s in UPKEEP.items()
    )
    return [*pulls, *upkeep]


def beat(services: Services, plan: Iterable[Schedule]) -> int:
    """Ring for everything whose slot has come and is not taken; returns how many were rung for."""
    now = services.clock.now()
    rung = 0
    for one in plan:
        moment = int(now.timestamp())
        with services.database.write() as unit:
            mine = unit.ticks.take(_name(one), str(one.slot(moment)), now)
        if mine:
            ids = (*one.ids, str(moment)) if one.dated else one.ids
            if not services.queue.enqueue(one.job, *ids):
                _do_here(one.job, ids)
            rung += 1
    return rung


def _do_here(job: str, ids: tuple[str, ...]) -> None:
    """Redis is away: the clock does the work itself, so that nothing goes stale."""
    module, _, name = JOBS[job].rpartition(".")
    getattr(import_module(module), name)(*ids)


def run(services: Services, stop: threading.Event) -> None:
    """Beat once a second until told to stop. Outlives a database or Redis that goes away and comes back."""
    plan = schedules(services)
    taken: dict[str, int] = {}
    log.info("clock started", extra={"schedules": len(plan)})
    while not stop.is_set():
        moment = int(services.clock.now().timestamp())
        due = [one for one in plan if taken.get(_name(one)) != one.slot(moment)]
        try:
            beat(services, due)
        except Exception:
            log.exception("the clock missed a beat")
        else:
            taken.update({_name(one): one.slot(moment) for one in due})
        stop.wait(BEAT_S)


def _name(one: Schedule) -> str:
    return "-".join((one.job, *one.ids))


def _wait_for_suppliers(services: Services, stop: threading.Event) -> None:
    """On one machine the sandbox starts at the same moment as we do: give everyone a little time to answer."""
    deadline = time.monotonic() + SUPPLIERS_WITHIN_S
    waiting = [source for source in services.suppliers.values() if isinstance(source, CanBePinged)]
    while waiting and time.monotonic() < deadline and not stop.is_set():
        try:
            waiting[0].ping()
        except SupplierUnavailable:
            stop.wait(0.2)
        else:
            waiting.pop(0)


def _check_books(services: Services) -> None:
    """Before anything moves: books that were restored or repaired by hand are looked at first."""
    try:
        services.books.check()
    except Exception:
        log.exception("the books could not be checked")


def _keep_the_collector_away() -> None:
    """From what stands in memory now. A boundary that very many prices reach makes objects by the hundred thousand,
    which are gone a second later: a third of its time went into walking all the others again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main() -> None:
    import bootstrap

    settings = bootstrap.start_process()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    services = bootstrap.build_services(settings)
    context.use(services)
    _check_books(services)
    _keep_the_collector_away()
    sweeping = outbox.start_sweeping(services, stop)
    following = prices.start_following(services, stop)
    _wait_for_suppliers(services, stop)
    run(services, stop)
    sweeping.join(outbox.FINISH_WITHIN_S)
    following.join(prices.FINISH_WITHIN_S)


if __name__ == "__main__":
    main()
