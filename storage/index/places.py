"""Which stations of the index are one place: linked by the merging job, else known by the same global id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.merging import Part
from core.station import Station

# place, and what the station is within it
Placing = tuple[str, Part]


@dataclass(frozen=True, slots=True)
class Places:
    """Immutable. `members` holds only places of several stations."""

    placings: Mapping[str, Placing]  # by station
    members: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, stations: Mapping[str, Station], placings: Mapping[str, Placing]) -> Places:
        grouped: dict[str, list[str]] = defaultdict(list)
        for key, station in stations.items():
            if key in placings or station.global_id:
                grouped[_key(station, placings)].append(key)
        return cls(placings, {key: tuple(sorted(ids)) for key, ids in grouped.items() if len(ids) > 1})

    def key(self, station: Station) -> str:
        return _key(station, self.placings)

    def mates(self, station: Station) -> tuple[str, ...]:
        """The ids of all descriptions of the place, this one's included."""
        return self.members.get(self.key(station), (station.id,))

    def is_linked(self, station_id: str) -> bool:
        """Whether the merging has looked at it: then it stands near the others of its place."""
        return station_id in self.placings


def put_right(stations: Mapping[str, Station], news: dict[str, Station], placings: Mapping[str, Placing]) -> None:
    """Stations whose supplier writes a wrong datum stand, in `news`, where the anchor of their place stands."""
    for key, station in news.items():
        place_id, part = placings.get(key, ("", Part.MEMBER))
        anchor = news.get(place_id) or stations.get(place_id)
        if part is Part.SHIFTED and anchor is not None:
            news[key] = replace(station, point=anchor.point)


def _key(station: Station, placings: Mapping[str, Placing]) -> str:
    if (placing := placings.get(station.id)) is not None:
        return placing[0]
    return station.global_id or station.id
