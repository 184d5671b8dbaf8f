"""The inbox: worked once, tried again, given up in the end, and never lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.ports import InboxMessage, InboxState
from core.services.inbox import LEASE_S, MAX_ATTEMPTS, Inbox, Incoming
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def inbox(world: World) -> Inbox:
    return world.services.inbox


def test_a_repeated_delivery_has_one_effect(inbox: Inbox) -> None:
    worked: list[str] = []
    assert inbox.accept("telegram", "1", "lin", "hello")
    assert not inbox.accept("telegram", "1", "lin", "hello")
    while inbox.work("telegram", lambda message: worked.append(message.body)):
        pass
    assert worked == ["hello"]
    assert not inbox.accept("telegram", "1", "lin", "hello")


def test_the_reply_is_kept_for_who_asks_again(inbox: Inbox) -> None:
    inbox.accept("wechat", "m1", "lin", "where?")
    inbox.work("wechat", lambda message: "here")
    assert inbox.reply("wechat", "m1") == (InboxState.DONE, "here")


def test_a_failing_handler_is_tried_again_and_given_up(inbox: Inbox, world: World) -> None:
    inbox.accept("telegram", "1", "lin", "poison")
    tries = 0

    def fail(message: InboxMessage) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("boom")

    for _ in range(20):
        inbox.work("telegram", fail)
        world.clock.advance(minutes=3)
    assert tries == MAX_ATTEMPTS
    assert inbox.counts() == {("telegram", "dead"): 1}


def test_a_message_that_kills_its_worker_is_given_up_too(inbox: Inbox, world: World) -> None:
    inbox.accept("telegram", "1", "lin", "poison")
    claims = 0
    for _ in range(20):
        claims += len(inbox.claim("telegram", 10))  # and the process is gone
        world.clock.advance(seconds=LEASE_S + 1)
    assert claims == MAX_ATTEMPTS
    assert inbox.counts() == {("telegram", "dead"): 1}


def test_a_chat_keeps_its_order_and_does_not_hold_up_others(inbox: Inbox) -> None:
    for key, lane in (("1", "lin"), ("2", "lin"), ("3", "wei")):
        inbox.accept("telegram", key, lane, key)
    first = inbox.claim("telegram", 10)
    assert [one.key for one in first] == ["1", "3"]
    assert inbox.claim("telegram", 10) == []
    inbox.finish(first[0])
    assert [one.key for one in inbox.claim("telegram", 10)] == ["2"]


def test_finishing_and_claiming_the_next_is_one_step(inbox: Inbox) -> None:
    inbox.accept_all("telegram", [Incoming(key, "lin", key) for key in ("1", "2", "2")])
    first = inbox.claim("telegram", 10)
    second = inbox.claim("telegram", 10, finished=first)
    assert [one.key for one in first + second] == ["1", "2"]
    assert inbox.reply("telegram", "1") == (InboxState.DONE, "")
    inbox.finish(*second)
    assert inbox.counts() == {("telegram", "done"): 2}


def test_old_messages_are_forgotten(inbox: Inbox, world: World) -> None:
    inbox.accept("telegram", "1", "lin", "hello")
    inbox.work("telegram", lambda message: None)
    assert inbox.purge() == 0
    world.clock.advance(days=3)
    assert inbox.purge() == 1


def test_no_lease_runs_out_behind_a_slow_message(inbox: Inbox, world: World) -> None:
    for n in range(3):
        inbox.accept("telegram", str(n), f"chat{n}", "slow")
    worked: list[str] = []
    taken_away: list[InboxMessage] = []

    def slow(message: InboxMessage) -> None:
        worked.append(message.key)
        world.clock.advance(seconds=LEASE_S - 1)
        if len(worked) == 3:
            taken_away.extend(inbox.claim("telegram", 10))

    assert inbox.work("telegram", slow) == 3
    assert (worked, taken_away) == (["0", "1", "2"], [])
