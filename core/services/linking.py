"""One person in two chats: a code shown in one and entered in the other makes them one account.

The code is 128 random bits, kept as SHA-256, good once and for ten minutes. Entering it only asks; linking needs a
yes on the side that entered it, because from then on whoever showed the code has its money and history too.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import Conflict, SupplierUnavailable, TooMany, UserError
from core.outbox import MessageClass
from core.ports import Clock, Database, LinkCode, LoginKind, Tie, TieKind, UnitOfWork
from core.services.joining import bring_home, join
from core.services.notify import tell
from core.user import Channel, Identity, User

CODE_BYTES = 16
CODE_LASTS = timedelta(minutes=10)
KEEP_CODES_FOR = timedelta(days=1)
MOST_TRIES, TRIES_WITHIN = 5, timedelta(hours=1)
LABEL_MAX = 40
# What a code looks like, and how it stands in links and QR codes: "kw-" and "link_", then 26 letters and digits.
PREFIX, LINK_PREFIX = "kw-", "link_"
_CODE = re.compile(r"(?:kw-?|link_)([a-z2-7]{26})")

log = logging.getLogger(__name__)

# What leaves together when two chats part.
SIDES = {
    Channel.TELEGRAM: Channel.TELEGRAM,
    Channel.WECHAT: Channel.WECHAT,
    Channel.MINIPROGRAM: Channel.WECHAT,
    Channel.UNIONID: Channel.WECHAT,
    Channel.LOCAL: Channel.LOCAL,
}
# Who was logged in by the side that leaves is logged in no more.
LOGGED_IN_BY = {
    LoginKind.TELEGRAM: Channel.TELEGRAM,
    LoginKind.MINIPROGRAM: Channel.WECHAT,
    LoginKind.WECHAT_PAGE: Channel.WECHAT,
    LoginKind.LOCAL: Channel.LOCAL,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A new code, in the clear this once."""

    code: str
    expires_at: datetime

    @property
    def payload(self) -> str:
        """For `t.me/<bot>?start=…` and for WeChat's QR_STR_SCENE."""
        return LINK_PREFIX + self.code.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class Offer:
    """Who asks to be linked, and what it means for the one who is asked. `brings` is money in their wallet."""

    channel: Channel
    label: str
    brings: tuple[Tie, ...]


@dataclass(frozen=True, slots=True)
class Linked:
    """The account both chats have now. `told` are outbox rows to ring for."""

    user: User
    channel: Channel  # of the side that asked
    told: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WaysOver:
    """How to get from one chat to the other without typing. Both raise SupplierUnavailable; None where there is none.

    `bot_name` is the Telegram bot's user name; `wechat_qr` draws the official account's QR code with a scene in it.
    """

    bot_name: Callable[[], str] | None = None
    wechat_qr: Callable[[str, timedelta], bytes] | None = None


def code_in(text: str) -> str | None:
    """The link code in a typed line, a link's payload or a scanned scene; None when it is something else."""
    found = _CODE.fullmatch("".join(text.split()).casefold())
    return PREFIX + found[1] if found else None


def sides(identities: Iterable[Identity]) -> set[Channel]:
    return {SIDES[one.channel] for one in identities}


class LinkingService:
    """Linking and unlinking. Which chat a call comes from is the caller's to say."""

    def __init__(self, database: Database, clock: Clock, ways: WaysOver) -> None:
        self.database, self.clock, self.ways = database, clock, ways
        self._bot_name = ""

    def telegram_link(self, asked: Asked) -> str:
        """The t.me link that carries the code; "" where there is no bot, or nobody can say its name just now."""
        if not self._bot_name and self.ways.bot_name is not None:
            try:
                self._bot_name = self.ways.bot_name()
            except SupplierUnavailable as error:
                log.warning("the bot's name is not known", extra={"error": error.detail})
        return f"https://t.me/{self._bot_name}?start={asked.payload}" if self._bot_name else ""

    def wechat_qr(self, asked: Asked) -> bytes | None:
        """A picture to scan with WeChat that carries the code; None where that is not possible."""
        if self.ways.wechat_qr is None:
            return None
        try:
            return self.ways.wechat_qr(asked.payload, CODE_LASTS)
        except SupplierUnavailable as error:
            log.warning("WeChat draws no code", extra={"error": error.detail})
            return None

    def ask(self, user_id: str, channel: Channel, label: str = "") -> Asked:
        """A code for the other side. An older one of this person ends. Raises Conflict where both are linked."""
        at = self.clock.now()
        code = PREFIX + base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().rstrip("=").lower()
        name = " ".join(label.split())[:LABEL_MAX]
        with self.database.write() as unit:
            if {Channel.TELEGRAM, Channel.WECHAT} <= sides(unit.people.identities(user_id)):
                raise Conflict("already_linked")
            unit.link_codes.add(LinkCode(_hash(code), user_id, channel, name, at, at + CODE_LASTS))
        return Asked(code, at + CODE_LASTS)

    def look(self, user_id: str, code: str) -> Offer:
        """What linking by this code would mean. Raises UserError; a wrong code counts as a try."""
        at = self.clock.now()
        with self.database.write() as unit:
            asked = self._find(unit, user_id, code, at)
            if asked is not None:
                _check(unit, asked, user_id)
                mine = unit.people.ties(unit.people.same_person(user_id))
                return Offer(asked.channel, asked.label, tuple(tie for tie in mine if tie.kind is TieKind.MONEY))
        raise UserError("link_code_unknown")

    def confirm(self, user_id: str, code: str) -> Linked:
        """Link this account to the one that asked. Once for each code, whoever comes at the same moment.

        Raises UserError; Conflict while a charge or a refund of either is open.
        """
        at = self.clock.now()
        with self.database.write() as unit:
            if (done := _done_before(unit, user_id, code)) is not None:
                return done
            asked = self._find(unit, user_id, code, at)
            if asked is not None:
                _check(unit, asked, user_id)
                used = unit.link_codes.use(asked.code_hash, at)
                assert used, "the row is ours"
                # Before they are one, so that the words reach the chat that asked. Somebody else has the wallet now:
                # that is said in quiet hours too.
                row = tell(unit, asked.user_id, "linked", {}, klass=MessageClass.MONEY,
                           subject=asked.code_hash[:16], state="linked", at=at)  # fmt: skip
                join(unit, user_id, asked.user_id, at)
                user = unit.users.get(asked.user_id)
                assert user is not None
                return Linked(user, asked.channel, () if row is None else (row,))
        raise UserError("link_code_unknown")

    def leaving(self, user_id: str, stays: Channel) -> Channel:
        """Which side would leave if they were unlinked from this one. Raises Conflict where nothing is linked."""
        with self.database.read() as unit:
            return self._leaving(unit, user_id, stays)

    def unlink(self, user_id: str, stays: Channel) -> Channel:
        """The other side gets an account of its own, empty: money, history and profile stay. Returns that side."""
        at = self.clock.now()
        with self.database.write() as unit:
            if unit.users.get(user_id) is None:
                raise Conflict("not_linked")
            side = self._leaving(unit, user_id, stays)
            fresh = unit.people.new_account(user_id, at)
            for identity in unit.people.identities(user_id):
                if SIDES[identity.channel] is side:
                    unit.people.move_identity(identity, fresh.id, at)
            for login in unit.logins.of_user(user_id):
                if LOGGED_IN_BY.get(login.kind, side) is side:
                    unit.logins.revoke(login.token_hash, at)
            tell(unit, fresh.id, "unlinked", {}, klass=MessageClass.MONEY, subject=fresh.id, state="unlinked", at=at)
        return side

    def bring_home(self) -> int:
        """Move money that came to joined accounts afterwards; returns how many amounts."""
        with self.database.write() as unit:
            return bring_home(unit, self.clock.now())

    def purge(self) -> int:
        with self.database.write() as unit:
            return unit.link_codes.purge(self.clock.now() - KEEP_CODES_FOR)

    def _find(self, unit: UnitOfWork, user_id: str, code: str, at: datetime) -> LinkCode | None:
        """The code if it is good; otherwise the try is written down. Raises TooMany after five of them."""
        if unit.link_codes.tries(user_id, at - TRIES_WITHIN) >= MOST_TRIES:
            raise TooMany("too_many_codes", retry_after_s=int(TRIES_WITHIN.total_seconds()))
        known = code_in(code)
        asked = unit.link_codes.get(_hash(known)) if known else None
        if asked is not None and asked.used_at is None and at < asked.expires_at:
            return asked
        unit.link_codes.note_try(user_id, at)
        return None

    @staticmethod
    def _leaving(unit: UnitOfWork, user_id: str, stays: Channel) -> Channel:
        others = sides(unit.people.identities(user_id)) - {SIDES[stays]}
        if not others:
            raise Conflict("not_linked")
        return min(others)


def _done_before(unit: UnitOfWork, user_id: str, code: str) -> Linked | None:
    """The same yes once more: a button pressed twice, or a message worked twice."""
    known = code_in(code)
    asked = unit.link_codes.get(_hash(known)) if known else None
    if asked is None or asked.used_at is None or asked.user_id not in unit.people.same_person(user_id):
        return None
    user = unit.users.get(unit.people.current(user_id))
    return None if user is None else Linked(user, asked.channel, ())


def _check(unit: UnitOfWork, asked: LinkCode, user_id: str) -> None:
    """Whether these two may become one at all."""
    if unit.people.current(asked.user_id) == user_id:
        raise Conflict("link_to_yourself")
    # Nobody is twice in one place. Official account and mini-program are two, and may be one person's although WeChat
    # does not say so; two unionids are two people.
    theirs, mine = ({one.channel for one in unit.people.identities(who)} for who in (asked.user_id, user_id))
    if theirs & mine:
        raise Conflict("link_same_side" if asked.channel in mine else "already_linked")


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
