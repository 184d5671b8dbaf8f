"""Hours, parking and facilities as Chinese stations write them."""

from __future__ import annotations

import pytest

from adapters.cec import texts
from core.opening import ALWAYS, UNKNOWN_HOURS, Period
from core.station import Facility


@pytest.mark.parametrize(
    "text",
    ["00:00-24:00", "24小时", "24小时营业", "全天24小时", "全天", "每天 24小时", "周一至周日 00:00-24:00",
     "00:00~24:00", "周一至周日 00：00-24：00", "24H", "周一至周五 00:00-24:00；周末 00:00-24:00"],
)  # fmt: skip
def test_always_open(text: str) -> None:
    assert texts.opening_hours(text) == ALWAYS


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("周一至周日 06:00-22:00", range(7), 360, 1320),
        ("07:00-23:00", range(7), 420, 1380),
        ("每天8:30-20:00营业", range(7), 510, 1200),
        ("18:00-次日02:00", range(7), 1080, 1560),
        ("18:00-02:00", range(7), 1080, 1560),
        ("周一至周五 08:00-20:00", range(5), 480, 1200),
        ("工作日 08:00-20:00", range(5), 480, 1200),
        ("星期六至星期一：09:00至18:00", (0, 5, 6), 540, 1080),
    ],
)
def test_hours_by_day(text: str, days: range, start: int, end: int) -> None:
    hours = texts.opening_hours(text)
    assert hours.periods == tuple(Period(day, start, end) for day in days)
    assert hours.text == text


def test_several_spans() -> None:
    hours = texts.opening_hours("周一至周五 07:00-12:00,13:00-22:00；周末 09:00-21:00")
    assert Period(0, 420, 720) in hours.periods
    assert Period(6, 540, 1260) in hours.periods
    assert texts.opening_hours("") is UNKNOWN_HOURS


@pytest.mark.parametrize(
    "text", ["看心情", "25:00-26:00", "08:00", "周一至周五 早上到晚上", "08:00-20:00 节假日休息", "24:30-25:00"]
)
def test_what_cannot_be_read_keeps_its_text(text: str) -> None:
    hours = texts.opening_hours(text)
    assert (hours.known, hours.text) == (False, text)


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("免费停车", True), ("停车免费", True), ("免费", True), ("停车费：免费", True), ("免停车费。", True),
        ("停车费5元/小时", False), ("5元/小时", False), ("停车收费，首小时10元，之后每小时2元", False),
        ("10元/次", False),
        ("按停车场标准收费", False),
        ("充电免费停车2小时，超出后5元/小时", None), ("前1小时免费", None), ("限时免费", None), ("不免费", None),
        ("详询物业", None), ("", None),
    ],
)  # fmt: skip
def test_parking_is_free_only_where_it_says_so(text: str, free: bool | None) -> None:
    assert texts.parking(text).free is free
    assert texts.parking(text).text == text


def test_facilities_are_words_of_their_own() -> None:
    assert texts.facilities("卫生间、便利店，WiFi 休息室") == {
        Facility.TOILET, Facility.SHOP, Facility.WIFI, Facility.LOUNGE,
    }  # fmt: skip
    assert texts.facilities("无卫生间") == frozenset()
    assert texts.facilities("") == frozenset()
