"""Prices are followed without a gap: in a thread of the clock's process, which looks several times a second.

No bell is rung for it. A push would have to wait for one more server, and one that is lost would be found late; the
look costs two questions of an index. Of several such processes one works at a time, by a lock in the database.
"""

from __future__ import annotations

import logging
import threading
import time

from core.services import Services
from jobs.context import services

LOOK_EVERY_S = 0.25
# How often it is looked what time alone makes true for watches, and whether those in memory are old.
WATCHES_EVERY_S, MEMORY_EVERY_S = 1.0, 60.0
# Between tries when the database is away.
AGAIN_AFTER_S = 2.0
FINISH_WITHIN_S = 20.0

log = logging.getLogger(__name__)


def start_following(services: Services, stop: threading.Event) -> threading.Thread:
    """Follow prices until told to stop. Whatever is cut short is done by whoever comes next."""
    thread = threading.Thread(target=_follow_until, args=(services, stop), name="prices", daemon=True)
    thread.start()
    return thread


def _follow_until(services: Services, stop: threading.Event) -> None:
    # Here and not with the first ticks, which hold up everybody who writes.
    _load(services)
    threading.Thread(target=_load_until, args=(services, stop), name="watches", daemon=True).start()
    looked_at = 0.0
    while not stop.is_set():
        pause_s, doing = LOOK_EVERY_S, "prices could not be followed"
        try:
            if services.prices.is_behind():
                services.prices.boundaries()
                services.alerts.ring_written()
            doing = "watches could not be looked at"
            if time.monotonic() - looked_at >= WATCHES_EVERY_S and not services.alerts.look():
                looked_at = time.monotonic()
        except Exception:
            log.exception(doing)
            pause_s = AGAIN_AFTER_S
        stop.wait(pause_s)


def _load_until(services: Services, stop: threading.Event) -> None:
    """Now and then all watches are read anew, and those that have ended are forgotten."""
    while not stop.wait(MEMORY_EVERY_S):
        _load(services)


def _load(services: Services) -> None:
    try:
        if services.alerts.is_stale():
            services.alerts.load()
    except Exception:
        # They are read with the first ticks, then.
        log.exception("watches could not be read")


def compact_prices() -> None:
    """Of prices older than three months keep a few rows a day. Running it again changes nothing."""
    gone = services().prices.compact()
    if gone:
        log.info("old prices compacted", extra={"rows": gone})
