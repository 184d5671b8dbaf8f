"""Throwing away what we promised not to keep."""

from __future__ import annotations

import logging
from datetime import timedelta

from jobs.context import services

KEEP_SEARCHES_FOR = timedelta(days=30)
KEEP_TICKS_FOR = timedelta(days=2)

log = logging.getLogger(__name__)


def clean_up() -> None:
    """Forget searches after 30 days, and finished inbox messages and old clock slots after two.

    What the outbox sent is kept for five weeks, so that it is not said again.
    """
    now = services().clock.now()
    with services().database.write() as unit:
        searches = unit.users.forget_searches(now - KEEP_SEARCHES_FOR)
        ticks = unit.ticks.purge(now - KEEP_TICKS_FOR)
    messages, said = services().inbox.purge(), services().outbox.purge()
    log.info("cleaned up", extra={"searches": searches, "ticks": ticks, "inbox": messages, "outbox": said})
