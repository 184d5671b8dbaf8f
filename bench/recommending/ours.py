"""What the product is told of the city, and what it answers: `core.ranking` on its own stations, guns and tariffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, partial

import numpy as np

from bench.recommending.city import GUNS, WEEK_H, WITHIN_KM, Bools, City, Floats, Ints
from bench.recommending.drivers import GUN_KW, Driver, Requests, guns_free
from core.opening import ALWAYS
from core.ranking import NOTHING_KNOWN, Demand, Offer, place_offer, rank
from core.station import Connector, ConnectorRef, ConnectorStatus, NoPrice, Plug, Station
from core.tariff import Tariff, time_of_use_tariff
from core.wishes import Sort, Wishes

SUPPLIER, TWIN_SUPPLIER = "zones", "twins"
TWIN_M = 80.0  # how far from each other two suppliers place the same station
ZONE_TIME = "Asia/Shanghai"


class Twins(StrEnum):
    """Stations that a second supplier describes as well, without a word on the state of their guns."""

    NONE = "none"
    APART = "apart"  # nobody noticed that they are the same
    MERGED = "merged"


@dataclass(frozen=True)
class Told:
    """What the suppliers have said by then. Arrays are request x zone."""

    free: Ints
    age: timedelta
    price_factor: Floats  # 1 where the told price is right, NaN where none is told
    present: Floats  # 1, or NaN where the supplier is gone
    km: Floats  # to where we believe the driver is
    twin: Bools  # where a second supplier describes the same place
    twins: Twins = Twins.NONE
    usual: bool = False  # how busy each zone usually is, by the hour of the week


def told(city: City, requests: Requests, age_h: int = 1) -> Told:
    all_of_them = np.ones_like(requests.straight_km)
    free = guns_free(city, requests.hour - age_h)
    return Told(free, timedelta(hours=age_h), all_of_them, all_of_them, requests.straight_km, all_of_them == 0)


class Ours:
    """The product, as far as this city goes. Tariffs are built once for each list of prices."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._tariffs: dict[tuple[float, ...], Tariff] = {}

    def tariff(self, zone: int, hour: int, factor: float) -> Tariff:
        """The zone's day of prices as it was known at that hour: what is to come is as it was a day before."""
        of_day = self.city.at(hour).hour
        today = self.city.price[zone, hour - of_day : hour + 1]
        later = self.city.price[zone, hour - 23 : hour - of_day]
        known = tuple(np.concatenate([today, later]) * factor)
        if known not in self._tariffs:
            periods = tuple(
                (time(clock), Decimal(f"{price:.4f}"), Decimal(0))
                for clock, price in enumerate(known)
                if clock == 0 or price != known[clock - 1]
            )
            self._tariffs[known] = time_of_use_tariff("CNY", ZONE_TIME, periods)
        return self._tariffs[known]

    @cached_property
    def _refs(self) -> list[list[ConnectorRef]]:
        return [[ConnectorRef(zone, f"{zone}-{gun}") for gun in range(GUNS)] for zone in self.city.zones]

    @cached_property
    def _bare(self) -> list[Station]:
        """The zones as stations, without their guns."""
        return [
            Station(zone, SUPPLIER, zone, zone, point, (), country="CN", time_zone=ZONE_TIME, hours=ALWAYS)
            for zone, point in zip(self.city.zones, self.city.points, strict=True)
        ]

    def station(self, zone: int, free: int, tariff: Tariff | None, at: datetime, status_at: datetime) -> Station:
        states = [ConnectorStatus.FREE] * free + [ConnectorStatus.CHARGING] * (GUNS - free)
        guns = tuple(
            Connector(
                ref,
                Plug.GBT_DC,
                GUN_KW,
                status=state,
                status_at=status_at,
                tariff_id=tariff.id if tariff else None,
                price_seen_at=at if tariff else None,
                no_price=None if tariff else NoPrice.NOT_PUBLISHED,
            )
            for ref, state in zip(self._refs[zone], states, strict=True)
        )
        return replace(self._bare[zone], connectors=guns)

    def advise(self, requests: Requests, told: Told, driver: Driver) -> list[list[int]]:
        """For each request the zones in the product's order; twice where it lists a place twice."""
        wishes = Wishes(energy_kwh=Decimal(driver.told_kwh), mode=driver.told_mode)
        return [self._list(requests, told, wishes, number) for number in range(len(requests))]

    def _list(self, requests: Requests, told: Told, wishes: Wishes, number: int) -> list[int]:
        hour = int(requests.hour[number])
        at = self.city.at(hour + float(requests.minute[number]) / 60)
        offers: list[Offer | None] = []
        for zone in map(int, np.flatnonzero((told.km[number] <= WITHIN_KM) & ~np.isnan(told.present[number]))):
            factor = float(told.price_factor[number, zone])
            tariff = None if np.isnan(factor) else self.tariff(zone, hour, factor)
            station = self.station(zone, int(told.free[number, zone]), tariff, at, at - told.age)
            metres, tariffs = float(told.km[number, zone]) * 1000, {tariff.id: tariff} if tariff else {}
            twins = told.twins if told.twin[number, zone] else Twins.NONE
            told_as = (station, _twin(station)) if twins is Twins.MERGED else (station,)
            demand = self._demands[zone] if told.usual else NOTHING_KNOWN
            offers.append(place_offer(told_as, metres, wishes, tariffs, at, demand=demand))
            if twins is Twins.APART:
                offers.append(place_offer((_twin(station),), metres + TWIN_M, wishes, tariffs, at))
        return self._ordered(offers)

    @cached_property
    def _demands(self) -> list[Demand]:
        return [Demand(partial(self._usually, shares)) for shares in self.city.usually_busy()]

    def _usually(self, shares: Floats, at: datetime) -> float:
        return float(shares[(at - self.city.began) // timedelta(hours=1) % WEEK_H])

    def first(
        self, hour: int, at: datetime, km: Floats, free: Sequence[int], status_at: datetime, coming: Floats
    ) -> int:
        """The zone at the top for a driver of ordinary wishes, who is asking in the closed loop."""
        offers = []
        for zone in map(int, np.flatnonzero(km <= WITHIN_KM)):
            tariff = self.tariff(zone, hour, 1.0)
            station = self.station(zone, free[zone], tariff, at, status_at)
            demand, tariffs = Demand(coming=float(coming[zone])), {tariff.id: tariff}
            offers.append(place_offer((station,), float(km[zone]) * 1000, Wishes(), tariffs, at, demand=demand))
        return self._ordered(offers)[0]

    def _ordered(self, offers: Sequence[Offer | None]) -> list[int]:
        listed = rank([one for one in offers if one], Sort.RECOMMENDED)
        return [self._numbers[one.station.name] for one in listed]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {zone: number for number, zone in enumerate(self.city.zones)}


def _twin(station: Station) -> Station:
    silent = tuple(
        replace(gun, status=ConnectorStatus.UNKNOWN, status_at=None, ref=ConnectorRef("T", gun.ref.connector_id))
        for gun in station.connectors
    )
    return replace(station, id=f"twin-{station.id}", supplier_id=TWIN_SUPPLIER, connectors=silent)
