"""Doing what stands in the outbox: rung for in batches, and looked for every two seconds."""

from __future__ import annotations

import logging
import threading

from core.services import Services
from core.services.outbox import Sweeper
from jobs.context import services

SWEEP_EVERY_S = 2.0
SWEEP_AGAIN_S = 0.5  # while there is something to do: a channel takes only so many a second
SWEEP_WITHIN_S = 1.0  # then it is looked again, whatever still hangs
FINISH_WITHIN_S = 20.0
DELIVER_WITHIN_S = 25.0  # no new row after that: the job ends by its own word, not by its timeout

log = logging.getLogger(__name__)


def deliver(*row_ids: str) -> None:
    """Work these rows of the outbox, up to a hundred. Running it again changes nothing."""
    services().outbox.deliver_all(map(int, row_ids), DELIVER_WITHIN_S)


def start_sweeping(services: Services, stop: threading.Event) -> threading.Thread:
    """Sweep until told to stop, in a thread: whatever else the process does, an order is sent within seconds."""
    thread = threading.Thread(target=_sweep_until, args=(services, stop), name="outbox-sweep", daemon=True)
    thread.start()
    return thread


def _sweep_until(services: Services, stop: threading.Event) -> None:
    sweeper = Sweeper(services.outbox)
    while not stop.is_set():
        due = 0
        try:
            due = sweeper.sweep(SWEEP_WITHIN_S)
        except Exception:
            # The database is away; it is looked at again.
            log.exception("the outbox could not be swept")
        stop.wait(SWEEP_AGAIN_S if due else SWEEP_EVERY_S)
    sweeper.close()
