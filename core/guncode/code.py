"""What a gun code says, in words that know no operator."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.station import ConnectorRef

# One place to look: a gun by its operator's number (operator "" where the code does not say whose), or the text of an
# EVSE id in its normal form, which means the same gun at every supplier.
Candidate = ConnectorRef | str


class Names(StrEnum):
    GUN = "gun"
    PILE = "pile"  # a cabinet: which of its guns has to be asked
    STATION = "station"
    NOTHING = "nothing"  # not a code we can read; `looks_like` says what it seems to be


class Oddity(StrEnum):
    """What a sticker pasted over the real one gives away. The driver is warned; `core.shield` decides."""

    LOOKALIKE_HOST = "lookalike_host"  # nearly an operator's host; `official` is the one it imitates
    UNKNOWN_HOST = "unknown_host"
    SHORTENER = "shortener"
    PAYMENT_PAGE = "payment_page"
    ACTIVE_CONTENT = "active_content"  # javascript:, data: and the like
    USERINFO = "userinfo"  # https://operator.example@elsewhere.example/
    BACKSLASH = "backslash"  # a slash to a browser, a part of the name to other readers
    PUNYCODE = "punycode"
    MIXED_SCRIPTS = "mixed_scripts"
    IP_ADDRESS = "ip_address"
    ODD_PORT = "odd_port"
    HIDDEN_CHARACTERS = "hidden_characters"  # zero-width, right-to-left, control characters
    CONTRADICTION = "contradiction"  # two numbers within the code do not agree
    FOREIGN_ID = "foreign_id"  # an EVSE id of another operator than the host's


class LooksLike(StrEnum):
    """What a text seems to be that names no gun. Each has its sentence, which also says what to do."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    PAYMENT = "payment"
    SHORT_LINK = "short_link"
    SCRIPT = "script"
    OPERATOR_PAGE = "operator_page"  # an operator's host, in a form we do not know
    WEB_PAGE = "web_page"
    WIFI = "wifi"
    CONTACT = "contact"
    PHONE = "phone"
    MAP_POINT = "map_point"
    CONTRACT_ID = "contract_id"  # names a customer, not a gun
    LINK_CODE = "link_code"  # one of ours, for linking two chats
    JSON = "json"
    OTHER_APP = "other_app"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class GunCode:
    """A code as read. Ids are byte for byte as printed; "" is what the code does not say."""

    text: str  # as scanned, without blanks around it and without what is good only once
    names: Names
    rule: str = ""  # the name of the rule that read it
    operator_id: str = ""  # that the code itself states, or the only one whose codes look so
    connector_id: str = ""
    pile_id: str = ""
    evse_id: str = ""
    short_code: str = ""  # the number that stands on the gun
    candidates: tuple[Candidate, ...] = ()  # where to look, best first
    rest: str = ""  # to be handed to the supplier with the start, as its protocol wants
    host: str = ""  # as written
    host_normal: str = ""  # lower case, in ASCII
    oddities: tuple[Oddity, ...] = ()
    official: str = ""  # the host that a look-alike imitates
    guess: bool = False  # others print such codes too, or whose they are is not said: the driver confirms the station
    once_only: bool = False  # carried a one-time part, which is neither kept nor handed on
    looks_like: LooksLike | None = None

    @property
    def known(self) -> bool:
        return self.names is not Names.NOTHING
