"""Short words about watches, and the lines that teach them."""

from __future__ import annotations

import pytest

from bots.wechat.watch_words import Verb, WatchWords, hints_for, read


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ("提醒", WatchWords(Verb.WISH)),
        ("watch", WatchWords(Verb.WISH)),
        ("等枪", WatchWords(Verb.GUN)),
        ("周边提醒", WatchWords(Verb.AREA)),
        ("我的提醒", WatchWords(Verb.LIST)),
        ("watches", WatchWords(Verb.LIST)),
        ("停 3", WatchWords(Verb.STOP, 3)),
        ("停止3", WatchWords(Verb.STOP, 3)),
        ("stop 104233", WatchWords(Verb.STOP, 104233)),
        ("静音3号", WatchWords(Verb.SNOOZE, 3)),
        ("snooze #3", WatchWords(Verb.SNOOZE, 3)),
        ("恢复 3", WatchWords(Verb.WAKE, 3)),
        ("续期：3", WatchWords(Verb.RENEW, 3)),
        ("show 3", WatchWords(Verb.SHOW, 3)),
        ("全部停止", WatchWords(Verb.STOP_ALL)),
        ("静音", WatchWords(Verb.SNOOZE)),
        # Those belong to others: silence at all, a charge, a place.
        ("停止", None),
        ("stop", None),
        ("恢复", None),
        ("停止充电", None),
        ("stop charge", None),
        ("watch street 3", None),
        ("看丹桥3号院", None),
    ],
)
def test_a_line_is_read(line: str, asks: WatchWords | None) -> None:
    assert read(line) == asks


@pytest.mark.parametrize(("language", "show", "stop"), [("en", "show 7", "stop 7"), ("zh-CN", "看 7", "停 7")])
def test_the_hint_names_words_that_are_understood(language: str, show: str, stop: str) -> None:
    assert hints_for([], language) == []
    one, _ = hints_for([7, 7], language)
    assert show in one
    assert stop in one
    assert read(show) == WatchWords(Verb.SHOW, 7)
    assert read(stop) == WatchWords(Verb.STOP, 7)


@pytest.mark.parametrize(("language", "snooze"), [("en", "snooze"), ("zh-CN", "静音")])
def test_a_wish_for_hours_is_not_put_to_sleep_for_a_day(language: str, snooze: str) -> None:
    assert [snooze in hints_for([7], language, gun=gun)[0] for gun in (False, True)] == [True, False]


def test_of_many_watches_the_numbers_come_in_order() -> None:
    first, numbers, _ = hints_for(range(9, 1, -1), "en")
    assert "stop 9" in first
    assert "9, 8, 7, 6, 5, 4…" in numbers
