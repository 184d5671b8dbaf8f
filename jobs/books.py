"""Whether the money adds up, asked when the clock starts and several times a day."""

from __future__ import annotations

import logging

from jobs.context import services

log = logging.getLogger(__name__)


def check_books() -> None:
    """Ask every invariant. A breach stops new charges until the books balance again."""
    report = services().books.check()
    log.info("books checked", extra={"accounts": len(report.accounts), "breaches": len(report.breaches)})
