"""Messages of the outbox, said in WeChat: freely while the person's window is open, else as a template message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bots.unsent import NeverSent
from bots.wechat import alerts
from bots.wechat.client import TOKEN_REFUSED, WINDOW_CLOSED, ChatClosed, WechatApi, WechatRefused
from bots.wechat.hints import hint
from bots.wechat.render import cut_lines, plain
from bots.wording import Wording
from bots.wording.messages import TITLE_MAX, Said
from core.errors import ChatUnreachable, ConfigurationError, SupplierUnavailable
from core.outbox import Fate, OutboxRow, Result, repeated_key
from core.ports import Clock
from core.services.alerts.telling import AlertsNow

REST = timedelta(seconds=10)
A_MINUTE = timedelta(minutes=1)
BEIJING = ZoneInfo("Asia/Shanghai")
QUOTA_OF_THE_DAY, QUOTA_OF_THE_MINUTE, BUSY = 45009, 45011, -1
NO_LEAVE = 43101
NOT_FROM_US = frozenset({NO_LEAVE})  # the person refuses this kind, or has given no leave for another one
REFERENCE_MAX = 32


@dataclass(frozen=True, slots=True)
class NoticeTemplate:
    """A template of the account: its id, and which of its fields take the title and the reference."""

    id: str
    title_field: str
    reference_field: str

    @classmethod
    def read(cls, text: str) -> NoticeTemplate:
        """From "ID thing4 character_string2". Raises ConfigurationError."""
        parts = text.split()
        if len(parts) != 3:
            raise ConfigurationError(
                ["WECHAT_TEMPLATE needs an id and two of its fields: ID thing4 character_string2"]
            )
        return cls(*parts)


class WechatSender:
    """Of the channel "wechat": custom/send. It has no key against repeats."""

    def __init__(self, api: WechatApi, clock: Clock) -> None:
        self._api, self._clock = api, clock

    def send(self, row: OutboxRow, said: Said) -> Result:
        body = json.loads(row.body)
        reply = hint(str(body.get("code", "")), said.language, body.get("params", {}).get("watch_id", 0))
        lines = filter(None, map(plain, (said.title, *said.text.split("\n"), reply)))
        text = cut_lines("\n".join(lines))
        return result_of(lambda: self._api.send_text(row.address, text), self._clock.now())

    def send_alerts(self, row: OutboxRow, say: Wording, now: AlertsNow) -> Result:
        """bots.alert_saying.SaysAlerts."""
        text = alerts.text(say, now)
        return result_of(lambda: self._api.send_text(row.address, text), self._clock.now())


class WechatTemplateSender:
    """Of the channel "wechat_template". The platform sends once per openid and client_msg_id within ten minutes."""

    def __init__(self, api: WechatApi, template: NoticeTemplate, public_url: str, clock: Clock) -> None:
        self._api, self._template, self._public_url, self._clock = api, template, public_url, clock

    def send(self, row: OutboxRow, said: Said) -> Result:
        fields = {
            self._template.title_field: plain(said.title, TITLE_MAX),
            self._template.reference_field: plain(said.reference, REFERENCE_MAX),
        }
        return result_of(
            lambda: self._api.send_template(
                row.address, self._template.id, fields, self._public_url, repeated_key(row)
            ),
            self._clock.now(),
        )


def result_of(call: Callable[[], str], now: datetime) -> Result:
    """One call, and what it means for the outbox."""
    try:
        sent_ref = call()
    except ChatClosed as error:
        return Result(Fate.ELSEWHERE, error=error.reason, window_closed=error.code in WINDOW_CLOSED)
    except ChatUnreachable as error:
        return Result(Fate.GONE, error=error.reason)
    except WechatRefused as error:
        return _refused(error, now)
    except NeverSent as error:
        return Result(Fate.NOT_SENT, error=error.detail, retry_after=REST, pause_channel=True)
    except SupplierUnavailable as error:
        return Result(Fate.UNCERTAIN, error=error.detail, retry_after=REST, pause_channel=True)
    return Result(Fate.SENT, sent_ref=sent_ref)


def _refused(error: WechatRefused, now: datetime) -> Result:
    if error.code == QUOTA_OF_THE_DAY:
        # For all of us until midnight in Beijing; whoever has another chat is told there.
        rest = _midnight(now) - now
        return Result(Fate.ELSEWHERE, error=error.detail, retry_after=rest, pause_channel=True)
    if error.code == QUOTA_OF_THE_MINUTE:
        return Result(Fate.LATER, error=error.detail, retry_after=A_MINUTE, pause_channel=True)
    if error.code == BUSY or error.code in TOKEN_REFUSED:
        # A new token is refused as well: whoever set up the account is at work, or the platform is.
        return Result(Fate.NOT_SENT, error=error.detail)
    return Result(Fate.ELSEWHERE if error.code in NOT_FROM_US else Fate.REFUSED, error=error.detail)


def _midnight(now: datetime) -> datetime:
    local = now.astimezone(BEIJING)
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(now.tzinfo)
