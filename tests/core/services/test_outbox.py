"""What becomes of a row: sent, tried again, moved to another chat, given up, left in doubt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from core.outbox import LEASE, Fate, MessageClass, NewRow, OutboxRow, OutboxState, Result
from core.ports import Reach
from core.services.notify import ways
from core.services.outbox import COMES_WITHIN, SWEEP_LEASE_S, SWEEP_THREADS, Handler, OutboxService, Sweeper
from core.user import Channel, Identity
from storage.unit_of_work import SqlDatabase
from tests.world import NOW, SetClock


@dataclass
class Bell:
    heard: list[tuple[str, ...]] = field(default_factory=list)
    deaf: bool = False
    asked: int = 0

    def enqueue(self, job: str, *ids: str) -> bool:
        self.asked += 1
        if not self.deaf:
            self.heard.append((job, *ids))
        return not self.deaf

    def ping(self) -> None: ...


@dataclass
class Doer:
    """A handler that does what the test says, and remembers what it was given."""

    answers: list[Result | Exception] = field(default_factory=list)
    given: list[OutboxRow] = field(default_factory=list)

    def __call__(self, row: OutboxRow) -> Result:
        self.given.append(row)
        answer = self.answers.pop(0) if self.answers else Result(Fate.SENT, sent_ref="77")
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Slow:
    """A handler that prepares; `broken` is when it cannot."""

    doer: Doer
    broken: bool = False
    prepared: list[OutboxState] = field(default_factory=list)

    def __call__(self, row: OutboxRow) -> Result:
        return self.doer(row)

    def prepare(self, row: OutboxRow) -> Handler:
        self.prepared.append(row.state)
        if self.broken:
            raise ConnectionError("the database is away")
        return self.doer


@dataclass
class House:
    database: SqlDatabase
    clock: SetClock = field(default_factory=SetClock)
    bell: Bell = field(default_factory=Bell)
    doer: Doer = field(default_factory=Doer)

    def __post_init__(self) -> None:
        self.outbox = OutboxService(self.database, self.clock, self.bell, {"say": self.doer, "start": self.doer})

    def message(self, klass: MessageClass = MessageClass.MONEY, **values: object) -> int:
        plain: dict[str, object] = {"channel": "telegram", "address": "7", "kind": "say", "subject": "s1"}
        return self.add(NewRow(**{"dedupe_key": "m", "klass": klass} | plain | values))  # type: ignore[arg-type]

    def command(self) -> int:
        return self.add(NewRow("c", MessageClass.COMMAND, "start", "s1"))

    def add(self, row: NewRow) -> int:
        with self.database.write() as unit:
            row_id = unit.outbox.add(row, self.clock.now())
        assert row_id is not None
        return row_id

    def deliver(self, row_id: int, *answers: Result | Exception) -> OutboxRow:
        """One attempt with this answer, and the row after it."""
        self.doer.answers = list(answers)
        assert self.outbox.deliver(row_id)
        return self.row(row_id)

    def row(self, row_id: int) -> OutboxRow:
        with self.database.read() as unit:
            row = unit.outbox.get(row_id)
        assert row is not None
        return row

    def person(self, *identities: Identity) -> str:
        """Who has these chats, the last one used last."""
        from sqlalchemy import update

        from storage.tables import identities as table

        with self.database.write() as unit:
            user, _ = unit.users.register(identities[0], "en", self.clock.now())
            for one in identities[1:]:
                unit.users.register(one, "en", self.clock.now())
        with self.database.engine.begin() as db:
            db.execute(update(table).values(user_id=user.id))
        for n, one in enumerate(identities):
            with self.database.write() as unit:
                unit.chats.used(one, self.clock.now() - timedelta(minutes=len(identities) - n))
        return user.id


@pytest.fixture
def house(database: SqlDatabase) -> House:
    return House(database)


def test_a_row_is_done_once(house: House) -> None:
    row_id = house.message()
    row = house.deliver(row_id)
    assert (row.state, row.sent_ref, len(house.doer.given)) == (OutboxState.SENT, "77", 1)
    assert not house.outbox.deliver(row_id)
    assert len(house.doer.given) == 1


def test_what_is_no_longer_true_is_not_said(house: House) -> None:
    assert house.deliver(house.message(), Result(Fate.POINTLESS)).state is OutboxState.EXPIRED


def test_what_takes_long_comes_before_the_claim_and_may_fail_without_a_doubt(house: House) -> None:
    slow = Slow(house.doer, broken=True)
    house.outbox.handlers = {"say": slow}
    row_id = house.message(MessageClass.ALERT)
    row = house.deliver(row_id)
    assert (row.state, row.error, house.doer.given) == (OutboxState.PENDING, "ConnectionError", [])
    assert not house.outbox.deliver(row_id)  # not due: nothing is prepared in vain
    house.clock.time, slow.broken = row.next_at, False
    assert house.deliver(row_id).state is OutboxState.SENT
    assert [one.state for one in house.doer.given] == [OutboxState.SENDING]
    assert slow.prepared == [OutboxState.PENDING] * 2


def test_five_failures_are_the_end(house: House) -> None:
    row_id, waits = house.message(), []
    for _ in range(4):
        row = house.deliver(row_id, Result(Fate.NOT_SENT, error="refused"))
        waits.append((row.next_at - house.clock.now()).total_seconds())
        assert not house.outbox.deliver(row_id)
        house.clock.time = row.next_at
    assert waits == [5, 30, 120, 600]
    row = house.deliver(row_id, Result(Fate.NOT_SENT, error="refused"))
    assert (row.state, row.attempts, row.error) == (OutboxState.DEAD, 5, "refused")


def test_waiting_is_no_failure(house: House) -> None:
    row_id = house.command()
    for _ in range(9):
        row = house.deliver(row_id, Result(Fate.LATER, retry_after=timedelta(minutes=1)))
        assert (row.state, row.attempts) == (OutboxState.PENDING, 0)
        house.clock.advance(seconds=59)
        assert not house.outbox.deliver(row_id)
        house.clock.advance(seconds=1)
    assert house.deliver(row_id).state is OutboxState.SENT


def test_a_pause_holds_back_the_whole_channel(house: House) -> None:
    first = house.message()
    second = house.message(dedupe_key="n", address="8")
    house.deliver(first, Result(Fate.LATER, retry_after=timedelta(seconds=30), pause_channel=True))
    house.clock.advance(seconds=29)
    assert not house.outbox.deliver(second)
    house.clock.advance(seconds=1)
    assert house.deliver(second).state is OutboxState.SENT


def test_a_timeout_leaves_an_alert_in_doubt_and_repeats_money(house: House) -> None:
    alert = house.message(MessageClass.ALERT, dedupe_key="a", address="1")
    money = house.message(MessageClass.MONEY, dedupe_key="b", address="2")
    assert house.deliver(alert, Result(Fate.UNCERTAIN, error="ReadTimeout")).state is OutboxState.UNCERTAIN
    assert house.deliver(money, Result(Fate.UNCERTAIN, error="ReadTimeout")).state is OutboxState.PENDING
    house.clock.advance(minutes=1)
    house.deliver(money)
    assert [row.interrupted for row in house.doer.given] == [False, False, True]


def test_a_handler_that_breaks_leaves_everybody_in_doubt(house: House) -> None:
    alert = house.deliver(house.message(MessageClass.ALERT), KeyError("x"))
    assert (alert.state, alert.error) == (OutboxState.UNCERTAIN, "KeyError")
    order = house.deliver(house.command(), KeyError("x"))
    assert (order.state, order.interrupted) == (OutboxState.PENDING, True)


def test_a_template_message_is_repeated_for_ten_minutes_only(house: House) -> None:
    row_id = house.message(MessageClass.ALERT, channel="wechat_template")
    assert house.deliver(row_id, Result(Fate.UNCERTAIN)).state is OutboxState.PENDING
    house.clock.advance(seconds=30)
    assert house.deliver(row_id, Result(Fate.UNCERTAIN)).state is OutboxState.PENDING
    house.clock.advance(minutes=10)
    assert not house.outbox.deliver(row_id)
    assert house.row(row_id).state is OutboxState.UNCERTAIN
    assert len(house.doer.given) == 2


def test_a_kind_nobody_does_is_not_lost(house: House) -> None:
    row_id = house.add(NewRow("x", MessageClass.COMMAND, "dance", "s1"))
    assert house.outbox.deliver(row_id)
    assert house.row(row_id).state is OutboxState.PENDING


def test_a_sender_that_lost_its_row_changes_nothing(house: House) -> None:
    row_id = house.message()

    def slow(row: OutboxRow) -> Result:
        house.clock.advance(seconds=LEASE.total_seconds())
        with house.database.write() as unit:
            assert unit.outbox.claim(row.id, "another", house.clock.now(), LEASE) is not None
        return Result(Fate.SENT)

    house.outbox.handlers = {"say": slow}
    assert house.outbox.deliver(row_id)
    row = house.row(row_id)
    assert (row.state, row.token) == (OutboxState.SENDING, "another")


# --- other chats ----------------------------------------------------------------------------------------------

TELEGRAM, WECHAT = Identity(Channel.TELEGRAM, "7"), Identity(Channel.WECHAT, "o7")


def test_a_chat_that_is_gone_is_noted_and_the_other_one_takes_over(house: House) -> None:
    user_id = house.person(WECHAT, TELEGRAM)
    row_id = house.message(user_id=user_id)
    row = house.deliver(row_id, Result(Fate.GONE, error="blocked"))
    assert (row.state, row.channel, row.address) == (OutboxState.PENDING, "wechat", "o7")
    assert house.deliver(row_id).state is OutboxState.SENT
    with house.database.read() as unit:
        reach, user = unit.chats.reach(user_id), unit.users.get(user_id)
    assert reach is not None
    assert [chat.identity for chat in reach.chats] == [WECHAT]
    assert user is not None
    assert user.reachable


def test_the_last_chat_that_is_gone_takes_the_message_with_it(house: House) -> None:
    user_id = house.person(TELEGRAM)
    row = house.deliver(house.message(user_id=user_id), Result(Fate.GONE, error="blocked"))
    assert (row.state, row.error) == (OutboxState.DEAD, "blocked")
    with house.database.read() as unit:
        user = unit.users.get(user_id)
    assert user is not None
    assert not user.reachable


def test_outside_the_window_the_template_comes_and_then_the_other_chat(house: House) -> None:
    user_id = house.person(TELEGRAM, WECHAT)
    row_id = house.message(user_id=user_id, channel="wechat", address="o7")
    closed = Result(Fate.ELSEWHERE, error="45015")
    assert house.deliver(row_id, closed).channel == "wechat_template"
    assert house.deliver(row_id, closed).channel == "telegram"
    row = house.deliver(row_id, closed)
    assert (row.state, row.attempts) == (OutboxState.DEAD, 3)
    with house.database.read() as unit:
        reach = unit.chats.reach(user_id)
    assert reach is not None
    assert len(reach.chats) == 2


def test_the_fifth_failure_is_the_end_also_where_another_chat_is_left(house: House) -> None:
    user_id = house.person(TELEGRAM, WECHAT)
    row_id = house.message(user_id=user_id, channel="wechat", address="o7")
    for _ in range(4):
        house.clock.time = house.deliver(row_id, Result(Fate.NOT_SENT)).next_at
    row = house.deliver(row_id, Result(Fate.ELSEWHERE, error="45015"))
    assert (row.state, row.channel, row.error) == (OutboxState.DEAD, "wechat", "45015")


def test_a_quota_that_is_used_up_waits_only_where_there_is_no_other_way(house: House) -> None:
    user_id = house.person(WECHAT)
    row_id = house.message(user_id=user_id, channel="wechat_template", address="o7")
    used_up = Result(Fate.ELSEWHERE, error="45009", retry_after=timedelta(hours=5), pause_channel=True)
    row = house.deliver(row_id, used_up)
    assert (row.state, row.next_at) == (OutboxState.PENDING, NOW + timedelta(hours=5))


def test_an_alert_goes_from_the_window_to_a_leave_to_the_other_chat_and_is_then_held(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    user_id = house.person(TELEGRAM, WECHAT)
    with house.database.write() as unit:
        unit.leaves.given("o7", "T-9", NOW)
    row_id = house.message(MessageClass.ALERT, user_id=user_id, channel="wechat", address="o7")
    closed = Result(Fate.ELSEWHERE, error="45015", window_closed=True)
    assert house.deliver(row_id, closed).channel == "wechat_leave"
    with house.database.read() as unit:
        chat = unit.chats.get(WECHAT)
    # The next alert does not try the window again.
    assert chat is not None
    assert ("wechat", "o7") not in ways(Reach(user_id, "en", False, None, "", (chat,)), NOW)
    used_up = Result(Fate.ELSEWHERE, error="45009", retry_after=timedelta(hours=5), pause_channel=True)
    assert house.deliver(row_id, used_up).channel == "telegram"
    with caplog.at_level("INFO", "core.services.outbox"):
        row = house.deliver(row_id, Result(Fate.ELSEWHERE, error="no"))
    assert (row.state, row.error) == (OutboxState.EXPIRED, "no")
    assert [one.levelname for one in caplog.records] == ["INFO"]


def test_a_quota_that_is_used_up_holds_an_alert_that_has_no_other_way(house: House) -> None:
    user_id = house.person(WECHAT)
    row_id = house.message(MessageClass.ALERT, user_id=user_id, channel="wechat", address="o7")
    used_up = Result(Fate.ELSEWHERE, error="45009", retry_after=timedelta(hours=5), pause_channel=True)
    assert house.deliver(row_id, used_up).state is OutboxState.EXPIRED
    assert house.outbox.pauses() == {"wechat": NOW + timedelta(hours=5)}


# --- ringing and sweeping -------------------------------------------------------------------------------------


def test_a_redis_that_is_away_is_asked_once(house: House) -> None:
    house.bell.deaf = True
    house.outbox.ring(1, 2, 3)
    assert house.bell.asked == 1


def test_ringing_names_the_row_and_ignores_what_was_there(house: House) -> None:
    house.outbox.ring(None, 5)
    assert house.bell.heard == [("deliver", "5")]
    house.bell.deaf = True
    house.outbox.ring(6)


def test_messages_are_rung_for_in_batches_and_orders_alone(house: House, sweeper: Sweeper) -> None:
    house.outbox.ring(*range(1, 251))
    assert [len(ids) for _, *ids in house.bell.heard] == [100, 100, 50]
    house.bell.heard.clear()
    messages = [house.message(dedupe_key=str(n), address=str(n)) for n in range(3)]
    orders = [house.add(NewRow(f"c{n}", MessageClass.COMMAND, "start", "s1")) for n in range(2)]
    assert sweeper.sweep(1) == 5
    assert sorted(house.bell.heard) == sorted(
        [("deliver", *map(str, messages)), *(("deliver", str(one)) for one in orders)]
    )


def test_a_batch_ends_by_its_own_word(house: House) -> None:
    rows = [house.message(dedupe_key=str(n), address=str(n)) for n in range(3)]
    assert house.outbox.deliver_all(rows, -1) == 0
    assert house.outbox.deliver_all([rows[0], rows[0], rows[1]], 5) == 2
    assert house.row(rows[2]).state is OutboxState.PENDING


@pytest.fixture
def sweeper(house: House) -> Sweeper:
    return Sweeper(house.outbox)


def test_the_sweeper_rings_once_and_then_does_it_itself(house: House, sweeper: Sweeper) -> None:
    row_id = house.message()
    assert sweeper.sweep(1) == 1
    assert sweeper.sweep(1) == 1
    assert house.bell.heard == [("deliver", str(row_id))]
    assert house.row(row_id).state is OutboxState.PENDING
    house.clock.advance(seconds=COMES_WITHIN.total_seconds())
    assert sweeper.sweep(1) == 1
    assert house.row(row_id).state is OutboxState.SENT
    assert sweeper.sweep(1) == 0


def test_without_redis_the_sweeper_does_the_work(house: House, sweeper: Sweeper) -> None:
    house.bell.deaf = True
    rows = [house.message(dedupe_key=str(n), address=str(n)) for n in range(9)] + [house.command()]
    assert sweeper.sweep(5) == 10
    assert {house.row(one).state for one in rows} == {OutboxState.SENT}


def test_the_sweeper_finds_what_a_dead_sender_left(house: House, sweeper: Sweeper) -> None:
    house.bell.deaf = True
    alert = house.message(MessageClass.ALERT)
    order = house.command()
    with house.database.write() as unit:
        for row_id in (alert, order):
            assert unit.outbox.claim(row_id, "dead", NOW, LEASE) is not None
    assert sweeper.sweep(1) == 0
    house.clock.advance(seconds=LEASE.total_seconds())
    assert sweeper.sweep(1) == 2
    assert house.row(alert).state is OutboxState.UNCERTAIN
    assert house.row(order).state is OutboxState.SENT


def test_nothing_new_is_begun_when_the_time_is_over(house: House, sweeper: Sweeper) -> None:
    house.bell.deaf = True
    house.message()
    assert sweeper.sweep(0) == 1
    assert house.doer.given == []


def test_a_platform_that_hangs_does_not_hold_up_an_order(house: House, sweeper: Sweeper) -> None:
    house.bell.deaf = True
    for n in range(SWEEP_THREADS + 2):
        house.message(dedupe_key=str(n), address=str(n))
    order, started = house.command(), threading.Event()

    def handler(of: str) -> Callable[[OutboxRow], Result]:
        def handle(row: OutboxRow) -> Result:
            if of == "say":
                assert started.wait(20), "the order waits for the message"
            else:
                started.set()
            return Result(Fate.SENT)

        return handle

    house.outbox.handlers = {"say": handler("say"), "start": handler("start")}
    sweeper.sweep(5)
    assert house.row(order).state is OutboxState.SENT
    assert house.outbox.counts() == {("money", "sent"): SWEEP_THREADS + 2, ("command", "sent"): 1}


def test_a_sweep_ends_in_time_whatever_hangs(house: House, sweeper: Sweeper) -> None:
    house.bell.deaf = True
    first, over = house.message(), threading.Event()

    def hang(row: OutboxRow) -> Result:
        assert over.wait(20), "the sweep waits for a platform that hangs"
        return Result(Fate.SENT)

    house.outbox.handlers = {"say": hang}
    assert sweeper.sweep(0.1) == 1
    assert house.row(first).state is OutboxState.SENDING
    over.set()
    sweeper.close()
    assert house.row(first).state is OutboxState.SENT


def test_two_sweepers_do_not_ring_at_once(house: House, sweeper: Sweeper) -> None:
    house.message()
    with house.database.write() as unit:
        assert unit.ticks.lease("sweep_outbox", NOW, SWEEP_LEASE_S)
    sweeper.sweep(1)
    assert house.bell.heard == []
    house.clock.advance(seconds=SWEEP_LEASE_S)
    sweeper.sweep(1)
    assert len(house.bell.heard) == 1


# --- the people who run it ------------------------------------------------------------------------------------


def test_dead_and_uncertain_rows_are_decided_by_somebody(house: House) -> None:
    dead = house.message(dedupe_key="a")
    house.deliver(dead, Result(Fate.REFUSED, error="400 bad text"))
    doubt = house.message(MessageClass.ALERT, dedupe_key="b", address="8")
    house.deliver(doubt, Result(Fate.UNCERTAIN, error="ReadTimeout"))
    assert [row.id for row in house.outbox.ended_badly()] == [doubt, dead]
    assert not house.outbox.retry(999, "Ann", "no such row")
    assert house.outbox.retry(doubt, "Ann", "they did not get it")
    assert house.bell.heard == [("deliver", str(doubt))]
    assert house.row(doubt).error == "tried again by Ann: they did not get it (was uncertain: ReadTimeout)"
    house.clock.advance(seconds=1)
    assert house.deliver(doubt).state is OutboxState.SENT
    assert house.outbox.drop(dead, "Ann", "said by phone")
    assert not house.outbox.drop(dead, "Ann", "again")
    row = house.row(dead)
    assert (row.state, row.error) == (
        OutboxState.EXPIRED,
        "dropped by Ann: said by phone (was dead: 400 bad text)",
    )
    assert house.outbox.ended_badly() == []


def test_what_was_said_long_ago_is_forgotten(house: House) -> None:
    row_id = house.message()
    house.deliver(row_id)
    house.clock.advance(days=34)
    assert house.outbox.purge() == 0
    house.clock.advance(days=2)
    assert house.outbox.purge() == 1
