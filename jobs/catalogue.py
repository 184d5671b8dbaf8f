"""Pulling what suppliers tell: the list daily, changes and states of guns often, prices each quarter of an hour.

Each job carries the supplier's id and the moment it was rung for; one that waited too long leaves the work to the
next one. A lease in the database keeps two from doing the same at once, whatever RQ believes of the first. Running
a job twice changes nothing. A pull that fails leaves everything as it was: old data is served, and its age with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from core.errors import SupplierUnavailable
from core.ports import ListsChanges, PublishesTariffs, ReportsStatus
from core.services.loading import LoadReport
from jobs.context import services
from jobs.names import TIMEOUTS_S

CATALOGUE_EVERY = timedelta(hours=24)
WAITED_TOO_LONG = timedelta(minutes=3)

log = logging.getLogger(__name__)


def pull_catalogue(supplier_id: str, rung_at: str) -> None:
    """All stations of a supplier, when the last full list is a day old."""
    source = services().suppliers[supplier_id]
    if _stale(rung_at) or not _due(supplier_id, "catalogue", CATALOGUE_EVERY):
        return
    _pull("pull_catalogue", supplier_id, lambda: services().catalogue.pull(source))


def pull_changes(supplier_id: str, rung_at: str) -> None:
    """The stations a supplier has changed lately. What is gone is left to the full list."""
    source = services().suppliers[supplier_id]
    if _stale(rung_at) or not isinstance(source, ListsChanges):
        return
    _pull("pull_changes", supplier_id, lambda: services().catalogue.pull_changes(source))


def pull_statuses(supplier_id: str, rung_at: str) -> None:
    """The state of every gun of a supplier."""
    source = services().suppliers[supplier_id]
    if _stale(rung_at) or not isinstance(source, ReportsStatus):
        return
    _pull("pull_statuses", supplier_id, lambda: services().catalogue.pull_statuses(source))


def pull_prices(supplier_id: str, rung_at: str) -> None:
    """The tariff of every gun of a supplier."""
    source = services().suppliers[supplier_id]
    if _stale(rung_at) or not isinstance(source, PublishesTariffs):
        return
    _pull("pull_prices", supplier_id, lambda: services().catalogue.pull_prices(source))


def _pull(job: str, supplier_id: str, pull: Callable[[], LoadReport | int | None]) -> None:
    with _alone(job, supplier_id) as alone:
        if not alone:
            log.info("another has it in hand", extra={"job": job, "supplier": supplier_id})
            return
        try:
            done = pull()
        except SupplierUnavailable as error:
            log.warning("not pulled", extra={"job": job, "supplier": supplier_id, "error": str(error)})
            return
    log.info("pulled", extra={"job": job, "supplier": supplier_id, **_figures(done)})


@contextmanager
def _alone(job: str, supplier_id: str) -> Iterator[bool]:
    """Whether this pull of this supplier is ours. The lease of a worker that was killed runs out with its time."""
    work, at = f"{job}-{supplier_id}", services().clock.now()
    with services().database.write() as unit:
        mine = unit.ticks.lease(work, at, TIMEOUTS_S[job])
    try:
        yield mine
    finally:
        if mine:
            with services().database.write() as unit:
                unit.ticks.release(work, at)


def _figures(done: LoadReport | int | None) -> dict[str, object]:
    if isinstance(done, LoadReport):
        names = ("stations", "added", "changed", "removed", "quarantined", "vanished", "frozen")
        return {name: getattr(done, name) for name in names}
    return {"touched": done or 0}


def _stale(rung_at: str) -> bool:
    """Rung for so long ago that a later ring has it in hand."""
    return services().clock.now() - datetime.fromtimestamp(int(rung_at), UTC) > WAITED_TOO_LONG


def _due(supplier_id: str, asked: str, every: timedelta) -> bool:
    with services().database.read() as unit:
        states = unit.catalogue.suppliers()
    for state in states:
        if state.supplier.id == supplier_id and (last := state.last_success_at.get(asked)):
            return services().clock.now() - last >= every
    return True
