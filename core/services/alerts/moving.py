"""Guns that are called something else now: a supplier has corrected their power or their plug.

What they cost is another series from then on. Once the old one has lapsed, whoever watched it watches the guns that
took its place, and is told what they cost less than wished now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.ports import PricedGun, PriceSeries, UnitOfWork
from core.prices.watching import Rule
from core.watch import StandingWatch, StationGuns


def follow_guns(unit: UnitOfWork, lapsed: Sequence[PriceSeries], at: datetime) -> int:
    """See to the watches on these series; how many moved. Where none of its guns is left at the station but others
    are: to those of the same plug with the nearest power, else to the only ones there are."""
    stations = {one.id: one.station_id for one in lapsed}
    watches = [one for rule in Rule for one in unit.watches.of_series(stations, rule)]
    if not watches:
        return 0
    kinds: dict[str, dict[int, PricedGun]] = defaultdict(dict)
    for gun in unit.prices.guns({one.place.station_id for one in watches if isinstance(one.place, StationGuns)}):
        kinds[gun.station_id][gun.series_id] = gun
    moved = [new for one in watches if (new := _moved(one, kinds, at)) is not None]
    unit.watches.save(moved)
    return len(moved)


def _moved(watch: StandingWatch, kinds: Mapping[str, Mapping[int, PricedGun]], at: datetime) -> StandingWatch | None:
    """None: it stays where it is."""
    was = watch.place
    assert isinstance(was, StationGuns), "watches on series are on stations"
    here = kinds.get(was.station_id, {})
    alike = [gun for gun in here.values() if gun.plug is was.plug] or (list(here.values()) if len(here) == 1 else [])
    if was.series_id in here or not alike:
        return None
    power_kw = was.power_kw or Decimal(0)
    gun = min(alike, key=lambda one: (abs((one.power_kw or Decimal(0)) - power_kw), one.series_id))
    told = gun.series_id if watch.said_series == was.series_id else watch.said_series
    place = StationGuns(was.station_id, gun.series_id, gun.plug, gun.power_kw)
    return replace(watch, place=place, said_series=told, look_at=at, changed_at=at)
