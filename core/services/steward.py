"""For the people who run it: how each supplier does, and taking its word or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import KilowatchError
from core.ports import Clock, Database, Freeze


@dataclass(frozen=True, slots=True)
class SupplierRow:
    """One supplier at a glance. `ages` says how long ago each kind of pull, or a push, last went well."""

    supplier_id: str
    name: str
    stations: int
    guns: int
    ages: Mapping[str, timedelta]
    last_error: str
    last_error_at: datetime | None
    freeze: Freeze | None
    thawed: bool  # the next full list will be believed, however it looks

    @property
    def state(self) -> str:
        return "frozen" if self.freeze else "thawed" if self.thawed else "ok"

    def to_json(self) -> dict[str, object]:
        """For scripts: ages in whole seconds, moments as text."""
        return {
            "id": self.supplier_id,
            "name": self.name,
            "state": self.state,
            "stations": self.stations,
            "guns": self.guns,
            "age_s": {asked: int(age.total_seconds()) for asked, age in self.ages.items()},
            "last_error": self.last_error,
            "last_error_at": self.last_error_at.isoformat() if self.last_error_at else None,
            "frozen_why": self.freeze.reason if self.freeze else None,
            "frozen_by": self.freeze.who if self.freeze else None,
            "frozen_at": self.freeze.frozen_at.isoformat() if self.freeze else None,
        }


class Steward:
    """What `kilowatch supplier` does."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock

    def suppliers(self) -> list[SupplierRow]:
        now = self.clock.now()
        with self.database.read() as unit:
            states, guns = unit.catalogue.suppliers(), unit.catalogue.gun_counts()
            freezes = {freeze.supplier_id: freeze for freeze in unit.freezes.all()}
            thawed = {state.supplier.id for state in states if unit.freezes.believed(state.supplier.id)}
        return [
            SupplierRow(
                supplier_id=state.supplier.id,
                name=state.supplier.name,
                stations=state.stations,
                guns=guns.get(state.supplier.id, 0),
                ages={asked: now - at for asked, at in sorted(state.last_success_at.items())},
                last_error=state.last_error,
                last_error_at=state.last_error_at,
                freeze=freezes.get(state.supplier.id),
                thawed=state.supplier.id in thawed,
            )
            for state in states
        ]

    def freeze(self, supplier_id: str, why: str, who: str) -> bool:
        """Take nothing more from it; False when it is frozen already. Raises KilowatchError."""
        self._known(supplier_id)
        with self.database.write() as unit:
            return unit.freezes.freeze(Freeze(supplier_id, why, who, self.clock.now()))

    def thaw(self, supplier_id: str, who: str) -> bool:
        """Take its word again, and its next full list however it looks; False when it is not frozen.

        Raises KilowatchError.
        """
        self._known(supplier_id)
        with self.database.write() as unit:
            return unit.freezes.thaw(supplier_id, who, self.clock.now())

    def _known(self, supplier_id: str) -> None:
        with self.database.read() as unit:
            known = [state.supplier.id for state in unit.catalogue.suppliers()]
        if supplier_id not in known:
            raise KilowatchError(f"no supplier {supplier_id}; there are: {', '.join(known) or 'none'}")
