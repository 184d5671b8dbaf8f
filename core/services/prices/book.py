"""The series of some stations while a transaction works on them: what is said is weighed, what changes is collected.

A group of guns has the tariff that most of its guns have, and of equals the one that was said last. What the gate
holds is not believed; what nobody has repeated for a day is no longer known; both are looked at again in good time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.ports import Observation, PricedGun, PriceSeries, PriceVersion, UnitOfWork
from core.prices.gate import SECOND_READING_AFTER, Doubt, Held, doubt_tariff, weigh, without
from core.prices.history import KNOWN_FOR
from core.prices.ticks import Cause, Tick, price_per_kwh
from core.services.prices.past import LaterHistory, Past, Steps
from core.station import ConnectorRef
from core.tariff import Tariff

_NEXT_INSTANT = timedelta(microseconds=1)
# Guns are asked whether a price was repeated when it is so old, though it is known for a while yet.
_ASK_AFTER = KNOWN_FOR / 2
# Between looks at what has waited or lapsed for long.
_SOON, _SELDOM = timedelta(minutes=1), timedelta(days=7)
_MOST_DOUBTS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class SeriesTick:
    """A tick, and the guns it is about."""

    series: PriceSeries
    tick: Tick


class Doubts:
    """What the gate thinks of one tariff after another, kept: very many guns share a pair."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, int], Doubt | None] = {}

    def of(self, before: Tariff | None, now: Tariff, at: datetime) -> Doubt | None:
        pair = ("" if before is None else before.id, now.id, int(at.timestamp()) // 3600)
        if pair not in self._kept:
            if len(self._kept) > _MOST_DOUBTS_KEPT:
                self._kept.clear()
            self._kept[pair] = doubt_tariff(before, now, at)
        return self._kept[pair]


class Book:
    def __init__(self, unit: UnitOfWork, at: datetime, steps: Steps, doubts: Doubts) -> None:
        self.unit, self.at, self.steps, self.doubts = unit, at, steps, doubts
        self._guns: dict[tuple[str, ConnectorRef], PricedGun] = {}
        self._groups: dict[int, list[PricedGun]] = defaultdict(list)
        self._series: dict[int, PriceSeries] = {}
        self._before: dict[int, PriceSeries] = {}
        self._touched: dict[int, Cause] = {}
        self._versions: list[PriceVersion] = []
        self._tariffs: dict[str, Tariff] = {}
        self._prices: dict[str, Decimal | None] = {}  # of this moment, by tariff

    def _open(self, station_ids: set[str]) -> None:
        """Get what is known of all guns of these stations."""
        for gun in self.unit.prices.guns(station_ids):
            self._guns[gun.station_id, gun.ref] = gun
            self._groups[gun.series_id].append(gun)
        self._know(self.unit.prices.series_of(station_ids))

    def _know(self, series: Iterable[PriceSeries]) -> None:
        for one in series:
            self._series[one.id] = self._before[one.id] = one

    # --- hearing ----------------------------------------------------------------------------------------------

    def hear(self, said: Sequence[Observation], cause: Cause) -> None:
        """What was said of single guns, in its order."""
        self._open({one.station_id for one in said})
        self._read({one.tariff_id for one in said})
        for one in said:
            gun = self._guns.get((one.station_id, one.ref))
            if gun is not None:
                series = self._series.get(gun.series_id)
                have = self._have(series, gun.series_id)
                have[one.ref] = one.tariff_id
                newest = (one.tariff_id,) if series is None else (one.tariff_id, series.said_id)
                self._said(gun, have, newest, min(one.observed_at, self.at), cause)

    def look(self, series: Sequence[PriceSeries]) -> None:
        """At those for which time has come. Where a price may have gone unrepeated, the guns there are asked."""
        self._know(series)
        asked = set()
        for one in series:
            self._touched.setdefault(one.id, Cause.CLOCK)
            if one.lapsed or one.waiting or one.believed_id is None or self.at - one.seen_at >= _ASK_AFTER:
                asked.add(one.station_id)
        self._open(asked)
        groups = [guns for guns in self._groups.values() if guns[0].station_id in asked]
        self._read({gun.tariff_id for guns in groups for gun in guns if gun.tariff_id})
        for guns in groups:
            self._repeated(guns)

    def _repeated(self, guns: Sequence[PricedGun]) -> None:
        have: dict[ConnectorRef, str] = {}
        seen_at: dict[str, datetime] = {}
        for gun in guns:
            if gun.tariff_id is not None and gun.price_seen_at is not None:
                have[gun.ref] = gun.tariff_id
                seen_at[gun.tariff_id] = max(gun.price_seen_at, seen_at.get(gun.tariff_id, gun.price_seen_at))
        if have:
            newest = sorted(seen_at, key=lambda tariff_id: seen_at[tariff_id], reverse=True)
            main = _most(have, {gun.ref: gun.count for gun in guns}, newest)
            self._said(guns[0], have, newest, min(seen_at[main], self.at), Cause.PULL)

    def _have(self, series: PriceSeries | None, series_id: int) -> dict[ConnectorRef, str]:
        """The tariff of each gun of a group, as far as was read."""
        if series is None:
            return {}
        priced = (gun.ref for gun in self._groups[series_id] if gun.tariff_id is not None)
        return {ref: series.apart.get(ref, series.said_id) for ref in priced}

    def _said(
        self, gun: PricedGun, have: Mapping[ConnectorRef, str], newest: Sequence[str], at: datetime, cause: Cause
    ) -> None:
        counts = {one.ref: one.count for one in self._groups[gun.series_id]}
        main = _most(have, counts, newest)
        apart = {ref: tariff_id for ref, tariff_id in have.items() if tariff_id != main}
        series = self._series.get(gun.series_id) or _new(gun, main, at)
        self._touched.setdefault(series.id, Cause.CLOCK)
        series = replace(series, said_id=main, apart=apart, source=gun.supplier_id, time_zone=gun.time_zone)
        self._series[series.id] = self._weighed(series, at, cause)

    def _weighed(self, series: PriceSeries, at: datetime, cause: Cause) -> PriceSeries:
        """The rules of core.prices.gate.look, with doubts that many share."""
        if series.said_id == series.believed_id:
            series = replace(series, waiting=without(series.waiting, series.source), seen_at=max(at, series.seen_at))
            return self._believed(series, series.said_id, at, cause) if series.lapsed else series
        tariff = self._tariff(series.said_id)
        before = None if series.believed_id is None else self._tariff(series.believed_id)
        doubt = self.doubts.of(before, tariff, at)
        waiting, verdict = weigh(series.waiting, tariff.id, series.source, at, doubt)
        series = replace(series, waiting=waiting)
        if isinstance(verdict, Held):
            return series
        return self._believed(series, tariff.id, at, cause)

    def _believed(self, series: PriceSeries, tariff_id: str, at: datetime, cause: Cause) -> PriceSeries:
        self._touched[series.id] = cause
        currency, seen_at = self._tariff(tariff_id).currency, max(at, series.seen_at)
        series = replace(series, believed_id=tariff_id, currency=currency, seen_at=seen_at, lapsed=False)
        return self._version(series, at, tariff_id, cause)

    def _version(self, series: PriceSeries, at: datetime, tariff_id: str | None, cause: Cause) -> PriceSeries:
        if series.version_at is not None:
            at = max(at, series.version_at + _NEXT_INSTANT)
        self._versions.append(PriceVersion(series.id, at, tariff_id, cause, series.source))
        return replace(series, version_at=at)

    # --- closing ----------------------------------------------------------------------------------------------

    def close(self) -> list[SeriesTick]:
        """Write what has changed. The ticks: one for each series whose price of this moment is another one now."""
        for series_id in self._touched:
            self._series[series_id] = self._settled(self._series[series_id])
        changed = [self._series[one] for one in sorted(self._touched)]
        self.unit.prices.save([one for one in changed if one != self._before.get(one.id)])
        self.unit.prices.append(self._versions)
        past = Past(self.unit, self.steps)
        ticks = (self._tick(one, self._before.get(one.id), past) for one in changed)
        return [one for one in ticks if one is not None]

    def _settled(self, series: PriceSeries) -> PriceSeries:
        known_until = series.seen_at + KNOWN_FOR
        if series.believed_id is not None and not series.lapsed and self.at >= known_until:
            series = self._version(replace(series, lapsed=True), known_until, None, Cause.CLOCK)
        price = None
        if series.believed_id is not None and not series.lapsed:
            price = self._price(series.believed_id)
        return replace(series, price=price, look_at=self._look_at(series))

    def _look_at(self, series: PriceSeries) -> datetime:
        moments = []
        if series.believed_id is None or series.lapsed:
            moments.append(self.at + min(max((self.at - series.seen_at) / 4, 10 * _SOON), _SELDOM))
        else:
            moments.append(series.seen_at + KNOWN_FOR)
            step = self.steps.next_step(self._tariff(series.believed_id), self.at)
            if step is not None:
                moments.append(step)
        for one in series.waiting:
            if one.doubt.own_word_helps:
                again = one.since + SECOND_READING_AFTER
                later = self.at + min(max((self.at - one.since) / 4, _SOON), _SELDOM)
                moments.append(again if again > self.at else later)
        return min(moments)

    def _tick(self, series: PriceSeries, before: PriceSeries | None, past: Past) -> SeriesTick | None:
        old = None if before is None else before.price
        if old == series.price:
            return None
        history, cause = LaterHistory(past, series, self.at), self._touched[series.id]
        tick = Tick(
            str(series.id), self.at, old, series.price, series.currency, cause, history, series.believed_id or ""
        )
        return SeriesTick(series, tick)

    def _price(self, tariff_id: str) -> Decimal | None:
        if tariff_id not in self._prices:
            self._prices[tariff_id] = price_per_kwh(self._tariff(tariff_id), self.at)
        return self._prices[tariff_id]

    # --- tariffs ----------------------------------------------------------------------------------------------

    def _read(self, tariff_ids: Iterable[str]) -> None:
        believed = {one.believed_id for one in self._series.values() if one.believed_id is not None}
        said = {one.said_id for one in self._series.values()}
        self._tariffs |= self.unit.catalogue.tariffs({*tariff_ids, *believed, *said} - self._tariffs.keys())

    def _tariff(self, tariff_id: str) -> Tariff:
        if tariff_id not in self._tariffs:
            self._read([tariff_id])
        return self._tariffs[tariff_id]


def _most(have: Mapping[ConnectorRef, str], counts: Mapping[ConnectorRef, int], newest: Sequence[str]) -> str:
    """The tariff that most guns have; of equals the one that comes first in `newest`."""
    guns: Counter[str] = Counter()
    for ref, tariff_id in have.items():
        guns[tariff_id] += counts.get(ref, 1)
    most = max(guns.values())
    best = sorted(tariff_id for tariff_id, count in guns.items() if count == most)
    return next((one for one in newest if one in best), best[0])


def _new(gun: PricedGun, said_id: str, at: datetime) -> PriceSeries:
    return PriceSeries(
        id=gun.series_id,
        station_id=gun.station_id,
        plug=gun.plug,
        power_kw=gun.power_kw,
        time_zone=gun.time_zone,
        began_at=at,
        seen_at=at,
        source=gun.supplier_id,
        said_id=said_id,
    )
