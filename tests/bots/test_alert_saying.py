"""From a price that falls to one message in a chat, through the real services; and all that may lie between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bots.alert_saying import AlertSaying
from bots.wording import Wording
from bots.wording.messages import Said
from core.outbox import LEASE, Fate, MessageClass, NewRow, OutboxRow, OutboxState, Result
from core.prices.watching import Rule
from core.services.alerts.telling import AlertsNow, TellingService
from core.services.notify import ALERT
from core.services.outbox import OutboxService
from core.user import Channel, Identity, QuietHours, User
from core.watch import StandingWatch
from tests.world import NoQueue, World, make_world


@dataclass
class Chat:
    """A channel that says alerts."""

    heard: list[tuple[str, str, AlertsNow]] = field(default_factory=list)
    answers: list[Result] = field(default_factory=list)

    def send_alerts(self, row: OutboxRow, say: Wording, now: AlertsNow) -> Result:
        self.heard.append((row.address, say.language, now))
        return self.answers.pop(0) if self.answers else Result(Fate.SENT, sent_ref="1")


class MessagesOnly:
    def send(self, row: OutboxRow, said: Said) -> Result:
        raise AssertionError("an alert is not a message")


class DyingChat(Chat):
    def send_alerts(self, row: OutboxRow, say: Wording, now: AlertsNow) -> Result:
        super().send_alerts(row, say, now)
        raise MemoryError


@dataclass
class Talk:
    world: World
    chat: Chat

    def __post_init__(self) -> None:
        services = self.world.services
        self.saying = AlertSaying(services.database, self.world.clock, services.telling, {"telegram": self.chat})
        self.outbox = OutboxService(services.database, self.world.clock, NoQueue(), {ALERT: self.saying})
        self.lin = services.accounts.greet(Identity(Channel.TELEGRAM, "7"), "zh-CN").user

    def watched(self, *names: str) -> list[StandingWatch]:
        """Watches on stations that cost 1.20 now."""
        stations = [self.costs(name, "1.20") for name in names]
        set_watch = self.world.services.watches.watch_station
        return [set_watch(self.lin.id, one, Rule.BELOW, Decimal("1.00")).watch for one in stations]

    def costs(self, name: str, price: str) -> str:
        self.world.clock.advance(seconds=30)
        station = self.world.station(name, 22.541, 114.058, price=price, free=2)
        self.world.services.prices.boundaries()
        return station.id

    def row(self) -> int:
        with self.world.services.database.read() as unit:
            return max(row.id for row in unit.outbox.in_states(list(OutboxState), 100) if row.kind == ALERT)

    def delivered(self) -> OutboxRow:
        row_id = self.row()
        assert self.outbox.deliver(row_id)
        with self.world.services.database.read() as unit:
            row = unit.outbox.get(row_id)
        assert row is not None
        return row

    def untold(self) -> int:
        with self.world.services.database.read() as unit:
            return sum(one.told_at is None for one in unit.alerts.of_row(self.row()))

    def change(self, **facts: object) -> None:
        def change(user: User) -> User:
            return replace(user, **facts)  # type: ignore[arg-type]  # what a test says

        self.world.services.accounts.change(self.lin.id, change)


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(make_world(tmp_path), Chat())


def test_a_price_that_falls_is_told_once_in_the_persons_language(talk: Talk) -> None:
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    row = talk.delivered()
    assert (row.state, row.klass) == (OutboxState.SENT, MessageClass.ALERT)
    ((address, language, now),) = talk.chat.heard
    assert (address, language, now.alerts[0].price and now.alerts[0].price.price) == ("7", "zh-CN", Decimal("0.90"))
    assert talk.untold() == 0
    assert not talk.outbox.deliver(row.id)


def test_a_price_that_rose_again_sends_nothing(talk: Talk) -> None:
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    talk.costs("Lotus Road", "1.10")
    row = talk.delivered()
    assert (row.state, row.error, talk.chat.heard) == (OutboxState.EXPIRED, "no longer true", [])


def test_one_message_for_all_and_of_two_the_one_that_is_true(talk: Talk) -> None:
    talk.watched("Lotus Road", "Harbour")
    talk.costs("Lotus Road", "0.90")
    talk.costs("Harbour", "0.95")  # goes along with what still waits
    talk.costs("Lotus Road", "1.15")
    assert talk.delivered().state is OutboxState.SENT
    ((_, _, now),) = talk.chat.heard
    assert [one.station.name for one in now.alerts] == ["Harbour"]
    assert talk.untold() == 1


def test_a_watch_that_was_stopped_meanwhile_says_nothing(talk: Talk) -> None:
    (watch,) = talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    talk.world.services.watches.stop(talk.lin.id, watch.id)
    assert talk.delivered().state is OutboxState.EXPIRED


def test_silence_that_was_asked_for_meanwhile_is_kept(talk: Talk) -> None:
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    talk.change(quiet=QuietHours(time(11), time(14)), time_zone="Asia/Shanghai")
    assert talk.delivered().state is OutboxState.PENDING
    talk.change(quiet=None, stopped=True)
    talk.world.clock.advance(hours=3)
    assert talk.delivered().state is OutboxState.EXPIRED
    assert talk.chat.heard == []


def test_a_chat_that_says_no_alerts_is_no_way(talk: Talk) -> None:
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    talk.saying.senders = {"telegram": MessagesOnly()}
    row = talk.delivered()
    assert (row.state, row.error) == (OutboxState.EXPIRED, "no alert is said through telegram")
    # It waits for the person to come by.
    assert talk.world.services.telling.held(talk.lin.id) is not None


@pytest.mark.parametrize("how", ["killed", "unanswered"])
def test_what_may_have_arrived_is_never_said_again_but_counted(talk: Talk, how: str) -> None:
    talk.watched("Lotus Road", "Harbour")
    talk.costs("Lotus Road", "0.90")
    if how == "killed":
        with talk.world.services.database.write() as unit:
            assert unit.outbox.claim(talk.row(), "t", talk.world.clock.now(), timedelta(seconds=5))
        talk.world.clock.advance(seconds=6)
        assert not talk.outbox.deliver(talk.row())  # the lease has run out: nobody knows
    else:
        talk.chat.answers = [Result(Fate.UNCERTAIN, error="ReadTimeout")]
        assert talk.delivered().state is OutboxState.UNCERTAIN
        talk.chat.heard.clear()
    talk.world.clock.advance(minutes=5)
    talk.costs("Harbour", "0.95")
    assert talk.delivered().state is OutboxState.SENT
    ((_, _, now),) = talk.chat.heard
    assert ([one.station.name for one in now.alerts], now.uncertain) == (["Harbour"], 1)


def test_a_send_that_breaks_in_the_middle_is_in_doubt(talk: Talk) -> None:
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    talk.saying.senders = {"telegram": DyingChat()}
    assert talk.delivered().state is OutboxState.UNCERTAIN
    assert talk.untold() == 1
    assert talk.world.services.telling.held(talk.lin.id) is None


def test_where_there_is_no_room_any_more_it_is_held(talk: Talk) -> None:
    talk.lin = talk.world.services.accounts.greet(Identity(Channel.WECHAT, "o7"), "zh-CN").user
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")
    # Whatever concerns their money has been said meanwhile: two of five messages are left.
    with talk.world.services.database.write() as unit:
        for n in range(3):
            new = NewRow(f"m{n}", MessageClass.MONEY, "say", "s1", channel="wechat", address="o7")
            row_id = unit.outbox.add(new, talk.world.clock.now())
            assert row_id is not None
            assert unit.outbox.claim(row_id, "t", talk.world.clock.now(), LEASE) is not None
            assert unit.outbox.finish(row_id, "t", OutboxState.SENT, talk.world.clock.now())
    row = talk.delivered()
    assert (row.channel, row.state) == ("wechat", OutboxState.EXPIRED)
    assert talk.chat.heard == []
    held = talk.world.services.telling.held(talk.lin.id)
    assert held is not None
    assert len(held.alerts) == 1


# --- before it is claimed -------------------------------------------------------------------------------------


def test_what_joins_while_it_is_made_ready_is_told_with_it(talk: Talk) -> None:
    talk.watched("Lotus Road", "Harbour")
    talk.costs("Lotus Road", "0.90")
    with talk.world.services.database.read() as unit:
        row = unit.outbox.ready(talk.row(), talk.world.clock.now())
    assert row is not None
    send = talk.saying.prepare(row)
    talk.costs("Harbour", "0.95")
    assert talk.chat.heard == []
    assert send(row).fate is Fate.SENT
    ((_, _, now),) = talk.chat.heard
    assert {one.station.name for one in now.alerts} == {"Lotus Road", "Harbour"}


def test_who_dies_while_it_is_made_ready_leaves_no_doubt(talk: Talk) -> None:
    talk.watched("Lotus Road")
    talk.costs("Lotus Road", "0.90")

    class Dying(TellingService):
        def of_row(self, row_id: int, user_id: str) -> AlertsNow | None:
            raise SystemExit

    services, alive = talk.world.services, talk.saying.telling
    talk.saying.telling = Dying(services.database, talk.world.clock, services.prices)
    with pytest.raises(SystemExit):
        talk.outbox.deliver(talk.row())
    talk.saying.telling = alive
    row = talk.delivered()
    assert (row.state, row.attempts) == (OutboxState.SENT, 1)
