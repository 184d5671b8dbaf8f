"""What is stored of scans, of the messages that show a charge, and of what drivers say afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.scan import LiveMessage, Opinion, Outcomes, Scan


class ScanRepository(Protocol):
    def add(self, scan: Scan) -> None: ...

    def get(self, scan_id: str) -> Scan | None:
        """In a writing unit nobody else changes it until the end."""
        ...

    def save(self, scan: Scan) -> None:
        """Overwrite what may change: everything but id, user, `at`, source and text."""
        ...

    def newest(self, user_ids: Sequence[str]) -> Scan | None:
        """The last scan of this person."""
        ...

    def last_passed(self, user_ids: Sequence[str]) -> Scan | None:
        """The newest scan of this person that was accepted."""
        ...

    def count(self, user_ids: Sequence[str], since: datetime, *, refused: bool = False) -> int:
        """How many scans of this person; with `refused` only those that were."""
        ...

    def tries(self, user_ids: Sequence[str], since: datetime) -> int:
        """How often this person tried the last four characters."""
        ...

    def latest(self, limit: int) -> list[Scan]:
        """Those of everybody, newest first."""
        ...

    def reported(self, limit: int) -> list[Scan]:
        """Those that drivers reported, newest first."""
        ...

    def keep_photo(self, scan_id: str, photo: bytes, at: datetime) -> None:
        """Evidence that goes with a report."""
        ...

    def photo(self, scan_id: str) -> bytes | None: ...

    def photos(self, user_ids: Sequence[str], since: datetime) -> int:
        """How many photos this person sent in."""
        ...

    def reports(self, user_ids: Sequence[str], since: datetime) -> int:
        """How many scans this person reported."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget scans that are older and were not reported. Returns how many."""
        ...


class LiveMessageRepository(Protocol):
    def put(self, message: LiveMessage) -> None:
        """From now on this is the message of its session in its channel."""
        ...

    def get(self, session_id: str, channel: str) -> LiveMessage | None: ...

    def open(self, channel: str, limit: int) -> list[LiveMessage]:
        """Those that may have to be edited, the one shown longest ago first."""
        ...

    def shown(self, message: LiveMessage) -> None:
        """Note what it says now. One that was closed meanwhile stays so."""
        ...

    def close(self, session_id: str, channel: str) -> None:
        """Nothing more happens to it."""
        ...


class OpinionRepository(Protocol):
    def put(self, opinion: Opinion) -> None: ...

    def get(self, session_id: str) -> Opinion | None: ...

    def outcomes(self, since: datetime) -> list[Outcomes]:
        """What became of the starts at each gun that was tried: of each person the last one there.

        Somebody who comes back to complain again and again ruins no gun.
        """
        ...
