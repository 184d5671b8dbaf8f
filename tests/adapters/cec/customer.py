"""Us, as the sandbox's customer over T/CEC 102: the callbacks over HTTP into the real desk, and the client beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from adapters.cec import callbacks
from adapters.cec.dialects import DIALECTS
from adapters.cec.sequences import mint_start_seq
from adapters.cec.supplier import CecSupplier
from adapters.sandbox import keys, sandbox_config
from adapters.sandbox.city import City
from core.charging import ChargeRecord
from core.clock import SystemClock
from core.services.desk import SupplierDeskService
from core.statements import OrderCheck
from core.station import ConnectorRef
from storage.engine import open_engine
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase
from tests.adapters.ocpi.partner import serving
from tests.adapters.sandbox.guest import Guest
from tests.adapters.sandbox.process import SandboxProcess
from tests.databases import database_in


class Customer(Guest):
    """Speaks one dialect with the sandbox, in both directions."""

    def __init__(self, sandbox: SandboxProcess, city: City, folder: Path, dialect: str) -> None:
        self.config = sandbox_config(sandbox.url, DIALECTS[dialect])
        self.supplier = CecSupplier(self.config, SystemClock())
        database = SqlDatabase(open_engine(database_in(folder)))
        super().__init__(sandbox, city, database, self.config.supplier_id)
        self.desk = SupplierDeskService(self.database, NoChangeStream(), SystemClock())
        self.callback_url = ""
        self.checks: list[OrderCheck] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        app = Flask("customer")
        routes = callbacks.blueprint([self.config], self.desk, self._held, SystemClock(), self.checked)
        assert routes is not None
        app.register_blueprint(routes)
        with serving(app) as url:
            self.callback_url = f"{url}/evcs/v1"
            self.sandbox.pull("dialect", name=self.config.dialect.name)
            self.sandbox.pull("pushes", url=self.callback_url, every_s=50, retry_s="0.1")
            self.arrive()
            try:
                yield
            finally:
                self.leave()
                self.sandbox.pull("pushes", url="", every_s=50, retry_s=60)
                self.sandbox.pull("dialect", name="cec-2016")
        self.database.close()

    def checked(self, supplier_id: str, check: OrderCheck) -> None:
        self.checks.append(check)

    def _held(self, supplier_id: str, record_ids: Sequence[str]) -> dict[str, ChargeRecord]:
        with self.database.read() as unit:
            found = {one: unit.records.record(supplier_id, one) for one in record_ids}
        return {one: record for one, record in found.items() if record is not None}

    def ref(self, gun_id: str) -> ConnectorRef:
        return ConnectorRef(keys.OPERATOR_ID, gun_id)

    def new_seq(self) -> str:
        return mint_start_seq(self.config.our_operator_id)
