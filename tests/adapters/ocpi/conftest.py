"""Our side of OCPI over a real database, reachable over HTTP, and a scripted partner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.breaker import Breaker
from adapters.http import SupplierHttp
from adapters.ocpi import callbacks, tokens
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.handshake import Handshake
from adapters.ocpi.house import House
from adapters.ocpi.partners import Connection, Endpoint, Partners
from adapters.ocpi.sealed import Sealer
from adapters.ocpi.supplier import OcpiSupplier
from adapters.ocpi.versions import Party
from core.services.desk import SupplierDeskService
from core.station import Station
from storage.engine import open_engine
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase
from tests.adapters.ocpi.partner import NOON, ScriptedCpo, serving
from tests.world import SetClock

US = Party("DE", "KWT", "EMSP", "Kilowatch")
SECRET = "a-secret-of-thirty-two-characters!"
OUR_TOKEN = "the-token-they-send-us"


def open_patiently(name: str, origins: tuple[str, ...]) -> SupplierHttp:
    """Without waiting between tries, and without a breaker that remembers the failures of a test."""
    return SupplierHttp(
        name,
        origins[0],
        allowed_origins=frozenset(origins),
        sleep=lambda _: None,
        breaker=lambda: Breaker(opens_after=1_000),
    )


@dataclass
class OurSide:
    """Database, desk, web and the one partner "cpo" of the suppliers file."""

    database: SqlDatabase
    clock: SetClock
    house: House
    desk: SupplierDeskService
    config: OcpiConfig
    web: Flask

    @property
    def partners(self) -> Partners:
        return self.house.partners

    @property
    def handshake(self) -> Handshake:
        return Handshake(self.config, self.house)

    @property
    def supplier(self) -> OcpiSupplier:
        return OcpiSupplier(self.config, self.house)

    def registered(self, cpo: ScriptedCpo) -> OcpiSupplier:
        """As after a handshake."""
        cpo.tokens = {"token-c"}
        endpoints = tuple(
            Endpoint(one["identifier"], one.get("role", ""), one["url"]) for one in cpo.details()["endpoints"]
        )
        self.knows(cpo.version, cpo.url or "http://127.0.0.1:9", endpoints)
        return self.supplier

    def knows(self, version: str = "2.2.1", url: str = "http://127.0.0.1:9", endpoints: tuple = ()) -> None:
        connection = Connection(
            version=version,
            versions_url=f"{url}/versions",
            sealed_token=self.partners.sealer.seal("token-c"),
            encodes=version != "2.1.1",
            endpoints=endpoints,
            origins=(url,),
            parties=(Party("BE", "BEC"),),
        )
        self.partners.settle("cpo", OUR_TOKEN, connection)

    def station(self, external_id: str) -> Station | None:
        return self.desk.station("cpo", external_id)

    def quarantined(self) -> list[tuple[str, str]]:
        with self.database.read() as unit:
            return [(one.external_id, one.reason) for one in unit.catalogue.quarantined("cpo", 100)]


class Caller:
    """Calls our server as the partner does."""

    def __init__(self, client: FlaskClient, version: str = "2.2.1", token: str = OUR_TOKEN) -> None:
        self.client, self.version = client, version
        self.headers = {"Authorization": tokens.header(token, encoded=True)}

    def __call__(self, method: str, path: str, body: Any = None, *, code: int = 1000, status: int = 200) -> Any:
        """The data of the answer, which is always in the envelope and has these codes."""
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        reply = self.client.open(f"/ocpi/{self.version}/{path}", method=method, data=raw, headers=self.headers)
        answer = json.loads(reply.data)
        assert (answer["status_code"], reply.status_code) == (code, status), answer
        assert answer["timestamp"]
        self.reply, self.message = reply, answer["status_message"]
        return answer.get("data")


@pytest.fixture
def ours(sqlite_url: str) -> Iterator[OurSide]:
    with our_side(sqlite_url) as one:
        yield one


@contextmanager
def our_side(database_url: str, clock: SetClock | None = None) -> Iterator[OurSide]:
    database = SqlDatabase(open_engine(database_url))
    clock = clock or SetClock(NOON)
    desk = SupplierDeskService(database, NoChangeStream(), clock)
    partners = Partners(database, Sealer(SECRET), clock)
    config = OcpiConfig("cpo", "Scripted CPO", US)
    web = Flask("ours")
    with serving(web) as url:
        house = House(database, partners, clock, url, open_http=open_patiently)
        web.register_blueprint(callbacks.blueprint([config], house, desk))
        yield OurSide(database, clock, house, desk, config, web)
    database.close()


@pytest.fixture
def cpo() -> Iterator[ScriptedCpo]:
    one = ScriptedCpo()
    with serving(one.app) as one.url:
        yield one


@pytest.fixture
def supplier(ours: OurSide, cpo: ScriptedCpo) -> OcpiSupplier:
    return ours.registered(cpo)


@pytest.fixture
def call(ours: OurSide) -> Caller:
    """A registered partner that calls us."""
    ours.knows()
    return Caller(ours.web.test_client())
