"""Through which chats a person can be reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time

from sqlalchemy import update

from core.outbox import LEASE, MessageClass, NewRow, OutboxState
from core.ports import Chat
from core.user import Channel, Identity, QuietHours
from storage.tables import identities
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes

TELEGRAM, WECHAT = Identity(Channel.TELEGRAM, "7"), Identity(Channel.WECHAT, "o7")


def two_chats(database: SqlDatabase) -> str:
    """Lin, who wrote in Telegram first and in WeChat later."""
    with database.write() as unit:
        lin, _ = unit.users.register(TELEGRAM, "en", NOON)
        other, _ = unit.users.register(WECHAT, "zh-CN", NOON + minutes(1))
        assert isinstance(other.id, str)
    with database.engine.begin() as db:
        db.execute(update(identities).values(user_id=lin.id))
    return lin.id


def chats(database: SqlDatabase, user_id: str) -> list[Identity]:
    with database.read() as unit:
        reach = unit.chats.reach(user_id)
    assert reach is not None
    return [chat.identity for chat in reach.chats]


def test_the_chat_used_last_comes_first(database: SqlDatabase) -> None:
    lin = two_chats(database)
    assert chats(database, lin) == [WECHAT, TELEGRAM]
    with database.write() as unit:
        unit.chats.used(TELEGRAM, NOON + minutes(2))
        assert unit.chats.get(TELEGRAM) == Chat(TELEGRAM, NOON + minutes(2))
    assert chats(database, lin) == [TELEGRAM, WECHAT]


def test_a_chat_that_is_gone_is_none_until_they_write_again(database: SqlDatabase) -> None:
    lin = two_chats(database)
    with database.write() as unit:
        assert unit.chats.gone(WECHAT, NOON)
    assert chats(database, lin) == [TELEGRAM]
    with database.write() as unit:
        assert not unit.chats.gone(TELEGRAM, NOON)
    assert chats(database, lin) == []
    with database.write() as unit:
        unit.chats.used(WECHAT, NOON + minutes(9))
    assert chats(database, lin) == [WECHAT]


def test_what_is_no_chat_is_no_way_to_a_person(database: SqlDatabase) -> None:
    with database.write() as unit:
        user, _ = unit.users.register(Identity(Channel.MINIPROGRAM, "m1"), "zh-CN", NOON)
        assert unit.chats.get(Identity(Channel.TELEGRAM, "nobody")) is None
        assert not unit.chats.gone(Identity(Channel.TELEGRAM, "nobody"), NOON)
        assert unit.chats.reach("nobody") is None
    assert chats(database, user.id) == []


def test_of_a_merged_account_the_person_is_reached(database: SqlDatabase) -> None:
    lin = two_chats(database)
    quiet = QuietHours(time(22), time(7))
    with database.write() as unit:
        old, _ = unit.users.register(Identity(Channel.TELEGRAM, "8"), "en", NOON)
        unit.users.save(replace(old, merged_into=lin))
        known = unit.users.get(lin)
        assert known is not None
        unit.users.save(replace(known, quiet=quiet, time_zone="Asia/Shanghai", stopped=True))
    with database.read() as unit:
        reach = unit.chats.reach(old.id)
    assert reach is not None
    assert (reach.user_id, reach.quiet, reach.time_zone, reach.stopped) == (lin, quiet, "Asia/Shanghai", True)
    with database.write() as unit:
        unit.users.save(replace(known, deleted_at=NOON))
        assert unit.chats.reach(old.id) is None


def test_what_was_said_since_they_wrote_and_the_leaves_stand_at_the_chat(database: SqlDatabase) -> None:
    lin = two_chats(database)

    def said() -> list[tuple[Channel, int, int]]:
        with database.read() as unit:
            reach = unit.chats.reaches([lin, "nobody"])[lin]
        return [(chat.identity.channel, chat.said, chat.leaves) for chat in reach.chats]

    def say(key: str, channel: str, state: OutboxState, at: datetime) -> None:
        with database.write() as unit:
            row_id = unit.outbox.add(NewRow(key, MessageClass.MONEY, "say", "s1", channel=channel, address="o7"), at)
            assert row_id is not None
            assert unit.outbox.claim(row_id, key, at, LEASE) is not None
            assert unit.outbox.finish(row_id, key, state, at + minutes(1))

    say("before", "wechat", OutboxState.SENT, NOON)
    say("sent", "wechat", OutboxState.SENT, NOON + minutes(2))
    say("perhaps", "wechat", OutboxState.UNCERTAIN, NOON + minutes(3))
    say("not", "wechat", OutboxState.DEAD, NOON + minutes(3))
    say("otherwise", "wechat_template", OutboxState.SENT, NOON + minutes(3))
    with database.write() as unit:
        unit.leaves.given("o7", "T-8", NOON)
        unit.leaves.given("o7", "T-9", NOON)
        unit.leaves.given("another", "T-9", NOON)
        unit.outbox.pause("wechat", NOON + minutes(60))
    assert said() == [(Channel.WECHAT, 2, 2), (Channel.TELEGRAM, 0, 0)]
    with database.read() as unit:
        chat, reach = unit.chats.get(WECHAT), unit.chats.reach(lin)
    assert chat is not None
    assert reach is not None
    assert (chat.said, chat.leaves, reach.resting) == (2, 2, {"wechat": NOON + minutes(60)})
    with database.write() as unit:
        unit.chats.used(WECHAT, NOON + minutes(9))
        unit.leaves.withdrawn("o7", "T-8", NOON)
    assert said() == [(Channel.WECHAT, 0, 1), (Channel.TELEGRAM, 0, 0)]


def test_a_window_that_closed_stays_closed_until_they_write(database: SqlDatabase) -> None:
    two_chats(database)
    with database.write() as unit:
        known = unit.chats.get(WECHAT)
        assert known is not None
        unit.chats.window_closed(WECHAT, NOON + minutes(5))
        assert unit.chats.get(WECHAT) == replace(known, closed=True)
        unit.chats.used(WECHAT, NOON + minutes(10))
        assert unit.chats.get(WECHAT) == Chat(WECHAT, NOON + minutes(10))
