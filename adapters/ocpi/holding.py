"""What a partner told us, kept in its own words: PATCH needs it, GET returns it, and newer beats older by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.ocpi.envelope import dumps, loads
from adapters.ocpi.messages import Source, objects, party_of, to_station
from adapters.ocpi.pricebook import PriceBook, newest_of
from adapters.ocpi.tariffs import is_tariff, read_tariff
from adapters.text import utc
from core.ports import Clock, Database, PartnerObject, UnitOfWork
from core.station import Rejected, Station

LOCATIONS, TARIFFS, SESSIONS, CDRS = "locations", "tariffs", "sessions", "cdrs"
WANTED = "wanted"  # locations that pushes spoke of and we do not hold
MOST_WANTED = 100


def held_object(key: str, thing: Mapping[str, Any], mark: str = "") -> PartnerObject:
    return PartnerObject(key, dumps(dict(thing)), utc(thing.get("last_updated")), mark)


class Holding:
    """One partner's objects."""

    def __init__(self, supplier_id: str, database: Database, clock: Clock) -> None:
        self.supplier_id, self.database, self.clock = supplier_id, database, clock

    def get(self, module: str, key: str) -> dict[str, Any] | None:
        return self.many(module, [key]).get(key)

    def many(self, module: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        with self.database.read() as unit:
            found = unit.partner_objects.many(self.supplier_id, module, keys)
        return {key: loads(one.document) for key, one in found.items()}

    def marked(self, module: str, mark: str) -> list[dict[str, Any]]:
        with self.database.read() as unit:
            found = unit.partner_objects.marked(self.supplier_id, module, mark)
        return [loads(one.document) for one in found]

    def naming(self, module: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Those in which this text stands as a JSON string."""
        with self.database.read() as unit:
            found = unit.partner_objects.containing(self.supplier_id, module, dumps(text))
        for one in found:
            yield one.key, loads(one.document)

    def take(self, module: str, told: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Keep a page of a pull; returns for each key what stands now: a push may have overtaken the list."""
        standing: dict[str, dict[str, Any]] = {}
        changed: list[PartnerObject] = []
        with self.database.write() as unit:
            held = unit.partner_objects.many(self.supplier_id, module, list(told))
            for key, thing in told.items():
                new, old = held_object(key, thing), held.get(key)
                if old is not None and old.updated_at and new.updated_at and new.updated_at < old.updated_at:
                    standing[key] = loads(old.document)
                    continue
                standing[key] = thing
                if old is None or old.document != new.document:
                    changed.append(replace(new, mark=old.mark if old else ""))
            unit.partner_objects.save(self.supplier_id, module, changed)
        return standing

    def want(self, key: str, location_id: str) -> None:
        """Ask for this location with the next look for changes."""
        with self.database.write() as unit:
            if len(unit.partner_objects.all(self.supplier_id, WANTED)) < MOST_WANTED:
                note = PartnerObject(key, dumps({"id": location_id}), self.clock.now())
                unit.partner_objects.save(self.supplier_id, WANTED, [note])

    def take_wanted(self) -> list[str]:
        """The ids of the locations to ask for; each is named once."""
        with self.database.write() as unit:
            notes = unit.partner_objects.all(self.supplier_id, WANTED)
            for one in notes:
                unit.partner_objects.remove(self.supplier_id, WANTED, one.key)
        return [str(loads(one.document)["id"]) for one in notes]

    def save(self, unit: UnitOfWork, module: str, key: str, thing: Mapping[str, Any], mark: str = "") -> None:
        unit.partner_objects.save(self.supplier_id, module, [held_object(key, thing, mark)])

    def locked(self, unit: UnitOfWork, module: str, key: str) -> dict[str, Any] | None:
        """What is held, and nobody else changes it until the end of the unit."""
        found = unit.partner_objects.get(self.supplier_id, module, key)
        return loads(found.document) if found else None

    def prices_for(self, locations: Iterable[Mapping[str, Any]], seen_at: datetime | None) -> PriceBook:
        """The tariffs that these locations name."""
        keys = {
            key
            for location in locations
            for tariff_id in tariff_ids_of(location)
            for key in (f"{party_of(location)}:{tariff_id}".upper(), tariff_id.upper())
        }
        return self._book(self.many(TARIFFS, sorted(keys)).values(), seen_at)

    def all_prices(self, seen_at: datetime | None) -> PriceBook:
        with self.database.read() as unit:
            held = unit.partner_objects.all(self.supplier_id, TARIFFS)
        return self._book([loads(one.document) for one in held], seen_at)

    def _book(self, things: Iterable[Mapping[str, Any]], seen_at: datetime | None) -> PriceBook:
        tariffs = newest_of(read_tariff(one) for one in things if is_tariff(one))
        return PriceBook(tariffs, self.clock.now(), seen_at)


def read_location(
    thing: Mapping[str, Any], external_id: str, source: Source, book: PriceBook
) -> tuple[Station, list[Rejected]]:
    """The station, and the EVSEs and tariffs that cannot be used. Raises Refused when nothing of it can."""
    book.take_texts()
    bad: list[Rejected] = []
    station = to_station(thing, external_id, source, book.price_of, bad)
    if texts := book.take_texts():
        station = replace(station, price_text=texts)
    return station, [*bad, *book.take_refused()]


def tariff_ids_of(location: Mapping[str, Any]) -> Iterator[str]:
    """All tariff ids at the connectors of a location."""
    for evse in objects(location.get("evses")):
        for plug in objects(evse.get("connectors")):
            ids = plug.get("tariff_ids") or [plug.get("tariff_id")]
            yield from (str(one) for one in (ids if isinstance(ids, list) else [ids]) if one)
