"""Us, as the sandbox's customer: the callbacks over HTTP into the real desk, and the client beside them."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from adapters.cec import callbacks
from adapters.cec.dialects import DIALECTS
from adapters.cec.sequences import mint_start_seq
from adapters.cec.supplier import CecSupplier
from adapters.sandbox import keys, sandbox_config
from adapters.sandbox.city import City
from adapters.sandbox.life import CHINA
from core.charging import ChargeRecord, SessionUpdate
from core.clock import SystemClock
from core.services.desk import SupplierDeskService
from core.station import ConnectorRef
from storage.engine import open_engine
from storage.migrate import upgrade
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase
from tests.adapters.sandbox.process import SandboxProcess
from tests.contracts.charging import Booked

Found = TypeVar("Found")
_WITHIN_S = 20.0
# Ten minutes before the price changes at most stations, so that a charge crosses the boundary.
BEFORE_EIGHT = datetime(2026, 11, 23, 7, 50, tzinfo=CHINA)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Customer:
    """Speaks one dialect with the sandbox, in both directions."""

    def __init__(self, sandbox: SandboxProcess, city: City, folder: Path, dialect: str) -> None:
        self.sandbox, self.city = sandbox, city
        self.config = sandbox_config(sandbox.url, DIALECTS[dialect])
        self.supplier = CecSupplier(self.config, SystemClock())
        url = f"sqlite:///{folder / 'kilowatch.sqlite3'}"
        upgrade(url)
        self.database = SqlDatabase(open_engine(url))
        self.desk = SupplierDeskService(self.database, NoChangeStream(), SystemClock())
        self.callback_url = ""
        self._at = BEFORE_EIGHT
        self._used: set[str] = set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        app = Flask("customer")
        routes = callbacks.blueprint([self.config], self.desk, self._held, SystemClock())
        assert routes is not None
        app.register_blueprint(routes)
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.sandbox.pull("dialect", name=self.config.dialect.name)
        self.callback_url = f"http://127.0.0.1:{server.server_port}/evcs/v1"
        self.sandbox.pull("pushes", url=self.callback_url, every_s=50, retry_s="0.1")
        self.sandbox.pull("cars", kwh=200, power_kw=60)
        self._set_clock()
        try:
            yield
        finally:
            self.sandbox.pull("charging", fault=None)
            self.sandbox.pull("pushes", url="", every_s=50, retry_s=60)
            self.sandbox.pull("clock", at=None)
            self.sandbox.pull("dialect", name="cec-2016")
            server.shutdown()
            thread.join(5)
            server.server_close()
            self.database.engine.dispose()

    def _held(self, supplier_id: str, record_ids: Sequence[str]) -> dict[str, ChargeRecord]:
        with self.database.read() as unit:
            found = {one: unit.records.record(supplier_id, one) for one in record_ids}
        return {one: record for one, record in found.items() if record is not None}

    # --- tests.contracts.charging.ChargingSite --------------------------------------------------------------

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
        return ConnectorRef(keys.OPERATOR_ID, gun_id)

    def new_seq(self) -> str:
        return mint_start_seq(self.config.our_operator_id)

    def pass_time(self, *, minutes: float) -> None:
        self._at += timedelta(minutes=minutes)
        self._set_clock()

    def _set_clock(self) -> None:
        self.sandbox.pull("clock", at=self._at.isoformat(), speed=0)

    def starts_at(self, ref: ConnectorRef) -> int:
        [(count,)] = self.books("SELECT count(*) FROM sessions WHERE gun_id = ?", ref.connector_id)
        return int(count)

    def booked(self, start_seq: str) -> Booked:
        [row] = self.books(
            "SELECT energy_kwh, energy_yuan, service_yuan FROM sessions WHERE start_seq = ?", start_seq
        )
        energy_kwh, energy, service = (Decimal(text) for text in row)
        return Booked(energy_kwh, energy + service, energy, service)

    def record(self, start_seq: str) -> ChargeRecord:
        return self.wait_for(lambda: self.records(start_seq) or None)[0]

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
        self.sandbox.pull("status", connector_id=ref.connector_id, status=status, park_status=bay, seconds=10**7)
        yield

    # --- more -----------------------------------------------------------------------------------------------

    @contextmanager
    def fault(self, name: str, ref: ConnectorRef, **more: Any) -> Iterator[None]:
        self.sandbox.pull("charging", fault=name, connector_id=ref.connector_id, **more)
        try:
            yield
        finally:
            self.sandbox.pull("charging", fault=None)

    def records(self, start_seq: str) -> list[ChargeRecord]:
        with self.database.read() as unit:
            return unit.records.records_of(self.config.supplier_id, start_seq)

    def told(self, start_seq: str) -> SessionUpdate | None:
        with self.database.read() as unit:
            return unit.records.session(self.config.supplier_id, start_seq)

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
