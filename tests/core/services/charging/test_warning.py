"""What a driver hears while it charges: at its mark, once, and not two words for one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time, timedelta
from decimal import Decimal

import pytest

from core.charging import ChargingState
from core.session import ChargingSession
from core.tariff import Dimension, PriceComponent, Restrictions, Tariff, TariffElement
from tests.core.services.charging.garage import Garage, yuan


@dataclass
class Charge:
    """A charge whose meter says what the test says."""

    garage: Garage
    session: ChargingSession

    def reads(self, **meter: object) -> list[str]:
        """The supplier pushes a reading, a minute later; the codes of what the driver is told because of it."""
        before = len(self.garage.told.codes)
        self.garage.clock.advance(minutes=1)
        said = self.garage.supplier.live(self.garage.supplier.charges[self.session.start_seq])
        plain: dict[str, object] = {"soc_percent": None, "cost": None, "state": ChargingState.CHARGING}
        plain |= {"power_kw": Decimal(20)}
        update = replace(said, **(plain | {name: _exact(value) for name, value in meter.items()}))  # type: ignore[arg-type]
        self.garage.desk.session("fake", update)
        return self.garage.told.codes[before:]

    def told(self, code: str) -> Mapping[str, object]:
        [params] = [params for _, found, params in self.garage.told.said.values() if found == code]
        return params


def _exact(value: object) -> object:
    return Decimal(value) if isinstance(value, str) and not isinstance(value, ChargingState) else value


def begun(garage: Garage, *, kwh: str = "20", grow_to: str = "") -> Charge:
    session = garage.start(kwh=kwh, grow_to=grow_to)
    charge = Charge(garage, session)
    assert charge.reads(energy_kwh="0.1") == ["charge_started"]
    return charge


def with_parking(per_hour: str = "30", **rules: object) -> Tariff:
    fee = TariffElement(
        (PriceComponent(Dimension.PARKING_TIME, Decimal(per_hour)),),
        Restrictions(**rules),  # type: ignore[arg-type]  # of Restrictions
    )
    energy = TariffElement((PriceComponent(Dimension.ENERGY, Decimal("1.50")),))
    return Tariff("CNY", (fee, energy), "Asia/Shanghai")


def sells(garage: Garage, tariff: Tariff) -> None:
    garage.supplier.sets_price(garage.guns[0], tariff)
    garage.clock.advance(seconds=1)
    garage.sync()


def test_a_meter_that_says_next_to_nothing_is_heard_all_the_same(garage: Garage) -> None:
    charge = begun(garage, kwh="40")
    assert charge.reads(soc_percent="79", energy_kwh="20", power_kw="1E-12") == []
    assert charge.reads(soc_percent="80", energy_kwh="20.1", power_kw="1E-12") == ["charge_slows"]


# --- near full ------------------------------------------------------------------------------------------------


def test_at_eighty_percent_it_gets_slow_and_that_is_said_once(garage: Garage) -> None:
    charge = begun(garage, kwh="40")
    assert charge.reads(soc_percent="79.9", energy_kwh="20") == []
    assert charge.reads(soc_percent="80", energy_kwh="20.1") == ["charge_slows"]
    assert charge.told("charge_slows") | {"session_id": ""} == {
        "session_id": "", "station": "Station P1", "soc": 80, "energy_kwh": "20.1",
    }  # fmt: skip
    # A meter that trembles at the mark passes it again, and nobody hears it again.
    assert charge.reads(soc_percent="79", energy_kwh="20.2") == []
    assert charge.reads(soc_percent="80", energy_kwh="20.3") == []


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        ({"soc_percent": "80", "energy_kwh": "33.1"}, "what was asked for is in within fifteen minutes"),
        ({"soc_percent": "80", "energy_kwh": "20", "power_kw": "80"}, "the same, at full power"),
        ({"soc_percent": "91", "energy_kwh": "20"}, "there is no more time in which it could matter"),
    ],
)
def test_what_is_over_soon_anyway_is_not_called_slow(garage: Garage, reading: dict[str, str], why: str) -> None:
    assert begun(garage, kwh="40").reads(**reading) == [], why


def test_an_ac_gun_was_never_fast(garage: Garage) -> None:
    [station] = garage.supplier.listed.values()
    slow = tuple(replace(gun, plug=gun.plug.GBT_AC, power_kw=Decimal(7)) for gun in station.connectors)
    garage.supplier.listed["P1"] = replace(station, connectors=slow)
    garage.sync()
    assert begun(garage, kwh="40").reads(soc_percent="80", energy_kwh="20", power_kw="7") == []


def test_what_was_asked_for_is_nearly_in(garage: Garage) -> None:
    charge = begun(garage)
    assert charge.reads(energy_kwh="18.99") == []
    assert charge.reads(energy_kwh="19") == ["charge_nearly_done"]
    told = charge.told("charge_nearly_done")
    assert (told["energy_kwh"], told["asked_kwh"]) == ("19", "20")
    assert (told["used"], told["hold"]) == (yuan("28.50"), yuan(38))
    # Three quarters of the hold are 28.50: the same word again would be noise.
    assert charge.reads(energy_kwh="20") == []


# --- near the hold --------------------------------------------------------------------------------------------


def test_a_hold_that_runs_out_before_the_energy_is_in(garage: Garage) -> None:
    charge = begun(garage)
    assert charge.reads(energy_kwh="12", cost="28.49") == []
    assert charge.reads(energy_kwh="12.1", cost="28.50") == ["hold_nearly_used"]
    assert (charge.told("hold_nearly_used")["used"], charge.told("hold_nearly_used")["hold"]) == (
        yuan("28.50"),
        yuan(38),
    )
    assert charge.reads(energy_kwh="12.2", cost="29") == []


def test_who_charges_on_beyond_what_was_asked_hears_of_the_limit(garage: Garage) -> None:
    charge = begun(garage, kwh="1")  # the hold is six yuan: three minutes at full power more
    assert charge.reads(energy_kwh="1") == ["charge_nearly_done"]
    assert charge.reads(energy_kwh="3.1", power_kw="1") == ["hold_nearly_used"]


def test_a_hold_that_grows_is_no_limit(garage: Garage) -> None:
    charge = begun(garage, grow_to="70")
    assert charge.reads(energy_kwh="12", cost="28.60") == []
    assert charge.reads(energy_kwh="13", cost="36") == ["hold_extended"]
    assert charge.reads(energy_kwh="14", cost="53") == ["hold_nearly_used"]


def test_a_hold_that_cannot_grow_as_agreed_is_one(garage: Garage) -> None:
    garage.top_up(garage.wei, "40")
    session = garage.start(user_id=garage.wei, grow_to="76")
    charge = Charge(garage, session)
    charge.reads(energy_kwh="0.1")
    assert charge.reads(energy_kwh="12", cost="28.60") == ["hold_nearly_used"]


def test_what_ends_at_the_limit_is_not_warned_of_it(garage: Garage) -> None:
    assert begun(garage).reads(energy_kwh="12", cost="37") == ["stopped_at_limit"]


# --- before idle fees -----------------------------------------------------------------------------------------


def test_a_full_battery_at_a_gun_that_costs_standing(garage: Garage) -> None:
    sells(garage, with_parking())
    charge = begun(garage)
    assert charge.reads(soc_percent="95", energy_kwh="10") == ["idle_fee_soon"]
    told = charge.told("idle_fee_soon")
    assert told["soc"] == 95
    assert told["per_minute"] == {"price": "0.5", "currency": "CNY"}
    assert told["idle_from_at"] is None
    assert charge.reads(soc_percent="96", energy_kwh="10.1") == []


def test_the_free_minutes_count_from_the_start(garage: Garage) -> None:
    sells(garage, with_parking(min_duration_s=3600))
    charge = begun(garage)
    started_at = garage.session(charge.session.id).started_at
    assert started_at is not None
    charge.reads(soc_percent="97", energy_kwh="10")
    hour_after = (started_at + timedelta(hours=1)).isoformat()
    assert charge.told("idle_fee_soon")["idle_from_at"] == hour_after
    charge.reads(energy_kwh="10", state=ChargingState.ENDED)
    assert charge.told("charge_ended")["idle_from_at"] == hour_after


def test_where_standing_is_free_nobody_is_hurried(garage: Garage) -> None:
    sells(garage, with_parking(start=time(2), end=time(3)))  # more than twelve hours from now
    charge = begun(garage)
    assert charge.reads(soc_percent="99", energy_kwh="10") == []
    assert charge.reads(energy_kwh="10", state=ChargingState.ENDED) == ["charge_ended"]
    assert (charge.told("charge_ended")["per_minute"], charge.told("charge_ended")["idle_from_at"]) == (None, None)
