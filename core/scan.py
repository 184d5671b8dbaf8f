"""One scan of a gun's code: what was read, what the shield said of it, and how far the driver has come with it.

The driver's own position is not part of it. Where a scan was accepted the station's place is enough to see whether
the next one can be the same person's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.station import ConnectorRef

# How long an accepted scan may lead to a charge: time to top up and to plug in, not to drive home.
SCAN_GOOD_FOR = timedelta(minutes=15)
LAST_FOUR_TRIES = 3
TEXT_KEPT = 2_000  # characters of what was scanned: more than any QR code for a gun, less than a QR code can hold


class ScanSource(StrEnum):
    """How the text came to us."""

    PHOTO = "photo"
    CAMERA = "camera"  # read by the platform's own scanner
    TYPED = "typed"
    LINK = "link"  # one of our own, opened in a chat or a page
    LIST = "list"  # picked from the guns of a station's card


class ScanState(StrEnum):
    WHICH_GUN = "which_gun"  # it names several, the driver has to say which
    ASK_STATION = "ask_station"  # "are you at X?"
    ASK_LAST_FOUR = "ask_last_four"  # the last four characters printed on the gun
    PASSED = "passed"  # it may lead to a charge
    REFUSED = "refused"


OPEN = frozenset({ScanState.WHICH_GUN, ScanState.ASK_STATION, ScanState.ASK_LAST_FOUR})


@dataclass(frozen=True, slots=True)
class Choice:
    """A gun to choose, as one supplier tells it."""

    ref: ConnectorRef
    station_id: str


@dataclass(frozen=True, slots=True)
class Scan:
    """`reasons` are those of core.shield, the gravest first; `problem` is the code of what the driver was told.

    `ref`, `station_id` and `supplier_id` name the gun as soon as it is one; `choices` are what there is to choose
    from. `photo_ref` leads the chat that took a photo to it, for a report; the photo itself is not kept.
    """

    id: str
    user_id: str
    at: datetime
    source: ScanSource
    text: str
    state: ScanState
    reasons: tuple[str, ...] = ()
    problem: str = ""
    ref: ConnectorRef | None = None
    station_id: str = ""
    supplier_id: str = ""
    choices: tuple[Choice, ...] = ()
    tries: int = 0  # at the last four characters
    passed_at: datetime | None = None
    quote_id: str = ""  # of the last quote that it led to
    photo_ref: str = ""
    reported_at: datetime | None = None
    report: str = ""  # the driver's words

    def good_at(self, at: datetime) -> bool:
        """Whether it may lead to a charge now."""
        return self.state is ScanState.PASSED and at - self.at <= SCAN_GOOD_FOR


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """The message in a chat that shows a charge as it goes, edited in place. `shown` is a hash of what it says."""

    session_id: str
    channel: str
    address: str  # of the chat
    message_id: str
    shown: str
    shown_at: datetime


class Promised(StrEnum):
    """The driver's answer to "was it as promised?"."""

    YES = "yes"
    BROKEN = "broken"  # the gun
    BLOCKED = "blocked"  # the bay
    PRICE = "price"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a driver said of a charge; the last word counts."""

    session_id: str
    user_id: str
    promised: Promised
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the starts at one gun lately. `failed` leaves out what was the driver's own doing."""

    supplier_id: str
    station_id: str
    ref: ConnectorRef
    started: int
    failed: int
    complaints: int  # drivers who found the gun broken or the bay blocked
