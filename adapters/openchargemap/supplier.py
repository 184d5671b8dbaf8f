"""Open Charge Map as a live supplier: the whole list daily, in between only what changed.

Fair use (openchargemap.org, API documentation): a key and a name of our own, mirrored instead of asked per search,
no more than needed. Pages are a second apart, and changes are asked for at most every quarter of an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from adapters.files import Document
from adapters.importer import Options
from adapters.openchargemap.api import OcmApi
from adapters.openchargemap.importer import OcmApiImporter
from core.ports import Clock
from core.station import Rejected, Station, Supplier
from core.tariff import Tariff

BASE_URL = "https://api.openchargemap.io"
BETWEEN_PAGES_S = 1.0
CHANGES_AT_MOST_EVERY = timedelta(minutes=15)
# Their clock is not ours, and a record may be seen a little after its date.
OVERLAP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class OcmConfig:
    """A block of the suppliers file: whose key, and which part of the world."""

    supplier_id: str
    api_key: str = field(repr=False)
    countries: tuple[str, ...] = ()  # ISO 3166-1 alpha-2; empty: everything
    base_url: str = BASE_URL

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must be an http(s) address")
        if not all(len(code) == 2 and code.isalpha() for code in self.countries):
            raise ValueError("countries are two-letter codes")


class OcmSupplier:
    """core.ports.ListsStations, ListsChanges, CarriesTariffs and CanBePinged."""

    def __init__(self, config: OcmConfig, clock: Clock, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.config, self.clock, self._pause = config, clock, pause
        self._reading = self._importer({})
        self.supplier: Supplier = self._reading.supplier
        self._asked_changes_at: datetime | None = None

    def stations(self) -> Iterator[Station | Rejected]:
        self._reading = self._importer({})
        return self._reading.stations()

    def changes(self, since: datetime) -> Iterator[Station | Rejected]:
        """Nothing when asked again too soon: the next call brings it, because the overlap is as long."""
        now = self.clock.now()
        if self._asked_changes_at is not None and now - self._asked_changes_at < CHANGES_AT_MOST_EVERY:
            return iter(())
        self._asked_changes_at = now
        moment = (since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._reading = self._importer({"modifiedsince": moment})
        return self._reading.stations()

    def tariffs(self) -> dict[str, Tariff]:
        return self._reading.tariffs()

    def ping(self) -> None:
        OcmApi(self._address({"maxresults": "1"}), self.config.api_key).first()

    def _importer(self, query: dict[str, str]) -> OcmApiImporter:
        address = self._address(query)
        options = Options(supplier_id=self.config.supplier_id, api_key=self.config.api_key)
        api = OcmApi(address, self.config.api_key, between_pages=lambda: self._pause(BETWEEN_PAGES_S))
        return OcmApiImporter(Document(address), options, api)

    def _address(self, query: dict[str, str]) -> str:
        countries = {"countrycode": ",".join(self.config.countries)} if self.config.countries else {}
        return f"{self.config.base_url.rstrip('/')}/v3/poi?{urlencode(countries | query)}"
