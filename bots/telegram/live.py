"""Live locations: one list per driver on the road, edited as they move. Kept in memory and forgotten at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bots.telegram.buttons import Search
from core.geo import Point, distance_m

MOVED_M = 300
MOST_TRACKED = 10_000
LONGEST = timedelta(days=1)  # Telegram also knows "until turned off"


@dataclass(frozen=True, slots=True)
class Drive:
    """A driver who shares a live location, and the list that follows it."""

    user_id: str
    list_message_id: int
    search: Search
    until: datetime
    reading: bool = False  # the driver has opened a card or a panel in the list: leave it alone
    over: bool = False  # the driver wants no more of it, though the location is still shared

    def here(self, point: Point) -> Point:
        """The driver may have said that this phone's map is GCJ-02; that stays true on the way."""
        return replace(point, datum=self.search.point.datum)

    def moved_to(self, point: Point) -> Search | None:
        """The search at the new place, or None while it is near the last one."""
        here = self.here(point)
        if distance_m(self.search.point, here) <= MOVED_M:
            return None
        return replace(self.search, point=here, page=0)


class LiveLocations:
    """The drives of this process, by (chat, message with the live location)."""

    def __init__(self, most: int = MOST_TRACKED) -> None:
        self.most = most
        self._drives: dict[tuple[int, int], Drive] = {}

    def begin(self, chat_id: int, live_message_id: int, drive: Drive, now: datetime) -> None:
        self._drives = {key: kept for key, kept in self._drives.items() if kept.until > now}
        while len(self._drives) >= self.most:
            del self._drives[next(iter(self._drives))]
        self._drives[chat_id, live_message_id] = drive

    def get(self, chat_id: int, live_message_id: int, now: datetime) -> Drive | None:
        drive = self._drives.get((chat_id, live_message_id))
        if drive is not None and drive.until <= now:
            self.end(chat_id, live_message_id)
            return None
        return drive

    def end(self, chat_id: int, live_message_id: int) -> None:
        self._drives.pop((chat_id, live_message_id), None)

    def leave(self, chat_id: int) -> None:
        """No more edits in this chat, whatever location is still shared there."""
        for key, drive in self._drives.items():
            if key[0] == chat_id:
                self._drives[key] = replace(drive, over=True)

    def shown(self, chat_id: int, list_message_id: int, search: Search | None) -> None:
        """A button changed what a list message shows: another search, or (None) something that is being read."""
        for key, drive in self._drives.items():
            if key[0] == chat_id and drive.list_message_id == list_message_id:
                changed = (
                    replace(drive, reading=True) if search is None else replace(drive, search=search, reading=False)
                )
                self._drives[key] = changed
                return


def until(now: datetime, live_period_s: int) -> datetime:
    return now + min(timedelta(seconds=live_period_s), LONGEST)
