"""The series of some stations while a transaction works on them: what is said is weighed, what changes is collected.

A group of guns has the tariff that most of its guns have, and of equals the one that was said last. What the gate
holds is not believed; what nobody has repeated for a day is no longer known; both are looked at again in good time.

At a boundary very many series come at once for which nothing has happened but a step of a tariff that they share.
They pass through without a look at their guns, and only their price and their next time are written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from core.ports import Observation, PricedGun, PriceSeries, PriceVersion, UnitOfWork
from core.prices.gate import SECOND_READING_AFTER, Doubt, Held, Waiting, doubt_tariff, weigh, without
from core.prices.history import KNOWN_FOR
from core.prices.ticks import Cause, Tick, price_per_kwh
from core.services.prices.past import LaterHistory, Past, Steps
from core.station import ConnectorRef
from core.tariff import Tariff

_NEXT_INSTANT = timedelta(microseconds=1)
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
        self._guns: dict[tuple[str, ConnectorRef], int] = {}  # the number of its series
        self._groups: dict[int, list[PricedGun]] = defaultdict(list)
        self._series: dict[int, PriceSeries] = {}
        self._before: dict[int, PriceSeries] = {}
        self._touched: dict[int, Cause] = {}
        self._passing: list[PriceSeries] = []
        self._versions: list[PriceVersion] = []
        self._tariffs: dict[str, Tariff] = {}
        self._prices: dict[str, Decimal | None] = {}  # of this moment, by tariff

    def _open(self, station_ids: set[str]) -> None:
        """Get what is known of all guns of these stations."""
        for gun in self.unit.prices.guns(station_ids):
            series_id = gun.series_id
            self._guns[gun.station_id, gun.ref] = series_id
            self._groups[series_id].append(gun)
        self._know(self.unit.prices.series_of(station_ids))

    def _know(self, series: Iterable[PriceSeries]) -> None:
        for one in series:
            self._series[one.id] = self._before[one.id] = one

    # --- hearing ----------------------------------------------------------------------------------------------

    def hear(self, said: Sequence[Observation]) -> None:
        """What was said of single guns, in its order. Of guns that are alike, all of one moment is one word."""
        self._open({one.station_id for one in said})
        self._read({one.tariff_id for one in said})
        words: dict[int, list[Observation]] = defaultdict(list)
        for one in said:
            series_id = self._guns.get((one.station_id, one.ref))
            if series_id is not None:
                words[series_id].append(one)
        for series_id, told in words.items():
            for (at, pushed), together in groupby(told, lambda one: (one.observed_at, one.pushed)):
                self._hear(series_id, list(together), min(at, self.at), Cause.PUSH if pushed else Cause.PULL)

    def _hear(self, series_id: int, told: Sequence[Observation], at: datetime, cause: Cause) -> None:
        series = self._series.get(series_id)
        have = self._have(series, series_id) | {one.ref: one.tariff_id for one in told}
        newest = [one.tariff_id for one in reversed(told)]
        self._said(series_id, have, newest if series is None else [*newest, series.said_id], at, cause)

    def look(self, series: Sequence[PriceSeries], closely: int) -> None:
        """At those for which time has come. Where a price has gone unrepeated, or waits, the guns there are asked:
        for so many series at once, the others stay due."""
        others: list[PriceSeries] = []
        for one in series:
            (self._passing if self._only_passes(one) else others).append(one)
        del others[closely:]
        self._read_more({one.believed_id or "" for one in self._passing})
        self._know(others)
        for one in others:
            self._touched.setdefault(one.id, Cause.CLOCK)
        asked = {one.station_id for one in others}
        self._open(asked)
        groups = [(number, guns) for number, guns in self._groups.items() if guns[0].station_id in asked]
        self._read({gun.tariff_id for _, guns in groups for gun in guns if gun.tariff_id})
        for number, guns in groups:
            self._repeated(number, guns)

    def _only_passes(self, one: PriceSeries) -> bool:
        doubtful = one.lapsed or one.waiting or one.believed_id is None
        return not doubtful and self.at < one.seen_at + KNOWN_FOR

    def _repeated(self, series_id: int, guns: Sequence[PricedGun]) -> None:
        have: dict[ConnectorRef, str] = {}
        seen_at: dict[str, datetime] = {}
        for gun in guns:
            if gun.tariff_id is not None and gun.price_seen_at is not None:
                have[gun.ref] = gun.tariff_id
                seen_at[gun.tariff_id] = max(gun.price_seen_at, seen_at.get(gun.tariff_id, gun.price_seen_at))
        if have:
            newest = sorted(seen_at, key=lambda tariff_id: seen_at[tariff_id], reverse=True)
            main = _most(have, guns, newest)
            self._said(series_id, have, newest, min(seen_at[main], self.at), Cause.PULL)

    def _have(self, series: PriceSeries | None, series_id: int) -> dict[ConnectorRef, str]:
        """The tariff of each gun of a group, as far as was read."""
        if series is None:
            return {}
        priced = (gun.ref for gun in self._groups[series_id] if gun.tariff_id is not None)
        return {ref: series.apart.get(ref, series.said_id) for ref in priced}

    def _said(
        self, series_id: int, have: Mapping[ConnectorRef, str], newest: Sequence[str], at: datetime, cause: Cause
    ) -> None:
        guns = self._groups[series_id]
        main, gun = _most(have, guns, newest), guns[0]
        apart = {ref: tariff_id for ref, tariff_id in have.items() if tariff_id != main}
        series = self._series.get(series_id) or _new(series_id, gun, main, at)
        self._touched.setdefault(series_id, Cause.CLOCK)
        if (main, apart) != (series.said_id, series.apart):
            series = replace(series, said_id=main, apart=apart)
        if (gun.supplier_id, gun.time_zone) != (series.source, series.time_zone):
            series = replace(series, source=gun.supplier_id, time_zone=gun.time_zone)
        self._series[series_id] = self._weighed(series, at, cause)

    def _weighed(self, series: PriceSeries, at: datetime, cause: Cause) -> PriceSeries:
        """The rules of core.prices.gate.look, with doubts that many share."""
        if series.said_id == series.believed_id:
            waiting = without(series.waiting, series.source)
            if series.lapsed:
                return self._believed(series, waiting, at, cause)
            if at <= series.seen_at and waiting == series.waiting:
                return series
            return replace(series, waiting=waiting, seen_at=max(at, series.seen_at))
        tariff = self._tariff(series.said_id)
        before = None if series.believed_id is None else self._tariff(series.believed_id)
        doubt = self.doubts.of(before, tariff, at)
        waiting, verdict = weigh(series.waiting, tariff.id, series.source, at, doubt)
        if isinstance(verdict, Held):
            return replace(series, waiting=waiting)
        return self._believed(series, waiting, at, cause)

    def _believed(self, series: PriceSeries, waiting: tuple[Waiting, ...], at: datetime, cause: Cause) -> PriceSeries:
        """What is said now."""
        self._touched[series.id] = cause
        return replace(
            series,
            waiting=waiting,
            believed_id=series.said_id,
            currency=self._tariff(series.said_id).currency,
            seen_at=max(at, series.seen_at),
            lapsed=False,
            version_at=self._version(series, at, series.said_id, cause),
        )

    def _version(self, series: PriceSeries, at: datetime, tariff_id: str | None, cause: Cause) -> datetime:
        """Note a version; when it begins."""
        if series.version_at is not None:
            at = max(at, series.version_at + _NEXT_INSTANT)
        self._versions.append(PriceVersion(series.id, at, tariff_id, cause, series.source))
        return at

    # --- closing ----------------------------------------------------------------------------------------------

    def close(self) -> list[SeriesTick]:
        """Write what has changed. The ticks: one for each series whose price of this moment is another one now."""
        for series_id in self._touched:
            self._series[series_id] = self._settled(self._series[series_id])
        changed = [self._series[one] for one in sorted(self._touched)]
        self.unit.prices.save([one for one in changed if one != self._before.get(one.id)])
        self.unit.prices.append(self._versions)
        past = Past(self.unit, self.steps)
        ticks = []
        for one in changed:
            before = self._before.get(one.id)
            old = None if before is None else before.price
            if old != one.price:
                ticks.append(self._tick(one, old, self._touched[one.id], past))
        return ticks + self._passed(past)

    def _passed(self, past: Past) -> list[SeriesTick]:
        ticks, later = [], []
        for one in self._passing:
            # Somebody else's guns at the same station may have had it looked at closely.
            if one.id not in self._touched:
                now = one.passed(self._price(one.believed_id or ""), self._look_at(one))
                later.append(now)
                if now.price != one.price:
                    ticks.append(self._tick(now, one.price, Cause.CLOCK, past))
        self.unit.prices.save_passed(later)
        return ticks

    def _settled(self, series: PriceSeries) -> PriceSeries:
        known_until = series.seen_at + KNOWN_FOR
        if series.believed_id is not None and not series.lapsed and self.at >= known_until:
            lapsed_at = self._version(series, known_until, None, Cause.CLOCK)
            series = replace(series, lapsed=True, version_at=lapsed_at)
        price = None
        if series.believed_id is not None and not series.lapsed:
            price = self._price(series.believed_id)
        return series.passed(price, self._look_at(series))

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

    def _tick(self, series: PriceSeries, old: Decimal | None, cause: Cause, past: Past) -> SeriesTick:
        history, believed = LaterHistory(past, series, self.at), series.believed_id or ""
        tick = Tick(str(series.id), self.at, old, series.price, series.currency, cause, history, believed)
        return SeriesTick(series, tick)

    def _price(self, tariff_id: str) -> Decimal | None:
        if tariff_id not in self._prices:
            self._prices[tariff_id] = price_per_kwh(self._tariff(tariff_id), self.at)
        return self._prices[tariff_id]

    # --- tariffs ----------------------------------------------------------------------------------------------

    def _read(self, tariff_ids: Iterable[str]) -> None:
        believed = {one.believed_id for one in self._series.values() if one.believed_id is not None}
        self._read_more({*tariff_ids, *believed, *(one.said_id for one in self._series.values())})

    def _read_more(self, tariff_ids: set[str]) -> None:
        self._tariffs |= self.unit.catalogue.tariffs(tariff_ids - self._tariffs.keys())

    def _tariff(self, tariff_id: str) -> Tariff:
        if tariff_id not in self._tariffs:
            self._read_more({tariff_id})
        return self._tariffs[tariff_id]


def _most(have: Mapping[ConnectorRef, str], guns: Sequence[PricedGun], newest: Sequence[str]) -> str:
    """The tariff that most guns have; of equals the one that comes first in `newest`."""
    different = set(have.values())
    if len(different) == 1:
        return different.pop()
    counts, having = {gun.ref: gun.count for gun in guns}, Counter[str]()
    for ref, tariff_id in have.items():
        having[tariff_id] += counts.get(ref, 1)
    most = max(having.values())
    best = sorted(tariff_id for tariff_id, count in having.items() if count == most)
    return next((one for one in newest if one in best), best[0])


def _new(series_id: int, gun: PricedGun, said_id: str, at: datetime) -> PriceSeries:
    return PriceSeries(
        id=series_id,
        station_id=gun.station_id,
        plug=gun.plug,
        power_kw=gun.power_kw,
        time_zone=gun.time_zone,
        began_at=at,
        seen_at=at,
        source=gun.supplier_id,
        said_id=said_id,
    )
