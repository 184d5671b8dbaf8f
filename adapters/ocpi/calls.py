"""One call of a partner to us, and our answer, without a web framework around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.desk_push import DeskPush
from adapters.ocpi.envelope import OK, loads
from adapters.ocpi.holding import Holding
from adapters.ocpi.house import House
from adapters.ocpi.location_book import LocationBook
from adapters.ocpi.partners import Connection, Known
from adapters.ocpi.shapes import PushRefused
from adapters.ocpi.versions import Rules
from adapters.text import utc
from core.ports import SupplierDesk

MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `data` None leaves the field out."""

    data: Any = None
    code: int = OK
    message: str = ""
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """`parts` is the path behind the module, `token` the one the caller used."""

    house: House
    desk: SupplierDesk
    book: LocationBook
    config: OcpiConfig
    known: Known
    token: str = field(repr=False)
    rules: Rules
    method: str
    module: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def supplier_id(self) -> str:
        return self.known.supplier_id

    @property
    def connection(self) -> Connection:
        return self.known.connection

    @property
    def holding(self) -> Holding:
        return Holding(self.supplier_id, self.house.database, self.house.clock)

    @property
    def push(self) -> DeskPush:
        return DeskPush(self.config, self.holding, self.desk)

    def thing(self) -> dict[str, Any]:
        """The body as an object. Raises PushRefused."""
        try:
            value = loads(self.body)
        except (ValueError, RecursionError):
            raise PushRefused("the body is not JSON") from None
        if not isinstance(value, dict):
            raise PushRefused("the body is not an object")
        return value

    def optional_thing(self) -> dict[str, Any]:
        return self.thing() if self.body.strip() else {}

    def own_party(self) -> str:
        """The party named in the first two parts of the path. Raises PushRefused when it is not the caller's."""
        if len(self.parts) < 2 or not self.connection.owns(self.parts[0], self.parts[1]):
            raise PushRefused("these objects are not yours", http_status=404)
        return (self.parts[0] + self.parts[1]).upper()

    def page(self) -> tuple[int, int]:
        """Offset and limit asked for, the limit within ours."""
        return self._whole("offset", 0), min(max(self._whole("limit", MOST_ROWS), 1), MOST_ROWS)

    def moment(self, name: str) -> Any:
        text = self.query.get(name, "")
        moment = utc(text.replace(" ", "+"))  # a plus that nobody quoted
        if text and moment is None:
            raise PushRefused(f"{name} is no time")
        return moment

    def next_link(self, offset: int, limit: int) -> str:
        query = {**self.query, "offset": str(offset), "limit": str(limit)}
        address = self.house.address(self.connection, self.rules.number, self.module)
        return f'<{address}?{urlencode(query)}>; rel="next"'

    def _whole(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise PushRefused(f"{name} is no number")
        return int(text)
