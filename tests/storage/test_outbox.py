"""The outbox: written once, claimed by one, and what a dead sender leaves behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from core.outbox import LEASE, MessageClass, NewRow, OutboxRow, OutboxState
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def message(key: str, *, klass: MessageClass = MessageClass.NOTICE, chat: str = "", **other: object) -> NewRow:
    """A Telegram message, to a chat of its own unless one is named."""
    values: dict[str, object] = {"channel": "telegram", "user_id": "lin", "body": '{"code": "x"}'} | other
    return NewRow(key, klass, "say", "s1", address=chat or key, **values)  # type: ignore[arg-type]


def command(key: str, **other: object) -> NewRow:
    return NewRow(key, MessageClass.COMMAND, "start", "s1", user_id="lin", **other)  # type: ignore[arg-type]


def add(database: SqlDatabase, *rows: NewRow, at: datetime = NOON) -> list[int]:
    with database.write() as unit:
        added = [unit.outbox.add(row, at) for row in rows]
    assert None not in added
    return [one for one in added if one is not None]


def alert(key: str, *, rank: int = 0, chat: str = "") -> NewRow:
    address = chat or f"chat-{key}"
    return NewRow(f"alert:{key}", MessageClass.ALERT, "alert", key, "{}", "telegram", address, rank=rank)


def due(database: SqlDatabase, at: datetime = NOON, limit: int = 100) -> list[int]:
    with database.read() as unit:
        return unit.outbox.due(at, limit)


def claim(database: SqlDatabase, row_id: int, at: datetime = NOON, token: str = "t1") -> OutboxRow | None:
    with database.write() as unit:
        return unit.outbox.claim(row_id, token, at, LEASE)


def finish(
    database: SqlDatabase, row_id: int, state: OutboxState, at: datetime = NOON, token: str = "t1", **told: object
) -> bool:
    with database.write() as unit:
        return unit.outbox.finish(row_id, token, state, at, **told)  # type: ignore[arg-type]


def stored(database: SqlDatabase, row_id: int) -> OutboxRow:
    with database.read() as unit:
        row = unit.outbox.get(row_id)
    assert row is not None
    return row


# --- once -----------------------------------------------------------------------------------------------------


def test_writing_it_twice_is_writing_it_once(database: SqlDatabase) -> None:
    with database.write() as unit:
        first = unit.outbox.add(message("money:s1:settled"), NOON)
        assert unit.outbox.add(message("money:s1:settled"), NOON) is None
    with database.write() as unit:
        assert unit.outbox.add(message("money:s1:settled"), NOON + minutes(5)) is None
    assert due(database, NOON + minutes(5)) == [first]


def test_a_row_is_claimed_by_one_and_finished_by_the_same(database: SqlDatabase) -> None:
    (row_id,) = add(database, message("m", klass=MessageClass.MONEY))
    row = claim(database, row_id)
    assert row is not None
    assert (row.state, row.attempts, row.token, row.interrupted) == (OutboxState.SENDING, 1, "t1", False)
    assert (row.channel, row.address, row.user_id, row.body) == ("telegram", "m", "lin", '{"code": "x"}')
    assert claim(database, row_id, token="t2") is None
    assert not finish(database, row_id, OutboxState.SENT, token="t2")
    assert finish(database, row_id, OutboxState.SENT, sent_ref="77")
    assert not finish(database, row_id, OutboxState.DEAD)
    sent = stored(database, row_id)
    assert (sent.state, sent.sent_ref, sent.body) == (OutboxState.SENT, "77", "{}")
    assert claim(database, row_id, NOON + minutes(60)) is None


def test_of_many_claimers_one_has_it(database: SqlDatabase) -> None:
    rows = add(database, *(message(str(n)) for n in range(20)))

    def grab(who: int) -> list[int]:
        return [one for one in rows if claim(database, one, token=f"t{who}") is not None]

    with ThreadPoolExecutor(4) as pool:
        taken = [one for grabbed in pool.map(grab, range(4)) for one in grabbed]
    assert sorted(taken) == rows


def test_what_is_not_due_yet_is_left_alone(database: SqlDatabase) -> None:
    (row_id,) = add(database, message("m", not_before=NOON + minutes(1)))
    assert due(database) == []
    assert claim(database, row_id) is None
    assert due(database, NOON + minutes(1)) == [row_id]
    assert claim(database, row_id, NOON + minutes(1)) is not None


def test_orders_and_messages_can_be_looked_for_apart(database: SqlDatabase) -> None:
    said, ordered = add(database, message("m"), command("c"))
    with database.read() as unit:
        assert unit.outbox.due(NOON, 9, orders=True) == [ordered]
        assert unit.outbox.due(NOON, 9, orders=False) == [said]
        assert unit.outbox.due(NOON, 9) == [said, ordered]


def test_an_attempt_put_back_comes_again_at_its_time(database: SqlDatabase) -> None:
    (row_id,) = add(database, command("c"))
    claim(database, row_id)
    assert finish(database, row_id, OutboxState.PENDING, next_at=NOON + seconds(5), error="refused")
    assert due(database, NOON + seconds(4)) == []
    assert claim(database, row_id, NOON + seconds(4)) is None
    again = claim(database, row_id, NOON + seconds(5), "t2")
    assert again is not None
    assert (again.attempts, again.error, again.interrupted) == (2, "refused", False)


def test_what_is_too_late_to_be_said_is_not_given_out(database: SqlDatabase) -> None:
    (row_id,) = add(database, message("m", expires_at=NOON + minutes(1)))
    assert claim(database, row_id, NOON + minutes(1)) is None
    assert stored(database, row_id).state is OutboxState.EXPIRED
    assert due(database, NOON + minutes(2)) == []


# --- senders that died ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("klass", [MessageClass.ALERT, MessageClass.NOTICE])
def test_an_interrupted_alert_is_uncertain_and_not_sent_again(database: SqlDatabase, klass: MessageClass) -> None:
    (row_id,) = add(database, message("m", klass=klass))
    claim(database, row_id)
    assert due(database, NOON + LEASE - seconds(1)) == []
    assert due(database, NOON + LEASE) == [row_id]
    assert claim(database, row_id, NOON + LEASE, "t2") is None
    row = stored(database, row_id)
    assert (row.state, row.attempts) == (OutboxState.UNCERTAIN, 1)
    assert due(database, NOON + minutes(60)) == []
    # The first sender was only slow: it may still say what it knows, but its token is no longer the row's.
    assert not finish(database, row_id, OutboxState.SENT)


@pytest.mark.parametrize("klass", [MessageClass.MONEY, MessageClass.CHARGE, MessageClass.COMMAND])
def test_interrupted_money_and_commands_go_again_and_know_it(database: SqlDatabase, klass: MessageClass) -> None:
    row_new = command("c") if klass is MessageClass.COMMAND else message("m", klass=klass)
    (row_id,) = add(database, row_new)
    claim(database, row_id)
    again = claim(database, row_id, NOON + LEASE, "t2")
    assert again is not None
    assert (again.attempts, again.interrupted, again.doubtful_since) == (2, True, NOON)
    assert not finish(database, row_id, OutboxState.SENT, token="t1")
    assert finish(database, row_id, OutboxState.SENT, NOON + LEASE, token="t2")


def test_the_doubt_stays_through_later_attempts(database: SqlDatabase) -> None:
    (row_id,) = add(database, message("m", klass=MessageClass.MONEY))
    claim(database, row_id)
    finish(database, row_id, OutboxState.PENDING, next_at=NOON + minutes(2), doubtful=True)
    second = claim(database, row_id, NOON + minutes(2), "t2")
    assert second is not None
    assert second.doubtful_since == NOON
    finish(database, row_id, OutboxState.PENDING, NOON + minutes(2), token="t2", doubtful=True)
    third = claim(database, row_id, NOON + minutes(3), "t3")
    assert third is not None
    assert third.doubtful_since == NOON


def test_an_interrupted_message_past_its_time_may_have_arrived(database: SqlDatabase) -> None:
    (row_id,) = add(database, message("m", klass=MessageClass.MONEY, expires_at=NOON + seconds(30)))
    claim(database, row_id)
    assert claim(database, row_id, NOON + LEASE, "t2") is None
    assert stored(database, row_id).state is OutboxState.UNCERTAIN


def test_a_template_message_is_known_for_ten_minutes(database: SqlDatabase) -> None:
    quick, slow = add(database, *(message(key, klass=MessageClass.ALERT, channel="wechat_template") for key in "ab"))
    claim(database, quick)
    claim(database, slow)
    again = claim(database, quick, NOON + minutes(9), "t2")
    assert again is not None
    assert again.interrupted
    # The second sender died too: the ten minutes count from the first attempt.
    assert claim(database, quick, NOON + minutes(10), "t3") is None
    assert claim(database, slow, NOON + minutes(10), "t2") is None
    assert {stored(database, one).state for one in (quick, slow)} == {OutboxState.UNCERTAIN}


# --- pauses and paces -----------------------------------------------------------------------------------------


def test_nothing_leaves_for_a_paused_channel(database: SqlDatabase) -> None:
    telegram, order = add(database, message("m"), command("c"))
    with database.write() as unit:
        unit.outbox.pause("telegram", NOON + minutes(2))
        unit.outbox.pause("telegram", NOON + minutes(1))  # a shorter one does not end the longer
    with database.read() as unit:
        assert unit.outbox.paused(NOON) == {"telegram": NOON + minutes(2)}
        assert unit.outbox.paused(NOON + minutes(2)) == {}
    assert due(database, NOON + minutes(1)) == [order]
    assert claim(database, telegram, NOON + minutes(1)) is None
    assert claim(database, telegram, NOON + minutes(2)) is not None


def test_one_chat_gets_one_message_a_second_in_their_order(database: SqlDatabase) -> None:
    first, second, third, other = add(
        database, *(message(key, chat="lin") for key in "abc"), message("d", chat="wei")
    )
    assert due(database) == [first, other]
    assert claim(database, second) is None
    assert claim(database, first) is not None
    assert finish(database, first, OutboxState.SENT)
    assert claim(database, second, NOON + seconds(0.9)) is None
    assert claim(database, third, NOON + seconds(1)) is None
    assert claim(database, second, NOON + seconds(1)) is not None


def test_a_message_that_waits_does_not_hold_up_the_chat(database: SqlDatabase) -> None:
    later, now = add(database, message("a", chat="lin", not_before=NOON + minutes(5)), message("b", chat="lin"))
    assert due(database) == [now]
    assert claim(database, now) is not None
    assert claim(database, later, NOON + minutes(5)) is not None


def test_what_is_worth_most_goes_first_and_money_before_all(database: SqlDatabase) -> None:
    little, much = add(database, alert("a", rank=900, chat="lin"), alert("b", rank=100, chat="wei"))
    mine, money = add(database, alert("c", rank=50, chat="chen"), message("d", chat="chen"))
    assert due(database) == [money, much, little]
    assert due(database, limit=1) == [money]
    assert claim(database, mine) is None
    assert claim(database, money) is not None


def test_many_are_written_at_once_and_each_once(database: SqlDatabase) -> None:
    add(database, alert("a", rank=5))
    with database.write() as unit:
        added = unit.outbox.add_all([alert("a", rank=5), alert("b", rank=7), alert("c", rank=6)], NOON)
    assert set(added) == {alert("b").dedupe_key, alert("c").dedupe_key}
    assert due(database)[1:] == [added[alert("c").dedupe_key], added[alert("b").dedupe_key]]
    with database.write() as unit:
        assert unit.outbox.add_all([], NOON) == {}


def test_telegram_gets_twenty_five_a_second_and_orders_are_not_counted(database: SqlDatabase) -> None:
    rows = add(database, *(message(str(n)) for n in range(30)))
    orders = add(database, *(command(f"c{n}") for n in range(5)))
    others = add(database, *(message(f"w{n}", channel="wechat") for n in range(3)))
    assert sum(claim(database, one) is not None for one in rows) == 25
    assert all(claim(database, one) is not None for one in orders + others)
    assert sum(claim(database, one, NOON + seconds(1)) is not None for one in rows) == 5


def test_a_flood_of_alerts_leaves_room_for_money(database: SqlDatabase) -> None:
    alerts = add(database, *(alert(str(n), rank=500) for n in range(25)))
    assert sum(claim(database, one) is not None for one in alerts) == 20
    money = add(database, *(message(str(n)) for n in range(6)))
    assert sum(claim(database, one) is not None for one in money) == 5


# --- the people who run it ------------------------------------------------------------------------------------


def test_a_dead_row_can_be_tried_again_or_dropped(database: SqlDatabase) -> None:
    again, dropped = add(database, message("a", expires_at=NOON + minutes(1)), message("b"))
    ended = (OutboxState.DEAD, OutboxState.UNCERTAIN)
    with database.write() as unit:
        assert unit.outbox.decide(again, ended, OutboxState.PENDING, NOON, "not dead") is None
    for one in (again, dropped):
        claim(database, one)
        finish(database, one, OutboxState.DEAD, error="403")
    with database.read() as unit:
        assert [row.id for row in unit.outbox.in_states(ended, 10)] == [dropped, again]
    with database.write() as unit:
        row = unit.outbox.decide(again, ended, OutboxState.PENDING, NOON + minutes(9), "Ann: chat is back")
        assert row is not None
        assert (row.attempts, row.error) == (0, "Ann: chat is back")
        assert unit.outbox.decide(dropped, ended, OutboxState.EXPIRED, NOON + minutes(9), "Ann: said by phone")
    assert due(database, NOON + minutes(9)) == [again]
    assert claim(database, again, NOON + minutes(9)) is not None
    assert stored(database, dropped).state is OutboxState.EXPIRED


def test_counts_and_uncertain_ones_of_a_person(database: SqlDatabase) -> None:
    rows = add(database, *(message(key, klass=MessageClass.ALERT) for key in "ab"), message("c"))
    for one in rows:
        claim(database, one)
        finish(database, one, OutboxState.UNCERTAIN)
    add(database, command("d"))
    with database.read() as unit:
        assert unit.outbox.counts() == {
            ("alert", "uncertain"): 2,
            ("notice", "uncertain"): 1,
            ("command", "pending"): 1,
        }
        assert unit.outbox.uncertain_of("lin", MessageClass.ALERT, NOON) == 2
        assert unit.outbox.uncertain_of("lin", MessageClass.ALERT, NOON + minutes(1)) == 0
        assert unit.outbox.uncertain_of("wei", MessageClass.ALERT, NOON) == 0


def test_a_person_who_goes_leaves_orders_but_no_address(database: SqlDatabase) -> None:
    sent, waiting, order, others = add(
        database, message("a"), message("b"), command("c"), message("d", user_id="wei")
    )
    claim(database, sent)
    finish(database, sent, OutboxState.SENT)
    with database.write() as unit:
        assert unit.outbox.forget_user("lin") == 2
    with database.read() as unit:
        assert unit.outbox.get(waiting) is None
    assert (stored(database, sent).address, stored(database, sent).body) == ("", "{}")
    assert stored(database, order).state is OutboxState.PENDING
    assert stored(database, others).address == "d"


def test_old_ones_that_are_over_are_forgotten(database: SqlDatabase) -> None:
    rows = add(database, message("a"), message("b"), message("c"), command("d"), message("e"), message("f"))
    sent, dead, doubt, order, new, waiting = rows
    for row_id, state, at in (
        (sent, OutboxState.SENT, NOON),
        (dead, OutboxState.DEAD, NOON),
        (doubt, OutboxState.UNCERTAIN, NOON),
        (order, OutboxState.DEAD, NOON),
        (new, OutboxState.SENT, NOON + minutes(10)),
    ):
        claim(database, row_id, at)
        finish(database, row_id, state, at)
    with database.write() as unit:
        assert unit.outbox.purge(NOON + minutes(5)) == 3
    with database.read() as unit:
        assert [one for one in rows if unit.outbox.get(one) is not None] == [order, new, waiting]


def test_what_takes_its_sender_down_every_time_is_given_up(database: SqlDatabase) -> None:
    (row_id,) = add(database, command("c"))
    at = NOON
    for attempt in range(1, 6):
        row = claim(database, row_id, at, f"t{attempt}")
        assert row is not None
        assert row.attempts == attempt
        at += LEASE
    assert claim(database, row_id, at, "t6") is None
    assert stored(database, row_id).state is OutboxState.DEAD
