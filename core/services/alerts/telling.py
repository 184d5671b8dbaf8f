"""What alerts say when they are said: each is held against the present, what is no longer true is left out, and of
the rest everything is gathered that a driver needs to decide.

Minutes, or a night, lie between an alert and its message: a price that has gone up again is not told, one that has
fallen further is told as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.geo import distance_m
from core.ports import Clock, Database, UnitOfWork
from core.ports.prices import series_id
from core.prices.ticks import Cause, Tick, price_per_kwh, service_per_kwh
from core.prices.watching import Rule, level
from core.ranking import FreeGuns, free_guns
from core.services.alternatives import Alternative, alternatives
from core.services.notify import uncertain_alerts
from core.services.prices import GroupPrices, PriceService
from core.station import Connector, Plug, Station
from core.watch import Area, StandingWatch, StationGuns, StoredAlert

# Of one person at a time; thirty watches with their pauses make fewer.
MOST_LOOKED_AT = 100
ALTERNATIVES = 2
# What could not be said for so long is no news any more.
HELD_FOR = timedelta(days=3)
_CLEARLY = Decimal("0.95")


@dataclass(frozen=True, slots=True)
class PriceNow:
    """A price per kWh as it is, beside what it was and what it usually is at this hour. `service` is a part of it.

    `until` is when it rises, or when nobody knows any more; None: neither within a day. `lower` is when it is clearly
    lower still before that, and how much it is then.
    """

    price: Decimal
    currency: str
    seen_at: datetime
    before: Decimal | None = None
    service: Decimal | None = None
    usual: Decimal | None = None
    until: datetime | None = None
    lower: tuple[datetime, Decimal] | None = None

    @property
    def below_usual(self) -> Decimal | None:
        """The share saved against the usual price; None where that is not higher."""
        if self.usual is None or self.usual <= self.price:
            return None
        return 1 - self.price / self.usual


@dataclass(frozen=True, slots=True)
class AlertNow:
    """One alert that is true, or several about the same guns: then `watch` is the one that weighs most.

    `price` is None only where the wish was a free gun. `also` counts further stations of the same moment.
    """

    ids: tuple[int, ...]
    watch: StandingWatch
    rule: Rule
    station: Station
    plug: Plug
    power_kw: Decimal | None
    guns: FreeGuns
    price: PriceNow | None
    distance_m: float | None = None  # from where the watch was set, or from the middle of its area
    also: int = 0
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertsNow:
    """All that is to be told to one person at once, the most valuable first.

    `uncertain` counts earlier messages of alerts that may not have arrived.
    """

    at: datetime
    alerts: tuple[AlertNow, ...]
    uncertain: int = 0

    @property
    def ids(self) -> list[int]:
        return [number for one in self.alerts for number in one.ids]


class TellingService:
    """Safe from many threads. Reads only, except `told`."""

    def __init__(self, database: Database, clock: Clock, prices: PriceService) -> None:
        self.database, self.clock, self.prices = database, clock, prices

    def ids_of_row(self, row_id: int) -> list[int]:
        """Which alerts go with a row: as long as it waits, more may join it."""
        with self.database.read() as unit:
            return [one.id for one in unit.alerts.of_row(row_id)]

    def of_row(self, row_id: int, user_id: str) -> AlertsNow | None:
        """What a row of the outbox has to say now; None when nothing of it is true any more."""
        with self.database.read() as unit:
            stored = unit.alerts.of_row(row_id)
        return self._now(stored, user_id)

    def held(self, user_id: str) -> AlertsNow | None:
        """What nobody could be told of meanwhile, for whoever is there again."""
        with self.database.read() as unit:
            stored = unit.alerts.untold(unit.people.same_person(user_id), self.clock.now() - HELD_FOR)
        return self._now(stored, user_id)

    def told(self, alerts: AlertsNow) -> None:
        """It was said."""
        with self.database.write() as unit:
            unit.alerts.told(alerts.ids, alerts.at)

    # --- what is still true -----------------------------------------------------------------------------------

    def _now(self, stored: Sequence[StoredAlert], user_id: str) -> AlertsNow | None:
        at, stored = self.clock.now(), stored[:MOST_LOOKED_AT]
        if not stored:
            return None
        with self.database.read() as unit:
            watches = {one.id: one for one in unit.watches.some({one.alert.watch_id for one in stored})}
            speaking = [one for one in stored if _speaks(watches.get(one.alert.watch_id), at)]
            wanted = sorted({one.alert.station_id for one in speaking})
            stations = {one.id: one for one in unit.catalogue.stations(wanted)}
        groups = {one.series.id: one for station_id in stations for one in self.prices.history(station_id)}
        scene = _Scene(at, watches, stations, _by_series(stations.values()), groups)
        found = [now for together in _about_the_same(speaking) if (now := scene.look(together)) is not None]
        if not found:
            return None
        with self.database.read() as unit:
            told = tuple(self._with_alternatives(unit, one, at) for one in found)
            doubts = uncertain_alerts(unit, unit.people.same_person(user_id), at)
        return AlertsNow(at, told, doubts)

    @staticmethod
    def _with_alternatives(unit: UnitOfWork, one: AlertNow, at: datetime) -> AlertNow:
        """Who waits for a gun is also told where to go when it is taken before they are there."""
        gun = next((gun for gun in one.station.connectors if gun.plug is one.plug), None)
        if one.rule is not Rule.GUN_FREE or gun is None:
            return one
        return replace(one, alternatives=tuple(alternatives(unit, one.station.id, gun.ref, at, ALTERNATIVES)))


def _speaks(watch: StandingWatch | None, at: datetime) -> bool:
    return watch is not None and watch.live(at) and not watch.muted(at)


def _about_the_same(stored: Sequence[StoredAlert]) -> list[list[StoredAlert]]:
    """Prices of the same guns are told once, however many watches they have pleased."""
    found: dict[tuple[int, bool], list[StoredAlert]] = {}
    for one in stored:
        found.setdefault((one.alert.series_id, one.alert.rule is Rule.GUN_FREE), []).append(one)
    return list(found.values())


def _by_series(stations: Iterable[Station]) -> dict[int, list[Connector]]:
    found: dict[int, list[Connector]] = {}
    for station in stations:
        for gun in station.connectors:
            found.setdefault(series_id(station.id, gun.plug, gun.power_kw), []).append(gun)
    return found


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is known at this moment of the places that some alerts are about."""

    at: datetime
    watches: Mapping[int, StandingWatch]
    stations: Mapping[str, Station]
    guns: Mapping[int, Sequence[Connector]]
    groups: Mapping[int, GroupPrices]

    def look(self, together: Sequence[StoredAlert]) -> AlertNow | None:
        """Alerts about the same guns as one; None when none of them is true."""
        true = [one for one in together if self._is_true(one)]
        if not true:
            return None
        first, watch = true[0].alert, self.watches[true[0].alert.watch_id]
        station, kind = self.stations[first.station_id], self.guns[first.series_id][0]
        return AlertNow(
            ids=tuple(one.id for one in true),
            watch=watch,
            rule=first.rule,
            station=station,
            plug=kind.plug,
            power_kw=kind.power_kw,
            guns=free_guns(self.guns[first.series_id], self.at),
            price=self._price(first.series_id, true),
            distance_m=_distance_m(watch, station),
            also=max(one.alert.also for one in true),
        )

    def _is_true(self, one: StoredAlert) -> bool:
        alert, watch = one.alert, self.watches[one.alert.watch_id]
        if alert.station_id not in self.stations or alert.series_id not in self.guns:
            return False
        if alert.rule is Rule.GUN_FREE:
            return bool(free_guns(self.guns[alert.series_id], self.at).free)
        group, price = self.groups.get(alert.series_id), self._asked(alert.series_id)
        if group is None or price is None or group.series.currency != alert.currency:
            return False
        tick = Tick(
            key=str(alert.series_id),
            at=self.at,
            old=alert.before,
            new=price,
            currency=group.series.currency,
            cause=Cause.CLOCK,
            history=group.history,
            tariff_id=group.series.believed_id or "",
        )
        now, as_low = level(watch.wish, tick), alert.price is not None and price <= alert.price
        if now is None:
            # The price is known, and what is usual no longer is.
            return as_low and alert.rule is not Rule.BELOW
        # A low that is as low as it was told is one, whatever has joined the days before it.
        return now.met or (as_low and alert.rule is Rule.LOWEST)

    def _asked(self, series: int) -> Decimal | None:
        group = self.groups.get(series)
        return None if group is None or group.tariff is None else price_per_kwh(group.tariff, self.at)

    def _price(self, series: int, told: Sequence[StoredAlert]) -> PriceNow | None:
        group, price = self.groups.get(series), self._asked(series)
        if group is None or group.tariff is None or price is None:
            return None
        usual = group.history.usual(self.at)
        earliest = min(told, key=lambda one: (one.alert.at, one.id)).alert
        steps = [(moment, then) for moment, then in group.ahead if moment > self.at]
        until = next((moment for moment, then in steps if then is None or then > price), None)
        still = ((moment, then) for moment, then in steps if then is not None and (until is None or moment < until))
        return PriceNow(
            price=price,
            currency=group.series.currency,
            seen_at=group.series.seen_at,
            before=earliest.before if earliest.before is not None and earliest.before > price else None,
            service=service_per_kwh(group.tariff, self.at),
            usual=None if usual is None else usual.median,
            until=until,
            lower=next(((moment, then) for moment, then in still if then <= price * _CLEARLY), None),
        )


def _distance_m(watch: StandingWatch, station: Station) -> float | None:
    match watch.place:
        case Area(centre=centre):
            return distance_m(centre, station.point)
        case StationGuns() if watch.origin is not None:
            return distance_m(watch.origin, station.point)
    return None
