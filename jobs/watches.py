"""Watches whose time is over, and those that have been silent for long."""

from __future__ import annotations

import logging

from jobs.context import services

log = logging.getLogger(__name__)


def look_after_watches() -> None:
    """End what has expired, say how near the price came to the others, forget the oldest. Again changes nothing."""
    seen = services().alerts.upkeep()
    if seen:
        log.info("watches looked after", extra={"watches": seen})
