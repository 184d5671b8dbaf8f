"""Who the driver is: an account, the chats it is known by, and what it has told us."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum

from core.station import Plug
from core.wishes import DEFAULT_KWH, Filters, Mode

LANGUAGES = ("zh-CN", "en")


def language_for(code: str | None) -> str:
    """The nearest of our languages to a BCP 47 or platform code ("zh_CN", "zh-hans", "en-GB"). Default English."""
    return "zh-CN" if code and code.lower().replace("_", "-").split("-")[0] == "zh" else "en"


class Channel(StrEnum):
    TELEGRAM = "telegram"
    WECHAT = "wechat"
    MINIPROGRAM = "miniprogram"
    # Not a chat: how WeChat names the person over all accounts of one Open Platform account, so that official account
    # and mini-program are known to be one person.
    UNIONID = "unionid"
    LOCAL = "local"  # a name typed on this machine, where there is no platform at all


@dataclass(frozen=True, slots=True)
class Identity:
    """How a platform names the person: a Telegram user id, a WeChat openid."""

    channel: Channel
    external_id: str


class ConsentPurpose(StrEnum):
    POSITION_HISTORY = "position_history"  # keep a 1 km square of each search for 30 days, to search there again


CONSENT_VERSION = 1  # of the sentence the person agreed to


@dataclass(frozen=True, slots=True)
class User:
    """A person. `asked` names the questions already put to them, so that none is asked twice."""

    id: str
    language: str
    created_at: datetime
    energy_kwh: Decimal = DEFAULT_KWH
    mode: Mode = Mode.BALANCED
    filters: Filters = field(default_factory=Filters)
    asked: frozenset[str] = frozenset()
    reachable: bool = True  # False after the person blocked the bot
    stopped: bool = False  # the person said /stop: nothing is sent unasked
    quiet: QuietHours | None = None
    time_zone: str = ""  # where the person lives, an IANA name; "" until we know
    merged_into: str = ""  # this account turned out to be somebody's second one
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when to when nothing is sent that can wait, on the person's own clock. May cross midnight."""

    start: time
    end: time

    def covers(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


LEAST_BATTERY_KWH, MOST_BATTERY_KWH = Decimal(1), Decimal(1000)


@dataclass(frozen=True, slots=True)
class Car:
    """A car of the person. `usable_kwh` is what a usual charge adds at most; one car is the usual one."""

    id: str
    name: str
    plug: Plug
    battery_kwh: Decimal
    usable_kwh: Decimal
    usual: bool = False
