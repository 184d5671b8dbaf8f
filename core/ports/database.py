"""The database: units of work with all repositories."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from core.ports.catalogue import CatalogueRepository, FreezeRepository, LinkRepository
from core.ports.chats import ChatRepository
from core.ports.money import (
    BookingRepository,
    CaseRepository,
    HaltRepository,
    IdempotencyRepository,
    LedgerRepository,
    PaymentRepository,
    ReconciliationRepository,
    SessionRepository,
)
from core.ports.partners import CommandRepository, PartnerObjectRepository, PartnerRepository, RecordRepository
from core.ports.people import LinkCodeRepository, LoginRepository, PeopleRepository, UserRepository
from core.ports.prices import PriceRepository
from core.ports.scanning import LiveMessageRepository, OpinionRepository, ScanRepository
from core.ports.search import VicinityRepository
from core.ports.watches import AlertRepository, LeaveRepository, WatchRepository
from core.ports.work import InboxRepository, OutboxRepository, TickRepository


class UnitOfWork(Protocol):
    """One transaction. Leaving the block commits; an exception rolls back."""

    catalogue: CatalogueRepository
    users: UserRepository
    chats: ChatRepository
    people: PeopleRepository
    logins: LoginRepository
    link_codes: LinkCodeRepository
    idempotency: IdempotencyRepository
    inbox: InboxRepository
    outbox: OutboxRepository
    ticks: TickRepository
    partners: PartnerRepository
    commands: CommandRepository
    partner_objects: PartnerObjectRepository
    freezes: FreezeRepository
    records: RecordRepository
    links: LinkRepository
    ledger: LedgerRepository
    sessions: SessionRepository
    bookings: BookingRepository
    payments: PaymentRepository
    cases: CaseRepository
    halts: HaltRepository
    reconciliations: ReconciliationRepository
    scans: ScanRepository
    live_messages: LiveMessageRepository
    opinions: OpinionRepository
    vicinity: VicinityRepository
    prices: PriceRepository
    watches: WatchRepository
    alerts: AlertRepository
    leaves: LeaveRepository

    def attempt(self) -> AbstractContextManager[None]:
        """What may fail without costing the rest: an exception undoes what was done inside, and is raised on.

        Whoever catches an exception inside a transaction needs it. After an error in a statement PostgreSQL accepts
        nothing more, and turns the commit into a rollback without a word.
        """
        ...


class Database(Protocol):
    def read(self) -> AbstractContextManager[UnitOfWork]: ...

    def write(self) -> AbstractContextManager[UnitOfWork]: ...

    def ping(self) -> None:
        """Raises an exception that says what is wrong when the database cannot be used."""
        ...

    def scrub(self) -> bool:
        """See to it that what was deleted cannot be read in the files either. False when that has to wait."""
        ...
