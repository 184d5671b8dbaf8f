"""Merging: finds the stations that several suppliers describe, keeps the links, and lets a person part them.

The whole catalogue is compared when a process first runs this, and once a day; in between only what stands around
stations whose list entry changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from core.errors import NotFound
from core.merging import (
    MATCH_WITHIN_M,
    Description,
    Evidence,
    Lessons,
    Link,
    Part,
    Splits,
    WrongDatum,
    close_pairs,
    describe,
    gather,
    matches,
    study,
)
from core.ports import ChangeStream, Clock, Database, Position, UnitOfWork
from core.station import Rejected, Station

ALL_EVERY = timedelta(hours=24)
# A write carries the time at which its work began: look back over the longest import.
OVERLAP = timedelta(minutes=15)
WORK, LEASE_S = "merge_places", 1800.0  # as long as the job may take (jobs/names.py)
WRONG_DATUM = "wrong_datum"
# Around more changes than this share of the catalogue, looking at all of it is quicker.
MOST_AROUND = 0.2


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What one run did. `stations` were compared; `changed` belong elsewhere now."""

    whole: bool
    stations: int
    places: int  # with more than one station, among those compared
    changed: int
    wrong_datums: tuple[WrongDatum, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class MergedPlace:
    """A place with the stations that describe it and the pairs that brought them together."""

    id: str
    links: tuple[Link, ...]
    stations: tuple[Station, ...]

    @property
    def evidence(self) -> list[Evidence]:
        return [one for link in self.links for one in link.evidence]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a whole supplier, found by comparing it with others."""

    supplier_id: str
    reason: str
    detail: str
    last_seen_at: datetime


class MergingService:
    """One place, many suppliers. A run remembers what it has seen, for as long as the process lives."""

    def __init__(self, database: Database, stream: ChangeStream, clock: Clock) -> None:
        self.database, self.stream, self.clock = database, stream, clock
        self._seen: dict[str, str] = {}  # fingerprints
        self._seen_splits: frozenset[frozenset[str]] = frozenset()
        self._positions: dict[str, Position] = {}
        self._lessons = Lessons()
        self._ran_at: datetime | None = None
        self._whole_at: datetime | None = None

    # --- running --------------------------------------------------------------------------------------------

    def run(self) -> MergeReport | None:
        """Bring the links up to date. None when another process is at it."""
        return self._alone(whole=False)

    def run_all(self) -> MergeReport | None:
        """Compare everything anew. None when another process is at it."""
        return self._alone(whole=True)

    def _alone(self, *, whole: bool) -> MergeReport | None:
        started = self.clock.now()
        with self.database.write() as unit:
            if not unit.ticks.lease(WORK, started, LEASE_S):
                return None
        try:
            return self._run(started, whole)
        finally:
            with self.database.write() as unit:
                unit.ticks.release(WORK, started)

    def _run(self, at: datetime, whole: bool) -> MergeReport:
        since = None
        if not whole and self._whole_at and self._ran_at and timedelta(0) <= at - self._whole_at < ALL_EVERY:
            since = self._ran_at - OVERLAP
        with self.database.read() as unit:
            news = unit.links.fingerprints(since)
            splits = frozenset(frozenset((one.one, one.other)) for one in unit.links.splits())
            changed = {key for key, mark in news.items() if self._seen.get(key, "") != mark}
            changed |= set(chain.from_iterable(splits ^ self._seen_splits))
            if since is None or len(changed) > MOST_AROUND * max(len(self._seen), 1):
                found = self._compare_all(unit, splits)
            else:
                found = self._compare_around(unit, changed, splits)
        with self.database.write() as unit:
            touched = unit.links.save(found.links, found.looked_at, at)
            for wrong in self._lessons.wrong_datums.values() if found.whole else ():
                unit.catalogue.quarantine(wrong.supplier_id, [_as_rejected(wrong)], at)
        self.stream.publish(touched)
        self._seen |= news
        self._seen_splits, self._ran_at = splits, at
        if found.whole:
            self._whole_at = at
        return MergeReport(
            whole=found.whole,
            stations=len(found.looked_at),
            places=len({link.place_id for link in found.links if link.part is not Part.SPLIT}),
            changed=len(touched),
            wrong_datums=tuple(self._lessons.wrong_datums.values()),
            seconds=(self.clock.now() - at).total_seconds(),
        )

    def _compare_all(self, unit: UnitOfWork, splits: Splits) -> _Found:
        self._positions = {one.station_id: one for one in unit.links.positions()}
        known = [describe(one) for one in unit.catalogue.stations() if one.public and one.connectors]
        self._lessons = study(known)
        pairs = matches(known, self._lessons, splits)
        before = unit.links.links()
        places = {key: link.place_id for key, link in before.items()}
        links = gather(known, pairs, splits, self._lessons.wrong_datums, places)
        return _Found(links, {one.id for one in known} | before.keys(), whole=True)

    def _compare_around(self, unit: UnitOfWork, changed: set[str], splits: Splits) -> _Found:
        """The neighbours of a changed station may find another twin, and so may the others of its place. To judge
        those fairly, their neighbours and the neighbours of these are looked at as rivals."""
        if not changed:
            return _Found([], set(), whole=False)
        old = unit.links.links(changed)
        changed = changed | {link.station_id for link in unit.links.members(link.place_id for link in old.values())}
        rings = self._rings(unit, changed)
        pairs = [
            pair
            for pair in matches(_described(unit, rings.rivals), self._lessons, splits)
            if pair.by_id or pair.one in rings.judged or pair.other in rings.judged
        ]
        reached = set(rings.judged).union(*((pair.one, pair.other) for pair in pairs))
        places = {link.place_id for link in unit.links.links(reached).values()}
        members = unit.links.members(places)
        before = {link.station_id: link.place_id for link in members}
        # What was found between others and is not judged again stands.
        told = {(pair.one, pair.other) for pair in pairs}
        pairs += [
            pair
            for link in members
            for pair in link.evidence
            if not {pair.one, pair.other} & rings.judged and (pair.one, pair.other) not in told
        ]
        looked_at = reached | before.keys()
        known = _described(unit, looked_at)
        there = {one.id for one in known}
        pairs = [pair for pair in pairs if pair.one in there and pair.other in there]
        pairs.sort(key=lambda pair: (not pair.by_id, -pair.score, pair.one, pair.other))
        links = gather(known, pairs, splits, self._lessons.wrong_datums, before)
        return _Found(links, looked_at, whole=False)

    def _rings(self, unit: UnitOfWork, changed: set[str]) -> _Rings:
        """Also around where a station was before: who stood beside it has one rival less."""
        now = {one.station_id: one for one in unit.links.positions()}
        gone = [self._positions[key] for key in changed if key in self._positions]
        self._positions = now
        every = [*now.values(), *gone]
        one, other, _ = close_pairs(*self._lessons.positions(every), MATCH_WITHIN_M)
        ids = [position.station_id for position in every]

        def wider(inside: set[str]) -> set[str]:
            marked: NDArray[np.bool_] = np.array([key in inside for key in ids], dtype=np.bool_)
            reached = np.union1d(other[marked[one]], one[marked[other]])
            return inside.union(ids[n] for n in reached.tolist())

        named = {position.global_key for position in every if position.station_id in changed} - {""}
        same_id = {position.station_id for position in every if position.global_key in named}
        judged = wider(changed | same_id)
        # Whole places are judged: what one member may join depends on the others.
        places = {link.place_id for link in unit.links.links(judged).values()}
        judged |= {link.station_id for link in unit.links.members(places)}
        return _Rings(judged, wider(wider(judged)))

    # --- people ---------------------------------------------------------------------------------------------

    def split(self, one: str, other: str, who: str) -> None:
        """Never take these two stations for one place again. Raises NotFound. The next run acts on it."""
        with self.database.write() as unit:
            if one == other or len(list(unit.catalogue.stations([one, other]))) != 2:
                raise NotFound("no_such_station")
            unit.links.split(one, other, who, self.clock.now())

    def unsplit(self, one: str, other: str) -> bool:
        """Let the rules decide again about these two. False when nobody had split them."""
        with self.database.write() as unit:
            return unit.links.unsplit(one, other)

    def places(self, place_id: str | None = None) -> list[MergedPlace]:
        """The merged places, or the one that this place or station belongs to. Raises NotFound."""
        with self.database.read() as unit:
            if place_id is None:
                links = list(unit.links.links().values())
            else:
                own = unit.links.links([place_id]).get(place_id)
                links = unit.links.members([own.place_id]) if own else []
                if not links:
                    raise NotFound("no_such_station")
            grouped: dict[str, list[Link]] = defaultdict(list)
            for link in links:
                grouped[link.place_id].append(link)
            stations = {one.id: one for one in unit.catalogue.stations([link.station_id for link in links])}
        return [
            MergedPlace(key, tuple(members), tuple(stations[one.station_id] for one in members))
            for key, members in sorted(grouped.items())
            if len(members) > 1 and all(one.station_id in stations for one in members)
        ]

    def findings(self) -> list[Finding]:
        """Suppliers whose points are in a wrong datum, as long as places are linked with the shift removed."""
        with self.database.read() as unit:
            links = unit.links.links().values()
            suppliers = sorted({key for link in links for one in link.evidence for key in one.shifted})
            rows = [row for key in suppliers for row in unit.catalogue.quarantined(key, 10_000)]
        return [
            Finding(row.supplier_id, row.reason, row.detail, row.last_seen_at)
            for row in rows
            if row.reason == WRONG_DATUM
        ]


@dataclass(frozen=True, slots=True)
class _Found:
    links: list[Link]
    looked_at: set[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Rings:
    judged: set[str]  # whose twins are looked for anew
    rivals: set[str]  # and everybody who could be taken for one of them


def _described(unit: UnitOfWork, station_ids: Iterable[str]) -> list[Description]:
    stations = unit.catalogue.stations(sorted(station_ids))
    return [describe(one) for one in stations if one.public and one.connectors]


def _as_rejected(wrong: WrongDatum) -> Rejected:
    """A finding about a whole supplier, as a row of quarantine that is counted when it is found again."""
    detail = (
        f"points read as {wrong.believed} fit as {wrong.really}: {wrong.twins} instead of {wrong.twins_as_told} of"
        f" {wrong.looked_at} stations then have a twin at {', '.join(wrong.against)}; {wrong.shift_m:.0f} m apart"
    )
    return Rejected("", WRONG_DATUM, detail, f"{wrong.believed} -> {wrong.really}")
