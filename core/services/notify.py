"""Telling a person something unasked: a row in the outbox, written in the transaction of the fact behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from core.money import Money
from core.outbox import WECHAT_WINDOW, MessageClass, NewRow
from core.ports import Reach, UnitOfWork
from core.user import Channel

SAY = "say"
ALERT = "alert"  # of core.services.alerts: all that a person's watches have found by one moment
WECHAT_TEMPLATE, WECHAT_LEAVE = "wechat_template", "wechat_leave"
# Of the five messages that WeChat takes after one of the person's, two are kept for their money.
ALERTS_LEAVE_ROOM_AT = 3
WORTH_WAITING_FOR = timedelta(minutes=5)
_DOUBT_FOR = timedelta(days=7)  # what may not have arrived longer ago is no news
CAN_WAIT = frozenset({MessageClass.ALERT, MessageClass.NOTICE})
_MORE_OF_WECHAT = frozenset({WECHAT_TEMPLATE, WECHAT_LEAVE})
_ZONES = {Channel.WECHAT: "Asia/Shanghai"}  # of somebody who has not told us theirs


def tell(
    unit: UnitOfWork,
    user_id: str,
    code: str,
    params: Mapping[str, object],
    *,
    klass: MessageClass,
    subject: str,
    state: str,
    at: datetime,
    expires_at: datetime | None = None,
) -> int | None:
    """Write down that this person is to be told; the row's id, to ring with after the commit.

    `code` names a sentence of bots/wording/messages.py and `params` fill its gaps: texts, whole numbers, Decimals,
    Money, moments. `class : subject : state` is said once, however often it is written. None when it was written
    before, or when the person cannot be told: no chat, for an alert none that takes one now, or "say nothing
    unasked", which their money and a charge that runs do not heed.
    """
    reach = unit.chats.reach(user_id)
    if reach is None or not reach.chats or (reach.stopped and klass in CAN_WAIT):
        return None
    every = ways(reach, at, klass)
    if not every:
        return None
    channel, address = every[0]
    row = NewRow(
        dedupe_key=f"{klass}:{subject}:{state}",
        klass=klass,
        kind=SAY,
        subject=subject,
        body=json.dumps({"code": code, "params": {name: _plain(value) for name, value in params.items()}}),
        channel=channel,
        address=address,
        user_id=reach.user_id,
        not_before=quiet_until(reach, at) if klass in CAN_WAIT else None,
        expires_at=expires_at,
    )
    return unit.outbox.add(row, at)


def ways(reach: Reach, at: datetime, klass: MessageClass = MessageClass.NOTICE) -> list[tuple[str, str]]:
    """(channel of the outbox, address) for every way to this person, the best first.

    A WeChat chat has two: speaking freely within its window, and a template message at any time. An alert is no
    template message, and needs room in the window; else it takes a leave that the person gave for one. None of them
    left means that it is held until they write.
    """
    found: list[tuple[str, str]] = []
    for chat in reach.chats:
        address = chat.identity.external_id
        if chat.identity.channel is not Channel.WECHAT:
            found.append((chat.identity.channel.value, address))
            continue
        free = not chat.closed and at - chat.used_at < WECHAT_WINDOW
        if klass is not MessageClass.ALERT:
            found += [(Channel.WECHAT.value, address)] if free else []
            found.append((WECHAT_TEMPLATE, address))
            continue
        if free and chat.said < ALERTS_LEAVE_ROOM_AT:
            found.append((Channel.WECHAT.value, address))
        if chat.leaves > 0:
            found.append((WECHAT_LEAVE, address))
    if klass is MessageClass.ALERT:
        # A quota that is used up until midnight: what is cheap now is not told then.
        found = [one for one in found if reach.resting.get(one[0], at) - at <= WORTH_WAITING_FOR]
    return found


def way_after(
    reach: Reach, channel: str, address: str, at: datetime, klass: MessageClass = MessageClass.NOTICE
) -> tuple[str, str] | None:
    """Where else to say it when this way is closed. Ways are only gone through forwards, so that it ends."""
    every = ways(reach, at, klass)
    if (channel, address) in every:
        every = every[every.index((channel, address)) + 1 :]
    elif channel == Channel.WECHAT.value:
        # Its window has closed meanwhile: what else there is of the same chat comes next.
        every = [one for one in every if one[1] == address and one[0] in _MORE_OF_WECHAT] or every
    elif channel == WECHAT_LEAVE:
        every = [one for one in every if one[1] != address]
    return every[0] if every else None


def zone_of(reach: Reach) -> str:
    """The person's time zone, or the likeliest one."""
    return reach.time_zone or next((_ZONES.get(chat.identity.channel, "UTC") for chat in reach.chats), "UTC")


def quiet_until(reach: Reach, at: datetime) -> datetime | None:
    """The end of the person's quiet hours, when it is quiet now."""
    if reach.quiet is None:
        return None
    zone = ZoneInfo(zone_of(reach))
    local = at.astimezone(zone)
    if not reach.quiet.covers(local.time()):
        return None
    end = datetime.combine(local.date(), reach.quiet.end, zone)
    if end <= local:
        end = datetime.combine(local.date() + timedelta(days=1), reach.quiet.end, zone)
    return end.astimezone(at.tzinfo)


def uncertain_alerts(unit: UnitOfWork, user_ids: Sequence[str], at: datetime) -> int:
    """How many messages of alerts may not have reached this person since one surely did: the next one says so."""
    sent = (unit.outbox.last_sent(one, MessageClass.ALERT) for one in user_ids)
    since = max([at - _DOUBT_FOR, *(one for one in sent if one is not None)])
    return sum(unit.outbox.uncertain_of(one, MessageClass.ALERT, since) for one in user_ids)


def _plain(value: object) -> Any:
    """As JSON. `bots.wording.messages` reads it back."""
    match value:
        case Money():
            return {"amount_minor": value.amount_minor, "currency": value.currency}
        case datetime():
            return {"at": value.isoformat()}
        case Decimal():
            return {"number": str(value)}
        case str() | int() | None:
            return value
        case {**fields}:  # already plain: {"amount_minor": …, "currency": …}
            return {name: _plain(one) for name, one in fields.items()}
    raise TypeError(f"a message cannot carry a {type(value).__name__}")
