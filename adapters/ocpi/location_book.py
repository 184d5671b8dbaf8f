"""Changes of held locations, one after the other, and those that come together in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.ocpi.envelope import loads
from adapters.ocpi.holding import LOCATIONS, held_object
from adapters.ocpi.shapes import PushRefused
from core.ports import Database
from core.services.together import Together


class Overtaken(Exception):
    """The push is older than what we hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to make of a location. `make` gets what is held, or None, and raises PushRefused or Overtaken."""

    supplier_id: str
    key: str
    make: Callable[[dict[str, Any] | None], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Changed:
    before: dict[str, Any] | None
    after: dict[str, Any]


class LocationBook:
    """Safe from many threads and processes. A change is on the disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._together = Together(self._all)

    def change(self, supplier_id: str, key: str, make: Callable[[dict[str, Any] | None], dict[str, Any]]) -> Changed:
        """Raises what `make` raises."""
        done = self._together(Change(supplier_id, key, make))
        if isinstance(done, Exception):
            raise done
        return done

    def _all(self, changes: Sequence[Change]) -> list[Changed | PushRefused | Overtaken]:
        done: list[Changed | PushRefused | Overtaken] = []
        with self.database.write() as unit:
            held: dict[tuple[str, str], dict[str, Any]] = {}
            for supplier_id in sorted({one.supplier_id for one in changes}):
                keys = [one.key for one in changes if one.supplier_id == supplier_id]
                found = unit.partner_objects.many(supplier_id, LOCATIONS, keys)
                held |= {(supplier_id, key): loads(one.document) for key, one in found.items()}
            written: dict[tuple[str, str], dict[str, Any]] = {}
            for one in changes:
                place = (one.supplier_id, one.key)
                before = held.get(place)
                try:
                    after = one.make(before)
                except (PushRefused, Overtaken) as refusal:
                    done.append(refusal)
                    continue
                held[place] = written[place] = after
                done.append(Changed(before, after))
            for supplier_id in sorted({supplier_id for supplier_id, _ in written}):
                objects = [held_object(key, after) for (mine, key), after in written.items() if mine == supplier_id]
                unit.partner_objects.save(supplier_id, LOCATIONS, objects)
        return done
