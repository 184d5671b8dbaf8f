"""Our books against everybody else's, every night at half past three in Shenzhen, when the day's lists are in."""

from __future__ import annotations

import logging

from jobs.context import services

log = logging.getLogger(__name__)


def reconcile() -> None:
    """Compare with every supplier, every payment provider and the invariants. What differs is shown, not mended."""
    reports = services().reconciliation.run_all()
    differing = sum(1 for one in reports if one.differences)
    log.info("reconciled", extra={"scopes": len(reports), "differing": differing})
