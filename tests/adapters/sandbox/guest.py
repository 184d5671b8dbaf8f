"""A customer of the sandbox operator, whatever it speaks: free guns, the city's clock, faults, and the books."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from adapters.sandbox.city import City
from adapters.sandbox.life import CHINA
from core.charging import ChargeRecord, SessionUpdate
from core.station import ConnectorRef
from storage.unit_of_work import SqlDatabase
from tests.adapters.sandbox.process import SandboxProcess
from tests.contracts.charging import Booked

Found = TypeVar("Found")
_WITHIN_S = 90.0
# Ten minutes before the price changes at most stations, so that a charge crosses the boundary; and still to come:
# what the city says then must be newer than what was heard when its list was read, which is dated by the real clock.
BEFORE_EIGHT = (datetime.now(CHINA) + timedelta(days=2)).replace(hour=7, minute=50, second=0, microsecond=0)


class Guest:
    """tests.contracts.charging.ChargingSite, and more."""

    def __init__(self, sandbox: SandboxProcess, city: City, database: SqlDatabase, supplier_id: str) -> None:
        self.sandbox, self.city, self.database, self.supplier_id = sandbox, city, database, supplier_id
        self._at = BEFORE_EIGHT
        self._used: set[str] = set()

    def arrive(self) -> None:
        self.sandbox.pull("cars", kwh=200, power_kw=60)
        self._set_clock()

    def leave(self) -> None:
        self.sandbox.pull("charging", fault=None)
        self.sandbox.pull("clock", at=None)

    # --- guns and time --------------------------------------------------------------------------------------

    def ref(self, gun_id: str) -> ConnectorRef:
        raise NotImplementedError

    def new_seq(self) -> str:
        raise NotImplementedError

    def free_gun(self) -> ConnectorRef:
        """Another one at each call: a fast gun whose price changes at eight, and nobody's before."""
        self._used |= {gun for (gun,) in self.books("SELECT gun_id FROM sessions")}
        gun_id = next(
            gun.id
            for place in self.city.places
            for gun in place.guns
            if gun.power_kw >= 60
            and gun.id not in self._used
            and any(one.start == "080000" for one in place.prices(gun))
        )
        self._used.add(gun_id)
        self.sandbox.pull("status", connector_id=gun_id, status=1, park_status=10, seconds=10**7)
        return self.ref(gun_id)

    def gun_id(self, ref: ConnectorRef) -> str:
        return ref.connector_id

    def pass_time(self, *, minutes: float) -> None:
        self._at += timedelta(minutes=minutes)
        self._set_clock()

    def _set_clock(self) -> None:
        self.sandbox.pull("clock", at=self._at.isoformat(), speed=0)

    # --- faults ---------------------------------------------------------------------------------------------

    @contextmanager
    def start_unanswered(self, ref: ConnectorRef) -> Iterator[None]:
        with self.fault("start_silent", ref, seconds="0.1"):
            yield

    @contextmanager
    def refuses(self, ref: ConnectorRef, reason: str) -> Iterator[None]:
        states = {
            "gun_busy": (3, 50), "gun_fault": (255, 0), "gun_offline": (0, 0), "not_plugged_in": (1, 50),
        }  # fmt: skip
        if reason == "other":
            with self.fault("start_refused", ref, fail_reason=88):
                yield
            return
        status, bay = states[reason]
        self.sandbox.pull("status", connector_id=self.gun_id(ref), status=status, park_status=bay, seconds=10**7)
        yield

    @contextmanager
    def fault(self, name: str, ref: ConnectorRef, **more: Any) -> Iterator[None]:
        self.sandbox.pull("charging", fault=name, connector_id=self.gun_id(ref), **more)
        try:
            yield
        finally:
            self.sandbox.pull("charging", fault=None)

    # --- books and what we were told ------------------------------------------------------------------------

    def starts_at(self, ref: ConnectorRef) -> int:
        [(count,)] = self.books("SELECT count(*) FROM sessions WHERE gun_id = ?", self.gun_id(ref))
        return int(count)

    def booked(self, start_seq: str) -> Booked:
        query = "SELECT energy_kwh, energy_yuan, service_yuan FROM sessions WHERE start_seq LIKE ?"
        [row] = self.books(query, f"%{start_seq}")
        energy_kwh, energy, service = (Decimal(text) for text in row)
        return Booked(energy_kwh, energy + service, energy, service)

    def record(self, start_seq: str) -> ChargeRecord:
        return self.wait_for(lambda: self.records(start_seq) or None)[0]

    def records(self, start_seq: str) -> list[ChargeRecord]:
        with self.database.read() as unit:
            return unit.records.records_of(self.supplier_id, start_seq)

    def told(self, start_seq: str) -> SessionUpdate | None:
        with self.database.read() as unit:
            return unit.records.session(self.supplier_id, start_seq)

    def pushes(self, interface: str, start_seq: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Outcome and answer of each push of this interface that is about this number."""
        rows = self.books(
            "SELECT outcome, answer FROM pushes WHERE interface = ? AND message LIKE ? ORDER BY id",
            interface,
            f"%{start_seq}%",
        )
        return [(outcome, json.loads(answer or "{}")) for outcome, answer in rows]

    def books(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        db = sqlite3.connect(self.sandbox.data_dir / "books.sqlite")
        try:
            return db.execute(query, values).fetchall()
        finally:
            db.close()

    def wait_for(self, look: Callable[[], Found | None]) -> Found:
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            found = look()
            if found is not None:
                return found
            time.sleep(0.02)
        raise AssertionError(f"nothing within {_WITHIN_S:.0f} s; pushes: {self.books('SELECT * FROM pushes')[-5:]}")
