"""An OCPI partner behind the ports of core: locations, tariffs, states, charge records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from adapters.checks import Refused, rejected
from adapters.http import past_the_breaker
from adapters.ocpi.client import OcpiClient, below
from adapters.ocpi.commands import Commands
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.envelope import OcpiRefused, dumps, many_of, stamp
from adapters.ocpi.handshake import discover
from adapters.ocpi.holding import CDRS, LOCATIONS, TARIFFS, Holding, read_location
from adapters.ocpi.house import House
from adapters.ocpi.messages import Source, key_of, status_reports
from adapters.ocpi.partners import Connection, Known
from adapters.ocpi.pricebook import PriceBook
from adapters.ocpi.reported import Reported
from adapters.ocpi.sealed import Unreadable
from adapters.ocpi.versions import inward
from adapters.text import ID_CHARS, clean, utc
from core.charging import ChargeRecord, CommandReply, Outcome, SessionUpdate
from core.errors import SupplierUnavailable
from core.ports import PartnerState
from core.station import ConnectorRef, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff

# A delta is asked from this long before the newest date seen: partners date changes before they publish them.
OVERLAP = timedelta(minutes=10)
_AT_ONCE = 500  # locations looked up in one go


class OcpiSupplier:
    """One partner; see `adapters/README.md`. Registered by `kilowatch ocpi register`, else it cannot be asked."""

    def __init__(self, config: OcpiConfig, house: House) -> None:
        self.supplier = Supplier(
            id=config.supplier_id,
            kind="ocpi",
            name=config.name,
            licence=config.licence,
            attribution=config.attribution,
            url=config.url,
            datum=config.datum,
        )
        self.config, self.house = config, house
        self.holding = Holding(config.supplier_id, house.database, house.clock)
        self._made: dict[str, Tariff] = {}
        self._door: tuple[tuple[str, ...], Any] | None = None

    # --- reading --------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask for the versions again, with the token in use."""
        known, client = self._open("ping")
        one = known.connection
        try:
            with past_the_breaker():
                discover(client, one.versions_url, one.version, one.origins)
        except OcpiRefused as refusal:
            raise SupplierUnavailable(self.config.name, "versions", str(refusal)) from None

    def stations(self) -> Iterator[Station | Rejected]:
        """The full list, after the tariffs it refers to."""
        known, client = self._open(LOCATIONS)
        asked_at = self.house.clock.now()
        yield from self._pull_tariffs(known, client)
        book = self.holding.all_prices(asked_at)
        self._made = book.made
        for page in self._pull(known, client, LOCATIONS, {}, remembers=True):
            yield from self._read(page, book, asked_at)

    def changes(self, since: datetime) -> Iterator[Station | Rejected]:
        """Locations changed since then, by the partner's clock."""
        known, client = self._open(LOCATIONS)
        asked_at = self.house.clock.now()
        if known.connection.newest_pulled is not None:
            # A push may have come of a later moment than a change that we were never told of.
            since = min(since, known.connection.newest_pulled - OVERLAP)
        self._made = {}
        yield from self._pull_tariffs(known, client, {"date_from": stamp(since)})
        for page in self._pull(known, client, LOCATIONS, {"date_from": stamp(since)}, remembers=True):
            things = [one for one in page if not isinstance(one, Rejected)]
            book = self.holding.prices_for([thing for _, thing in things], asked_at)
            read = list(self._read(page, book, asked_at))
            self._made |= book.made
            yield from read
        for location_id in self.holding.take_wanted():
            with suppress(SupplierUnavailable):  # asked for again when the next push names it
                yield self.location(location_id)

    def tariffs(self) -> dict[str, Tariff]:
        return self._made

    def statuses(self, external_ids: Sequence[str]) -> Iterator[StatusReport | Rejected]:
        """States come with the locations: those changed are pulled, and of the others nothing new is to be said."""
        if not external_ids:
            return
        known, client = self._open(LOCATIONS)
        asked_at = self.house.clock.now()
        newest = known.connection.newest_pulled
        query = {"date_from": stamp(newest - OVERLAP)} if newest else {}
        for page in self._pull(known, client, LOCATIONS, query):
            yield from (one for one in page if isinstance(one, Rejected))
        wanted = iter(external_ids)
        while keys := list(islice(wanted, _AT_ONCE)):
            for key, thing in self.holding.many(LOCATIONS, keys).items():
                yield from status_reports(thing, key, asked_at)

    def station(self, external_id: str) -> Station | Rejected:
        """A station that we hold, as the partner tells it now. Raises SupplierUnavailable."""
        held = self.holding.many(LOCATIONS, [external_id]).get(external_id)
        if held is None:
            return Rejected(external_id, "removed", "it is not held")
        return self.location(clean(held.get("id"), ID_CHARS))

    def location(self, location_id: str) -> Station | Rejected:
        """One location, by the partner's own id, as it is told now. Raises SupplierUnavailable."""
        known, client = self._open(LOCATIONS)
        asked_at = self.house.clock.now()
        address = below(known.connection.endpoint(LOCATIONS, "SENDER"), location_id)
        try:
            data = client.get(address, module=LOCATIONS).data
        except OcpiRefused as refusal:
            raise SupplierUnavailable(self.config.name, LOCATIONS, str(refusal)) from None
        told, page = _keyed(list(many_of(data))[:1], known.connection, LOCATIONS)
        page += self.holding.take(LOCATIONS, told).items()
        book = self.holding.prices_for(told.values(), asked_at)
        found = next(self._read(page, book, asked_at), Rejected(location_id, "removed", "every EVSE is removed"))
        self._made = {**self._made, **book.made}
        return found

    def records(self, since: datetime) -> Iterator[ChargeRecord | Rejected]:
        known, client = self._open(CDRS)
        reported = Reported(self.holding, self.config.us)
        for page in self._pull(known, client, CDRS, {"date_from": stamp(since)}):
            for one in page:
                if isinstance(one, Rejected):
                    yield one
                    continue
                try:
                    yield reported.record(one[1])
                except Refused as refusal:
                    yield rejected(one[0], refusal.reason, refusal.detail, dumps(one[1]))

    # --- charging -------------------------------------------------------------------------------------------

    def start(self, ref: ConnectorRef, *, start_seq: str, gun_code_rest: str = "") -> CommandReply:
        return self._commanded(lambda commands: commands.start(ref, start_seq))

    def stop(self, ref: ConnectorRef, *, start_seq: str) -> CommandReply:
        return self._commanded(lambda commands: commands.stop(ref, start_seq))

    def session(self, start_seq: str) -> SessionUpdate | None:
        return self._commands().session(start_seq)

    def push_token(self, start_seq: str) -> None:
        """Tell the partner a token before it is used, for those that start nothing for a token they do not hold."""
        self._commands().push_token(start_seq)

    def _commanded(self, command: Callable[[Commands], CommandReply]) -> CommandReply:
        try:
            return command(self._commands())
        except SupplierUnavailable as error:
            return CommandReply(Outcome.UNKNOWN, "not_sent", error.detail)

    def _commands(self) -> Commands:
        known, client = self._open("commands")
        return Commands(self.config, self.house, self.holding, client, known.connection)

    # --- pulling --------------------------------------------------------------------------------------------

    def _open(self, asked: str) -> tuple[Known, OcpiClient]:
        known = self.house.partners.get(self.config.supplier_id)
        if known is None or known.state is not PartnerState.REGISTERED:
            raise SupplierUnavailable(self.config.name, asked, "not registered: `kilowatch ocpi register` does that")
        one = known.connection
        try:
            token = self.house.partners.token(one)
        except Unreadable as error:
            raise SupplierUnavailable(self.config.name, asked, str(error)) from None
        if self._door is None or self._door[0] != one.origins:
            # Kept between calls: its breakers remember.
            self._door = (one.origins, self.house.open_http(self.config.name, one.origins))
        them = one.parties[0] if one.parties and one.rules.has_roles else None
        return known, OcpiClient(self._door[1], token, encodes=one.encodes, us=self.config.us, them=them)

    def _pull_tariffs(
        self, known: Known, client: OcpiClient, query: Mapping[str, str] | None = None
    ) -> Iterator[Rejected]:
        """Keep the partner's tariffs; a partner without this module publishes none."""
        if known.connection.endpoint(TARIFFS, "SENDER"):
            for page in self._pull(known, client, TARIFFS, query or {}):
                yield from (one for one in page if isinstance(one, Rejected))

    def _pull(
        self, known: Known, client: OcpiClient, module: str, query: Mapping[str, str], *, remembers: bool = False
    ) -> Iterator[list[tuple[str, dict[str, Any]] | Rejected]]:
        """A list page by page, each object kept and each once; what a newer push says stands against the list.

        With `remembers` the next delta begins where this one ends, once it has ended.
        """
        endpoint = known.connection.endpoint(module, "SENDER")
        if not endpoint:
            raise SupplierUnavailable(self.config.name, module, "the partner does not offer it")
        seen: dict[str, str] = {}
        newest: datetime | None = None
        for items in client.pages(module, endpoint, query):
            told, page = _keyed(items, known.connection, module)
            for thing in told.values():
                changed_at = utc(thing.get("last_updated"))
                newest = max(newest, changed_at) if newest and changed_at else changed_at or newest
            fresh = {key: thing for key, thing in told.items() if str(thing.get("last_updated")) > seen.get(key, "")}
            seen |= {key: str(thing.get("last_updated")) for key, thing in fresh.items()}
            yield [*page, *self.holding.take(module, fresh).items()]
        if remembers and newest is not None:
            self.house.partners.saw(self.config.supplier_id, min(newest, self.house.clock.now()))

    def _read(
        self, page: Sequence[tuple[str, dict[str, Any]] | Rejected], book: PriceBook, asked_at: datetime
    ) -> Iterator[Station | Rejected]:
        config = self.config
        source = Source(config.supplier_id, config.datum, config.licence, config.attribution, asked_at)
        for one in page:
            if isinstance(one, Rejected):
                yield one
                continue
            key, thing = one
            try:
                station, bad = read_location(thing, key, source, book)
            except Refused as refusal:
                if refusal.reason != "removed":
                    yield rejected(key, refusal.reason, refusal.detail, dumps(thing))
                yield from book.take_refused()
            except Exception as error:  # noqa: BLE001  one unreadable location never loses the page
                yield rejected(key, "unreadable", f"{type(error).__name__}: {error}", dumps(thing))
            else:
                yield station
                yield from bad


def _keyed(
    items: Sequence[Any], connection: Connection, module: str
) -> tuple[dict[str, dict[str, Any]], list[tuple[str, dict[str, Any]] | Rejected]]:
    """The objects of a page by key, and what is none."""
    told: dict[str, dict[str, Any]] = {}
    refused: list[tuple[str, dict[str, Any]] | Rejected] = []
    for number, item in enumerate(items):
        thing = inward(item, connection.parties) if isinstance(item, dict) else None
        if thing is None or not isinstance(thing.get("id"), str | int):
            refused.append(rejected(f"{module} {number}", "missing_id", "an object without an id", repr(item)))
            continue
        told[key_of(thing)] = thing
    return told, refused
