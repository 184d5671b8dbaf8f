"""From a row of the outbox to a sentence in a chat, through the real services."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time
from pathlib import Path

import pytest

from bots.saying import Saying
from bots.wording.messages import Said
from core.money import Money
from core.outbox import Fate, MessageClass, OutboxRow, OutboxState, Result
from core.services.notify import tell
from core.services.outbox import OutboxService
from core.user import Channel, Identity, QuietHours, User
from tests.world import NoQueue, World, make_world

MONEY, NOTICE = MessageClass.MONEY, MessageClass.NOTICE


@dataclass
class Chat:
    """A channel that takes what it is given."""

    heard: list[tuple[str, Said]] = field(default_factory=list)
    answers: list[Result] = field(default_factory=list)

    def send(self, row: OutboxRow, said: Said) -> Result:
        self.heard.append((row.address, said))
        return self.answers.pop(0) if self.answers else Result(Fate.SENT, sent_ref="1")


@dataclass
class Talk:
    world: World
    chat: Chat

    def __post_init__(self) -> None:
        self.saying = Saying(self.world.services.database, self.world.clock, {"telegram": self.chat})
        self.outbox = OutboxService(self.world.services.database, self.world.clock, NoQueue(), {"say": self.saying})
        self.lin = self.world.services.accounts.greet(Identity(Channel.TELEGRAM, "7"), "zh-CN").user

    def change(self, **facts: object) -> None:
        def change(user: User) -> User:
            return replace(user, **facts)  # type: ignore[arg-type]

        self.world.services.accounts.change(self.lin.id, change)

    def written(self, klass: MessageClass = MONEY, code: str = "topup_paid") -> int:
        amount = {"amount": Money(5000, "CNY")}
        with self.world.services.database.write() as unit:
            row_id = tell(
                unit, self.lin.id, code, amount, klass=klass, subject="t1", state="paid", at=self.world.clock.now()
            )
        assert row_id is not None
        return row_id

    def delivered(self, row_id: int) -> OutboxRow:
        assert self.outbox.deliver(row_id)
        with self.world.services.database.read() as unit:
            row = unit.outbox.get(row_id)
        assert row is not None
        return row


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(make_world(tmp_path), Chat())


def test_it_is_said_in_the_persons_language(talk: Talk) -> None:
    assert talk.delivered(talk.written()).state is OutboxState.SENT
    assert talk.chat.heard == [
        ("7", Said("已充值：¥50.00", "¥50.00 已到余额，可以充电了。\n编号：t1", "t1", "zh-CN")),
    ]


def test_money_that_may_have_been_said_is_said_again_and_marked(talk: Talk) -> None:
    talk.chat.answers = [Result(Fate.UNCERTAIN, error="ReadTimeout")]
    row_id = talk.written()
    assert talk.delivered(row_id).state is OutboxState.PENDING
    talk.world.clock.advance(minutes=1)
    assert talk.delivered(row_id).state is OutboxState.SENT
    first, second = (said.text for _, said in talk.chat.heard)
    assert second == "重复通知，以防上一条没有送达（t1）。\n" + first


def test_silence_that_was_asked_for_meanwhile_is_kept(talk: Talk) -> None:
    notice, money = talk.written(NOTICE), talk.written(MONEY)
    talk.change(stopped=True)
    assert talk.delivered(notice).state is OutboxState.EXPIRED
    talk.world.clock.advance(seconds=2)
    assert talk.delivered(money).state is OutboxState.SENT
    assert len(talk.chat.heard) == 1


def test_who_went_to_sleep_meanwhile_is_told_in_the_morning(talk: Talk) -> None:
    row_id = talk.written(NOTICE)
    talk.change(quiet=QuietHours(time(11), time(14)), time_zone="Asia/Shanghai")
    row = talk.delivered(row_id)
    assert (row.state, row.attempts) == (OutboxState.PENDING, 0)
    talk.world.clock.advance(hours=2)
    assert talk.delivered(row_id).state is OutboxState.SENT


def test_a_chat_that_became_somebody_elses_hears_nothing(talk: Talk) -> None:
    row_id = talk.written()
    with talk.world.services.database.write() as unit:
        other = unit.people.new_account(talk.lin.id, talk.world.clock.now())
        unit.people.move_identity(Identity(Channel.TELEGRAM, "7"), other.id, talk.world.clock.now())
    assert talk.delivered(row_id).state is OutboxState.DEAD
    assert talk.chat.heard == []


def test_a_channel_that_is_not_set_up_is_no_way(talk: Talk) -> None:
    talk.saying.senders = {}
    row = talk.delivered(talk.written())
    assert (row.state, row.error) == (OutboxState.DEAD, "nothing is set up to speak through telegram")


def test_what_cannot_be_put_into_words_is_dead_and_not_uncertain(talk: Talk) -> None:
    row = talk.delivered(talk.written(NOTICE, "never_heard_of_it"))
    assert (row.state, row.error) == (OutboxState.DEAD, "cannot be put into words: KeyError")


def test_of_a_person_who_is_gone_nothing_is_said(talk: Talk) -> None:
    row_id = talk.written()
    talk.change(deleted_at=talk.world.clock.now())
    assert talk.delivered(row_id).state is OutboxState.EXPIRED
    assert talk.chat.heard == []
