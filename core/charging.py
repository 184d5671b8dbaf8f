"""One attempt to charge, in the words every supplier's protocol is translated into.

The money around it lives elsewhere; this module only says what was asked of a gun and what is known about it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.station import ConnectorRef


class Outcome(StrEnum):
    """A supplier's answer to a command. Silence is an answer of its own: the gun may be live."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CommandReply:
    """ACCEPTED is not charging yet: that is when energy flows.

    `reason` is one of REASONS, `detail` the supplier's own words.
    """

    outcome: Outcome
    reason: str = ""
    detail: str = ""


# Why a supplier refuses, in our words. Anything else becomes "other", with the supplier's own words as detail.
# "not_sent" comes with UNKNOWN: this very command never left us, but an earlier one of the same number may have.
REASONS = frozenset(
    {
        "not_plugged_in",
        "gun_fault",
        "gun_offline",
        "gun_busy",
        "no_such_gun",
        "no_such_session",
        "already_ended",
        "not_sent",
        "other",
    }
)


class ChargingState(StrEnum):
    """What the supplier says the session is doing."""

    STARTING = "starting"
    CHARGING = "charging"
    STOPPING = "stopping"
    ENDED = "ended"
    INVALID = "invalid"  # it never became a session
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """The live state of a session at `at`. Costs are the supplier's own, exact, tax included, None where not told."""

    start_seq: str  # our number for the attempt, as we sent it
    ref: ConnectorRef
    state: ChargingState
    at: datetime
    supplier_session_id: str = ""
    started_at: datetime | None = None
    energy_kwh: Decimal | None = None
    power_kw: Decimal | None = None
    soc_percent: Decimal | None = None
    cost: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class RecordPeriod:
    """One stretch of a record with its price per kWh; amounts as the supplier states them."""

    start: datetime
    end: datetime
    energy_kwh: Decimal
    energy_price: Decimal | None = None
    service_price: Decimal | None = None
    energy_cost: Decimal | None = None
    service_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """The supplier's final statement (OCPI CDR, T/CEC charge order). Amounts exact, tax included."""

    record_id: str  # unique per supplier
    start_seq: str  # "" when the supplier names none of ours
    ref: ConnectorRef
    started_at: datetime
    ended_at: datetime
    energy_kwh: Decimal
    total_cost: Decimal
    currency: str
    energy_cost: Decimal | None = None
    service_cost: Decimal | None = None
    stop_reason: str = ""
    credit_of: str = ""  # the record this one takes back
    periods: tuple[RecordPeriod, ...] = ()
    raw: str = field(default="", repr=False)
