"""Money that is held or on its way for long: its owner is told before they ask."""

from __future__ import annotations

import logging

from jobs.context import services

log = logging.getLogger(__name__)


def watch_promises() -> None:
    """Tell whoever waits for a hold or a refund, once. Running it again changes nothing."""
    told = services().watchdog.look()
    if told:
        log.info("people who wait for their money were told", extra={"told": told})
