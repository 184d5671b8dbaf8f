"""What is stored of money and of charging sessions, and the providers that move it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from core.charging import ChargeRecord
from core.ledger import Account, Cause, Posting, Transfer
from core.money import Money
from core.payments import (
    AuthorisationReport,
    BillLine,
    Notice,
    OrderReport,
    PaymentRequest,
    Refund,
    RefundReport,
    Topup,
)
from core.session import ChargingSession, FrozenQuote, Hold, SessionEvent, SessionState

# --- the ledger -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wallet:
    """A person's money in one currency. `held` is frozen for a charge, `refunding` on its way back."""

    available: Money
    held: Money
    refunding: Money


@dataclass(frozen=True, slots=True)
class Booked:
    """A transfer with the moment it was booked and its number in the book."""

    number: int
    transfer: Transfer
    posting_id: str
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that does not hold: its number in docs/money.md, and what was found."""

    invariant: str  # "I1" to "I11"
    detail: str


class LedgerRepository(Protocol):
    """Accounts, transfers and holds. The database itself refuses what must not be."""

    def post(self, posting: Posting, at: datetime) -> bool:
        """Book all transfers of the posting; False when it was booked before.

        Raises NotEnoughMoney when a person's pot would go below zero, LedgerError when one of its ids is booked
        with other accounts or another amount.
        """
        ...

    def balance(self, account: Account) -> Money: ...

    def wallets(self, user_ids: Sequence[str]) -> list[Wallet]:
        """One per currency that was ever used, added up over these accounts of one person; by currency."""
        ...

    def statement(self, user_ids: Sequence[str], *, before: int | None, limit: int) -> list[Booked]:
        """Transfers that touch these people's pots, newest first; `before` is the number to go on from."""
        ...

    def transfers_of(self, session_id: str) -> list[Booked]:
        """All transfers of a session in the order of booking."""
        ...

    def open_hold(self, session_id: str, user_id: str, amount: Money, at: datetime) -> None:
        """The row that goes with posting 2. The posting itself is `post`ed in the same transaction."""
        ...

    def extend_hold(self, session_id: str, by: Money) -> Hold:
        """Goes with posting 3. Raises LedgerError when the hold is resolved."""
        ...

    def resolve_hold(self, session_id: str, captured: int, at: datetime) -> Hold | None:
        """Resolve the hold, once: `captured` minor units are taken, the rest is released. None when it was before."""
        ...

    def hold(self, session_id: str) -> Hold | None:
        """In a writing unit nobody else changes it until the end."""
        ...

    def old_holds(self, before: datetime, limit: int) -> list[Hold]:
        """Those that are active and were taken at this moment or earlier, the oldest first."""
        ...

    def accounts(self) -> list[tuple[Account, int]]:
        """Every account with its balance in minor units, by id."""
        ...

    def by_cause(self, account: Account) -> dict[Cause, int]:
        """What an account's transfers come to by their cause: credits less debits, in minor units."""
        ...

    def breaches(self, at: datetime) -> Iterator[Breach]:
        """What of the invariants I1 to I10 does not hold. Reads everything; streams."""
        ...


# --- sessions -------------------------------------------------------------------------------------------------


class SessionClash(StrEnum):
    """Why the database refused a new session."""

    GUN_BUSY = "gun_busy"
    USER_BUSY = "user_busy"
    SAME_KEY = "same_key"  # the driver's yes came twice; the first one stands
    SAME_NUMBER = "same_number"  # another session has this start number


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which charges of a person are wanted; what is left out asks for nothing."""

    since: datetime | None = None  # the driver's yes came at this moment or later
    until: datetime | None = None  # and before this one
    station: str = ""  # a station's id, or words that its name and operator hold between them
    states: frozenset[SessionState] = frozenset()
    supplier_id: str = ""


class SessionRepository(Protocol):
    def save_quote(self, quote: FrozenQuote, signature: str) -> None: ...

    def quote(self, quote_id: str) -> tuple[FrozenQuote, str] | None:
        """The quote and the signature it was kept with."""
        ...

    def purge_quotes(self, before: datetime) -> int:
        """Forget quotes that ended before this moment and led to nothing."""
        ...

    def add(self, session: ChargingSession) -> SessionClash | None:
        """Store a new session, or say who has the gun or keeps the driver busy. The transaction can go on."""
        ...

    def get(self, session_id: str) -> ChargingSession | None:
        """In a writing unit nobody else changes it until the end: the session is locked before hold and accounts."""
        ...

    def by_client_key(self, user_id: str, client_key: str) -> ChargingSession | None: ...

    def by_start_seq(self, supplier_id: str, start_seq: str) -> ChargingSession | None: ...

    def save(self, session: ChargingSession) -> None:
        """Overwrite what may change: everything but id, user, gun, quote and `created_at`."""
        ...

    def note(self, event: SessionEvent) -> None: ...

    def diary(self, session_id: str) -> list[SessionEvent]: ...

    def of_user(
        self,
        user_ids: Sequence[str],
        *,
        before: datetime | None = None,
        limit: int = 20,
        wanted: HistoryFilter | None = None,
    ) -> list[ChargingSession]:
        """Newest first."""
        ...

    def busy_of(self, user_id: str) -> ChargingSession | None:
        """The session that keeps this driver busy, if there is one."""
        ...

    def due(self, at: datetime, limit: int) -> list[str]:
        """Sessions whose supplier is to be asked again, those that waited longest first."""
        ...

    def in_states(self, states: Iterable[SessionState], limit: int) -> list[ChargingSession]: ...

    def waiting_at(self, supplier_id: str) -> list[ChargingSession]:
        """The supplier's sessions that a charge record may still come for."""
        ...

    def failed_starts(self, user_id: str, since: datetime) -> int: ...


class BookingState(StrEnum):
    """What became of a charge record in our books."""

    APPLIED = "applied"
    CREDIT = "credit"  # it took another record back
    CREDITED = "credited"  # it was taken back by another record
    ORPHAN = "orphan"  # for no session that we know
    DOUBTED = "doubted"  # the session failed to start, or has another record: nothing was booked


@dataclass(frozen=True, slots=True)
class Booking:
    """A charge record and what we did about it. `from_user` is what the driver paid of it."""

    supplier_id: str
    record_id: str
    session_id: str
    state: BookingState
    total: Money
    from_user: Money
    borne: Money  # by us
    booked_at: datetime
    credit_of: str = ""


class BookingRepository(Protocol):
    """Which charge record was booked for which session; at most one is live for each."""

    def get(self, supplier_id: str, record_id: str) -> Booking | None: ...

    def live(self, session_id: str) -> Booking | None:
        """The record that the session stands settled by."""
        ...

    def save(self, booking: Booking) -> None:
        """Insert, or overwrite state, session and amounts."""
        ...

    def orphans(self, limit: int) -> list[Booking]: ...

    def unbooked(self, limit: int) -> list[tuple[str, ChargeRecord]]:
        """Stored records that nobody has looked at yet, with their supplier; oldest first."""
        ...

    def between(
        self, supplier_id: str, since: datetime, until: datetime
    ) -> list[tuple[ChargeRecord, Booking | None]]:
        """The supplier's records of charges that ended in this time, and what became of them."""
        ...

    def owed(self, supplier_id: str) -> list[Money]:
        """What its charges come to by our bookings, by currency: the applied records, and what was taken for charges
        that have none."""
        ...


# --- payments -------------------------------------------------------------------------------------------------


class PaymentRepository(Protocol):
    def add_topup(self, topup: Topup) -> Topup:
        """Store it, or give the one that the same person asked for under the same client key before."""
        ...

    def topup(self, topup_id: str) -> Topup | None:
        """In a writing unit nobody else changes it until the end."""
        ...

    def by_transaction(self, channel: str, psp_transaction: str) -> Topup | None:
        """The order that was paid by this transaction of the provider's."""
        ...

    def of_quote(self, quote_id: str) -> Topup | None:
        """The pre-authorisation for a charge by this quote."""
        ...

    def save_topup(self, topup: Topup) -> None:
        """Overwrite what may change: neither whose it is nor the amount. Raises LookupError."""
        ...

    def topups_of(self, user_ids: Sequence[str], limit: int = 50) -> list[Topup]:
        """Newest first."""
        ...

    def refundable(self, user_ids: Sequence[str]) -> list[Topup]:
        """Paid ones of which something is left, newest first; pre-authorisations only once they were taken.

        In a writing unit nobody else changes them until the end.
        """
        ...

    def topups_due(self, at: datetime, limit: int) -> list[str]:
        """Orders that the provider is to be asked about."""
        ...

    def topups_between(self, channel: str, since: datetime, until: datetime) -> list[Topup]: ...

    def add_refund(self, refund: Refund) -> None: ...

    def refund(self, refund_id: str) -> Refund | None: ...

    def save_refund(self, refund: Refund) -> None: ...

    def refunds_of(self, user_ids: Sequence[str], limit: int = 50) -> list[Refund]:
        """Newest first."""
        ...

    def refunds_asked(self, request_id: str) -> list[Refund]:
        """The refunds that one wish of the driver led to."""
        ...

    def refunds_due(self, at: datetime, limit: int) -> list[str]: ...

    def overdue_refunds(self, at: datetime, limit: int) -> list[Refund]:
        """Those on their way that should have arrived by this moment, the longest overdue first."""
        ...

    def refunds_between(self, channel: str, since: datetime, until: datetime) -> list[Refund]: ...


@runtime_checkable
class PaymentProvider(Protocol):
    """Money in, over one channel. Every call is safe to repeat: our order number is the key on both sides."""

    channel: str
    currencies: frozenset[str]

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        """Open the order and say how to pay. `payer` is the person's id on the channel (openid), "" where unknown.

        Raises PaymentUnavailable.
        """
        ...

    def refund(self, refund: Refund, of: Topup) -> RefundReport:
        """Order a refund; BY_HAND where the channel has no interface for that. Raises PaymentUnavailable."""
        ...


@runtime_checkable
class AnswersForOrders(Protocol):
    """A provider that can be asked. Raises PaymentUnavailable for silence."""

    def order(self, topup: Topup) -> OrderReport: ...

    def refund_report(self, refund: Refund) -> RefundReport: ...

    def close(self, topup: Topup) -> None:
        """The order can no longer be paid. Closing a closed one changes nothing."""
        ...


@runtime_checkable
class SendsNotices(Protocol):
    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """Raises BadNotice. Calls nobody: whoever can post to us must not make us talk."""
        ...


@runtime_checkable
class PreAuthorises(Protocol):
    """Charge first, pay after: an amount is promised now, and taken when the cost is known."""

    def authorise(self, topup: Topup, description: str, payer: str) -> PaymentRequest: ...

    def authorisation(self, topup: Topup) -> AuthorisationReport: ...

    def complete(self, topup: Topup, total: Money) -> AuthorisationReport:
        """Take this much of it, 0 included, and give up the rest. Safe to repeat with the same amount."""
        ...


@runtime_checkable
class PublishesBills(Protocol):
    def bill(self, day: date) -> Iterator[BillLine]:
        """Every payment and refund of a day. Raises PaymentUnavailable."""
        ...


# --- the people who run it ------------------------------------------------------------------------------------


class CaseKind(StrEnum):
    REVIEW = "review"
    DISPUTE = "dispute"
    REFUND = "refund"
    ORPHAN = "orphan"
    TOPUP = "topup"
    DIFFERENCE = "difference"  # found by the reconciliation
    STICKER = "sticker"  # a driver says that a gun's code is not the operator's
    BY_HAND = "by_hand"  # money that one of us moved: a supplier paid, a payout received, a chargeback


@dataclass(frozen=True, slots=True)
class Case:
    """Something that a person has to decide. There is one open case per kind and subject."""

    id: str
    kind: CaseKind
    subject: str  # id of the session, refund, top-up; supplier and record id of an orphan
    session_id: str
    user_id: str
    detail: str
    opened_at: datetime
    decision: str = ""
    who: str = ""
    why: str = ""
    decided_at: datetime | None = None


class CaseRepository(Protocol):
    def open(self, case: Case) -> Case:
        """Store it, or give the open one of this kind and subject."""
        ...

    def get(self, case_id: str) -> Case | None: ...

    def save(self, case: Case) -> None: ...

    def listed(self, *, decided: bool = False, kind: CaseKind | None = None, limit: int = 100) -> list[Case]:
        """Oldest first; with `decided` the decided ones, newest first."""
        ...

    def about(self, kind: CaseKind, subject: str) -> list[Case]:
        """All of this kind about this, the newest first."""
        ...

    def decisions(self, case_id: str) -> int:
        """How many transfers decisions in this case have booked."""
        ...


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing new is started: the books do not balance, or one of us said so."""

    name: str
    reason: str
    who: str
    at: datetime


class HaltRepository(Protocol):
    def all(self) -> list[Halt]: ...

    def set(self, halt: Halt) -> None: ...

    def lift(self, name: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One comparison of our books with somebody else's. `document` is JSON: counts, sums, differences with age."""

    id: str
    scope: str  # "supplier:<id>", "psp:<channel>", "books"
    day: date
    at: datetime
    differences: int
    document: str


class ReconciliationRepository(Protocol):
    def save(self, run: Reconciliation) -> None: ...

    def latest(self, limit: int = 50, *, scope: str | None = None) -> list[Reconciliation]:
        """Newest first."""
        ...

    def first_seen(self, scope: str, difference: str, at: datetime) -> datetime:
        """When this difference was met first; now, if never before."""
        ...

    def gone(self, scope: str, still: Iterable[str]) -> None:
        """Forget the differences of a scope that are no longer there."""
        ...

    def purge(self, before: datetime, *, scopes: str = "") -> int:
        """Forget older comparisons, of scopes that begin so. Returns how many."""
        ...


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """The first answer to a request with an idempotency key. `request_hash` tells another request apart.

    A status of 0 says that the request is being worked, or that whoever worked it was stopped in the middle.
    """

    request_hash: str
    status: int
    body: str


class IdempotencyRepository(Protocol):
    def get(self, user_id: str, route: str, key: str) -> SavedAnswer | None: ...

    def keep(self, user_id: str, route: str, key: str, answer: SavedAnswer, at: datetime) -> bool:
        """False when another request was first."""
        ...

    def answer(self, user_id: str, route: str, key: str, answer: SavedAnswer) -> bool:
        """Fill in what was kept with status 0 for the same request. False when it has its answer."""
        ...

    def purge(self, before: datetime) -> int: ...
