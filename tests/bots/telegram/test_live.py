"""Live locations in memory: when the list moves, when it rests, and that it is forgotten."""

from __future__ import annotations

from datetime import timedelta

from bots.telegram.buttons import Search
from bots.telegram.live import LONGEST, Drive, LiveLocations, until
from core.geo import Datum, Point
from core.wishes import Sort
from tests.world import HERE, NOW

LATER = NOW + timedelta(hours=1)


def drive(search: Search | None = None) -> Drive:
    return Drive("u1", 7, search or Search(HERE, Sort.PRICE, page=2), LATER)


def test_a_list_follows_after_300_m() -> None:
    assert drive().moved_to(Point(HERE.lat + 0.0026, HERE.lng)) is None  # 288 m
    there = Point(HERE.lat + 0.0028, HERE.lng)  # 310 m
    assert drive().moved_to(there) == Search(there, Sort.PRICE, page=0)


def test_a_phone_that_reports_gcj_keeps_doing_so() -> None:
    search = Search(Point(HERE.lat, HERE.lng, Datum.GCJ02))
    assert drive(search).moved_to(HERE) is None
    moved = drive(search).moved_to(Point(HERE.lat + 0.01, HERE.lng))
    assert moved is not None
    assert moved.point.datum is Datum.GCJ02


def test_it_is_forgotten_at_the_end_and_when_stopped() -> None:
    live = LiveLocations()
    live.begin(1, 2, drive(), NOW)
    assert live.get(1, 2, NOW) is not None
    assert live.get(1, 2, LATER) is None
    assert live.get(1, 2, NOW) is None
    live.begin(1, 2, drive(), NOW)
    live.end(1, 2)
    assert live.get(1, 2, NOW) is None


def test_who_says_stop_is_left_alone_while_still_sharing() -> None:
    live = LiveLocations()
    live.begin(1, 2, drive(), NOW)
    live.begin(5, 2, drive(), NOW)
    live.leave(1)
    left, other = live.get(1, 2, NOW), live.get(5, 2, NOW)
    assert left is not None
    assert left.over
    assert other is not None
    assert not other.over


def test_a_card_being_read_is_left_alone() -> None:
    live, other = LiveLocations(), Search(HERE, Sort.FREE)
    live.begin(1, 2, drive(), NOW)
    live.shown(1, 7, None)
    reading = live.get(1, 2, NOW)
    assert reading is not None
    assert reading.reading
    live.shown(1, 7, other)
    again = live.get(1, 2, NOW)
    assert again is not None
    assert (again.reading, again.search) == (False, other)
    live.shown(1, 99, None)  # another message of the chat
    assert live.get(1, 2, NOW) == again


def test_memory_has_a_bound() -> None:
    live = LiveLocations(most=2)
    for chat in (1, 2, 3):
        live.begin(chat, 1, drive(), NOW)
    assert [live.get(chat, 1, NOW) is not None for chat in (1, 2, 3)] == [False, True, True]


def test_until_turned_off_is_a_day() -> None:
    assert until(NOW, 900) == NOW + timedelta(minutes=15)
    assert until(NOW, 0x7FFFFFFF) == NOW + LONGEST
