"""What becomes true with no tick: guns, hours, ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from core.outbox import MessageClass
from core.ports import UnitOfWork
from core.prices.watching import Rule
from core.services.alerts import looking
from core.user import Channel
from core.watch import Area, Ended
from tests.core.services.alerts.conftest import Watching
from tests.world import HERE


def test_a_gun_becomes_free_is_taken_and_is_free_again(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, rule=Rule.GUN_FREE)
    assert watching.look() == []
    watching.costs("1.20", free=1)
    (alert,) = watching.look()
    assert (alert.rule, alert.price, alert.value) == (Rule.GUN_FREE, None, Decimal(-1))
    (row,) = watching.rows()
    assert row.expires_at == watching.now + timedelta(minutes=10)
    assert watching.look() == []
    # Another one beside it is no news.
    watching.costs("1.20", free=2)
    assert watching.look() == []
    watching.world.clock.advance(minutes=5)
    watching.costs("1.20", free=0)
    assert watching.look() == []
    assert watching.kept(watch).state.armed
    watching.world.clock.advance(minutes=5)
    watching.costs("1.20", free=1)
    assert watching.look() == [], "within half an hour"
    watching.world.clock.advance(minutes=21)
    watching.costs("1.20", free=1)
    assert len(watching.look()) == 1


def test_guns_that_nobody_tells_of_are_no_free_ones(watching: Watching) -> None:
    watching.costs("1.20", free=None)
    watch = watching.watch(watching.person("1"), rule=Rule.GUN_FREE)
    assert watching.look() == []
    watching.costs("1.20", free=1)
    assert len(watching.look()) == 1
    # A while later nobody has repeated it: it is looked at now and then, and nothing is said.
    watching.world.clock.advance(minutes=40)
    assert watching.look() == []
    assert not watching.kept(watch).state.armed
    assert watching.kept(watch).look_at == watching.now + timedelta(minutes=1)


def test_a_silenced_watch_for_a_gun_waits(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, rule=Rule.GUN_FREE)
    watching.world.services.watches.snooze(lin, watch.id, watching.now + timedelta(hours=1))
    watching.costs("1.20", free=1)
    assert watching.look() == []
    watching.world.clock.advance(hours=1)
    watching.costs("1.20", free=1)
    assert len(watching.look()) == 1


def test_the_usual_price_moves_without_any_tick(watching: Watching) -> None:
    watching.costs("1.00", evening="0.80")
    watching.watch(watching.person("1"), "10", Rule.BELOW_USUAL)
    for _ in range(21):
        watching.world.clock.advance(days=1)
        assert watching.costs("1.00", evening="0.80") + watching.look() == []
    watching.world.clock.advance(hours=20)
    # From today on it costs by day what it costs by night: at eight nothing changes but what is usual.
    watching.costs("0.80")
    told = []
    for _ in range(3):
        told += [(alert.price, alert.value, watching.now.hour) for alert in watching.wait(hours=1)]
        watching.costs("0.80")
    assert told == [(Decimal("0.80"), Decimal("0.8"), 1)]


def test_what_there_is_no_time_for_is_looked_at_next(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    watching.costs("1.00", evening="0.80")
    watch = watching.watch(watching.person("1"), "10", Rule.BELOW_USUAL)
    for _ in range(21):
        watching.world.clock.advance(days=1)
        watching.costs("1.00", evening="0.80")
    watching.world.clock.advance(hours=20)
    watching.costs("0.80")
    watching.world.clock.advance(hours=1)
    watching.costs("0.80")
    monkeypatch.setattr(looking, "DUE_WITHIN_S", -1)
    watching.world.services.alerts.look()
    assert watching.kept(watch).look_at == watching.now
    monkeypatch.undo()
    assert len(watching.look()) == 1


def test_nobody_is_held_up_while_an_area_is_looked_at(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands of stations in it."""
    lin, services = watching.person("1"), watching.world.services
    watch = watching.watch_around(lin, Area(HERE, 2_000), "1.00")
    services.watches.snooze(lin, watch.id)
    assert watching.costs("0.95") == []
    services.watches.wake(lin, watch.id)
    writes = services.database.write

    @contextmanager
    def write() -> Iterator[UnitOfWork]:
        with writes() as unit:
            monkeypatch.setattr(unit.watches, "stations_within", None)
            yield unit

    monkeypatch.setattr(services.database, "write", write)
    assert len(watching.look()) == 1


def test_a_watch_that_lives_again_says_what_came_true_meanwhile(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, "1.00")
    watching.world.services.watches.stop(lin, watch.id)
    assert watching.costs("0.95") == []
    watching.world.services.watches.renew(lin, watch.id)
    assert len(watching.look()) == 1


def test_looking_is_done_by_one_clock_an_hour(watching: Watching) -> None:
    watching.watch(watching.person("1"), "10", Rule.BELOW_USUAL)
    with watching.world.services.database.write() as unit:
        assert unit.ticks.take("look_at_usual", str(int(watching.now.timestamp()) // 3600), watching.now)
    watching.look()
    assert watching.world.services.alerts._usual == []


def test_what_is_over_ends_with_a_last_word(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, "1.00")
    assert watching.costs("1.10") == []
    watching.world.clock.time = watch.expires_at - timedelta(days=2)
    watching.costs("1.30")
    watching.world.services.alerts.upkeep()
    before = len(watching.rows())
    watching.world.clock.time = watch.expires_at
    assert watching.world.services.alerts.upkeep() == 1
    kept = watching.kept(watch)
    assert (kept.ended, kept.ended_at) == (Ended.EXPIRED, watch.expires_at)
    (row,) = watching.rows()[before:]
    assert (row.klass, row.kind, row.user_id) == (MessageClass.NOTICE, "say", lin)
    said = json.loads(row.body)
    assert (said["code"], said["params"]["place"], said["params"]["watch_id"]) == (
        "watch_ended",
        "Lotus Road",
        watch.id,
    )
    assert said["params"]["below"] == {"price": "1.00", "currency": "CNY"}
    assert watching.world.services.alerts.upkeep() == 0


def test_a_watch_for_a_gun_ends_in_silence_when_it_has_spoken(watching: Watching) -> None:
    spoken = watching.watch(watching.person("1"), rule=Rule.GUN_FREE)
    watching.costs("1.20", free=1)
    assert len(watching.look()) == 1
    watching.costs("1.20", free=0)
    watching.look()
    silent = watching.watch(watching.person("2"), rule=Rule.GUN_FREE)
    watching.world.clock.advance(hours=13)
    assert watching.world.services.alerts.upkeep() == 2
    last = [json.loads(row.body) for row in watching.rows() if row.kind == "say"]
    assert [(one["code"], one["params"]["watch_id"]) for one in last] == [("watch_ended", silent.id)]
    assert watching.kept(spoken).ended is Ended.EXPIRED


def test_once_a_month_it_is_said_how_near_the_price_came(watching: Watching) -> None:
    watch = watching.watch(watching.person("1"), "0.90")
    loud = watching.watch(watching.person("2"), "1.10")
    nobody = watching.watch(watching.person("3", Channel.LOCAL), "0.90")
    for day in range(30):
        watching.world.clock.advance(days=1)
        watching.costs("1.05" if day == 10 else "1.20")
    # Thirty days and some seconds: a price is said a second later each time.
    assert watching.world.services.alerts.upkeep() == 3
    (row,) = [row for row in watching.rows() if row.kind == "say"]
    said = json.loads(row.body)
    assert (said["code"], said["params"]["watch_id"], said["params"]["days"]) == ("watch_quiet", watch.id, 30)
    assert said["params"]["nearest"] == {"price": "1.05", "currency": "CNY"}
    assert watching.kept(loud).told == 1
    for one in (watch, loud, nobody):
        assert watching.kept(one).note_at == watching.now + timedelta(days=30)
    assert watching.world.services.alerts.upkeep() == 0


def test_nothing_is_said_of_a_price_that_nobody_knew(watching: Watching) -> None:
    watch = watching.watch(watching.person("1"), "0.90")
    watching.world.clock.advance(days=90)
    watching.follow()
    watching.world.services.alerts.upkeep()
    assert [row for row in watching.rows() if row.kind == "say"] == []
    assert watching.kept(watch).ended is None


def test_a_watch_that_ended_is_forgotten_after_three_months(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, "1.00")
    assert len(watching.costs("0.95")) == 1
    watching.world.services.watches.stop(lin, watch.id)
    watching.world.clock.advance(days=89)
    assert watching.world.services.alerts.upkeep() == 0
    watching.world.clock.advance(days=2)
    assert watching.world.services.alerts.upkeep() == 1
    with pytest.raises(AssertionError):
        watching.kept(watch)


def test_what_was_written_is_rung_for_after_the_commit_the_most_valuable_first(watching: Watching) -> None:
    rung: list[int | None] = []
    watching.world.services.alerts.ring = lambda *rows: rung.extend(rows)
    watching.costs("1.40", "Bamboo Square")
    watching.watch(watching.person("1"), "1.10")
    watching.watch(watching.person("2"), "1.10", name="Bamboo Square")
    watching.says("1.08")
    watching.says("1.08", "Bamboo Square")
    assert len(watching.follow()) == 2
    assert rung == []
    watching.world.services.alerts.ring_written()
    addresses = {row.id: row.address for row in watching.rows()}
    assert [addresses[one] for one in rung if one is not None] == ["2", "1"]
    watching.world.services.alerts.ring_written()
    assert len(rung) == 2
