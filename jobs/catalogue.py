"""Pulling what suppliers tell: stations daily, prices every quarter of an hour, states of guns every minute.

Each job carries the supplier's id and the moment it was rung for; one that waited too long leaves the work to the
next one. Running a job twice changes nothing.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from core.errors import SupplierUnavailable
from core.ports import PublishesTariffs, ReportsStatus
from jobs.context import services

CATALOGUE_EVERY = timedelta(hours=24)
WAITED_TOO_LONG = timedelta(minutes=3)

log = logging.getLogger(__name__)


def pull_catalogue(supplier_id: str, rung_at: str) -> None:
    """All stations of a supplier, when the last full list is a day old."""
    if _stale(rung_at) or not _due(supplier_id, CATALOGUE_EVERY):
        return
    source = services().suppliers[supplier_id]
    try:
        report = services().catalogue.load(source, doubt_shrinking=True)
    except SupplierUnavailable as error:
        log.warning("no catalogue", extra={"supplier": supplier_id, "error": str(error)})
        return
    log.info(
        "catalogue pulled",
        extra={
            "supplier": supplier_id,
            "stations": report.stations,
            "added": report.added,
            "changed": report.changed,
            "removed": report.removed,
            "quarantined": report.quarantined,
            "vanished": report.vanished,
        },
    )


def pull_statuses(supplier_id: str, rung_at: str) -> None:
    """The state of every gun of a supplier."""
    source = services().suppliers[supplier_id]
    if _stale(rung_at) or not isinstance(source, ReportsStatus):
        return
    try:
        touched = services().catalogue.pull_statuses(source)
    except SupplierUnavailable as error:
        log.warning("no states", extra={"supplier": supplier_id, "error": str(error)})
        return
    log.info("states pulled", extra={"supplier": supplier_id, "touched": touched})


def pull_prices(supplier_id: str, rung_at: str) -> None:
    """The tariff of every gun of a supplier."""
    source = services().suppliers[supplier_id]
    if _stale(rung_at) or not isinstance(source, PublishesTariffs):
        return
    try:
        touched = services().catalogue.pull_prices(source)
    except SupplierUnavailable as error:
        log.warning("no prices", extra={"supplier": supplier_id, "error": str(error)})
        return
    log.info("prices pulled", extra={"supplier": supplier_id, "touched": touched})


def _stale(rung_at: str) -> bool:
    """Rung for so long ago that a later ring has it in hand."""
    return services().clock.now() - datetime.fromtimestamp(int(rung_at), UTC) > WAITED_TOO_LONG


def _due(supplier_id: str, every: timedelta) -> bool:
    with services().database.read() as unit:
        states = unit.catalogue.suppliers()
    for state in states:
        if state.supplier.id == supplier_id and (last := state.last_success_at.get("catalogue")):
            return services().clock.now() - last >= every
    return True
