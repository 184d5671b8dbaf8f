"""All public stations in memory, searchable by place and by name."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.geo import Point
from core.ports import Clock, Hit, IndexState, Nearby
from core.station import Station
from core.tariff import Tariff
from core.wishes import Filters
from storage.changes import Change
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
        """Places known by the same global id are one place: they are shown and counted once."""
        loaded, here = self._ready(), point.wgs84
        shown: dict[str, Hit] = {}
        hidden: set[str] = set()
        for station_id, distance_m in loaded.sites.within(here.lat, here.lng, radius_m):
            station = loaded.stations[station_id]
            place = _place(station)
            if not filters.passes(station, at):
                hidden.add(place)
            elif place not in shown or _better(station, shown[place].station, loaded.tariffs):
                shown[place] = Hit(station, distance_m)
        # Stable, so that equally far ones stay in the order of the sites.
        hits = sorted(shown.values(), key=lambda hit: hit.distance_m)
        return Nearby(hits[:limit], len(hidden - shown.keys()))

    def nearest_distance_m(self, point: Point) -> float | None:
        here = point.wgs84
        return self._ready().sites.nearest_m(here.lat, here.lng)

    def get(self, station_id: str) -> Station | None:
        return self._ready().stations.get(station_id)

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
                place = _place(station)
                if place not in found or _better(station, found[place], loaded.tariffs):
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
        words = {key: _words(one) for key, one in stations.items()}
        loaded = _Loaded(stations, words, Sites(stations.values()), tariffs, now)
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
        if not gone and all(_stays(one, loaded.stations.get(key)) for key, one in new.items()):
            loaded.words.update({key: _words(one) for key, one in new.items()})
            loaded.stations.update(new)
            return
        stations = {key: one for key, one in (loaded.stations | new).items() if key not in gone}
        words = {key: text for key, text in loaded.words.items() if key not in gone}
        words |= {key: _words(one) for key, one in new.items()}
        self._loaded = replace(loaded, stations=stations, words=words, sites=Sites(stations.values()))


def _is_listed(station: Station) -> bool:
    return station.public and bool(station.connectors)


def _stays(new: Station, old: Station | None) -> bool:
    """Whether the station is known and has not moved."""
    return old is not None and (old.point.lat, old.point.lng) == (new.point.lat, new.point.lng)


def _place(station: Station) -> str:
    return station.global_id or station.id


def _better(one: Station, other: Station, tariffs: dict[str, Tariff]) -> bool:
    """Of two descriptions of one place: with a known price, then the fresher status, then the smaller supplier."""

    def rank(station: Station) -> tuple[bool, float, str]:
        priced = any(gun.tariff_id in tariffs for gun in station.connectors)
        stamps = [gun.status_at for gun in station.connectors if gun.status_at is not None]
        return not priced, -max(stamps, default=_LONG_AGO).timestamp(), station.supplier_id

    return rank(one) < rank(other)


def _words(station: Station) -> str:
    # A line break keeps words from matching across two fields.
    return _plain("\n".join((station.name, station.address, station.operator_name, station.guide)))


def _plain(text: str) -> str:
    """Case and width folded: "Ｔｅｓｌａ" is found by "tesla"."""
    return unicodedata.normalize("NFKC", text).casefold()
