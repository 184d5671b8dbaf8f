"""What must be said or done next, written in the same transaction as the fact behind it.

The database is the queue. A sender claims a row under a lease, does it, and writes down what came of it. What a
dead sender leaves behind is ambiguous; each class of message says what is done about that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MAX_ATTEMPTS = 5
LEASE = timedelta(seconds=60)
# WeChat lets us answer freely for 48 hours after a message; the moment of the last one is known to the hour.
WECHAT_WINDOW = timedelta(hours=47)
RETRY_AFTER = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
# Channels that know a repetition by its number (template messages: client_msg_id), and how long after the first one.
REPEATS_KNOWN_WITHIN = {"wechat_template": timedelta(minutes=10)}


@dataclass(frozen=True, slots=True)
class Pace:
    """The most that a channel takes. Telegram publishes no limits; these have been safe."""

    per_chat: timedelta  # between two messages to one chat
    per_second: int  # to all chats together
    ranked: int  # of these at most so many that are no more than alerts: a flood of them leaves room for money


PACES = {"telegram": Pace(timedelta(seconds=1), 25, 20)}


class OutboxState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNCERTAIN = "uncertain"  # it may have arrived; not sent again
    DEAD = "dead"  # given up
    EXPIRED = "expired"  # no longer worth saying


class MessageClass(StrEnum):
    """What kind of thing it is, which decides what becomes of it when a sender dies or a chat is gone."""

    COMMAND = "command"  # a start, a stop, an order to a provider: the handler itself knows how to be sure
    MONEY = "money"  # about the driver's money: said again rather than not at all
    CHARGE = "charge"  # about a charge that runs: "press the red button" cannot wait for the morning either
    ALERT = "alert"  # a price alert: one too few is better than one too many
    NOTICE = "notice"  # anything else


@dataclass(frozen=True, slots=True)
class Policy:
    """`resend` after a lease ran out in the middle of sending; else the row is uncertain."""

    resend: bool
    marked_as_repeat: bool = False  # the text then says "repeat of", so that a double does no harm


POLICIES = {
    # Running it again is safe: the handler compares and sets the session's state before it calls anybody.
    MessageClass.COMMAND: Policy(resend=True),
    MessageClass.MONEY: Policy(resend=True, marked_as_repeat=True),
    MessageClass.CHARGE: Policy(resend=True, marked_as_repeat=True),
    MessageClass.ALERT: Policy(resend=False),
    MessageClass.NOTICE: Policy(resend=False),
}


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One thing to be done once. `kind` names the handler, `subject` is the id it works on.

    `channel` and `address` say where a message goes, "" for commands; `body` is JSON for the handler. The channels
    are telegram, wechat (within 48 hours of the person's last message), wechat_template, and wechat_leave of alerts.
    """

    id: int
    dedupe_key: str
    klass: MessageClass
    kind: str
    subject: str
    channel: str
    address: str
    body: str
    state: OutboxState
    attempts: int
    created_at: datetime
    next_at: datetime
    expires_at: datetime | None
    token: str = ""
    user_id: str = ""
    doubtful_since: datetime | None = None  # the first attempt of which nobody knows whether it arrived
    error: str = ""
    sent_ref: str = ""

    @property
    def interrupted(self) -> bool:
        """An earlier attempt may have arrived: its sender died in the middle, or nobody answered."""
        return self.doubtful_since is not None


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be. `dedupe_key` makes writing it twice writing it once: class : subject : state.

    Of what is due the lowest `rank` goes first: 0 for all but alerts, whose worth decides.
    """

    dedupe_key: str
    klass: MessageClass
    kind: str
    subject: str
    body: str = "{}"
    channel: str = ""
    address: str = ""
    user_id: str = ""
    not_before: datetime | None = None
    expires_at: datetime | None = None
    rank: int = 0


class Fate(StrEnum):
    """What came of an attempt."""

    SENT = "sent"
    NOT_SENT = "not_sent"  # it never left us, or was refused for now: try again, five times in all
    LATER = "later"  # not now, and no failure: nothing is counted
    UNCERTAIN = "uncertain"  # it left us and nobody answered
    REFUSED = "refused"  # final
    GONE = "gone"  # the chat is no longer there
    ELSEWHERE = "elsewhere"  # the chat is there, but cannot be spoken to now: perhaps another of the person's can
    POINTLESS = "pointless"  # what it says is no longer true


@dataclass(frozen=True, slots=True)
class Result:
    """`retry_after` is ours for LATER and NOT_SENT. `pause_channel` holds back the whole channel for that time.

    `window_closed`: this chat takes nothing said freely before the person writes again.
    """

    fate: Fate
    sent_ref: str = ""
    error: str = ""
    retry_after: timedelta | None = None
    pause_channel: bool = False
    window_closed: bool = False


def repeated_key(row: OutboxRow) -> str:
    """The number under which a platform that dedupes knows this message again (WeChat client_msg_id, at most 32)."""
    return f"kw-{row.id}"


def retry_after(attempts: int) -> timedelta:
    """How long to wait after this many attempts that failed."""
    return RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]


def may_be_repeated(row: OutboxRow, at: datetime) -> bool:
    """Whether an attempt of which nobody knows is followed by another: by its class, or as the channel knows it."""
    known_for = REPEATS_KNOWN_WITHIN.get(row.channel)
    first = row.doubtful_since or row.next_at
    return POLICIES[row.klass].resend or (known_for is not None and at - first < known_for)
