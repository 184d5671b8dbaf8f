"""Looking up in the catalogue what a gun's code names, in every way that suppliers' lists write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.guncode import GunCode, Names, evse_key, issuer_of, loose_key, names_gun, names_pile, names_station
from core.ports import UnitOfWork
from core.shield import FoundGun
from core.station import ConnectorRef, Station, station_key

MOST_ALIKE = 10_000  # numbers looked through that begin like an EVSE id
# What more numbers begin with is no pile's number, or one that only says something beside the pile. A sticker that
# says "1" must not make us read the whole catalogue.
MOST_OF_PILE = 500


class Lookup:
    """In one transaction. `guns_of` gives the guns of a station with what else is known of them."""

    def __init__(self, unit: UnitOfWork, guns_of: Callable[[Station], list[FoundGun]]) -> None:
        self.unit, self.guns_of = unit, guns_of

    def guns(self, station_ids: Sequence[str]) -> list[FoundGun]:
        return [gun for station in self.unit.catalogue.stations(station_ids) for gun in self.guns_of(station)]

    def first(self, code: GunCode) -> list[FoundGun]:
        """What leaves least doubt comes first."""
        for way in (self._by_number, self._by_evse_id, self._by_station_id, self._by_pile):
            if found := way(code):
                return found
        return []

    def _by_number(self, code: GunCode) -> list[FoundGun]:
        """The operator's number, byte for byte, in the order of the code's candidates."""
        for one in code.candidates:
            if isinstance(one, ConnectorRef):
                only = replace(code, candidates=(one,))
                told = self.guns(self.unit.catalogue.stations_with([one.connector_id]))
                if found := [gun for gun in told if names_gun(only, gun.connector.ref)]:
                    return found
        return []

    def _by_evse_id(self, code: GunCode) -> list[FoundGun]:
        """An EVSE id, however the suppliers' lists write it."""
        if not code.evse_id or code.names is not Names.GUN:
            return []
        told = self.guns(self.unit.catalogue.stations_with(_spellings(code.evse_id)))
        found = [gun for gun in told if names_gun(code, gun.connector.ref)]
        wanted = loose_key(code.evse_id)
        for start in _beginnings(code.evse_id) if not found else ():
            alike = self.unit.catalogue.connector_ids(start, MOST_ALIKE)
            same = [one for one in alike if loose_key(one.partition(":")[0]) == wanted]
            told = self.guns(self.unit.catalogue.stations_with(same)) if same else []
            if found := [gun for gun in told if names_gun(code, gun.connector.ref)]:
                break
        return found

    def _by_station_id(self, code: GunCode) -> list[FoundGun]:
        """A pool or station in the manner of EVSE ids, which some lists take for the number of the station."""
        if code.names is not Names.STATION:
            return []
        suppliers = [state.supplier.id for state in self.unit.catalogue.suppliers()]
        written = _spellings(code.evse_id)
        ids = [station_key(supplier_id, one) for supplier_id in suppliers for one in written]
        return [gun for gun in self.guns(ids) if names_station(code, gun.station)]

    def _by_pile(self, code: GunCode) -> list[FoundGun]:
        """The guns of a pile: their numbers begin with the pile's."""
        if not code.pile_id:
            return []
        ids = self.unit.catalogue.connector_ids(code.pile_id, MOST_OF_PILE + 1)
        if len(ids) > MOST_OF_PILE:
            return []
        told = self.guns(self.unit.catalogue.stations_with(ids)) if ids else []
        return [gun for gun in told if names_pile(code, gun.connector)]

    def same_number(self, code: GunCode) -> list[FoundGun]:
        numbers = {one.connector_id for one in code.candidates if isinstance(one, ConnectorRef)}
        told = self.guns(self.unit.catalogue.stations_with(sorted(numbers))) if numbers else []
        return [gun for gun in told if gun.connector.ref.connector_id in numbers]


def _spellings(evse_id: str) -> list[str]:
    """The ways an id is written where its last part holds no separator, and as it is printed."""
    key = evse_key(evse_id)
    ways = [evse_id, evse_id.upper(), key, key.lower()]
    ways += (
        [f"{key[:2]}*{key[2:5]}*{key[5:]}", f"{key[:2]}*{key[2:5]}{key[5:]}"] if issuer_of(evse_id) else [f"+{key}"]
    )
    return list(dict.fromkeys(ways))


def _beginnings(evse_id: str) -> list[str]:
    """What numbers begin with that may be this id with a plug added, or with separators elsewhere."""
    key = evse_key(evse_id)
    if not issuer_of(evse_id):
        return [start for one in key.split("*")[:1] for start in (f"+{one}*", f"{one}*") if "*" in key]
    own = key[5:]
    heads = (f"{key[:2]}*{key[2:5]}*", key[:5])
    return [head + own for head in heads] + [head + own[:2] for head in heads] + [f"{heads[0]}{own[:1]}*"]
