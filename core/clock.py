"""Time comes in by the door, so that tests can set it."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, always UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
