"""Finding: a point and wishes become a ranked list. No supplier is called on this path."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import NotFound, NotReady, SupplierUnavailable, UserError
from core.geo import Point, distance_m, parse_point
from core.ports import Clock, Database, Geocoder, Nearby, Place, StationIndex, SupplierState
from core.ranking import Offer, place_offer, rank
from core.reliability import LEARNT_FROM, NOTHING_LEARNT, Reliability, learnt
from core.wishes import Filters, Wishes

FIRST_RADIUS_M = 5_000
RADII_M = (FIRST_RADIUS_M, 10_000, 25_000, 50_000, 100_000, 200_000)
MOST_CANDIDATES = 500
SILENT_AFTER = timedelta(minutes=15)
PLACE_TEXT_MAX = 120

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Silent:
    """A supplier that reports live states but has stopped answering."""

    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the list, and what the driver must know to trust it."""

    point: Point
    offers: tuple[Offer, ...]
    offset: int
    total: int
    hidden: int  # inside the circle, but hidden by the filters or the price cap
    radius_m: int
    nearest_m: float | None  # of any station at all; tells how far the world is when the list is empty
    silent: tuple[Silent, ...]
    credits: tuple[str, ...]  # attribution owed for what is shown

    @property
    def next_offset(self) -> int | None:
        end = self.offset + len(self.offers)
        return end if end < self.total and self.offers else None


def learnt_lately(database: Database, clock: Clock) -> Reliability:
    """What became of the starts of the last thirty days."""
    with database.read() as unit:
        return learnt(unit.opinions.outcomes(clock.now() - LEARNT_FROM))


class StationFinder:
    """Answers "where do I charge now?".

    `suppliers` gives their states, `reliability` how visits ended lately; both may be a little old.
    """

    def __init__(
        self,
        index: StationIndex,
        suppliers: Callable[[], Sequence[SupplierState]],
        clock: Clock,
        geocoder: Geocoder | None = None,
        reliability: Callable[[], Reliability] = lambda: NOTHING_LEARNT,
    ) -> None:
        self.index, self.suppliers, self.clock, self.geocoder = index, suppliers, clock, geocoder
        self.reliability = reliability

    def near(self, point: Point, wishes: Wishes, *, limit: int = 5, offset: int = 0) -> Found:
        """The best stations around a point. Raises NotReady until the catalogue is loaded, UserError."""
        if not self.index.state().ready:
            raise NotReady("not_ready")
        if limit < 1 or limit > 100 or offset < 0:
            raise UserError("bad_page")
        here, at = point.wgs84, self.clock.now()
        radii = (wishes.radius_m,) if wishes.radius_m else RADII_M
        for radius_m in radii:
            nearby = self.index.nearby(here, radius_m=radius_m, filters=wishes.filters, at=at, limit=MOST_CANDIDATES)
            offers = self._offers(nearby, wishes, at)
            if offers:
                break
        nearest_m = None
        if not offers:
            nearest_m = self.index.nearest_distance_m(here)
            self._refuse_swapped(here, nearest_m)
        ranked = rank(offers, wishes.sort)
        shown = tuple(ranked[offset : offset + limit])
        states = {state.supplier.id: state for state in self.suppliers()}
        return Found(
            point=point,
            offers=shown,
            offset=offset,
            total=len(ranked),
            hidden=nearby.hidden + len(nearby.hits) - len(offers),
            radius_m=radius_m,
            nearest_m=nearest_m,
            silent=self._silent(shown, states, at),
            credits=_credits(shown, states),
        )

    def station(self, station_id: str, wishes: Wishes, *, seen_from: Point | None = None) -> Offer:
        """One station in full, whatever the filters. Raises NotFound."""
        if not self.index.state().ready:
            raise NotReady("not_ready")
        station = self.index.get(station_id)
        if station is None:
            raise NotFound("no_such_station")
        at, wishes = self.clock.now(), replace(wishes, filters=Filters())
        told = self.index.place(station_id)
        tariffs = self.index.tariffs(gun.tariff_id for one in told for gun in one.connectors if gun.tariff_id)
        far_m = distance_m(seen_from, station.point) if seen_from else 0.0
        found = place_offer(told, far_m, wishes, tariffs, at, reliability=self.reliability())
        if found is None:
            raise NotFound("no_such_station")
        if found.station.id == station_id:
            return found
        # The one that was asked for is shown, whoever sells cheaper there.
        offers = [replace(found, also=()), *found.also]
        asked = next(one for one in offers if one.station.id == station_id)
        return replace(asked, also=tuple(one for one in offers if one is not asked))

    def credit(self, one: Offer) -> tuple[str, ...]:
        """The attribution owed for showing this station."""
        return _credits((one,), {state.supplier.id: state for state in self.suppliers()})

    def sellers(self, one: Offer) -> dict[str, str]:
        """The names of all suppliers that sell at this place, by their ids."""
        names = {state.supplier.id: state.supplier.name for state in self.suppliers()}
        ids = [each.station.supplier_id for each in (one, *one.also)]
        return {supplier_id: names.get(supplier_id) or supplier_id for supplier_id in ids}

    def place(self, text: str, language: str) -> Place:
        """A typed address, name or pair of coordinates. Raises UserError("place_not_found").

        With no geocoder, or when it knows nothing, our own stations answer: where most of those whose name or
        address holds the words stand.
        """
        text = " ".join(text.split())[:PLACE_TEXT_MAX]
        if not text:
            raise UserError("place_not_found", text="")
        if point := parse_point(text):
            return Place(text, point)
        if place := self._geocoded(text, language):
            return place
        named = self.index.named(text, 50)
        if not named:
            raise UserError("place_not_found", text=text)
        crowd = Counter((round(one.point.lat, 1), round(one.point.lng, 1)) for one in named)
        cell = crowd.most_common(1)[0][0]
        there = [one.point for one in named if (round(one.point.lat, 1), round(one.point.lng, 1)) == cell]
        middle = min(there, key=lambda p: sum(abs(p.lat - q.lat) + abs(p.lng - q.lng) for q in there))
        return Place(text, middle)

    def _geocoded(self, text: str, language: str) -> Place | None:
        if self.geocoder is None:
            return None
        try:
            return self.geocoder.find(text, language)
        except SupplierUnavailable:
            log.warning("the geocoder is away; our own stations answer")
            return None

    def operators_near(self, point: Point, limit: int = 8) -> list[tuple[str, str]]:
        """The operators around a point, most stations first, as (value for the filter, name to show)."""
        nearby = self.index.nearby(
            point.wgs84, radius_m=25_000, filters=Filters(), at=self.clock.now(), limit=MOST_CANDIDATES
        )
        counts = Counter(
            (hit.station.operator_id, hit.station.operator_name) for hit in nearby.hits if hit.station.operator_name
        )
        return [operator for operator, _ in counts.most_common(limit)]

    def _offers(self, nearby: Nearby, wishes: Wishes, at: datetime) -> list[Offer]:
        told = (one for hit in nearby.hits for one in (hit.station, *hit.others))
        tariffs = self.index.tariffs({gun.tariff_id for one in told for gun in one.connectors if gun.tariff_id})
        reliability = self.reliability()
        offers = (
            place_offer((hit.station, *hit.others), hit.distance_m, wishes, tariffs, at, hit.guns_from, reliability)
            for hit in nearby.hits
        )
        return [one for one in offers if one is not None]

    def _refuse_swapped(self, here: Point, nearest_m: float | None) -> None:
        """Nothing far and wide, but stations where latitude and longitude are exchanged: say so."""
        far = nearest_m is None or nearest_m > RADII_M[-1]
        if far and (mirror := here.swapped) is not None:
            mirrored_m = self.index.nearest_distance_m(mirror)
            if mirrored_m is not None and mirrored_m < 50_000:
                raise UserError("swapped_coordinates", lat=here.lat, lng=here.lng)

    def _silent(self, offers: Sequence[Offer], states: dict[str, SupplierState], at: datetime) -> tuple[Silent, ...]:
        found = []
        for supplier_id in sorted({one.station.supplier_id for one in offers}):
            state = states.get(supplier_id)
            heard = [state.last_success_at.get(kind) for kind in ("status", "push")] if state else []
            since = max((one for one in heard if one is not None), default=None)
            if state and since and at - since > SILENT_AFTER:
                found.append(Silent(state.supplier.name, since))
        return tuple(found)


def _credits(offers: Sequence[Offer], states: dict[str, SupplierState]) -> tuple[str, ...]:
    lines = []
    for one in (one for shown in offers for one in (shown, *shown.also)):
        state = states.get(one.station.supplier_id)
        line = one.station.attribution or (state.supplier.attribution if state else "")
        if line and line not in lines:
            lines.append(line)
    return tuple(lines)
