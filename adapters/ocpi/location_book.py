"""Changes of held locations, one after the other, and those that come together in one transaction.

The state of an EVSE, by far the most frequent push, goes to the desk in the same transaction: what a partner told us
and what drivers see never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.ocpi.envelope import loads
from adapters.ocpi.holding import LOCATIONS, held_object
from adapters.ocpi.shapes import PushRefused
from core.ports import Clock, Database, SupplierDesk, UnitOfWork
from core.services.together import Together
from core.station import ConnectorRef, StatusReport

# What is held before, what stands after, and when: the states to tell at once, None where a push changed more.
States = Callable[[dict[str, Any], dict[str, Any], datetime], Sequence[StatusReport] | None]
_Place = tuple[str, str]  # supplier, key


class Overtaken(Exception):
    """The push is older than what we hold."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to make of a location. `make` gets what is held, or None, and raises PushRefused or Overtaken."""

    supplier_id: str
    key: str
    make: Callable[[dict[str, Any] | None], dict[str, Any]]
    states: States | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """`at` is later than that of every change before: states told with it are in the order of the pushes."""

    before: dict[str, Any] | None
    after: dict[str, Any]
    at: datetime
    is_told: bool = False  # the desk has taken its states and knows the guns


_Done = Changed | PushRefused | Overtaken


class LocationBook:
    """Safe from many threads and processes. A change is on the disk when the call returns."""

    def __init__(self, database: Database, desk: SupplierDesk, clock: Clock) -> None:
        self.database, self.desk, self.clock = database, desk, clock
        self._together = Together(self._all)

    def change(self, change: Change) -> Changed:
        """Raises what `make` raises."""
        done = self._together(change)
        if isinstance(done, Exception):
            raise done
        return done

    def waiting(self) -> int:
        """How many changes wait for the commit that is under way."""
        return self._together.waiting()

    def _all(self, changes: Sequence[Change]) -> list[_Done]:
        with self.database.write() as unit:
            held = self._held(unit, changes)
            at = self.clock.now()  # now that nobody else changes them
            done = [_applied(one, held, at) for one in changes]
            self._save(unit, changes, done)
            reports = [_reports(one, outcome) for one, outcome in zip(changes, done, strict=True)]
            told: dict[str, dict[ConnectorRef, StatusReport]] = {}
            for one, mine in zip(changes, reports, strict=True):
                told.setdefault(one.supplier_id, {}).update({report.ref: report for report in mine or ()})
            states = {supplier_id: list(newest.values()) for supplier_id, newest in told.items() if newest}
            taken = self.desk.take_states(unit, states)
        self.desk.announce(taken)
        return [
            _told(outcome, mine, taken.known.get(one.supplier_id, ()))
            for one, outcome, mine in zip(changes, done, reports, strict=True)
        ]

    def _held(self, unit: UnitOfWork, changes: Sequence[Change]) -> dict[_Place, dict[str, Any]]:
        held: dict[_Place, dict[str, Any]] = {}
        for supplier_id in sorted({one.supplier_id for one in changes}):
            keys = [one.key for one in changes if one.supplier_id == supplier_id]
            found = unit.partner_objects.many(supplier_id, LOCATIONS, keys)
            held |= {(supplier_id, key): loads(one.document) for key, one in found.items()}
        return held

    def _save(self, unit: UnitOfWork, changes: Sequence[Change], done: Sequence[_Done]) -> None:
        written: dict[str, dict[str, dict[str, Any]]] = {}
        for one, outcome in zip(changes, done, strict=True):
            if isinstance(outcome, Changed):
                written.setdefault(one.supplier_id, {})[one.key] = outcome.after
        for supplier_id, things in sorted(written.items()):
            unit.partner_objects.save(supplier_id, LOCATIONS, [held_object(key, one) for key, one in things.items()])


def _applied(change: Change, held: dict[_Place, dict[str, Any]], at: datetime) -> _Done:
    """The change, laid on what the ones before it in the batch have left."""
    place = change.supplier_id, change.key
    before = held.get(place)
    try:
        after = change.make(before)
    except (PushRefused, Overtaken) as refusal:
        return refusal
    held[place] = after
    return Changed(before, after, at)


def _reports(change: Change, outcome: _Done) -> Sequence[StatusReport] | None:
    if change.states is None or not isinstance(outcome, Changed) or outcome.before is None:
        return None
    return change.states(outcome.before, outcome.after, outcome.at)


def _told(outcome: _Done, reports: Sequence[StatusReport] | None, known: Container[ConnectorRef]) -> _Done:
    """An EVSE without plugs has nothing to tell."""
    if reports is None or not isinstance(outcome, Changed):
        return outcome
    return replace(outcome, is_told=not reports or any(one.ref in known for one in reports))
