"""Throwing away what we promised not to keep."""

from __future__ import annotations

import logging
from datetime import timedelta

from jobs.context import services

KEEP_SEARCHES_FOR = timedelta(days=30)
KEEP_TICKS_FOR = timedelta(days=2)
KEEP_ANSWERS_FOR = timedelta(days=7)
KEEP_QUOTES_FOR = timedelta(days=7)
KEEP_SCANS_FOR = timedelta(days=30)

log = logging.getLogger(__name__)


def clean_up() -> None:
    """Forget searches and unreported scans after 30 days, finished inbox messages and old clock slots after two.

    Logins and link codes that ended go, and after a week answers to requests and quotes that led to nothing. Money
    that came to an account after it was joined with another is brought to where it belongs.
    What the outbox sent is kept for five weeks, so that it is not said again.
    """
    now = services().clock.now()
    with services().database.write() as unit:
        searches = unit.users.forget_searches(now - KEEP_SEARCHES_FOR)
        ticks = unit.ticks.purge(now - KEEP_TICKS_FOR)
        answers = unit.idempotency.purge(now - KEEP_ANSWERS_FOR)
        quotes = unit.sessions.purge_quotes(now - KEEP_QUOTES_FOR)
        scans = unit.scans.purge(now - KEEP_SCANS_FOR)
    messages, said = services().inbox.purge(), services().outbox.purge()
    logins, codes = services().login.purge(), services().linking.purge()
    brought_home = services().linking.bring_home()
    services().database.scrub()
    counts = {"searches": searches, "ticks": ticks, "inbox": messages, "outbox": said, "answers": answers}
    counts |= {"logins": logins, "codes": codes, "quotes": quotes, "scans": scans, "brought_home": brought_home}
    log.info("cleaned up", extra=counts)
