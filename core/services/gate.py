"""The gate: what a live supplier says is held against what we know, before it is stored. Used by pulls and pushes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.geo import Point
from core.ports import UnitOfWork
from core.services.trust import (
    MOST_AT_ONE_SPOT,
    MOVE_BELIEVED_AFTER,
    Doubt,
    Known,
    Spot,
    area_of,
    doubt_move,
    doubt_place,
    doubt_price,
    medians_of,
    rejected_price,
    rejected_station,
    spot_of,
)
from core.station import Connector, ConnectorRef, NoPrice, Rejected, Station
from core.tariff import Tariff

MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be stored, what may not, and which stations' moves are settled: believed, or taken back."""

    stations: tuple[Station, ...]
    rejected: tuple[Rejected, ...]
    settled: tuple[str, ...] = ()


def known_of(unit: UnitOfWork, supplier_id: str) -> Known:
    """What the catalogue knows of a supplier as a whole."""
    held = [(spot_of(point), address) for point, address in unit.catalogue.places_of(supplier_id)]
    guns = unit.catalogue.tariff_counts(supplier_id)
    tariffs = unit.catalogue.tariffs(list(guns))
    return Known(
        area=area_of([spot for spot, _ in held]),
        crowded=crowded_of(Counter(held)),
        medians=medians_of((tariffs[one], count) for one, count in guns.items()),
    )


def sift(
    unit: UnitOfWork,
    known: Known,
    stations: Sequence[Station],
    tariffs: Mapping[str, Tariff],
    at: datetime,
    *,
    believing: bool = False,
) -> Sifted:
    """Stations of one supplier, with the tariffs they bring along. With `believing` they may have moved."""
    good, rejected = sift_places(known, stations)
    stayed = Sifted(good, ()) if believing else _moves(unit, good, at)
    priced, unpriced = _listed_prices(unit, known, stayed.stations, tariffs, at)
    return Sifted(priced, (*rejected, *stayed.rejected, *unpriced), stayed.settled)


def sift_places(known: Known, stations: Iterable[Station]) -> tuple[tuple[Station, ...], tuple[Rejected, ...]]:
    """Needs nothing but the stations themselves."""
    good, rejected = [], []
    for station in stations:
        doubt = doubt_place(station.point, known)
        if doubt is None:
            good.append(station)
        else:
            rejected.append(rejected_station(station, doubt))
    return tuple(good), tuple(rejected)


def sift_prices(
    unit: UnitOfWork,
    known: Known,
    supplier_id: str,
    prices: Sequence[tuple[ConnectorRef, Tariff]],
    at: datetime,
) -> tuple[list[tuple[ConnectorRef, Tariff]], list[Rejected]]:
    """Prices of guns; those refused are named by the gun."""
    doubts = _Prices(unit, known, supplier_id, prices, at)
    good, rejected = [], []
    for ref, tariff in prices:
        doubt = doubts.doubt(ref, tariff)
        if doubt is None:
            good.append((ref, tariff))
        else:
            rejected.append(rejected_price(ref.connector_id, tariff, doubt))
    return good, rejected


def _moves(unit: UnitOfWork, stations: Sequence[Station], at: datetime) -> Sifted:
    """A station that moved stays where it was until it has been said again; the rest of what it says goes on."""
    held = unit.catalogue.points([one.id for one in stations])
    moved = {
        one.id: (one, doubt)
        for one in stations
        if one.id in held and (doubt := doubt_move(held[one.id], one.point)) is not None
    }
    names = [one.external_id for one in stations]
    waiting = unit.catalogue.waiting(stations[0].supplier_id, MOVED, names) if stations else {}
    rejected, settled, placed = [], [], []
    for station in stations:
        before = waiting.get(station.external_id)
        if station.id not in moved:
            if before is not None:
                settled.append(station.external_id)
            placed.append(station)
            continue
        doubt = moved[station.id][1]
        again = before is not None and before.detail == doubt.detail
        if before is not None and again and at - before.first_seen_at >= MOVE_BELIEVED_AFTER:
            settled.append(station.external_id)
            placed.append(station)
            continue
        if before is not None and not again:
            settled.append(station.external_id)  # another move than the one that waits: its time starts anew
        rejected.append(rejected_station(station, doubt))
        placed.append(replace(station, point=_keeping_accuracy(held[station.id], station.point)))
    return Sifted(tuple(placed), tuple(rejected), tuple(settled))


def _keeping_accuracy(held: Point, told: Point) -> Point:
    return replace(held, accuracy_m=told.accuracy_m)


def _listed_prices(
    unit: UnitOfWork, known: Known, stations: Sequence[Station], tariffs: Mapping[str, Tariff], at: datetime
) -> tuple[tuple[Station, ...], tuple[Rejected, ...]]:
    """A gun whose tariff is refused keeps the one it had, or has none."""
    told = [
        (gun.ref, tariff)
        for station in stations
        for gun in station.connectors
        if (tariff := tariffs.get(gun.tariff_id or "")) is not None
    ]
    if not told:
        return tuple(stations), ()
    doubts = _Prices(unit, known, stations[0].supplier_id, told, at)
    good: list[Station] = []
    rejected: list[Rejected] = []

    def checked(gun: Connector) -> Connector:
        tariff = tariffs.get(gun.tariff_id or "")
        doubt = doubts.doubt(gun.ref, tariff) if tariff else None
        if tariff is None or doubt is None:
            return gun
        rejected.append(rejected_price(gun.ref.connector_id, tariff, doubt))
        return replace(gun, tariff_id=None, price_seen_at=None, no_price=NoPrice.IMPLAUSIBLE)

    for station in stations:
        guns = tuple(checked(gun) for gun in station.connectors)
        good.append(station if guns == station.connectors else replace(station, connectors=guns))
    return tuple(good), tuple(rejected)


class _Prices:
    """Doubts about many prices at once; each pair of new and held tariff is looked at once."""

    def __init__(
        self,
        unit: UnitOfWork,
        known: Known,
        supplier_id: str,
        told: Sequence[tuple[ConnectorRef, Tariff]],
        at: datetime,
    ) -> None:
        self._known, self._at = known, at
        self._held_ids = unit.catalogue.tariff_ids(supplier_id, [ref for ref, _ in told])
        self._held = unit.catalogue.tariffs(set(self._held_ids.values()))
        self._seen: dict[tuple[str, str], Doubt | None] = {}

    def doubt(self, ref: ConnectorRef, tariff: Tariff) -> Doubt | None:
        held_id = self._held_ids.get(ref, "")
        if held_id == tariff.id:
            return None  # believed before
        pair = (tariff.id, held_id)
        if pair not in self._seen:
            self._seen[pair] = doubt_price(tariff, self._held.get(held_id), self._known, self._at)
        return self._seen[pair]


def crowded_of(places: Counter[tuple[Spot, str]]) -> frozenset[Spot]:
    """The spots of a whole list where too many stations stand that are not at one address.

    Where most share one it is a car park: UK NCR has 24 posts under Park Lane, IRVE 40 at one square.
    """
    there: dict[Spot, list[int]] = {}
    for (spot, address), count in places.items():
        together = there.setdefault(spot, [0, 0])
        together[0] += count
        if address:
            together[1] = max(together[1], count)
    return frozenset(spot for spot, (all_, one) in there.items() if all_ > MOST_AT_ONE_SPOT and 2 * one <= all_)
