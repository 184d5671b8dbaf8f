"""Logging in to the API and the page: a platform's word for who somebody is becomes a token of ours.

The token is 256 random bits that only the client has; we keep its SHA-256. It lasts thirty days after it was used
last, and ends when the person says so.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import Conflict, NotFound, NotLoggedIn, UserError
from core.ports import (
    Clock,
    Database,
    ExchangesCode,
    Login,
    LoginKind,
    LogsInOnPages,
    Proven,
    ReadsInitData,
    UnitOfWork,
)
from core.services.joining import join
from core.user import Channel, Identity, User, language_for

TOKEN_BYTES = 32
LASTS = timedelta(days=30)
DOWNLOAD_LASTS = timedelta(minutes=10)
# Using a login costs a write at most this often.
TOUCHED_AGAIN_AFTER = timedelta(hours=1)
KEEP_ENDED_FOR = timedelta(days=7)
MOST_LOGINS = 30  # of one person; the oldest ends
MOST_TOKEN_CHARS = 128
_LOCAL_NAME = re.compile(r"[\w-]{1,32}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doors:
    """The ways to log in that this installation offers."""

    telegram: ReadsInitData | None = None
    miniprogram: ExchangesCode | None = None
    page: LogsInOnPages | None = None
    local: bool = False  # by a mere name: only where no platform is set up and money is play money


@dataclass(frozen=True, slots=True)
class NewLogin:
    """`token` is given out once, here."""

    token: str
    login: Login
    user: User
    new: bool  # registered just now


@dataclass(frozen=True, slots=True)
class LoggedIn:
    user: User
    login: Login


class LoginService:
    """Every failure to prove who one is, is NotLoggedIn; a way that is not offered here is NotFound."""

    def __init__(self, database: Database, clock: Clock, doors: Doors) -> None:
        self.database, self.clock, self.doors = database, clock, doors

    # --- coming in ------------------------------------------------------------------------------------------

    def telegram(self, init_data: str) -> NewLogin:
        """By the `initData` of a Mini App, signed within the last ten minutes."""
        if self.doors.telegram is None:
            raise NotFound("login_not_offered")
        return self.enter(self.doors.telegram.read(init_data, self.clock.now()), LoginKind.TELEGRAM)

    def miniprogram(self, code: str) -> NewLogin:
        """By the code of `wx.login`. Raises SupplierUnavailable when WeChat is silent."""
        if self.doors.miniprogram is None:
            raise NotFound("login_not_offered")
        return self.enter(self.doors.miniprogram.exchange(code), LoginKind.MINIPROGRAM)

    def page_address(self, back_to: str, state: str) -> str:
        """Where WeChat's browser is sent to come back with a code."""
        if self.doors.page is None:
            raise NotFound("login_not_offered")
        return self.doors.page.address(back_to, state)

    def page(self, code: str) -> NewLogin:
        """By the code that WeChat's browser came back with. Raises SupplierUnavailable when WeChat is silent."""
        if self.doors.page is None:
            raise NotFound("login_not_offered")
        return self.enter(self.doors.page.exchange(code), LoginKind.WECHAT_PAGE)

    def local(self, name: str, language: str) -> NewLogin:
        """By a name, on a machine without any platform. The caller sees to it that it is this machine."""
        if not self.doors.local:
            raise NotFound("login_not_offered")
        if not _LOCAL_NAME.fullmatch(name):
            raise UserError("bad_name")
        return self.enter(Proven(Identity(Channel.LOCAL, name.casefold()), language=language), LoginKind.LOCAL)

    def enter(self, proven: Proven, kind: LoginKind) -> NewLogin:
        """A login for somebody a platform vouches for, who is registered now if they are new."""
        at, token = self.clock.now(), secrets.token_urlsafe(TOKEN_BYTES)
        with self.database.write() as unit:
            known = unit.users.by_identity(Identity(Channel.UNIONID, proven.unionid)) if proven.unionid else None
            if known is not None:
                # Nothing happens where the identity is somebody's already.
                unit.people.add_identity(proven.identity, known.id, at)
            user, new = unit.users.register(proven.identity, language_for(proven.language), at)
            user = joined_by_unionid(unit, user, proven.unionid, at)
            login = Login(_hash(token), user.id, kind, at, at, at + LASTS)
            unit.logins.add(login)
            for old in unit.logins.of_user(user.id)[MOST_LOGINS:]:
                unit.logins.revoke(old.token_hash, at)
        return NewLogin(token, login, user, new)

    def unionid_known(self, identity: Identity, unionid: str) -> None:
        """WeChat has told us what else it calls somebody who writes to the official account."""
        at = self.clock.now()
        with self.database.write() as unit:
            user = unit.users.by_identity(identity)
            if user is not None:
                joined_by_unionid(unit, user, unionid, at)

    # --- being in -------------------------------------------------------------------------------------------

    def logged_in(self, token: str) -> LoggedIn | None:
        """Whose token this is; None when it is none of ours, has ended, or is good for something else."""
        if not 0 < len(token) <= MOST_TOKEN_CHARS:
            return None
        at, token_hash = self.clock.now(), _hash(token)
        with self.database.read() as unit:
            login = unit.logins.get(token_hash)
            if login is None or login.expires_at <= at or login.kind is LoginKind.DOWNLOAD:
                return None
            user = unit.users.get(login.user_id)
        if user is None or user.deleted_at is not None:
            return None
        if at - login.used_at >= TOUCHED_AGAIN_AFTER:
            login = replace(login, used_at=at, expires_at=at + LASTS)
            with self.database.write() as unit:
                unit.logins.touch(token_hash, login.used_at, login.expires_at)
        return LoggedIn(user, login)

    def end(self, token: str) -> bool:
        with self.database.write() as unit:
            return unit.logins.revoke(_hash(token), self.clock.now())

    def end_all(self, user_id: str) -> int:
        """Log out everywhere; returns how many logins ended."""
        with self.database.write() as unit:
            return unit.logins.revoke_all(user_id, self.clock.now())

    def purge(self) -> int:
        """Forget logins that ended a week ago."""
        with self.database.write() as unit:
            return unit.logins.purge(self.clock.now() - KEEP_ENDED_FOR)

    # --- one download ---------------------------------------------------------------------------------------

    def ticket(self, user_id: str) -> str:
        """A token for one download of everything we keep of this person, within ten minutes."""
        at, token = self.clock.now(), secrets.token_urlsafe(TOKEN_BYTES)
        with self.database.write() as unit:
            unit.logins.add(Login(_hash(token), user_id, LoginKind.DOWNLOAD, at, at, at + DOWNLOAD_LASTS))
        return token

    def redeem(self, ticket: str) -> User:
        """Whose download this is; the ticket is used up. Raises NotLoggedIn."""
        at, token_hash = self.clock.now(), _hash(ticket[:MOST_TOKEN_CHARS])
        with self.database.write() as unit:
            login = unit.logins.get(token_hash)
            if login is None or login.kind is not LoginKind.DOWNLOAD or login.expires_at <= at:
                raise NotLoggedIn("ticket_used")
            user = unit.users.get(login.user_id)
            if user is None or not unit.logins.revoke(token_hash, at):
                raise NotLoggedIn("ticket_used")
        return user


def joined_by_unionid(unit: UnitOfWork, user: User, unionid: str, at: datetime) -> User:
    """The account of this person, over official account and mini-program.

    Two accounts become one; while a charge or a refund is open they stay two, and the next login tries again.
    """
    if not unionid:
        return user
    name = Identity(Channel.UNIONID, unionid)
    other = unit.users.by_identity(name)
    if other is None:
        unit.people.add_identity(name, user.id, at)
        return user
    if other.id == user.id:
        return user
    try:
        # The account that has been there longer is the one with the profile.
        second, first = sorted((user, other), key=lambda one: (one.created_at, one.id), reverse=True)
        join(unit, second.id, first.id, at)
    except Conflict as refusal:
        log.info("two accounts of one WeChat user stay apart for now", extra={"reason": refusal.code})
        return user
    joined = unit.users.get(first.id)
    assert joined is not None
    return joined


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
