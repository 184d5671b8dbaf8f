"""Joining the places that several suppliers describe, around what has changed."""

from __future__ import annotations

import logging

from jobs.context import services

log = logging.getLogger(__name__)


def merge_places() -> None:
    """Bring the links between stations up to date. Compares everything when the process is new, and once a day."""
    report = services().merging.run()
    if report is None:
        log.info("another has it in hand", extra={"job": "merge_places"})
        return
    for wrong in report.wrong_datums:
        log.warning("a supplier's points are in a wrong datum", extra={"supplier": wrong.supplier_id})
    if report.stations:
        figures = {name: getattr(report, name) for name in ("whole", "stations", "places", "changed")}
        log.info("merged", extra={"job": "merge_places", **figures})
