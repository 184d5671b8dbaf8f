"""What is stored of suppliers that talk to us, and what they say of charging sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.charging import ChargeRecord, SessionUpdate
from core.station import ConnectorRef


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


class RecordVerdict(StrEnum):
    NEW = "new"
    REPEATED = "repeated"  # the same record again: the same answer, no effect
    CONFLICT = "conflict"  # the same id with another body: in quarantine
