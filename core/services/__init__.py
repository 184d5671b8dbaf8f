"""What a person can do. `bootstrap.py` builds one `Services` per process and hands it to bots, web and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.ports import Clock, Database, JobQueue, ListsStations, RateLimiter, StationIndex, SupplierDesk
from core.services.accounts import AccountService
from core.services.aftermath import AftermathService
from core.services.alerts import AlertService
from core.services.alerts.telling import TellingService
from core.services.books import BooksService
from core.services.cases import CaseService
from core.services.catalogue import CatalogueService
from core.services.charging import ChargingService
from core.services.finder import StationFinder
from core.services.guns import GunService
from core.services.inbox import Inbox
from core.services.linking import LinkingService
from core.services.login import LoginService
from core.services.merging import MergingService
from core.services.outbox import OutboxService
from core.services.prices import PriceService
from core.services.privacy import PrivacyService
from core.services.reconciliation import ReconciliationService
from core.services.wallet import WalletService
from core.services.wallet.notices import PaymentNotices
from core.services.watchdog import Watchdog
from core.services.watches import WatchService
from core.services.whereabouts import Whereabouts


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a front door or a job may ask for."""

    clock: Clock
    database: Database
    index: StationIndex
    finder: StationFinder
    whereabouts: Whereabouts  # of drivers, in memory, for ten minutes
    guns: GunService
    aftermath: AftermathService  # "was it as promised?"
    accounts: AccountService
    login: LoginService
    linking: LinkingService
    privacy: PrivacyService
    inbox: Inbox
    outbox: OutboxService
    wallet: WalletService
    notices: PaymentNotices  # of payment providers
    books: BooksService
    watchdog: Watchdog  # over holds and refunds that take long
    charging: ChargingService
    cases: CaseService
    reconciliation: ReconciliationService
    catalogue: CatalogueService
    merging: MergingService
    prices: PriceService  # over time
    watches: WatchService
    telling: TellingService  # of alerts, as they are true now
    alerts: AlertService  # what watches find
    desk: SupplierDesk  # where suppliers tell us things unasked
    limiter: RateLimiter
    queue: JobQueue
    suppliers: Mapping[str, ListsStations]  # the live ones, by supplier id
    public_url: str  # "" when no address is known to the outside
