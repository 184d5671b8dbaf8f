"""Keeps a process's station index fresh: at once by the change stream, and every few seconds by the database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from core.ports import ChangeStream, Clock

log = logging.getLogger(__name__)

HEAL_EVERY = timedelta(seconds=5)
# Without a stream the database is all there is, and changes still have to be seen within a second.
HEAL_WITHOUT_STREAM_S = 0.5
# How long one wait may keep `stop` waiting.
LONGEST_WAIT_S = 1.0


class Followed(Protocol):
    """An index that can be told which stations changed, or find out by itself."""

    def refresh(self) -> int: ...

    def apply(self, station_ids: Sequence[str]) -> int: ...


class IndexFollower:
    """One daemon thread, which also loads the index first. It never dies: what goes wrong is logged and retried."""

    def __init__(self, index: Followed, stream: ChangeStream, clock: Clock) -> None:
        self.index, self.stream, self.clock = index, stream, clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._position = ""
        self._healed_at: datetime | None = None  # None: now is the time
        self._troubles: set[str] = set()

    def start(self) -> None:
        if self._thread is not None:
            raise RuntimeError("the follower runs already")
        self._thread = threading.Thread(target=self._run, name="index-follower", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2 * LONGEST_WAIT_S) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            heard, healed = self._listen(), self._heal()
            if heard and healed:
                self._report("")
            else:
                self._stopping.wait(HEAL_WITHOUT_STREAM_S)

    def _listen(self) -> bool:
        """Take in what the stream says. False when it is away; then the database is asked at once."""
        try:
            # The first wait only fixes the position. The look into the database comes after it: no gap.
            self._position, ids = self.stream.wait(self._position, timeout_s=LONGEST_WAIT_S)
            if ids:
                self.index.apply(ids)
            return True
        except ConnectionError as error:
            self._report(f"the change stream is away: {error}")
        except Exception as error:  # noqa: BLE001 - this thread must outlive everything
            self._report(f"changes were not taken in: {error!r}")
        self._healed_at = None
        return False

    def _heal(self) -> bool:
        """Look into the database when it is time to; False when that failed."""
        now = self.clock.now()
        # A clock that was put back must not put off the next look.
        if self._healed_at is not None and timedelta(0) <= now - self._healed_at < HEAL_EVERY:
            return True
        try:
            self.index.refresh()
        except Exception as error:  # noqa: BLE001 - this thread must outlive everything
            self._report(f"the index was not refreshed: {error!r}")
            return False
        self._healed_at = now
        return True

    def _report(self, trouble: str) -> None:
        """Log each trouble once until all is well again, not twice a second."""
        if trouble and trouble not in self._troubles:
            log.warning("station index: %s", trouble)
            self._troubles.add(trouble)
        elif self._troubles and not trouble:
            log.info("station index: follows the change stream again")
            self._troubles.clear()
