"""Who is told, where, when, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from core.money import Money
from core.outbox import MessageClass, OutboxRow
from core.ports import Chat, Reach
from core.services.notify import quiet_until, tell, way_after, ways
from core.user import Channel, Identity, QuietHours, User
from storage.unit_of_work import SqlDatabase

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # in Shanghai
NIGHT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)  # 23:30 there
TELEGRAM, WECHAT = Identity(Channel.TELEGRAM, "7"), Identity(Channel.WECHAT, "o7")


def lin(database: SqlDatabase, identity: Identity = TELEGRAM, **facts: object) -> User:
    with database.write() as unit:
        user, _ = unit.users.register(identity, "en", NOON)
        user = replace(user, **facts)  # type: ignore[arg-type]
        unit.users.save(user)
    return user


def told(
    database: SqlDatabase, user_id: str, klass: MessageClass, state: str = "settled", at: datetime = NOON
) -> OutboxRow | None:
    params = {"place": "Lotus Road", "cost": Money(3250, "CNY"), "kwh": Decimal("30.5"), "until": NOON}
    with database.write() as unit:
        row_id = tell(unit, user_id, "settled", params, klass=klass, subject="s1", state=state, at=at)
        return unit.outbox.get(row_id) if row_id is not None else None


def test_the_message_is_written_once_for_the_persons_chat(database: SqlDatabase) -> None:
    user = lin(database)
    row = told(database, user.id, MessageClass.MONEY)
    assert row is not None
    assert (row.kind, row.dedupe_key, row.channel, row.address) == ("say", "money:s1:settled", "telegram", "7")
    assert (row.user_id, row.next_at) == (user.id, NOON)
    assert json.loads(row.body) == {
        "code": "settled",
        "params": {
            "place": "Lotus Road",
            "cost": {"amount_minor": 3250, "currency": "CNY"},
            "kwh": {"number": "30.5"},
            "until": {"at": "2026-11-23T04:00:00+00:00"},
        },
    }
    assert told(database, user.id, MessageClass.MONEY) is None
    assert told(database, user.id, MessageClass.MONEY, state="adjusted") is not None


def test_who_wants_silence_hears_of_money_and_their_charge_only(database: SqlDatabase) -> None:
    user = lin(database, stopped=True)
    assert told(database, user.id, MessageClass.ALERT) is None
    assert told(database, user.id, MessageClass.NOTICE) is None
    assert told(database, user.id, MessageClass.MONEY) is not None
    assert told(database, user.id, MessageClass.CHARGE) is not None


def test_a_person_without_a_chat_is_not_told(database: SqlDatabase) -> None:
    user = lin(database, Identity(Channel.MINIPROGRAM, "m7"))
    assert told(database, user.id, MessageClass.MONEY) is None
    assert told(database, "nobody", MessageClass.MONEY) is None


def test_what_can_wait_waits_for_the_morning(database: SqlDatabase) -> None:
    user = lin(database, quiet=QuietHours(time(22), time(7, 30)), time_zone="Asia/Shanghai")
    alert = told(database, user.id, MessageClass.ALERT, at=NIGHT)
    money = told(database, user.id, MessageClass.MONEY, at=NIGHT)
    stuck = told(database, user.id, MessageClass.CHARGE, at=NIGHT)
    assert alert is not None
    assert money is not None
    assert stuck is not None
    assert stuck.next_at == NIGHT
    assert alert.next_at == datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # 07:30 in Shanghai
    assert money.next_at == NIGHT
    by_day = told(database, user.id, MessageClass.ALERT, state="noon", at=NOON)
    assert by_day is not None
    assert by_day.next_at == NOON


def test_what_cannot_be_written_down_is_refused_at_once(database: SqlDatabase) -> None:
    user = lin(database)
    with pytest.raises(TypeError, match="float"), database.write() as unit:
        tell(unit, user.id, "x", {"kwh": 30.5}, klass=MessageClass.NOTICE, subject="s", state="x", at=NOON)


def reach(*chats: Chat, quiet: QuietHours | None = None, zone: str = "") -> Reach:
    return Reach("lin", "en", False, quiet, zone, chats)


def test_ways_are_tried_forwards_only() -> None:
    both = reach(Chat(WECHAT, NOON), Chat(TELEGRAM, NOON - timedelta(days=3)))
    every = [("wechat", "o7"), ("wechat_template", "o7"), ("telegram", "7")]
    assert ways(both, NOON) == every
    assert [way_after(both, *way, NOON) for way in every] == [every[1], every[2], None]
    # Two days later nothing can be said freely in WeChat, nor was it possible to finish what had begun.
    late = NOON + timedelta(hours=47)
    assert ways(both, late) == every[1:]
    assert way_after(both, "wechat", "o7", late) == every[1]


def test_an_alert_goes_freely_while_there_is_room_then_by_a_leave_then_not_at_all() -> None:
    chat, alert = Chat(WECHAT, NOON), MessageClass.ALERT
    free, leave, telegram = ("wechat", "o7"), ("wechat_leave", "o7"), ("telegram", "7")

    def found(said: int, leaves: int, at: datetime = NOON) -> list[tuple[str, str]]:
        return ways(reach(replace(chat, said=said, leaves=leaves)), at, alert)

    assert found(0, 0) == [free]
    assert found(2, 2) == [free, leave]
    # Two of five are kept for the person's money.
    assert found(3, 1) == [leave]
    assert found(3, 0) == []
    assert found(0, 1, NOON + timedelta(hours=47)) == [leave]
    assert found(0, 0, NOON + timedelta(hours=47)) == []
    # Money does not care how much was said.
    full = reach(replace(chat, said=5))
    assert ways(full, NOON, MessageClass.MONEY) == ways(full, NOON) == [free, ("wechat_template", "o7")]
    # Through all of them, forwards.
    both = reach(replace(chat, leaves=1), Chat(TELEGRAM, NOON - timedelta(days=3)))
    assert [way_after(both, *way, NOON, alert) for way in (free, leave, telegram)] == [leave, telegram, None]
    # The window has closed, the leave was withdrawn meanwhile.
    late = NOON + timedelta(hours=47)
    assert way_after(both, *free, late, alert) == leave
    assert way_after(reach(chat), *leave, NOON, alert) is None


def test_an_alert_does_not_wait_for_midnight() -> None:
    chat, alert = Chat(WECHAT, NOON, leaves=1), MessageClass.ALERT
    resting = replace(reach(chat), resting={"wechat": NOON + timedelta(hours=12)})
    assert ways(resting, NOON, alert) == [("wechat_leave", "o7")]
    assert ways(resting, NOON, MessageClass.MONEY)[0] == ("wechat", "o7")
    assert ways(resting, NOON + timedelta(hours=12), alert)[0] == ("wechat", "o7")
    soon = replace(resting, resting={"wechat": NOON + timedelta(seconds=30)})
    assert ways(soon, NOON, alert)[0] == ("wechat", "o7")


def test_an_alert_that_no_chat_takes_is_not_written(database: SqlDatabase) -> None:
    user = lin(database, WECHAT)
    late = NOON + timedelta(hours=47)
    assert told(database, user.id, MessageClass.ALERT, at=late) is None
    with database.write() as unit:
        assert unit.leaves.given("o7", "T-9", late) == 1
    row = told(database, user.id, MessageClass.ALERT, at=late)
    assert row is not None
    assert (row.channel, row.address) == ("wechat_leave", "o7")


def test_a_way_that_is_gone_leads_to_what_is_left() -> None:
    left = reach(Chat(TELEGRAM, NOON))
    assert way_after(left, "wechat", "o7", NOON) == ("telegram", "7")
    assert way_after(left, "wechat_template", "o7", NOON) == ("telegram", "7")
    assert way_after(reach(), "telegram", "7", NOON) is None


@pytest.mark.parametrize(
    ("zone", "chat", "ends"),
    [
        ("", WECHAT, datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),  # Shanghai is assumed
        ("", TELEGRAM, None),  # 15:30 UTC is no night
        ("Europe/Berlin", TELEGRAM, None),
        ("America/New_York", TELEGRAM, None),
        ("Asia/Tokyo", TELEGRAM, datetime(2026, 11, 23, 22, 0, tzinfo=UTC)),
    ],
)
def test_quiet_is_on_the_persons_own_clock(zone: str, chat: Identity, ends: datetime | None) -> None:
    person = reach(Chat(chat, NOON), quiet=QuietHours(time(22), time(7)), zone=zone)
    assert quiet_until(person, NIGHT) == ends


def test_quiet_hours_within_a_day_end_the_same_day() -> None:
    person = reach(Chat(WECHAT, NOON), quiet=QuietHours(time(12), time(14)), zone="Asia/Shanghai")
    assert quiet_until(person, NOON) == NOON + timedelta(hours=2)
    assert quiet_until(person, NOON + timedelta(hours=2)) is None
