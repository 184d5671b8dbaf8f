"""A record through all of it, and changes put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.prices.injecting import ERRORS, REAL, injected
from core.prices.replaying import ANY_DROP, DROP_5PCT, OURS, Replay

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def day_and_night(days: int) -> list[tuple[datetime, Decimal]]:
    hours = range(24 * days)
    return [(START + hour * HOUR, Decimal("1.10") if hour % 24 < 7 else Decimal("1.60")) for hour in hours]


def replayed(readings: list[tuple[datetime, Decimal]], currency: str = "CNY") -> Replay:
    replay = Replay(currency, UTC)
    for at, price in readings:
        replay.take("Z1", at, price)
    return replay


def test_the_steps_of_every_day_are_spam_by_the_plain_rules_and_nothing_by_ours() -> None:
    report = replayed(day_and_night(38)).report()
    assert (report["readings"], report["series"], report["changes"]) == (912, 1, 75)
    assert (report["drops"], report["drops_5pct"], report["drops_30pct"]) == (37, 37, 37)
    # Counted after four weeks: ten drops in ten days but for the last hour.
    assert report["alerts"] == {ANY_DROP: 10, DROP_5PCT: 10, OURS: 0}
    assert report["alerts_per_series_day"][DROP_5PCT] == 1.0042
    assert report["gate"] == {"held": 0, "confirmed": 0, "reasons": {}}
    assert report["truth"][ANY_DROP] == {"holds_1h": 1.0, "lower_24h": 0.0, "lower_next_day": 0.0}


def test_a_promotion_is_said_once_and_was_true() -> None:
    readings = day_and_night(40)
    for n in range(24 * 32 + 10, 24 * 34):
        readings[n] = (readings[n][0], readings[n][1] * Decimal("0.8"))
    report = replayed(readings).report()
    assert report["alerts"][OURS] == 1
    assert report["truth"][OURS] == {"holds_1h": 1.0, "lower_24h": 1.0, "lower_next_day": 1.0}


def test_absurd_prices_are_held_and_alert_nobody() -> None:
    readings = day_and_night(40)
    for n in (700, 720, 740, 745, 800):
        readings[n] = (readings[n][0], readings[n][1] / 10)
    for n in range(820, 840):
        readings[n] = (readings[n][0], Decimal(0))
    report = replayed(readings).report()
    assert (report["alerts"][OURS], report["absurd_alerts"]) == (0, 0)
    assert report["gate"] == {"held": 25, "confirmed": 0, "reasons": {"much_cheaper": 5, "nothing": 20}}
    assert report["alerts"][ANY_DROP] > 10


def test_a_record_too_short_to_judge_has_no_rates() -> None:
    report = replayed(day_and_night(20)).report()
    assert report["alerts_per_series_day"] == {ANY_DROP: None, DROP_5PCT: None, OURS: None}
    assert report["truth"][OURS]["lower_24h"] is None
    assert Replay("CNY", UTC).report()["series"] == 0


def test_injected_changes_are_told_and_errors_are_not() -> None:
    series = {"Z1": day_and_night(60), "Z2": [(at, Decimal("1.50")) for at, _ in day_and_night(60)]}
    table = injected(series, "CNY", UTC, trials=2, seed=1)
    assert list(table) == [*REAL, *ERRORS]
    assert {kind: table[kind]["recall"] for kind in REAL} == dict.fromkeys(REAL, 1.0)
    assert {kind: table[kind]["false_alarms"] for kind in table} == dict.fromkeys(table, 0)
    assert table["typo"]["trials"] == 2
    assert injected({"Z1": day_and_night(20)}, "CNY", UTC, trials=4, seed=1) == {}
