"""All public stations in memory, searchable by place and by name."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.geo import Point
from core.ports import Clock, Hit, IndexState, Nearby
from core.ranking import guns_told_by
from core.station import Station
from core.tariff import Tariff
from core.wishes import Filters
from storage.changes import Change
from storage.index.places import Places, put_right
from storage.index.sites import Sites
from storage.unit_of_work import SqlDatabase, SqlUnitOfWork

# A write carries the time at which its work began and is seen when it commits: look back over the difference.
OVERLAP = timedelta(seconds=30)
# Imports work longer; what they committed late is found by looking back further, less often.
LONG_OVERLAP = timedelta(minutes=15)
LONG_LOOK_EVERY = timedelta(minutes=1)

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What readers see. Dictionaries keep their keys for as long as it lives, but for new tariffs; a station
    that changed in place is replaced under its key. New places come with a new _Loaded."""

    stations: dict[str, Station]
    words: dict[str, str]  # what `named` looks through, by station id
    sites: Sites
    places: Places
    tariffs: dict[str, Tariff]
    refreshed_at: datetime


class InMemoryStationIndex:
    """core.ports.StationIndex. Readers take one reference and never wait; one writer at a time."""

    def __init__(self, database: SqlDatabase, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._writing = threading.Lock()
        self._loaded: _Loaded | None = None
        self._seen: dict[str, Change] = {}  # the last writes taken in, as far back as LONG_OVERLAP
        self._long_look_at = _LONG_AGO

    # --- reading ------------------------------------------------------------------------------------------

    def nearby(self, point: Point, *, radius_m: float, filters: Filters, at: datetime, limit: int) -> Nearby:
        """A place that several suppliers describe is shown and counted once, with all its descriptions."""
        loaded, here = self._ready(), point.wgs84
        inside = dict(loaded.sites.within(here.lat, here.lng, radius_m))
        hits: list[Hit] = []
        seen: set[str] = set()
        hidden = 0
        for station_id, distance_m in inside.items():
            station = loaded.stations[station_id]
            mates = loaded.places.mates(station)
            if len(mates) == 1:
                if filters.passes(station, at):
                    hits.append(Hit(station, distance_m))
                else:
                    hidden += 1
            elif (place := loaded.places.key(station)) not in seen:
                seen.add(place)
                # A far station with the same global id is not taken along, a linked one at the rim is.
                near = [key for key in mates if key in inside or loaded.places.is_linked(key)]
                told = [loaded.stations[key] for key in near]
                if chosen := _passing(told, filters, at, loaded.tariffs):
                    first, *others = chosen
                    far_m = inside.get(first.id, distance_m)
                    hits.append(Hit(first, far_m, tuple(others), guns_told_by(chosen, filters, at)))
                else:
                    hidden += 1
        # Stable, so that equally far ones stay in the order of the sites.
        hits.sort(key=lambda hit: hit.distance_m)
        return Nearby(hits[:limit], hidden)

    def nearest_distance_m(self, point: Point) -> float | None:
        here = point.wgs84
        return self._ready().sites.nearest_m(here.lat, here.lng)

    def get(self, station_id: str) -> Station | None:
        return self._ready().stations.get(station_id)

    def place(self, station_id: str) -> list[Station]:
        loaded = self._ready()
        station = loaded.stations.get(station_id)
        return [loaded.stations[key] for key in loaded.places.mates(station)] if station else []

    def tariffs(self, tariff_ids: Iterable[str]) -> dict[str, Tariff]:
        known = self._ready().tariffs
        return {key: known[key] for key in tariff_ids if key in known}

    def named(self, text: str, limit: int) -> list[Station]:
        """Those that have all words in their name first."""
        wanted = _plain(text).split()
        if not wanted:
            return []
        loaded = self._ready()
        found: dict[str, Station] = {}
        for station_id, words in loaded.words.items():
            if all(word in words for word in wanted):
                station = loaded.stations[station_id]
                place = loaded.places.key(station)
                if place not in found or _merit(station, loaded.tariffs) < _merit(found[place], loaded.tariffs):
                    found[place] = station

        def order(station: Station) -> tuple[bool, str, str]:
            name = _plain(station.name)
            return not all(word in name for word in wanted), name, station.id

        return sorted(found.values(), key=order)[:limit]

    def state(self) -> IndexState:
        loaded = self._loaded
        if loaded is None:
            return IndexState(ready=False, stations=0, refreshed_at=None)
        return IndexState(ready=True, stations=len(loaded.stations), refreshed_at=loaded.refreshed_at)

    def _ready(self) -> _Loaded:
        if (loaded := self._loaded) is not None:
            return loaded
        with self._writing:
            # Another thread may have loaded it while this one waited.
            return self._loaded or self._load()[0]

    # --- keeping up ---------------------------------------------------------------------------------------

    def refresh(self) -> int:
        with self._writing:
            if self._loaded is None:
                return self._load()[1]
            now = self.clock.now()
            long_look = not timedelta(0) <= now - self._long_look_at < LONG_LOOK_EVERY
            overlap = LONG_OVERLAP if long_look else OVERLAP
            # From the last time on; a look that failed meanwhile, or a halted process, leaves no gap.
            since = min(self._loaded.refreshed_at, now) - overlap
            with self.database.read() as unit:
                written = unit.changes.since(since)
                news = [key for key, change in written.items() if self._seen.get(key) != change]
                self._take_in(unit, news)
            oldest = now - LONG_OVERLAP
            self._seen = {key: change for key, change in self._seen.items() if change.changed_at >= oldest} | written
            if long_look:
                self._long_look_at = now
            self._loaded = replace(self._loaded, refreshed_at=now)
            return len(news)

    def apply(self, station_ids: Sequence[str]) -> int:
        """Take in these stations as they are in the database now; returns how many there were to look at."""
        with self._writing:
            if self._loaded is None:
                return self._load()[1]
            ids = list(dict.fromkeys(station_ids))
            if ids:
                with self.database.read() as unit:
                    self._take_in(unit, ids)
            return len(ids)

    def _load(self) -> tuple[_Loaded, int]:
        now = self.clock.now()
        with self.database.read() as unit:
            seen = unit.changes.since(now - LONG_OVERLAP)
            stations = {one.id: one for one in unit.catalogue.stations() if _is_listed(one)}
            tariffs = unit.catalogue.tariffs()
            placings = unit.placings.of_all()
        put_right({}, stations, placings)
        words = {key: _words(one) for key, one in stations.items()}
        loaded = _Loaded(stations, words, Sites(stations.values()), Places.of(stations, placings), tariffs, now)
        self._seen, self._long_look_at, self._loaded = seen, now, loaded
        return loaded, len(stations)

    def _take_in(self, unit: SqlUnitOfWork, ids: Sequence[str]) -> None:
        loaded = self._loaded
        assert loaded is not None
        new = {one.id: one for one in unit.catalogue.stations(ids) if _is_listed(one)}
        wanted = {gun.tariff_id for one in new.values() for gun in one.connectors if gun.tariff_id}
        # Before the stations that refer to them, so that no reader finds a price missing.
        loaded.tariffs.update(unit.catalogue.tariffs(wanted - loaded.tariffs.keys()))
        gone = {key for key in ids if key not in new and key in loaded.stations}
        before, told = loaded.places.placings, unit.placings.of(ids)
        placings = before
        if any(before.get(key) != told.get(key) for key in ids):
            placings = {key: one for key, one in before.items() if key not in set(ids)} | told
        put_right(loaded.stations, new, placings)
        stay = all(_stays(one, loaded.stations.get(key)) for key, one in new.items())
        if not gone and placings is before and stay:
            loaded.words.update({key: _words(one) for key, one in new.items()})
            loaded.stations.update(new)
            return
        stations = {key: one for key, one in (loaded.stations | new).items() if key not in gone}
        put_right({}, stations, placings)
        words = {key: text for key, text in loaded.words.items() if key not in gone}
        words |= {key: _words(one) for key, one in new.items()}
        sites, places = Sites(stations.values()), Places.of(stations, placings)
        self._loaded = replace(loaded, stations=stations, words=words, sites=sites, places=places)


def _is_listed(station: Station) -> bool:
    return station.public and bool(station.connectors)


def _stays(new: Station, old: Station | None) -> bool:
    """Whether the station is known, has not moved, and means the same place by its own id."""
    if old is None or old.global_id != new.global_id:
        return False
    return (old.point.lat, old.point.lng) == (new.point.lat, new.point.lng)


def _passing(told: list[Station], filters: Filters, at: datetime, tariffs: dict[str, Tariff]) -> list[Station]:
    """The descriptions that do for these filters, best first. Whether a gun is free says the freshest of them, for
    all: its word is about the same guns."""
    if not filters.free_now:
        return sorted((one for one in told if filters.passes(one, at)), key=lambda one: _merit(one, tariffs))
    anyhow = replace(filters, free_now=False)
    fitting = [one for one in told if anyhow.passes(one, at)]
    teller = guns_told_by(fitting, filters, at)
    if teller is None or not filters.passes(teller, at):
        return []
    return sorted(fitting, key=lambda one: (not filters.passes(one, at), _merit(one, tariffs)))


def _merit(station: Station, tariffs: dict[str, Tariff]) -> tuple[bool, float, str, str]:
    """Of several descriptions of one place the least: with a known price, then the fresher status, then the smaller
    supplier."""
    priced = any(gun.tariff_id in tariffs for gun in station.connectors)
    stamps = [gun.status_at for gun in station.connectors if gun.status_at is not None]
    return not priced, -max(stamps, default=_LONG_AGO).timestamp(), station.supplier_id, station.id


def _words(station: Station) -> str:
    # A line break keeps words from matching across two fields.
    return _plain("\n".join((station.name, station.address, station.operator_name, station.guide)))


def _plain(text: str) -> str:
    """Case and width folded: "Ｔｅｓｌａ" is found by "tesla"."""
    return unicodedata.normalize("NFKC", text).casefold()
