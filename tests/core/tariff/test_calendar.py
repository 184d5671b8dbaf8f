"""Clocks and dates: days of 23 and 25 hours, boundaries, and when the price changes next."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core.tariff import NotCovered, PriceChange, cost, flat_tariff, next_change, quote, time_of_use_tariff
from tests.core.tariff.writing import MONDAY, charging, element, net, parked, tariff

BERLIN = ZoneInfo("Europe/Berlin")
# Dear from 02:30 to 02:45 and cheap else: in spring that quarter does not exist, in autumn it comes twice.
QUARTER = tariff(
    element(net("energy", "9"), start=time(2, 30), end=time(2, 45)), element(net("energy", "1")), zone="Europe/Berlin"
)


class TestClockChanges:
    def test_a_day_of_23_hours(self) -> None:
        midnight = datetime(2026, 3, 29, tzinfo=BERLIN)
        hourly = tariff(element(net("time", "1"), start=time(0), end=time(6)), zone="Europe/Berlin")
        # From 00:00 to 06:00 it is five hours.
        assert cost(hourly, [charging(23 * 60, 1, midnight)]).net == 5
        assert cost(QUARTER, [charging(23 * 60, 23, midnight)]).net == 23

    def test_a_day_of_25_hours(self) -> None:
        midnight = datetime(2026, 10, 25, tzinfo=BERLIN)
        hourly = tariff(element(net("time", "1"), start=time(0), end=time(6)), zone="Europe/Berlin")
        assert cost(hourly, [charging(25 * 60, 1, midnight)]).net == 7
        # 25 kWh in 25 hours, twice a quarter of an hour at 9: 24.5 + 0.5 x 9.
        assert cost(QUARTER, [charging(25 * 60, 25, midnight)]).net == Decimal(29)

    def test_a_clock_that_jumps_over_the_start_starts_then(self) -> None:
        """From 02:30 on dear: where 02:00 becomes 03:00, dear begins with the jump, at 01:00 UTC."""
        late = tariff(
            element(net("energy", "3"), start=time(2, 30)), element(net("energy", "1")), zone="Europe/Berlin"
        )
        assert cost(late, [charging(120, 2, datetime(2026, 3, 29, 0, 0, tzinfo=UTC))]).net == 4

    def test_boundaries_of_the_repeated_hour(self) -> None:
        found, at = [], datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
        for _ in range(6):
            at = QUARTER.next_boundary(at) or at
            found.append(f"{at:%d %H:%M}")
        # both quarters, the jump at 01:00 UTC between them, and the next midnight
        assert found == ["25 00:30", "25 00:45", "25 01:00", "25 01:30", "25 01:45", "25 23:00"]

    def test_the_answer_is_in_the_zone_of_the_question(self) -> None:
        at = datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN)
        boundary = QUARTER.next_boundary(at)
        assert boundary is not None
        assert boundary.tzinfo is BERLIN
        # Two times of one zone compare by the clock on the wall: this is why the engine itself keeps to UTC.
        assert boundary.astimezone(UTC) - at.astimezone(UTC) == timedelta(minutes=5)

    def test_a_quote_through_the_change(self) -> None:
        found = quote(QUARTER, kwh=Decimal(25), minutes=Decimal(25 * 60), at=datetime(2026, 10, 25, tzinfo=BERLIN))
        assert found.net == 29


class TestNextChange:
    def test_of_one_price(self) -> None:
        assert next_change(flat_tariff("EUR", Decimal(1)), MONDAY) is None

    def test_weekdays(self) -> None:
        weekend = tariff(element(net("energy", "0.1"), weekdays=frozenset({5, 6})), element(net("energy", "0.5")))
        saturday, monday = datetime(2026, 1, 17, tzinfo=UTC), datetime(2026, 1, 19, tzinfo=UTC)
        assert next_change(weekend, MONDAY) == PriceChange(saturday, Decimal("0.1"))
        assert next_change(weekend, saturday) == PriceChange(monday, Decimal("0.5"))

    def test_dates(self) -> None:
        new_year = tariff(element(net("energy", "0.1"), last_date=date(2026, 1, 18)), element(net("energy", "0.5")))
        assert next_change(new_year, MONDAY) == PriceChange(datetime(2026, 1, 18, tzinfo=UTC), Decimal("0.5"))
        # Further than a week ahead nothing is said.
        assert next_change(new_year, MONDAY - timedelta(days=7)) is None

    def test_a_moment_without_a_price_is_passed_over(self) -> None:
        day = element(net("energy", "0.5"), start=time(8), end=time(20))
        evening = element(net("energy", "0.7"), start=time(22), end=time(0))
        assert next_change(tariff(day), MONDAY) is None
        assert next_change(tariff(day, evening), MONDAY) == PriceChange(MONDAY.replace(hour=22), Decimal("0.7"))
        # Where something else has a price, energy costs nothing.
        by_time = tariff(day, element(net("time", "3"), start=time(20)))
        assert next_change(by_time, MONDAY) == PriceChange(MONDAY.replace(hour=20), Decimal(0))

    def test_prices_per_hour_and_fees_are_not_announced(self) -> None:
        hours = tariff(element(net("time", "1"), start=time(13)), element(net("time", "2"), net("energy", "0.5")))
        assert next_change(hours, MONDAY) is None

    def test_the_course_of_a_session_is_no_change(self) -> None:
        first_free = tariff(element(net("energy", "0"), max_kwh=Decimal(1)), element(net("energy", "0.5")))
        found = quote(first_free, kwh=Decimal(10), minutes=Decimal(60), at=MONDAY)
        assert (found.price_per_kwh, found.next_change) == (Decimal(0), None)
        assert found.exact == Decimal("4.5")

    def test_of_power_it_is_that_of_the_asker(self) -> None:
        evening = element(net("energy", "0.9"), start=time(18), min_power_kw=Decimal(50))
        fast_is_dear = tariff(evening, element(net("energy", "0.5")))
        for power, change in ((20, None), (60, PriceChange(MONDAY.replace(hour=18), Decimal("0.9")))):
            found = quote(fast_is_dear, kwh=Decimal(5), minutes=Decimal(15), at=MONDAY, power_kw=Decimal(power))
            assert found.next_change == change
        # Nobody said: nothing is announced.
        assert next_change(fast_is_dear, MONDAY) is None


class TestTimeOfUse:
    def test_a_policy_that_wraps_midnight(self) -> None:
        """T/CEC 102: energy and service price; the last period goes on until the first one starts."""
        policy = time_of_use_tariff(
            "CNY", "Asia/Shanghai",
            ((time(7), Decimal("0.8"), Decimal("0.4")), (time(22), Decimal("0.3"), Decimal("0.4"))),
        )  # fmt: skip
        shanghai = ZoneInfo("Asia/Shanghai")
        # 21:00 to 08:00: one hour dear, nine cheap, one dear; 11 kWh: 2 x 1.20 + 9 x 0.70 = 8.70.
        found = cost(policy, [charging(660, 11, datetime(2026, 1, 12, 21, tzinfo=shanghai))])
        assert found.gross == Decimal("8.70")
        assert {part.value: amount for part, amount in found.parts.items()} == {
            "energy": Decimal("4.30"), "service": Decimal("4.40"),
        }  # fmt: skip

    def test_parking_is_not_charged_where_it_has_no_price(self) -> None:
        policy = time_of_use_tariff("CNY", "Asia/Shanghai", ((time(7), Decimal(1), Decimal(0)),))
        assert cost(policy, [parked(60, MONDAY)]).gross == 0


def test_what_decides_must_be_known_for_a_list() -> None:
    by_power = tariff(element(net("energy", "0.2"), max_power_kw=Decimal(16)), element(net("energy", "0.5")))
    assert by_power.prices_at(MONDAY) == {}
    with pytest.raises(NotCovered):
        by_power.price(next(iter(by_power.elements[0].components)).dimension, MONDAY, None)
