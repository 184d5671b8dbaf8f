"""Charge records of OCPI 2.1.1, 2.2.1 and 2.3.0 as sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.ocpi.cdrs import BadRecord, read_cdr
from adapters.ocpi.tariffs import Version
from core.tariff import Amount, Doing, Stretch

START = datetime(2026, 1, 12, 12, 0, tzinfo=UTC)


def period(start: str, tariff_id: str | None = None, **volumes: Any) -> dict[str, Any]:
    """A charging period from a clock time of 12 January; volumes by kind."""
    dimensions = [{"type": kind, "volume": volume} for kind, volume in volumes.items()]
    doc = {"start_date_time": f"2026-01-12T{start}Z", "dimensions": dimensions}
    return doc | ({"tariff_id": tariff_id} if tariff_id else {})


def record(*periods: dict[str, Any], end: str = "14:00:00", **more: Any) -> dict[str, Any]:
    """A 2.2.1 record from noon on."""
    return {
        "country_code": "DE", "party_id": "LIN", "id": "C1", "currency": "EUR",
        "start_date_time": "2026-01-12T12:00:00Z", "end_date_time": f"2026-01-12T{end}Z",
        "cdr_location": {"id": "L1", "coordinates": {"latitude": "52.52", "longitude": "13.40"}},
        "charging_periods": list(periods), "total_cost": {"excl_vat": 5, "incl_vat": 6},
    } | more  # fmt: skip


def stretches(*periods: dict[str, Any], **more: Any) -> list[Stretch]:
    return [one for found in read_cdr(record(*periods, **more)).periods for one in found.stretches]


def brief(*periods: dict[str, Any], **more: Any) -> list[tuple[Any, ...]]:
    """Start, doing, minutes and kWh of each stretch."""
    found = stretches(*periods, **more)
    return [(f"{one.start:%H:%M}", one.doing.value, one.minutes, one.kwh) for one in found]


class TestTotals:
    @pytest.mark.parametrize(
        ("total", "version", "amount"),
        [
            (4.5, Version.V2_1_1, Amount(Decimal("4.5"), None)),
            ({"excl_vat": 4}, Version.V2_2_1, Amount(Decimal(4), None)),
            ({"excl_vat": 4, "incl_vat": 4.4}, Version.V2_2_1, Amount(Decimal(4), Decimal("4.4"))),
            ({"before_taxes": 4}, Version.V2_3_0, Amount(Decimal(4), None)),
            ({"before_taxes": 4, "taxes": []}, Version.V2_3_0, Amount(Decimal(4), Decimal(4))),
            (
                {"before_taxes": 4, "taxes": [{"name": "GST", "amount": 0.2}, {"name": "QST", "amount": 0.4}]},
                Version.V2_3_0,
                Amount(Decimal(4), Decimal("4.6")),
            ),
            ({"before_taxes": 4, "taxes": [{"name": "GST"}]}, Version.V2_3_0, Amount(Decimal(4), None)),
        ],
    )
    def test_of_each_version(self, total: Any, version: Version, amount: Amount) -> None:
        found = read_cdr(record(period("12:00:00", ENERGY=1), total_cost=total))
        assert (found.version, found.total) == (version, amount)

    def test_the_version_can_be_named(self) -> None:
        assert read_cdr(record(period("12:00:00", ENERGY=1)), Version.V2_3_0).version is Version.V2_3_0


class TestTimeZone:
    def test_where_the_record_lies(self) -> None:
        assert read_cdr(record(period("12:00:00", ENERGY=1))).time_zone == "Europe/Berlin"

    def test_2_1_1_brings_its_location(self) -> None:
        doc = record(period("12:00:00", ENERGY=1), location={"time_zone": "Asia/Kolkata"}, cdr_location=None)
        assert read_cdr(doc).time_zone == "Asia/Kolkata"

    @pytest.mark.parametrize("point", [{"latitude": "3.73", "longitude": "51.05"}, {"latitude": "north"}, None, 7])
    def test_at_sea_the_operators_country_decides(self, point: Any) -> None:
        """The published example has its coordinates swapped."""
        doc = record(period("12:00:00", ENERGY=1), cdr_location={"coordinates": point}, country_code="BE")
        assert read_cdr(doc).time_zone == "Europe/Brussels"


class TestPeriods:
    def test_in_order_each_until_the_next(self) -> None:
        parking = period("13:00:00", PARKING_TIME=1)
        assert brief(parking, period("12:00:00", TIME=1, ENERGY=20)) == [
            ("12:00", "charging", 60, 20),
            ("13:00", "parked", 60, 0),
        ]

    def test_hours_are_read_to_their_last_place(self) -> None:
        """Written with four places, 5 minutes are 0.0834 hours: the clock says what was meant."""
        third = [
            period("12:00:00", TIME=0.0834),
            period("12:05:00", TIME=0.3333),
            period("12:25:00", PARKING_TIME=0.05),
        ]
        assert [one[2] for one in brief(*third, end="12:28:00")] == [5, 20, 3]
        # Where the clock says something else, the volume is what is billed.
        assert brief(period("12:00:00", TIME=1.9))[0][2] == 114
        # With one place it may be exact.
        assert brief(period("12:00:00", TIME="2.5"), end="14:29:00")[0][2] == 150

    def test_both_kinds_of_time_in_one_period(self) -> None:
        assert brief(period("12:00:00", TIME=1.5, PARKING_TIME=0.5, ENERGY=30)) == [
            ("12:00", "charging", 90, 30),
            ("13:30", "parked", 30, 0),
        ]

    def test_energy_without_time_flowed_all_along(self) -> None:
        assert brief(period("12:00:00", ENERGY=30)) == [("12:00", "charging", 120, 30)]

    def test_energy_while_parked(self) -> None:
        assert brief(period("12:00:00", PARKING_TIME=2, ENERGY=0.1)) == [("12:00", "parked", 120, Decimal("0.1"))]

    def test_energy_told_only_as_a_total(self) -> None:
        periods = [period("12:00:00", TIME=1.5), period("13:30:00", PARKING_TIME=0.5)]
        assert [one[3] for one in brief(*periods, total_energy=15.342)] == [Decimal("15.342"), 0]
        told = [period("12:00:00", TIME=1.5, ENERGY=9), period("13:30:00", TIME=0.5)]
        assert [one[3] for one in brief(*told, total_energy=15)] == [9, 0]

    def test_reserved_and_expired(self) -> None:
        waiting = period("12:00:00", RESERVATION_TIME=0.25)
        came = brief(waiting, period("12:15:00", TIME=1.75, ENERGY=20))
        assert [one[1] for one in came] == ["reserved", "charging"]
        assert brief(waiting, end="12:15:00") == [("12:00", "expired", 15, 0)]

    def test_nothing_used_is_still_a_session(self) -> None:
        assert brief(period("12:00:00", TIME=0, ENERGY=0)) == [("12:00", "charging", 0, 0)]

    def test_the_tariff_of_each(self) -> None:
        found = read_cdr(record(period("12:00:00", "cheap", TIME=1), period("13:00:00", "Fast ", TIME=1)))
        assert [one.tariff_id for one in found.periods] == ["CHEAP", "FAST"]

    @pytest.mark.parametrize(
        ("told", "power", "current"),
        [
            ({}, None, None),
            ({"MAX_CURRENT": 30}, None, 30),
            ({"MIN_CURRENT": 34}, None, 34),
            ({"MIN_CURRENT": 10, "MAX_CURRENT": 20}, None, 15),
            ({"MIN_CURRENT": 10, "MAX_CURRENT": 20, "CURRENT": 19}, None, 19),
            # 20 kWh in two hours are 10 kW
            ({"MIN_POWER": 4, "MAX_POWER": 40}, 10, None),
            ({"MIN_POWER": 11}, 11, None),
            ({"MAX_POWER": 9}, 9, None),
            ({"POWER": 12, "MAX_POWER": 9}, 12, None),
        ],
    )
    def test_power_and_current(self, told: dict[str, Any], power: int | None, current: int | None) -> None:
        (only,) = stretches(period("12:00:00", TIME=2, ENERGY=20, **told))
        assert (only.power_kw, only.current_a) == (power, current)

    def test_what_prices_nothing_is_passed_over(self) -> None:
        (only,) = stretches(period("12:00:00", TIME=2, ENERGY=20, STATE_OF_CHARGE=80, ENERGY_IMPORT=1_000))
        assert (only.kwh, only.doing) == (Decimal(20), Doing.CHARGING)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"start_date_time": "yesterday"}, "no start and end"),
        ({"end_date_time": "2026-01-12T11:00:00Z"}, "no start and end"),
        ({"charging_periods": []}, "0 charging periods"),
        ({"charging_periods": {}}, "charging_periods are no list"),
        ({"charging_periods": ["12:00"]}, "charging_periods are no list"),
        ({"charging_periods": [period("15:00:00", TIME=1)]}, "charging period 1 has no start"),
        ({"charging_periods": [{"start_date_time": "2026-01-12T12:00:00Z"}]}, "dimensions of charging period 1"),
        ({"charging_periods": [period("12:00:00", ENERGY="much")]}, "charging period 1 has ENERGY of 'much'"),
        ({"charging_periods": [period("12:00:00", TIME=-1)]}, "charging period 1 has TIME of -1"),
        ({"charging_periods": [period("12:00:00", ENERGY="1e99999")]}, "charging period 1 has ENERGY"),
        ({"total_cost": "1e99999"}, "a sum of 1e99999"),
        ({"tariffs": "T1"}, "tariffs are no list"),
    ],
)
def test_what_cannot_be_read_says_where(broken: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        read_cdr(record(period("12:00:00", ENERGY=1)) | broken)
