"""Charges at sandbox guns: what flows, what it costs, what is said of it, and every fault on request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox import city as sandbox_city
from adapters.sandbox.books import Books
from adapters.sandbox.charge import Stage, price_stretches
from adapters.sandbox.charging import Charging
from adapters.sandbox.city import City
from adapters.sandbox.faults import ChargingFault, ChargingFaults
from adapters.sandbox.life import CHINA, Bay, GunState, Status
from adapters.sandbox.operator import Operator
from adapters.sandbox.prices import PricePeriod, day_prices
from tests.world import SetClock

BEFORE_EIGHT = datetime(2026, 11, 23, 7, 50, tzinfo=CHINA)
SEQ = "KILOWATCH" + "0" * 18
FREE = GunState(Status.FREE, Bay.FREE)
START, STATE, STOP = (
    "notification_start_charge_result",
    "notification_equip_charge_status",
    "notification_stop_charge_result",
)
BILL, GUN = "notification_charge_order_info", "notification_stationStatus"


class Sent:
    """Takes down what would be pushed."""

    def __init__(self) -> None:
        self.pushes: list[tuple[str, Mapping[str, Any], float]] = []

    def send(self, interface: str, message: Mapping[str, Any], gun_id: str, *, delay_s: float = 0.0) -> None:
        self.pushes.append((interface, message, delay_s))

    def of(self, interface: str) -> list[Mapping[str, Any]]:
        return [message for name, message, _ in self.pushes if name == interface]


class Site:
    """An operator with one free fast gun whose price changes at eight, and a clock we move."""

    def __init__(self, city: City, folder: Path) -> None:
        self.city, self.clock, self.sent = city, SetClock(BEFORE_EIGHT), Sent()
        self.path = folder / "books.sqlite"
        self.gun = next(
            gun.id
            for place in city.places
            for gun in place.guns
            if gun.power_kw == 120 and any(one.start == "080000" for one in place.prices(gun))
        )
        self.open()

    def open(self) -> None:
        """Start the process again over the same books."""
        self.operator = Operator(self.city, Books(self.path), self.clock.now)
        self.operator.set_state(self.gun, FREE, seconds=10**7)
        self.faults = ChargingFaults()
        self.charging = Charging(self.operator, self.faults, self.sent)
        self.charging.habits.power_kw = Decimal(60)

    def start(self, seq: str = SEQ) -> int:
        return self.charging.start(seq, self.gun)[1]

    def after(self, **time: float) -> None:
        self.clock.advance(**time)
        self.charging.tick()

    def state(self, seq: str = SEQ) -> Mapping[str, Any]:
        state = self.charging.state(seq)
        assert state is not None
        return state

    def wish(self, fault: ChargingFault, **more: Any) -> None:
        self.faults.set(fault, self.gun, more)


@pytest.fixture(scope="module")
def city() -> City:
    return sandbox_city.build()


@pytest.fixture
def site(city: City, tmp_path: Path) -> Site:
    return Site(city, tmp_path)


def test_a_charge_from_start_to_bill(site: Site) -> None:
    site.charging.habits.wanted_kwh = Decimal(20)
    assert site.start() == 0
    assert site.state()["StartChargeSeqStat"] == Stage.STARTING
    assert site.state()["TotalPower"] == 0
    assert site.operator.state(site.gun).status is Status.CHARGING
    site.after(seconds=2)
    site.after(minutes=5)
    state = site.state()
    assert (state["StartChargeSeqStat"], state["TotalPower"]) == (Stage.CHARGING, Decimal("5.00"))
    assert state["CurrentA"] * state["VoltageA"] == 60_000
    assert state["SumPeriod"] == 1
    site.after(minutes=15, seconds=10)
    assert site.state()["StartChargeSeqStat"] == Stage.ENDED
    [bill] = site.sent.of(BILL)
    assert (bill["StartTime"], bill["EndTime"]) == ("2026-11-23 07:50:02", "2026-11-23 08:10:02")
    assert (bill["TotalPower"], bill["StopReason"], bill["SumPeriod"]) == (Decimal("20.00"), 2, 2)
    night, morning = bill["ChargeDetails"]
    assert (night["DetailEndTime"], morning["DetailStartTime"]) == ("2026-11-23 08:00:00", "2026-11-23 08:00:00")
    assert night["ElecPrice"] != morning["ElecPrice"]
    assert night["DetailPower"] + morning["DetailPower"] == Decimal("20.00")
    for one in (night, morning):
        assert abs(one["DetailPower"] * one["ElecPrice"] - one["DetailElecMoney"]) <= Decimal("0.005")
    assert bill["TotalElecMoney"] == night["DetailElecMoney"] + morning["DetailElecMoney"]
    assert bill["TotalMoney"] == bill["TotalElecMoney"] + bill["TotalSeviceMoney"]
    assert site.operator.books.records_of("2026-11-23") == [(SEQ, bill["TotalPower"], bill["TotalMoney"])]
    order = [name for name, _, _ in site.sent.pushes if name != GUN]
    assert order == [START, STATE, STOP, BILL]
    site.after(seconds=61)
    guns = [one["ConnectorStatusInfo"]["Status"] for one in site.sent.of(GUN)]
    assert guns == [Status.CHARGING, Status.OCCUPIED, Status.FREE]


def test_the_same_number_starts_once(site: Site) -> None:
    assert site.start() == site.start() == 0
    other = next(gun for gun in site.city.gun_of if gun != site.gun)
    assert site.charging.start(SEQ, other)[1] == 6
    site.after(minutes=60)
    assert site.start() == 0  # it has ended, and is not begun anew
    assert len(site.sent.of(BILL)) == 1


def test_stop(site: Site) -> None:
    site.start()
    site.after(minutes=2)
    assert site.charging.stop(SEQ) == (Stage.STOPPING, 0)
    assert site.charging.stop(SEQ) == (Stage.STOPPING, 0)
    site.after(seconds=1)
    assert site.charging.stop(SEQ) == (Stage.ENDED, 3)
    [bill] = site.sent.of(BILL)
    assert bill["StopReason"] == 1
    assert site.charging.stop(SEQ[:-1] + "X") == (Stage.ENDED, 1)
    assert site.operator.state(site.gun).status is Status.OCCUPIED
    site.after(seconds=61)
    assert site.operator.state(site.gun) == FREE


def test_the_live_state_is_pushed_every_fifty_seconds(site: Site) -> None:
    site.start()
    for _ in range(100):
        site.after(seconds=3)
    assert 5 <= len(site.sent.of(STATE)) <= 6
    energies = [one["TotalPower"] for one in site.sent.of(STATE)]
    assert energies == sorted(set(energies))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (GunState(Status.OFFLINE, Bay.UNKNOWN), 2),
        (GunState(Status.FAULT, Bay.UNKNOWN), 3),
        (GunState(Status.CHARGING, Bay.TAKEN), 4),
        (GunState(Status.RESERVED, Bay.FREE), 4),
        (GunState(Status.FREE, Bay.TAKEN), 5),
        (GunState(Status.OCCUPIED, Bay.TAKEN), 0),
    ],
)
def test_a_gun_that_cannot(site: Site, state: GunState, reason: int) -> None:
    site.operator.set_state(site.gun, state, seconds=10**6)
    assert site.start() == reason
    assert (site.charging.state(SEQ) is None) is bool(reason)


def test_no_such_gun(site: Site) -> None:
    assert site.charging.start(SEQ, "none")[1] == 1
    assert site.charging.check("none") == 3


def test_the_day_before_is_checked_in_the_night(site: Site) -> None:
    site.start()
    site.after(hours=2)
    assert site.sent.of("check_charge_orders") == []
    site.after(hours=15)
    [check] = site.sent.of("check_charge_orders")
    [bill] = site.sent.of(BILL)
    assert (check["StartTime"], check["OrderCount"]) == ("2026-11-23 00:00:00", 1)
    assert (check["TotalOrderPower"], check["TotalOrderMoney"]) == (bill["TotalPower"], bill["TotalMoney"])
    site.after(hours=24)
    assert len(site.sent.of("check_charge_orders")) == 1  # nothing to check


def test_two_customers_at_one_gun(site: Site) -> None:
    assert site.start() == 0
    assert site.start("KILOWATCH" + "1" * 18) == 4


def test_a_restart_loses_nothing(site: Site) -> None:
    site.start()
    site.after(minutes=5)
    before = site.state()
    site.open()
    assert site.state() == before
    assert site.operator.state(site.gun).status is Status.CHARGING
    site.after(minutes=60)
    [bill] = site.sent.of(BILL)
    assert bill["TotalPower"] == Decimal("30.00")
    site.open()
    assert site.state()["StartChargeSeqStat"] == Stage.ENDED
    assert site.start() == 0
    assert len(site.sent.of(BILL)) == 1


class TestFaults:
    def test_refused_with_any_reason(self, site: Site) -> None:
        site.wish(ChargingFault.START_REFUSED, fail_reason=Decimal(77))
        assert site.start() == 77
        assert site.charging.state(SEQ) is None

    def test_accepted_and_never_started(self, site: Site) -> None:
        site.wish(ChargingFault.START_NEVER)
        assert site.start() == 0
        site.after(hours=3)
        assert site.state()["StartChargeSeqStat"] == Stage.STARTING
        assert site.sent.of(START) == site.sent.of(STATE) == []
        assert site.charging.stop(SEQ)[1] == 0
        site.after(seconds=2)
        assert site.state()["StartChargeSeqStat"] == Stage.ENDED
        assert site.sent.of(BILL) == []

    def test_accepted_and_then_no(self, site: Site) -> None:
        site.wish(ChargingFault.START_FAILS)
        assert site.start() == 0
        site.after(minutes=5)
        [result] = site.sent.of(START)
        assert (result["StartChargeSeqStat"], site.sent.of(BILL)) == (Stage.ENDED, [])

    def test_stop_refused(self, site: Site) -> None:
        site.wish(ChargingFault.STOP_REFUSED)
        site.start()
        site.after(minutes=5)
        assert site.charging.stop(SEQ) == (Stage.CHARGING, 2)
        site.faults.clear()
        assert site.charging.stop(SEQ) == (Stage.STOPPING, 0)

    def test_the_gun_breaks(self, site: Site) -> None:
        site.wish(ChargingFault.GUN_BREAKS, after_kwh=Decimal(2))
        site.start()
        site.after(minutes=30)
        [bill] = site.sent.of(BILL)
        assert (bill["TotalPower"], bill["StopReason"]) == (Decimal("2.00"), 3)

    def test_somebody_breaks_the_gun(self, site: Site) -> None:
        site.start()
        site.after(minutes=4)
        site.operator.set_state(site.gun, GunState(Status.FAULT, Bay.UNKNOWN), seconds=600)
        site.after(seconds=2)
        [bill] = site.sent.of(BILL)
        assert (bill["TotalPower"], bill["StopReason"]) == (Decimal("4.00"), 3)

    def test_no_energy(self, site: Site) -> None:
        site.wish(ChargingFault.ZERO_ENERGY)
        site.start()
        site.after(minutes=5)
        assert (site.state()["StartChargeSeqStat"], site.state()["TotalPower"]) == (Stage.CHARGING, 0)
        site.charging.stop(SEQ)
        site.after(seconds=2)
        [bill] = site.sent.of(BILL)
        assert (bill["TotalPower"], bill["TotalMoney"]) == (0, 0)

    @pytest.mark.parametrize(
        ("fault", "delays"),
        [
            (None, [0.0]),
            (ChargingFault.RECORD_NEVER, []),
            (ChargingFault.RECORD_LATE, [5.0]),
            (ChargingFault.RECORD_TWICE, [0.0, 0.0]),
            (ChargingFault.RECORD_DIFFERENT, [0.0, 0.0]),
            (ChargingFault.WRONG_TOTALS, [0.0]),
        ],
    )
    def test_bills(self, site: Site, fault: ChargingFault | None, delays: list[float]) -> None:
        if fault:
            site.wish(fault)
        site.start()
        site.after(hours=1)
        bills = site.sent.of(BILL)
        assert [delay for name, _, delay in site.sent.pushes if name == BILL] == delays
        assert len({str(bill) for bill in bills}) == (
            2 if fault is ChargingFault.RECORD_DIFFERENT else min(len(bills), 1)
        )
        wrong = [bill for bill in bills if bill["TotalMoney"] != bill["TotalElecMoney"] + bill["TotalSeviceMoney"]]
        assert bool(wrong) is (fault is ChargingFault.WRONG_TOTALS)
        assert len(site.operator.books.records_of("2026-11-23")) == 1  # the books have it in any case

    def test_a_fault_of_another_gun_is_not_ours(self, site: Site) -> None:
        site.faults.set(ChargingFault.START_REFUSED, "another", {})
        assert site.start() == 0


@pytest.mark.parametrize(
    ("start", "minutes", "prices"),
    [
        ((6, 30), 60, ["0.2500", "0.7000"]),  # the last period of the day goes on after midnight
        ((22, 30), 660, ["0.7000", "0.2500", "0.7000", "1.1300"]),
        ((0, 0), 1440, ["0.2500", "0.7000", "1.1300", "0.7000", "1.1300", "0.7000", "1.3000", "0.7000", "0.2500"]),
    ],
)
def test_time_is_cut_where_the_price_changes(start: tuple[int, int], minutes: int, prices: list[str]) -> None:
    begin = datetime(2026, 11, 23, *start, tzinfo=CHINA)
    end = begin + timedelta(minutes=minutes)
    found = list(price_stretches(day_prices("commercial", Decimal("0.4")), begin, end))
    merged: list[PricePeriod] = []
    for _, _, period in found:
        if not merged or merged[-1] != period:
            merged.append(period)
    assert [str(one.energy) for one in merged] == prices
    assert found[0][0] == begin
    assert found[-1][1] == end
    assert all(one[1] == after[0] for one, after in pairwise(found))


def test_the_clock_runs_faster(site: Site) -> None:
    site.operator.set_clock(BEFORE_EIGHT, 60)
    site.clock.advance(seconds=10)
    assert site.operator.now() == BEFORE_EIGHT + timedelta(minutes=10)
    site.operator.set_clock(None, 0)
    site.clock.advance(seconds=10)
    assert site.operator.now() == BEFORE_EIGHT + timedelta(minutes=10)
    site.operator.set_clock(None, None)
    assert site.operator.now() == site.clock.now()
    with pytest.raises(ValueError, match="speed"):
        site.operator.set_clock(None, -1)
