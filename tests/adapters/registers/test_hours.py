"""Opening hours in every spelling of the real sets, and texts that must stay texts."""

from __future__ import annotations

import pytest

from adapters.hours import from_days, parse_hours
from core.opening import UNKNOWN_HOURS, Period


@pytest.mark.parametrize(
    "text",
    [
        "24/7",
        "24/24 7/7 jours",
        "7/7-24/24",
        "24h/24",
        "24h/24 7j/7",
        "24/24 - 7/7",
        "24 Hour Access",
        "24 hours daily",
        "00:00~24:00",
        "00:00-24:00",
        "Mo-Su 00:00-24:00",
        "全天24小时",
    ],
)
def test_round_the_clock(text: str) -> None:
    assert parse_hours(text).always


def spans(text: str) -> list[tuple[int, int, int]]:
    hours = parse_hours(text)
    assert hours.text == ""
    return [(one.weekday, one.start, one.end) for one in hours.periods]


def test_one_span_holds_every_day() -> None:
    assert spans("08:00-22:00") == [(day, 480, 1320) for day in range(7)]


def test_days_and_ranges() -> None:
    assert spans("Mo-We 08:00-20:00, Sa 09:00-12:00") == [
        (0, 480, 1200),
        (1, 480, 1200),
        (2, 480, 1200),
        (5, 540, 720),
    ]
    assert spans("Mo,We 08:00-09:00") == [(0, 480, 540), (2, 480, 540)]


def test_a_comma_adds_and_a_semicolon_replaces() -> None:
    assert spans("Mo 08:00-12:00, Mo 14:00-19:00") == [(0, 480, 720), (0, 840, 1140)]
    assert spans("Mo 08:00-12:00,14:00-19:00") == [(0, 480, 720), (0, 840, 1140)]
    assert spans("Mo-Tu 08:00-12:00; Tu 10:00-11:00") == [(0, 480, 720), (1, 600, 660)]


def test_spans_past_midnight_and_weeks_past_sunday() -> None:
    assert spans("Su-Mo 22:00-02:00") == [(0, 1320, 1560), (6, 1320, 1560)]
    assert spans("Mo 08:00-24:00") == [(0, 480, 1440)]


@pytest.mark.parametrize(
    "text",
    [
        "Lun-Vend 10AM à 6PM",
        "accessible aux heures d'ouverture du site",
        "Mo-Fr 08:00-12:00; PH off",
        "Mo-Fr 25:00-26:00",
        "Mo-Fr 08:61-09:00",
        "Mo-Fr 08:00-08:00",
        "Dealership business hours",
        "Mo",
        ";",
    ],
)
def test_what_is_not_understood_stays_text(text: str) -> None:
    hours = parse_hours(text)
    assert not hours.known
    assert hours.text == text


def test_nothing_said_is_unknown() -> None:
    assert parse_hours(None) == parse_hours("  ") == UNKNOWN_HOURS


def test_columns() -> None:
    hours = from_days([(0, "07:00", "20:00"), (4, "18:00", "00:00")])
    assert hours.periods == (Period(0, 420, 1200), Period(4, 1080, 1440))
    assert from_days([(day, "00:00", "00:00") for day in range(7)]).always


def test_an_odd_column_leaves_the_text() -> None:
    assert from_days([(0, "07:00", "")], text="Monday 07:00-").text == "Monday 07:00-"
    assert not from_days([(0, "7", "9")]).known
    assert not from_days([(-1, "07:00", "09:00")]).known
