"""The price of a station over time: words as the answer, and a picture after it where the account may send one."""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Protocol

from bots import prices
from bots.money import joined
from bots.pictures import PATIENCE_S, Pictures, TooManyPictures
from bots.wechat.account import Visitor
from bots.wechat.client import UNREACHABLE, WechatRefused
from bots.wechat.find import FindTalk
from bots.wechat.render import NAME_MAX, link, plain
from bots.wording import Wording
from core.errors import ChatUnreachable, SupplierUnavailable, UserError
from core.ports import Clock
from core.services import Services
from core.services.prices import GroupPrices

KINDS_SHOWN = 4
_DAYS = {"": 7, "1": 1, "24": 1, "7": 7, "30": 30, "90": 90}
_NUMBER = re.compile(r"[0-9]*")
MOST_WAITING, SENDERS = 12, 2
# After these a picture would be drawn for nobody: a quota is used up, or the account may not do this.
_REST = {
    45009: timedelta(hours=1),
    45011: timedelta(minutes=1),
    48001: timedelta(days=1),
    48004: timedelta(days=1),
    50002: timedelta(days=1),
}

log = logging.getLogger(__name__)


class SendsPictures(Protocol):
    """media/upload, and custom/send of what was uploaded."""

    def send_picture(self, openid: str, picture: bytes) -> None:
        """Raises ChatUnreachable or SupplierUnavailable."""
        ...


class PictureDesk:
    """Draws pictures and sends them after the answer has gone. Never raises: the words have told everything."""

    def __init__(self, api: SendsPictures, clock: Clock, pictures: Pictures | None = None) -> None:
        self._api, self._clock, self._pictures = api, clock, pictures or Pictures()
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="wechat-pictures")
        self._places = BoundedSemaphore(MOST_WAITING)
        self._rests_until = clock.now()

    def may_send(self) -> bool:
        return self._clock.now() >= self._rests_until

    def send(
        self, openid: str, group: GroupPrices, *, name: str, several: bool, at: datetime, days: int, say: Wording
    ) -> Future[None] | None:
        """Soon, as far as there is room and WeChat takes it."""
        if not self.may_send() or not self._places.acquire(blocking=False):
            return None
        try:
            drawn = self._pictures.of(group, name=name, several=several, at=at, days=days, say=say)
        except TooManyPictures:
            self._places.release()
            return None
        sent = self._senders.submit(self._send, openid, drawn)
        sent.add_done_callback(lambda _: self._places.release())
        return sent

    def _send(self, openid: str, drawn: Future[bytes]) -> None:
        try:
            self._api.send_picture(openid, drawn.result(PATIENCE_S))
        except ChatUnreachable as error:
            if error.reason in (UNREACHABLE[48001], UNREACHABLE[48004], UNREACHABLE[50002]):
                self._rest(48001)
            log.info("a picture of prices could not be sent", extra={"reason": error.reason})
        except WechatRefused as error:
            self._rest(error.code)
            log.warning("WeChat does not take a picture", extra={"error": error.detail})
        except SupplierUnavailable as error:
            log.warning("a picture of prices could not be sent", extra={"error": error.detail})
        except Exception:
            log.exception("a picture of prices could not be drawn")

    def _rest(self, code: int) -> None:
        if code in _REST:
            self._rests_until = self._clock.now() + _REST[code]


class PricesTalk:
    """Returns the text to send, and may raise UserError. `desk` is None where no picture can be sent."""

    def __init__(self, services: Services, find: FindTalk, desk: PictureDesk | None) -> None:
        self.services, self.find, self.desk = services, find, desk

    def told(self, visitor: Visitor, typed: str) -> str:
        """About the station that was opened last."""
        say, days = visitor.say, _days(typed)
        station_id = self.find.opened(visitor)
        if not station_id:
            return say("Of which station? Open one by its number in the list, then reply “price history”.")
        station = self.services.index.get(station_id)
        groups = self.services.prices.history(station_id) if station else []
        if station is None or not groups:
            return say("There is no price history here: this station has never told a price.")
        now, first, others = self.services.clock.now(), groups[0], groups[1:KINDS_SHOWN]
        one = prices.told(say, self.services.prices, first, visitor.user.energy_kwh, now)
        more = [prices.told(say, self.services.prices, other, visitor.user.energy_kwh, now) for other in others]
        lines = [
            plain(station.name, NAME_MAX) or say("Charging station"),
            *filter(None, (one.guns, one.now, one.parts, one.doubted)),
            "",
            *filter(None, (one.usual, one.lowest, one.cheapest, one.advice)),
            *("· " + joined(other.guns, other.now) for other in more),
            "",
            one.badge,
            one.rule,
            "",
            *self._further(visitor, station_id),
        ]
        if self.desk is not None:
            several = len(groups) > 1
            self.desk.send(visitor.openid, first, name=station.name, several=several, at=now, days=days, say=say)
        return "\n".join(lines).strip()

    def _further(self, visitor: Visitor, station_id: str) -> list[str]:
        say, url = visitor.say, self.find.page(visitor).station(station_id)
        page = [link(say("The picture and more on our page"), url)] if url else []
        if self.desk is None or not self.desk.may_send():
            return page
        return [*page, say("Other pictures: “price history 24 h”, “price history 30”, “price history 90”.")]


def _days(typed: str) -> int:
    """Raises UserError("bad_value")."""
    found = _NUMBER.match(typed)
    days = _DAYS.get(found[0] if found else "")
    if days is None:
        raise UserError("bad_value", name="days", value=typed[:10], choices="24 h, 7, 30, 90")
    return days
