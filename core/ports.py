"""Every interface to the outside. Bots, jobs and services ask for these; storage and adapters provide them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from core.charging import ChargeRecord, CommandReply, SessionUpdate
from core.geo import Datum, Point
from core.merging import Link
from core.station import ConnectorRef, Rejected, Station, StatusReport, Supplier
from core.tariff import Tariff
from core.user import ConsentPurpose, Identity, User
from core.wishes import Filters


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


# --- searching ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A station within the circle, and how far it is."""

    station: Station
    distance_m: float
    others: tuple[Station, ...] = ()  # what other suppliers say of the same place
    guns_from: Station | None = None  # of several descriptions the one whose guns are counted


@dataclass(frozen=True, slots=True)
class Nearby:
    """The stations in a circle that pass the filters, nearest first, and how many the filters hid."""

    hits: Sequence[Hit]
    hidden: int


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the index has come. `ready` is False until it has been loaded once."""

    ready: bool
    stations: int
    refreshed_at: datetime | None


class StationIndex(Protocol):
    """All public stations of the catalogue, searchable in memory. One per process; safe from many threads."""

    def nearby(self, point: Point, *, radius_m: float, filters: Filters, at: datetime, limit: int) -> Nearby:
        """At most `limit` hits, nearest first."""
        ...

    def nearest_distance_m(self, point: Point) -> float | None:
        """How far the nearest station is, whatever the filters; None for an empty catalogue."""
        ...

    def get(self, station_id: str) -> Station | None: ...

    def place(self, station_id: str) -> list[Station]:
        """Every supplier's description of the place this station is, its own included; empty when unknown."""
        ...

    def tariffs(self, tariff_ids: Iterable[str]) -> dict[str, Tariff]: ...

    def named(self, text: str, limit: int) -> list[Station]:
        """Stations whose name, address or operator contain every word of the text."""
        ...

    def refresh(self) -> int:
        """Take in what has changed since the last call; returns how many stations were touched."""
        ...

    def state(self) -> IndexState: ...


class ChangeStream(Protocol):
    """Tells the other processes which stations changed. A missed message is healed from the database."""

    def publish(self, station_ids: Sequence[str]) -> None:
        """Never raises: when nobody can be told, the periodic look into the database tells them."""
        ...

    def wait(self, after: str, *, timeout_s: float) -> tuple[str, list[str]]:
        """The ids published after this position, and the new position. Blocks at most `timeout_s`.

        `after` is "" at the start ("from now on"). Raises ConnectionError when the stream is away.
        """
        ...


class Geocoder(Protocol):
    def find(self, text: str, language: str) -> Place | None:
        """The best match for a typed place, or None. Raises SupplierUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    point: Point


# --- storage --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Diff:
    """What an upsert did, by station id."""

    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    unchanged: int = 0

    @property
    def touched(self) -> list[str]:
        return [*self.added, *self.changed]


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    supplier_id: str
    external_id: str
    reason: str
    detail: str
    raw: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class SupplierState:
    """A supplier and how our last pulls went.

    `asked` is "catalogue", "changes", "status" or "tariffs"; "push" is what the supplier told us unasked.
    """

    supplier: Supplier
    stations: int
    last_success_at: Mapping[str, datetime]
    last_error: str = ""
    last_error_at: datetime | None = None


class CatalogueRepository(Protocol):
    """Stations, connectors, tariffs, quarantine and the suppliers they come from."""

    def save_supplier(self, supplier: Supplier) -> None: ...

    def introduce(self, supplier_id: str) -> None:
        """Make sure there is such a supplier: it may push before it is pulled. Its name comes with the first pull."""
        ...

    def suppliers(self) -> list[SupplierState]: ...

    def note_pull(self, supplier_id: str, asked: str, at: datetime, error: str = "") -> None:
        """Record that a pull of this kind succeeded (`error` empty) or failed."""
        ...

    def save_stations(self, stations: Sequence[Station], at: datetime) -> Diff:
        """Insert or update master data by station id. Keeps live status and price where the station has none."""
        ...

    def remove_missing(self, supplier_id: str, present: set[str], at: datetime) -> list[str]:
        """Mark the supplier's stations outside `present` as removed; returns their ids."""
        ...

    def remove(self, supplier_id: str, external_ids: Sequence[str], at: datetime) -> list[str]:
        """Mark these stations as removed; returns the ids of those that were not."""
        ...

    def held(self, ids: Sequence[str]) -> dict[str, Station]:
        """What we hold of these stations by id, kept from other writers until the transaction ends."""
        ...

    def points(self, ids: Sequence[str]) -> dict[str, Point]:
        """Where these stations are, by id."""
        ...

    def places_of(self, supplier_id: str) -> list[tuple[Point, str]]:
        """Point and address of each of the supplier's stations."""
        ...

    def tariff_ids(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> dict[ConnectorRef, str]:
        """The tariff each of these guns has now."""
        ...

    def tariff_counts(self, supplier_id: str) -> dict[str, int]:
        """How many of the supplier's guns have each tariff."""
        ...

    def gun_counts(self) -> dict[str, int]:
        """How many guns each supplier has."""
        ...

    def known(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> set[ConnectorRef]:
        """Those of these guns that are in the catalogue."""
        ...

    def station_ids(self, supplier_id: str, refs: Sequence[ConnectorRef]) -> list[str]:
        """The stations of these guns."""
        ...

    def newest_update(self, supplier_id: str) -> datetime | None:
        """The latest moment at which the supplier says it changed one of its stations."""
        ...

    def save_statuses(self, supplier_id: str, reports: Sequence[StatusReport], at: datetime) -> list[str]:
        """Apply reports that are newer than what we hold; returns ids of stations whose status or age changed."""
        ...

    def save_tariffs(
        self, supplier_id: str, tariffs: Sequence[tuple[ConnectorRef, Tariff]], at: datetime
    ) -> list[str]:
        """Set the tariff of each gun as seen at `at`; returns ids of stations whose price or its age changed."""
        ...

    def add_tariffs(self, tariffs: Iterable[Tariff]) -> None:
        """Store tariffs that stations refer to by id. Storing one twice changes nothing."""
        ...

    def quarantine(self, supplier_id: str, rejected: Sequence[Rejected], at: datetime) -> None:
        """Keep refused rows; the same row with the same reason is counted, not repeated."""
        ...

    def unseen(self, supplier_id: str, rejected: Sequence[Rejected]) -> int:
        """How many of these rows are not in quarantine yet."""
        ...

    def waiting(self, supplier_id: str, reason: str, external_ids: Sequence[str]) -> dict[str, QuarantineRow]:
        """Those of these that are in quarantine for this reason, by external id."""
        ...

    def settle(self, supplier_id: str, reason: str, external_ids: Sequence[str]) -> None:
        """Take these rows out of quarantine: they are believed now, or no longer said."""
        ...

    def quarantined(self, supplier_id: str | None, limit: int) -> list[QuarantineRow]: ...

    def stations(self, ids: Sequence[str] | None = None) -> Iterator[Station]:
        """Stations that are not removed: all, or those of these ids. Streams."""
        ...

    def connector_refs(self, supplier_id: str) -> list[ConnectorRef]: ...

    def external_ids(self, supplier_id: str) -> list[str]: ...

    def tariffs(self, ids: Iterable[str] | None = None) -> dict[str, Tariff]: ...

    def changed_since(self, at: datetime) -> list[str]:
        """Ids of stations written at or after this moment, removed ones included."""
        ...


class UserRepository(Protocol):
    def by_identity(self, identity: Identity) -> User | None: ...

    def get(self, user_id: str) -> User | None: ...

    def register(self, identity: Identity, language: str, at: datetime) -> tuple[User, bool]:
        """The person of this identity, and whether they are new. Two calls at once give one person."""
        ...

    def save(self, user: User) -> None: ...

    def grant_consent(self, user_id: str, purpose: ConsentPurpose, version: int, at: datetime) -> None: ...

    def withdraw_consent(self, user_id: str, purpose: ConsentPurpose, at: datetime) -> None:
        """Also deletes what was kept under it."""
        ...

    def has_consent(self, user_id: str, purpose: ConsentPurpose) -> bool: ...

    def keep_search(self, user_id: str, cell: tuple[float, float], at: datetime) -> None:
        """Remember the 1 km square of a search. Refuses (ValueError) without consent."""
        ...

    def last_search(self, user_id: str) -> tuple[float, float] | None:
        """The square of the last search that was kept."""
        ...

    def forget_searches(self, before: datetime) -> int: ...


class InboxState(StrEnum):
    NEW = "new"
    WORKING = "working"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One thing a platform told us, kept until it has been worked off. `lane` orders: one chat is one lane."""

    id: int
    source: str
    key: str
    lane: str
    body: str
    attempts: int
    received_at: datetime


class InboxRepository(Protocol):
    """What platforms send us, stored under a unique key before we answer 200 (at least once in, once worked)."""

    def add(self, source: str, key: str, lane: str, body: str, at: datetime) -> bool:
        """Store it; False when (source, key) is there already."""
        ...

    def claim(self, source: str, *, limit: int, lease_s: float, at: datetime) -> list[InboxMessage]:
        """Take up to `limit` messages, oldest first, at most one per lane and none from a lane at work."""
        ...

    def done(self, message_id: int, at: datetime, reply: str = "") -> None:
        """Finished: the body is dropped at once, the key and the reply are kept."""
        ...

    def failed(self, message_id: int, at: datetime, error: str, *, retry_in_s: float, max_attempts: int) -> bool:
        """Put it back for later, or declare it dead after `max_attempts`; True when dead."""
        ...

    def reply(self, source: str, key: str) -> tuple[InboxState, str] | None:
        """The state of a message and the reply kept with it."""
        ...

    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many messages there are by (source, state)."""
        ...

    def purge(self, before: datetime) -> int:
        """Forget finished messages that are older; dead ones lose their bodies. Returns how many."""
        ...


class TickRepository(Protocol):
    """Slots of periodic work: each runs once, whoever gets there first."""

    def take(self, job: str, slot: str, at: datetime) -> bool: ...

    def lease(self, work: str, at: datetime, lease_s: float) -> bool:
        """Have this work to oneself; False while another has it whose lease has not run out."""
        ...

    def release(self, work: str, at: datetime) -> None:
        """Give back the lease taken at this moment; another's is left alone."""
        ...

    def purge(self, before: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class Freeze:
    """A supplier whose word is not taken for now: its last good state stays."""

    supplier_id: str
    reason: str
    who: str  # a person, or "kilowatch" itself
    frozen_at: datetime


class FreezeRepository(Protocol):
    def get(self, supplier_id: str) -> Freeze | None: ...

    def all(self) -> list[Freeze]: ...

    def freeze(self, freeze: Freeze) -> bool:
        """False when it is frozen already; the first reason stands."""
        ...

    def thaw(self, supplier_id: str, who: str, at: datetime) -> bool:
        """False when it is not frozen. The next full list will be believed, however it looks."""
        ...

    def believed(self, supplier_id: str) -> bool:
        """Whether a person has thawed it and no full list has come since."""
        ...

    def forget_thaw(self, supplier_id: str) -> None:
        """The full list that was to be believed has come."""
        ...


class RecordRepository(Protocol):
    """What suppliers say of charging sessions."""

    def save_session(self, supplier_id: str, update: SessionUpdate, at: datetime) -> bool:
        """Keep the newest word, filled up with what it leaves out; an end is final. False when nothing changed."""
        ...

    def session(self, supplier_id: str, start_seq: str) -> SessionUpdate | None: ...

    def add_record(self, supplier_id: str, record: ChargeRecord, at: datetime) -> RecordVerdict:
        """Keep it for ever. On a conflict the first one stands."""
        ...

    def record(self, supplier_id: str, record_id: str) -> ChargeRecord | None: ...

    def records_of(self, supplier_id: str, start_seq: str) -> list[ChargeRecord]:
        """In the order in which they came."""
        ...


class PartnerState(StrEnum):
    INVITED = "invited"  # they hold a token of ours that is good for registering only
    PENDING = "pending"  # our own registration with them is open
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class Partner:
    """A supplier that calls us too. Tokens we check are kept as SHA-256; `document` is the protocol's own."""

    id: str  # of the supplier
    kind: str
    state: PartnerState
    token_hash: str | None
    pending_token_hash: str | None  # as good as the other while a handshake or a rotation is open
    document: str = field(repr=False)
    updated_at: datetime


class PartnerRepository(Protocol):
    def get(self, partner_id: str) -> Partner | None:
        """In a writing unit nobody else changes it until the end."""
        ...

    def by_token(self, token_hash: str) -> Partner | None:
        """Whose token this is, the pending ones included."""
        ...

    def save(self, partner: Partner) -> None: ...

    def remove(self, partner_id: str) -> None:
        """Also forgets what the partner told us."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """One thing asked of a gun. `result` is the partner's last word on it, "" before it said any."""

    id: str
    partner_id: str
    command: str
    start_seq: str
    ref: ConnectorRef
    asked_at: datetime
    result: str = ""
    detail: str = ""
    answered_at: datetime | None = None  # when the gun's own answer came, which follows the partner's


class CommandRepository(Protocol):
    def add(self, command: Command) -> None: ...

    def get(self, command_id: str) -> Command | None: ...

    def latest(self, partner_id: str, command: str, start_seq: str) -> Command | None:
        """The last one of this kind for our number, however its letters are cased."""
        ...

    def note(self, command_id: str, result: str, detail: str, answered_at: datetime | None = None) -> None:
        """The partner's answer, or with `answered_at` the gun's, which the other no longer replaces."""
        ...

    def asked_between(
        self, partner_id: str, command: str, since: datetime, until: datetime, *, offset: int, limit: int
    ) -> tuple[list[Command], int]:
        """A page of them, `until` not included, oldest first; and how many there are."""
        ...


@dataclass(frozen=True, slots=True)
class PartnerObject:
    """Something a partner told us, in its own words. `mark` is what else it is looked for by."""

    key: str
    document: str = field(repr=False)
    updated_at: datetime | None
    mark: str = ""


class PartnerObjectRepository(Protocol):
    """What partners told us, by partner and module: the ground a partial push is laid on."""

    def get(self, partner_id: str, module: str, key: str) -> PartnerObject | None:
        """In a writing unit nobody else changes it until the end."""
        ...

    def many(self, partner_id: str, module: str, keys: Sequence[str]) -> dict[str, PartnerObject]: ...

    def all(self, partner_id: str, module: str) -> list[PartnerObject]: ...

    def marked(self, partner_id: str, module: str, mark: str) -> list[PartnerObject]:
        """Those with this mark, the newest first."""
        ...

    def containing(self, partner_id: str, module: str, text: str) -> list[PartnerObject]:
        """Those in whose document this text stands, in whatever case."""
        ...

    def save(self, partner_id: str, module: str, objects: Sequence[PartnerObject]) -> None: ...

    def remove(self, partner_id: str, module: str, key: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Split:
    """Two stations that a person has said are not one place."""

    one: str
    other: str
    who: str
    split_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a listed station is, and whose word that is."""

    station_id: str
    supplier_id: str
    lat: float
    lng: float
    datum: Datum  # that the supplier is believed to write; the numbers are WGS-84
    global_key: str  # its global id in the form in which ids are compared, or ""


class LinkRepository(Protocol):
    """Which stations are one place, and what people said against it."""

    def links(self, station_ids: Iterable[str] | None = None) -> dict[str, Link]:
        """By station: all, or those of these stations."""
        ...

    def members(self, place_ids: Iterable[str]) -> list[Link]:
        """All links of these places."""
        ...

    def save(self, new: Sequence[Link], looked_at: Iterable[str], at: datetime) -> list[str]:
        """Set the links of the stations looked at; one that is not in `new` stands alone from now on.

        Returns the stations that belong elsewhere now; they count as written, so that every index looks again.
        """
        ...

    def splits(self) -> list[Split]: ...

    def split(self, one: str, other: str, who: str, at: datetime) -> bool:
        """Not to be linked again. False when that was said before."""
        ...

    def unsplit(self, one: str, other: str) -> bool:
        """Take back a split. False when there was none."""
        ...

    def positions(self) -> list[Position]:
        """Of all listed stations: public, not removed, with guns. In the order of ids."""
        ...

    def fingerprints(self, since: datetime | None = None) -> dict[str, str]:
        """What tells whether a supplier's list says something new of a station, by station; "" for removed ones.
        All, or those written at or after this moment."""
        ...


class UnitOfWork(Protocol):
    """One transaction. Leaving the block commits; an exception rolls back."""

    catalogue: CatalogueRepository
    users: UserRepository
    inbox: InboxRepository
    ticks: TickRepository
    partners: PartnerRepository
    commands: CommandRepository
    partner_objects: PartnerObjectRepository
    freezes: FreezeRepository
    records: RecordRepository
    links: LinkRepository


class Database(Protocol):
    def read(self) -> AbstractContextManager[UnitOfWork]: ...

    def write(self) -> AbstractContextManager[UnitOfWork]: ...

    def ping(self) -> None:
        """Raises an exception that says what is wrong when the database cannot be used."""
        ...


# --- suppliers ------------------------------------------------------------------------------------------------


@runtime_checkable
class ListsStations(Protocol):
    """A supplier that tells its stations. Broken rows come as Rejected and stop nothing."""

    supplier: Supplier

    def stations(self) -> Iterator[Station | Rejected]:
        """All stations. Raises SupplierUnavailable when the list cannot be finished."""
        ...


@runtime_checkable
class ListsChanges(Protocol):
    """A supplier that can say what it has changed. Only a full list tells what is gone."""

    supplier: Supplier

    def changes(self, since: datetime) -> Iterator[Station | Rejected]:
        """Stations changed at or after `since`, by the supplier's own clock. Raises SupplierUnavailable."""
        ...


@runtime_checkable
class CarriesTariffs(Protocol):
    """A source whose stations refer to tariffs that it brings along."""

    def tariffs(self) -> dict[str, Tariff]:
        """The tariffs met so far while `stations()` was read."""
        ...


@runtime_checkable
class ReportsStatus(Protocol):
    supplier: Supplier

    def statuses(self, external_ids: Sequence[str]) -> Iterator[StatusReport | Rejected]: ...


@runtime_checkable
class PublishesTariffs(Protocol):
    supplier: Supplier

    def prices(self, refs: Sequence[ConnectorRef]) -> Iterator[tuple[ConnectorRef, Tariff] | Rejected]: ...


@runtime_checkable
class CanBePinged(Protocol):
    def ping(self) -> None:
        """Raises SupplierUnavailable."""
        ...


@runtime_checkable
class StartsCharging(Protocol):
    """Commands to a gun. None of them is repeated blindly: ask `session` first."""

    supplier: Supplier

    def start(self, ref: ConnectorRef, *, start_seq: str, gun_code_rest: str = "") -> CommandReply:
        """Ask for a session under our number. Never raises for silence: that is Outcome.UNKNOWN."""
        ...

    def stop(self, ref: ConnectorRef, *, start_seq: str) -> CommandReply: ...

    def session(self, start_seq: str) -> SessionUpdate | None:
        """What the supplier knows of our number; None when it knows no such session. Raises SupplierUnavailable."""
        ...


@runtime_checkable
class ChecksGuns(Protocol):
    def check(self, ref: ConnectorRef) -> CommandReply:
        """Is the car plugged in and the gun healthy, before a start (T/CEC query_equip_auth)."""
        ...


@runtime_checkable
class ListsRecords(Protocol):
    def records(self, since: datetime) -> Iterator[ChargeRecord | Rejected]:
        """Records that are new or changed since then. Raises SupplierUnavailable."""
        ...


class SupplierDesk(Protocol):
    """Where suppliers tell us things unasked. Each call is one transaction; repeating it changes nothing."""

    def stations(self, supplier_id: str, stations: Sequence[Station], rejected: Sequence[Rejected] = ()) -> None: ...

    def removed(self, supplier_id: str, external_ids: Sequence[str]) -> None: ...

    def station(self, supplier_id: str, external_id: str) -> Station | None:
        """What we hold of a station, to merge a partial push into."""
        ...

    def statuses(self, supplier_id: str, reports: Sequence[StatusReport]) -> bool:
        """False when none of the guns is known."""
        ...

    def prices(self, supplier_id: str, prices: Sequence[tuple[ConnectorRef, Tariff]]) -> None: ...

    def session(self, supplier_id: str, update: SessionUpdate) -> None: ...

    def record(self, supplier_id: str, record: ChargeRecord) -> RecordVerdict:
        """Kept for ever under (supplier, record id)."""
        ...


class RecordVerdict(StrEnum):
    NEW = "new"
    REPEATED = "repeated"  # the same record again: the same answer, no effect
    CONFLICT = "conflict"  # the same id with another body: in quarantine


# --- everything else ------------------------------------------------------------------------------------------


class JobQueue(Protocol):
    def enqueue(self, job: str, *ids: str) -> bool:
        """Ring for a job by its name in `jobs/`. False when Redis is away: a sweep will find the work."""
        ...

    def ping(self) -> None: ...


class RateLimiter(Protocol):
    def hit(self, bucket: str, who: str) -> None:
        """Count one request of a person or address. Raises TooMany."""
        ...


class TelegramMessenger(Protocol):
    """Calls to the Bot API outside a running conversation."""

    def ping(self) -> str:
        """The bot's user name. Raises SupplierUnavailable."""
        ...
