"""One-time leaves to speak: who gave how many, and the notice that uses one up.

WeChat does not tell how many are left. Our count is put right by its refusals: 43101 means that there is none.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from bots import alerts
from bots.alerts import FIELD_MAX, Fields
from bots.wechat.client import WechatApi, WechatRefused
from bots.wechat.pushes import LeaveTold, LeaveWord, Push
from bots.wechat.render import plain
from bots.wechat.sender import NO_LEAVE, result_of
from bots.wording import Wording
from bots.wording.messages import Said
from core.errors import ConfigurationError
from core.outbox import Fate, OutboxRow, Result
from core.ports import Clock, Database, SavedAnswer, UnitOfWork
from core.services.alerts.telling import AlertsNow

BAD_FIELD = 47003
_NOBODY, _ROUTE = "", "wechat leaves"  # the key of a push is a hash that names its person
_AMOUNT = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
_SIGNS = "¥$€£"
_FIELD = re.compile(r"data\.(\w{1,32})", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaveTemplate:
    """A template of the account for alerts: its id, and its fields for the station, the price now and before, and a
    note."""

    id: str
    thing: str
    amount: str
    before: str
    note: str

    @classmethod
    def read(cls, text: str) -> LeaveTemplate:
        """From "ID thing1 amount2 amount3 thing4". Raises ConfigurationError."""
        parts = text.split()
        if len(parts) != 5:
            raise ConfigurationError(
                ["WECHAT_ALERT_TEMPLATE needs an id and four of its fields: ID thing1 amount2 amount3 thing4"]
            )
        return cls(*parts)


class Leaves:
    """Our count for one template. Those for others, of last month or of somebody else's, are not ours to use."""

    def __init__(self, database: Database, clock: Clock, template_id: str) -> None:
        self._database, self._clock, self._template_id = database, clock, template_id

    def count(self, openid: str) -> int:
        with self._database.read() as unit:
            return unit.leaves.count(openid, self._template_id)

    def told(self, push: Push) -> None:
        """What the platform says of them, counted once however often it is delivered."""
        mine = [one for one in push.leaves if one.template == self._template_id]
        if not mine:
            return
        at = self._clock.now()
        with self._database.write() as unit:
            if unit.idempotency.keep(_NOBODY, _ROUTE, push.key, SavedAnswer("", 200, ""), at):
                for one in mine:
                    self._count(unit, push.openid, one)

    def _count(self, unit: UnitOfWork, openid: str, word: LeaveWord) -> None:
        at = self._clock.now()
        match word.told:
            case LeaveTold.GIVEN:
                unit.leaves.given(openid, word.template, at)
            case LeaveTold.WITHDRAWN:
                unit.leaves.withdrawn(openid, word.template, at)
            case LeaveTold.NOT_SENT:
                log.warning("WeChat took a notice and did not deliver it", extra={"outcome": word.detail})

    def spent(self, openid: str) -> None:
        with self._database.write() as unit:
            unit.leaves.spent(openid, self._template_id, self._clock.now())

    def withdrawn(self, openid: str) -> None:
        with self._database.write() as unit:
            unit.leaves.withdrawn(openid, self._template_id, self._clock.now())


class WechatLeaveSender:
    """Of the channel "wechat_leave": one notice for one leave. It has no key against repeats."""

    def __init__(
        self, api: WechatApi, template: LeaveTemplate, leaves: Leaves, public_url: str, clock: Clock
    ) -> None:
        self._api, self._template, self._leaves = api, template, leaves
        self._public_url, self._clock = public_url, clock

    def send(self, row: OutboxRow, said: Said) -> Result:
        """bots.saying.Sender: whoever gave a leave gave it for prices."""
        return Result(Fate.ELSEWHERE, error="by a leave only alerts are said")

    def send_alerts(self, row: OutboxRow, say: Wording, now: AlertsNow) -> Result:
        """bots.alert_saying.SaysAlerts."""
        if not self._leaves.count(row.address):
            return Result(Fate.ELSEWHERE, error="no leave is left")
        fields = alerts.fields(say, now)
        data = None if fields is None else self._filled(fields)
        if data is None:
            # The most valuable one has no price, which this template asks for.
            return Result(Fate.ELSEWHERE, error="the template has no words for it")
        refused = 0

        def call() -> str:
            nonlocal refused
            try:
                return self._api.send_leave(row.address, self._template.id, data, self._public_url)
            except WechatRefused as error:
                refused = error.code
                if error.code == BAD_FIELD:
                    self._log_field(error.detail)
                raise

        result = result_of(call, self._clock.now())
        if result.fate is Fate.SENT:
            self._leaves.spent(row.address)
        elif refused == NO_LEAVE:
            self._leaves.withdrawn(row.address)
        return result

    def _filled(self, fields: Fields) -> dict[str, str] | None:
        """One field that WeChat does not take, and it takes nothing: amounts have a sign and digits only."""
        now, before = _amount(fields.amount), _amount(fields.before)
        if not now:
            return None
        return {
            self._template.thing: plain(fields.thing, FIELD_MAX) or "-",
            self._template.amount: now,
            self._template.before: before or now,
            self._template.note: plain(fields.note, FIELD_MAX) or "-",
        }

    def _log_field(self, detail: str) -> None:
        named = _FIELD.search(detail)
        log.error(
            "WeChat does not take a field of WECHAT_ALERT_TEMPLATE",
            extra={"field": named[1] if named else "it does not say which", "detail": detail},
        )


def _amount(text: str) -> str:
    number = _AMOUNT.search(text)
    if number is None:
        return ""
    sign = next((one for one in text if one in _SIGNS), "")
    return sign + number[0].replace(",", "")
