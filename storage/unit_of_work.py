"""One transaction and the repositories that work in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, NestedTransaction, select
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.ports import (
    AlertRepository,
    BookingRepository,
    CaseRepository,
    CatalogueRepository,
    ChatRepository,
    CommandRepository,
    FreezeRepository,
    HaltRepository,
    IdempotencyRepository,
    InboxRepository,
    LeaveRepository,
    LedgerRepository,
    LinkCodeRepository,
    LinkRepository,
    LiveMessageRepository,
    LoginRepository,
    OpinionRepository,
    OutboxRepository,
    PartnerObjectRepository,
    PartnerRepository,
    PaymentRepository,
    PeopleRepository,
    PriceRepository,
    ReconciliationRepository,
    RecordRepository,
    ScanRepository,
    SessionRepository,
    TickRepository,
    UserRepository,
    WatchRepository,
)
from core.ports.search import VicinityRepository
from storage.cases import SqlCases, SqlHalts
from storage.catalogue import SqlCatalogue
from storage.changes import SqlChanges
from storage.chats import SqlChats
from storage.commands import SqlCommands
from storage.engine import READS_OPTION, SQLITE_BUSY_MS
from storage.errors import StorageUnavailable, explain
from storage.freezes import SqlFreezes
from storage.idempotency import SqlIdempotency
from storage.inbox import SqlInbox
from storage.ledger import SqlLedger
from storage.links import SqlLinks, SqlPlacings
from storage.logins import SqlLinkCodes, SqlLogins
from storage.outbox import SqlOutbox
from storage.partners import SqlPartnerObjects, SqlPartners
from storage.payments import SqlPayments
from storage.people import SqlPeople
from storage.prices import SqlPrices
from storage.reconciliations import SqlReconciliations
from storage.records import SqlRecords
from storage.scans import SqlLiveMessages, SqlOpinions, SqlScans
from storage.sessions import SqlBookings, SqlSessions
from storage.tables import stations
from storage.ticks import SqlTicks
from storage.users import SqlUsers
from storage.vicinity import SqlVicinity
from storage.watches import SqlAlerts, SqlLeaves, SqlWatches

SCRUB_WAITS_MS = 1_000


class SqlUnitOfWork:
    """The repositories of one transaction. `changes` and `placings` are for the station index, in storage too."""

    def __init__(self, db: Connection, *, writes: bool) -> None:
        self.catalogue: CatalogueRepository = SqlCatalogue(db)
        self.users: UserRepository = SqlUsers(db, locks=writes)
        self.people: PeopleRepository = SqlPeople(db)
        self.logins: LoginRepository = SqlLogins(db)
        self.link_codes: LinkCodeRepository = SqlLinkCodes(db, locks=writes)
        self.idempotency: IdempotencyRepository = SqlIdempotency(db)
        self.chats: ChatRepository = SqlChats(db)
        self.inbox: InboxRepository = SqlInbox(db)
        self.outbox: OutboxRepository = SqlOutbox(db)
        self.ticks: TickRepository = SqlTicks(db)
        self.partners: PartnerRepository = SqlPartners(db, locks=writes)
        self.commands: CommandRepository = SqlCommands(db)
        self.partner_objects: PartnerObjectRepository = SqlPartnerObjects(db, locks=writes)
        self.freezes: FreezeRepository = SqlFreezes(db)
        self.records: RecordRepository = SqlRecords(db)
        self.links: LinkRepository = SqlLinks(db)
        self.ledger: LedgerRepository = SqlLedger(db, locks=writes)
        self.sessions: SessionRepository = SqlSessions(db, locks=writes)
        self.bookings: BookingRepository = SqlBookings(db)
        self.payments: PaymentRepository = SqlPayments(db, locks=writes)
        self.cases: CaseRepository = SqlCases(db, locks=writes)
        self.halts: HaltRepository = SqlHalts(db)
        self.reconciliations: ReconciliationRepository = SqlReconciliations(db)
        self.scans: ScanRepository = SqlScans(db, locks=writes)
        self.live_messages: LiveMessageRepository = SqlLiveMessages(db)
        self.opinions: OpinionRepository = SqlOpinions(db)
        self.vicinity: VicinityRepository = SqlVicinity(db)
        self.prices: PriceRepository = SqlPrices(db)
        self.watches: WatchRepository = SqlWatches(db, locks=writes)
        self.alerts: AlertRepository = SqlAlerts(db)
        self.leaves: LeaveRepository = SqlLeaves(db)
        self.changes = SqlChanges(db)
        self.placings = SqlPlacings(db)
        self._db = db

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """What may fail without costing the rest: an exception undoes what was done inside, and is raised on."""
        savepoint = self._db.begin_nested()
        try:
            yield
        except BaseException:
            self._undo(savepoint)
            raise
        savepoint.commit()

    def _undo(self, savepoint: NestedTransaction) -> None:
        try:
            savepoint.rollback()
        except DBAPIError:
            # SQLite has given up all of the transaction, as on a full disk. From here on it would commit each
            # statement by itself: so there are none.
            self._db.invalidate()


class SqlDatabase:
    """core.ports.Database over SQLAlchemy. Safe from many threads; each unit has its own connection."""

    def __init__(self, engine: Engine) -> None:
        if engine.dialect.name == "sqlite":
            self._reading, self._writing = engine.execution_options(**{READS_OPTION: True}), engine
        else:
            # One snapshot for all statements of a reader.
            self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._writing = engine.execution_options(isolation_level="READ COMMITTED")
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[SqlUnitOfWork]:
        """A transaction that sees one moment. Writing in it is refused."""
        with translated_errors(), self._reading.begin() as db:
            yield SqlUnitOfWork(db, writes=False)

    @contextmanager
    def write(self) -> Iterator[SqlUnitOfWork]:
        """A transaction that is committed on leaving, and rolled back by an exception."""
        with translated_errors(), self._writing.begin() as db:
            yield SqlUnitOfWork(db, writes=True)

    def ping(self) -> None:
        """Raises StorageUnavailable with a reason when the database cannot be used."""
        with translated_errors(), self._reading.begin() as db:
            db.execute(select(stations.c.id).limit(1))

    def scrub(self) -> bool:
        """SQLite: empty the write-ahead log, which still holds pages as they were. Whether it could be done.

        PostgreSQL's vacuum does this in its own time.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with translated_errors(), self.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            # Somebody who reads is waited for a moment, not twenty seconds: the next clean-up tries again.
            raw.execute(f"PRAGMA busy_timeout = {SCRUB_WAITS_MS}")
            try:
                busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                raw.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
        return not busy

    def close(self) -> None:
        """Give back all idle connections."""
        self.engine.dispose()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Locked, full, away: one error with a reason. A broken rule of the tables stays the IntegrityError it is."""
    try:
        yield
    except DBAPIError as error:
        if (unavailable := explain(error)) is None:
            raise
        raise unavailable from error
    except PendingRollbackError as error:
        raise StorageUnavailable("the transaction was lost halfway") from error
    except PoolTimeout as error:
        raise StorageUnavailable("all connections to the database are in use") from error
