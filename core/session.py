"""A charging session's states, and the one table of moves between them.

`QUOTED` of the drawing in docs/money.md is the quote itself; a session begins with the driver's yes, as HELD. A move
that the table does not know is no error of anybody: suppliers repeat, overtake and contradict themselves. It is
written down and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.money import Money
from core.station import ConnectorRef
from core.tariff import Part


class SessionState(StrEnum):
    HELD = "held"  # the money is held, the start is not sent yet
    STARTING = "starting"
    START_UNKNOWN = "start_unknown"  # silence: the gun may be live
    CHARGING = "charging"
    STOPPING = "stopping"
    STOP_UNKNOWN = "stop_unknown"
    AWAIT_RECORD = "await_record"  # it has ended, the supplier's charge record is on its way
    START_FAILED = "start_failed"
    SETTLED = "settled"
    REVIEW = "review"  # settled for the driver; one of us has to look at the rest
    PROVISIONAL = "provisional"  # settled without a record, by the last meter reading
    CREDITED = "credited"  # the supplier took its record back; another may come
    CLOSED = "closed"  # provisional for thirty days: no record is expected any more


# Energy may be flowing, or about to: the gun and the driver are taken.
BUSY = frozenset(
    {
        SessionState.HELD,
        SessionState.STARTING,
        SessionState.START_UNKNOWN,
        SessionState.CHARGING,
        SessionState.STOPPING,
        SessionState.STOP_UNKNOWN,
    }
)
# The hold is there exactly as long as the session is in one of these.
LIVE = BUSY | {SessionState.AWAIT_RECORD}


class Event(StrEnum):
    """What can happen to a session."""

    START_SENT = "start_sent"
    NOT_SENT = "not_sent"  # the start expired before it left us
    START_REFUSED = "start_refused"
    START_SILENT = "start_silent"
    CHARGES = "charges"  # energy flows, or the supplier says the session is active
    NEVER_STARTED = "never_started"  # positive evidence that nothing will be billed
    NO_ANSWER = "no_answer"  # nobody could say within a day whether it started
    STOP_ASKED = "stop_asked"
    STOP_SILENT = "stop_silent"  # no answer to the stop, or a refusal
    ENDED = "ended"
    RECORD = "record"
    RECORD_IN_DOUBT = "record_in_doubt"
    NO_RECORD = "no_record"
    CREDIT = "credit"
    DECIDED = "decided"
    FORGOTTEN = "forgotten"


_S = SessionState


def _all_to(states: frozenset[SessionState], to: SessionState) -> dict[SessionState, SessionState]:
    return dict.fromkeys(states, to)


_BILLABLE = frozenset({_S.PROVISIONAL, _S.CREDITED, _S.CLOSED})
_MAY_HAVE_STARTED = BUSY - {_S.HELD}

MOVES: dict[Event, dict[SessionState, SessionState]] = {
    Event.START_SENT: {_S.HELD: _S.STARTING},
    Event.NOT_SENT: {_S.HELD: _S.START_FAILED},
    Event.START_REFUSED: {_S.STARTING: _S.START_FAILED},
    Event.START_SILENT: {_S.STARTING: _S.START_UNKNOWN},
    Event.CHARGES: {_S.STARTING: _S.CHARGING, _S.START_UNKNOWN: _S.CHARGING},
    # Never from CHARGING on: a session that was seen alive ends with a record, or without one after two days.
    Event.NEVER_STARTED: {_S.START_UNKNOWN: _S.START_FAILED},
    Event.NO_ANSWER: {_S.START_UNKNOWN: _S.PROVISIONAL},
    Event.STOP_ASKED: {_S.CHARGING: _S.STOPPING, _S.STOP_UNKNOWN: _S.STOPPING},
    Event.STOP_SILENT: {_S.STOPPING: _S.STOP_UNKNOWN},
    Event.ENDED: _all_to(_MAY_HAVE_STARTED, _S.AWAIT_RECORD),
    # A record ends the session whatever state it is in.
    Event.RECORD: _all_to(LIVE | _BILLABLE, _S.SETTLED),
    Event.RECORD_IN_DOUBT: _all_to(LIVE | _BILLABLE | {_S.START_FAILED}, _S.REVIEW),
    Event.NO_RECORD: _all_to(LIVE, _S.PROVISIONAL),
    Event.CREDIT: {_S.SETTLED: _S.CREDITED, _S.REVIEW: _S.CREDITED},
    Event.DECIDED: {_S.REVIEW: _S.SETTLED},
    Event.FORGOTTEN: {_S.PROVISIONAL: _S.CLOSED},
}


def move(state: SessionState, event: Event) -> SessionState | None:
    """Where the event leads from here; None where it is not possible."""
    return MOVES[event].get(state)


# --- times (docs/money.md) ------------------------------------------------------------------------------------

QUOTE_HOLDS_FOR = timedelta(minutes=5)
START_EXPIRES_AFTER = timedelta(minutes=2)  # not sent by then: the driver is told, and nothing was started
ASKED_TWICE_APART = timedelta(seconds=60)  # two "no such session" this far apart prove that it never started
START_UNKNOWN_FOR_AT_MOST = timedelta(hours=24)
RECORD_WITHIN = timedelta(hours=48)
NOTHING_HELD_BEYOND = timedelta(hours=72)  # promise P4, whatever else happens
RECORD_FORGOTTEN_AFTER = timedelta(days=30)
STOP_AT_SHARE_OF_HOLD = Decimal("0.9")
STOP_TRIES = 3


def next_look_after(state: SessionState, looks: int) -> timedelta:
    """How long after the last look we ask the supplier again. `looks` counts those in this state."""
    if state is SessionState.START_UNKNOWN:
        return timedelta(seconds=15) if looks < 8 else timedelta(seconds=60) if looks < 38 else timedelta(minutes=10)
    if state is SessionState.STARTING and looks < 4:
        return timedelta(seconds=5)  # somebody stands at the gun and waits
    if state is SessionState.AWAIT_RECORD:
        return timedelta(minutes=10)
    if state in (SessionState.PROVISIONAL, SessionState.CREDITED):
        return timedelta(hours=6)
    return timedelta(seconds=20) if looks < 30 else timedelta(seconds=60)


# --- the records ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FrozenQuote:
    """What the driver said yes to: gun, price version and hold, as they were shown. Kept and signed as it was.

    `tariff` is the tariff itself as JSON, so that the bill can be made again when the price has long changed. `parts`
    are exact and add up to what is expected, before rounding. `code_rest` is what the gun's code says beside the gun,
    for the supplier (T/CEC 102, QRCode of query_start_charge).
    """

    id: str
    user_id: str
    supplier_id: str
    station_id: str
    station_name: str
    operator_name: str
    ref: ConnectorRef
    gun_label: str
    tariff_id: str
    tariff: str
    energy_kwh: Decimal
    expected: Money
    hold: Money
    price_per_kwh: Decimal
    price_seen_at: datetime | None
    power_kw: Decimal | None
    created_at: datetime
    expires_at: datetime
    parts: Mapping[Part, Decimal] = field(default_factory=dict)
    code_rest: str = ""


@dataclass(frozen=True, slots=True)
class ChargingSession:
    """One attempt to charge, as we know it. Money stands in the ledger; here is what it was for.

    `gun_key` names the physical gun, whichever supplier sells it. `seen_cost` is the last cost the supplier named or
    our own from the meter, exact and tax included; `charged` is what the driver has paid, once that is known.
    """

    id: str
    user_id: str
    client_key: str  # of the driver's yes: the same one again is the same session
    start_seq: str
    supplier_id: str
    station_id: str
    ref: ConnectorRef
    gun_key: str
    quote: FrozenQuote
    state: SessionState
    payment: str  # "wallet", or the channel that pre-authorised
    created_at: datetime
    changed_at: datetime  # of the state
    seen_at: datetime | None = None  # the last word from the supplier
    started_at: datetime | None = None
    ended_at: datetime | None = None
    energy_kwh: Decimal | None = None
    power_kw: Decimal | None = None
    soc_percent: Decimal | None = None
    seen_cost: Decimal | None = None
    charged: Money | None = None
    stop_wanted_at: datetime | None = None
    stop_reason: str = ""
    failure: str = ""  # why it did not start, one of core.charging.REASONS
    looks: int = 0
    unknown_since: datetime | None = None  # the supplier first said that it knows no such session
    next_look_at: datetime | None = None
    grow_to: Money | None = None  # the driver agreed that the hold may grow this far

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def currency(self) -> str:
        return self.quote.hold.currency


@dataclass(frozen=True, slots=True)
class Hold:
    """Money of the driver kept for one session. Resolved once, in one transaction."""

    session_id: str
    user_id: str
    amount: Money
    captured: Money
    released: Money
    active: bool
    held_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """A line of the session's diary. `moved_to` is None where the event changed nothing."""

    session_id: str
    at: datetime
    event: Event
    moved_from: SessionState
    moved_to: SessionState | None
    detail: str = ""
