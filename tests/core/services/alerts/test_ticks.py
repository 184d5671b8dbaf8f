"""From a tick to a message that waits to be sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from core.geo import Point
from core.outbox import MessageClass, OutboxState
from core.prices.watching import Rule
from core.station import Plug, Station
from core.user import Channel, QuietHours
from core.watch import Area, Ended, Needs, StationGuns, Way
from tests.core.services.alerts.conftest import Watching
from tests.world import HERE

HOUR = timedelta(hours=1)


def test_a_price_that_falls_below_the_wish_makes_one_message(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, "1.00")
    assert watching.costs("1.05") == []
    (alert,) = watching.costs("0.95")
    assert (alert.watch_id, alert.price, alert.before) == (watch.id, Decimal("0.95"), Decimal("1.05"))
    (row,) = watching.rows()
    assert (row.klass, row.kind, row.channel, row.address) == (MessageClass.ALERT, "alert", "telegram", "1")
    assert (row.user_id, json.loads(row.body)) == (lin, {})
    assert row.expires_at == watching.now + timedelta(hours=12), "no end of this price is known"
    with watching.world.services.database.read() as unit:
        (stored,) = unit.alerts.of_row(row.id)
    assert str(stored.id) == row.subject


def test_a_boundary_with_nothing_pushed_makes_a_message_until_the_next_one(watching: Watching) -> None:
    watching.costs("1.20", evening="0.90")
    watching.watch(watching.person("1"), "1.00")
    # 20:00 in Shenzhen.
    watching.world.clock.time = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC)
    (alert,) = watching.follow()
    assert (alert.price, alert.worth) == (Decimal("0.90"), 250)
    (row,) = watching.rows()
    assert row.expires_at == datetime(2026, 11, 24, 0, 0, tzinfo=UTC), "eight in the morning, when it rises"


def test_what_it_is_worth_is_measured_against_the_usual_price(watching: Watching) -> None:
    """At night it always costs a third less: that is nothing special."""
    watching.costs("1.20", evening="0.80")
    for _ in range(21):
        watching.world.clock.advance(days=1)
        watching.costs("1.20", evening="0.80")
    watching.watch(watching.person("1"), "0.90")
    (alert,) = watching.wait(hours=9)
    assert (alert.price, alert.before, alert.worth) == (Decimal("0.80"), Decimal("1.20"), 0)
    watching.watch(watching.person("2"), "0.70")
    (alert,) = watching.costs("1.20", evening="0.68")
    assert alert.worth == 150


def test_a_flapping_price_is_told_once_a_day(watching: Watching) -> None:
    watch = watching.watch(watching.person("1"), "1.00")
    assert len(watching.costs("0.95")) == 1
    told = []
    for _ in range(8):
        watching.world.clock.advance(hours=1)
        told += watching.costs("1.20")
        watching.world.clock.advance(hours=1)
        told += watching.costs("0.95") + watching.look()
    assert told == []
    assert watching.kept(watch).look_at == watching.kept(watch).state.alerted_at + timedelta(days=1)


def test_what_was_silent_for_its_pause_speaks_at_the_end_of_it(watching: Watching) -> None:
    watching.watch(watching.person("1"), "1.00")
    assert len(watching.costs("0.95")) == 1
    watching.world.clock.advance(hours=6)
    assert watching.costs("1.20") == []
    watching.world.clock.advance(hours=6)
    assert watching.costs("0.95") == []
    assert watching.wait(hours=11, minutes=59) == []
    (alert,) = watching.wait(minutes=2)
    assert (alert.price, alert.before) == (Decimal("0.95"), Decimal("1.20"))


def test_what_is_lower_still_is_told_before_the_price_recovered(watching: Watching) -> None:
    watching.watch(watching.person("1"), "1.00")
    assert len(watching.costs("0.95")) == 1
    watching.world.clock.advance(days=1, minutes=1)
    assert watching.costs("0.94") == [], "a cent is no news"
    assert [one.price for one in watching.costs("0.80")] == [Decimal("0.80")]


def test_the_same_every_evening_is_told_once_a_week(watching: Watching) -> None:
    watching.costs("1.20", evening="0.90")
    watching.watch(watching.person("1"), "1.00")
    told = []
    for day in range(9):
        watching.world.clock.time = datetime(2026, 11, 23, 12, 0, 1, tzinfo=UTC) + timedelta(days=day)
        told.append(len(watching.costs("1.20", evening="0.90") + watching.look()))
        watching.world.clock.advance(hours=12)
        told[-1] += len(watching.costs("1.20", evening="0.90") + watching.look())
    assert told == [1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_killed_in_the_middle_nothing_has_happened(watching: Watching) -> None:
    watch = watching.watch(watching.person("1"), "1.00")
    watching.says("0.95")
    prices, heard = watching.world.services.prices, watching.world.services.prices.on_ticks

    def killed(unit, ticks):
        heard(unit, ticks)
        raise ZeroDivisionError

    prices.on_ticks = killed
    with pytest.raises(ZeroDivisionError):
        prices.boundaries()
    assert watching.rows() == []
    prices.on_ticks = heard
    assert len(watching.follow()) == 1
    assert watching.follow() == []
    assert len(watching.rows()) == 1
    assert watching.kept(watch).told == 1


def test_a_watch_that_cannot_be_judged_holds_up_nobody(watching: Watching) -> None:
    here = (Point(22.50, 114.0582), Point(22.60, 114.0582))
    way = Way(here, 300, frozenset(range(7)), time(0), time(23), "Mars/Base")
    watching.watch_around(watching.person("1"), way, "1.00")
    watching.watch(watching.person("2"), "1.00")
    assert len(watching.costs("0.95")) == 1
    assert not watching.world.services.prices.is_behind()


def test_the_same_ticks_again_make_no_second_alert(watching: Watching) -> None:
    watching.watch(watching.person("1"), "1.00")
    prices, heard = watching.world.services.prices, []
    first = prices.on_ticks
    prices.on_ticks = lambda unit, ticks: heard.extend(ticks) or first(unit, ticks)
    assert len(watching.costs("0.95")) == 1
    with watching.world.services.database.write() as unit:
        first(unit, heard)
    assert len(watching.rows()) == 1


def test_of_an_area_the_best_is_told_and_the_others_are_counted(watching: Watching) -> None:
    watching.costs("1.30", "Bamboo Square")
    lin = watching.person("1")
    area = Area(HERE, 2_000, Needs(plugs=frozenset({Plug.GBT_DC})))
    watching.watch_around(lin, area, "1.00")
    watching.says("0.98")
    watching.says("0.95", "Bamboo Square")
    (alert,) = watching.follow()
    assert (alert.station_id, alert.price, alert.also) == (watching.station("Bamboo Square"), Decimal("0.95"), 1)
    # The other one goes on falling: it beats nothing that was said.
    watching.world.clock.advance(days=1, minutes=1)
    assert watching.costs("0.94") == []
    assert [one.price for one in watching.costs("0.92")] == [Decimal("0.92")]


def test_an_area_is_armed_again_when_the_guns_it_told_of_have_recovered(watching: Watching) -> None:
    watching.costs("1.30", "Bamboo Square")
    watch = watching.watch_around(watching.person("1"), Area(HERE, 2_000), "1.00")
    assert len(watching.costs("0.95")) == 1
    watching.world.clock.advance(hours=20)
    assert watching.costs("0.99", "Bamboo Square") == []
    assert watching.costs("1.30", "Bamboo Square") == []
    watching.world.clock.advance(hours=5)
    assert watching.costs("0.99", "Bamboo Square") == [], "what was told still holds"
    assert watching.costs("1.20") == watching.costs("1.30", "Bamboo Square") == []
    watching.world.clock.advance(hours=5)
    assert [one.price for one in watching.costs("0.99", "Bamboo Square")] == [Decimal("0.99")]
    assert watching.kept(watch).told == 2


def test_an_area_looks_at_what_the_car_needs_and_at_nothing_outside(watching: Watching) -> None:
    lin = watching.person("1")
    watching.watch_around(lin, Area(HERE, 2_000, Needs(plugs=frozenset({Plug.CCS2}))), "1.00")
    watching.watch_around(lin, Area(HERE, 2_001, Needs(min_power_kw=Decimal(150))), "1.00")
    watching.watch_around(lin, Area(HERE, 2_002, Needs(operator_id="Other")), "1.00")
    watching.watch_around(lin, Area(Point(22.60, 114.10), 2_000), "1.00")
    assert watching.costs("0.95") == []


def test_an_area_is_told_of_no_station_that_is_not_shown(watching: Watching) -> None:
    """The clock goes on for guns that are gone, and what is not for everybody has a price, too."""
    watching.costs("1.20", evening="0.90")
    watching.costs("1.20", "Bamboo Square", evening="0.92")
    watching.costs("1.20", "Private Yard", evening="0.80")
    watching.watch_around(watching.person("1"), Area(HERE, 2_000), "1.00")
    source = watching.world.source
    told = [one for one in source.items if isinstance(one, Station) and one.name != "Lotus Road"]
    source.items = [replace(one, public=one.name != "Private Yard") for one in told]
    watching.world.load(source)
    (alert,) = watching.wait(hours=8, minutes=1)
    assert (alert.station_id, alert.also) == (watching.station("Bamboo Square"), 0)


def test_a_way_speaks_when_it_is_driven_next(watching: Watching) -> None:
    way = Way(
        points=(Point(22.50, 114.0582), Point(22.60, 114.0582)),
        width_m=300,
        days=frozenset(range(5)),
        starts=time(7),
        ends=time(9),
        time_zone="Asia/Shanghai",
    )
    watching.watch_around(watching.person("1"), way, "1.00")
    assert watching.costs("0.95") == [], "it is noon"
    assert watching.wait(hours=18, minutes=59) == []
    (alert,) = watching.wait(minutes=1)
    assert alert.price == Decimal("0.95")


def test_a_way_that_is_driven_now_speaks_at_once(watching: Watching) -> None:
    watching.costs("1.30", "Bamboo Square")
    way = Way(
        points=(Point(22.50, 114.0582), Point(22.5415, 114.0582), Point(22.5415, 114.2)),
        width_m=200,
        days=frozenset({0}),
        starts=time(11),
        ends=time(13),
        time_zone="Asia/Shanghai",
    )
    watching.watch_around(watching.person("1"), way, "1.00")
    assert watching.costs("0.95", "Bamboo Square") == [], "four hundred metres away"
    assert len(watching.costs("0.95")) == 1


def test_a_watch_that_a_slow_clock_made_is_found(watching: Watching) -> None:
    """Of whoever makes it, in another process; what was there before is in memory by then."""
    watching.watch(watching.person("1"), "0.50")
    watching.costs("1.19")
    watching.world.clock.advance(minutes=-20)
    watching.watch(watching.person("2"), "1.00")
    watching.watch_around(watching.person("3"), Area(HERE, 2_000), "1.00")
    watching.world.clock.advance(minutes=21)
    assert len(watching.costs("0.95")) == 2


def test_a_watch_follows_guns_whose_power_was_corrected(watching: Watching) -> None:
    watch = watching.watch(watching.person("1"), "1.00")
    source = watching.world.source
    (was,) = [one for one in source.items if isinstance(one, Station)]
    guns = tuple(replace(gun, power_kw=Decimal(125)) for gun in was.connectors)
    source.items = [replace(was, connectors=guns)]
    watching.world.load(source)
    watching.costs("1.10")
    watching.world.clock.advance(hours=20)
    assert watching.costs("0.95") == [], "nobody knows yet that the others are gone"
    (alert,) = watching.wait(hours=5)
    assert alert.price == Decimal("0.95")
    place = watching.kept(watch).place
    assert isinstance(place, StationGuns)
    assert place.power_kw == Decimal(125)
    watching.world.clock.advance(hours=22)
    watching.costs("1.10")
    watching.world.clock.advance(hours=12)
    assert [one.price for one in watching.costs("0.90")] == [Decimal("0.90")]


def test_two_people_at_one_tick_get_a_message_each(watching: Watching) -> None:
    people = [watching.person(name) for name in ("1", "2")]
    for one in people:
        watching.watch(one, "1.00")
    watching.watch_around(people[0], Area(HERE, 2_000), "1.00")
    assert len(watching.costs("0.95")) == 3
    rows = watching.rows()
    assert sorted(one.user_id for one in rows) == sorted(people)
    with watching.world.services.database.read() as unit:
        assert sorted(len(unit.alerts.of_row(one.id)) for one in rows) == [1, 2]


def test_what_comes_while_a_message_waits_goes_along(watching: Watching) -> None:
    watching.costs("1.30", "Bamboo Square")
    lin = watching.person("1")
    watching.watch(lin, "1.00")
    watching.watch(lin, "1.00", name="Bamboo Square")
    watching.costs("0.95")
    watching.world.clock.advance(minutes=1)
    watching.costs("0.95", "Bamboo Square")
    (row,) = watching.rows()
    assert row.expires_at == watching.now + timedelta(hours=12)
    with watching.world.services.database.read() as unit:
        assert [one.alert.worth for one in unit.alerts.of_row(row.id)] == [269, 208]


def test_quiet_hours_hold_a_message_back_until_their_end(watching: Watching) -> None:
    lin = watching.person("1", quiet=QuietHours(time(10), time(15)), time_zone="Asia/Shanghai")
    watching.watch(lin, "1.00")
    watching.costs("0.95")
    (row,) = watching.rows()
    assert row.next_at == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def test_what_ends_before_the_quiet_does_is_looked_at_again_in_the_morning(watching: Watching) -> None:
    """It may be as cheap by then as it was."""
    lin = watching.person("1", quiet=QuietHours(time(19), time(9)), time_zone="Asia/Shanghai")
    watching.costs("1.20", evening="0.90")
    watching.watch(lin, "1.00")
    assert len(watching.wait(hours=8, minutes=1)) == 1
    (row,) = watching.rows()
    assert row.expires_at is not None
    assert row.expires_at > row.next_at + HOUR


def test_beyond_six_a_day_the_next_ones_come_in_the_morning(watching: Watching) -> None:
    lin = watching.person("1", time_zone="Asia/Shanghai")
    names = [f"Station {n}" for n in range(8)]
    for name in names:
        watching.costs("1.20", name)
        watching.watch(lin, "1.15", name=name)
    for name in names[:7]:
        watching.world.clock.advance(minutes=1)
        assert len(watching.costs("1.10", name)) == 1
        _sent(watching)
    *sent, last = watching.rows()
    assert len(sent) == 6
    assert last.next_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC), "nine on their clock"
    assert last.expires_at is not None
    assert last.expires_at > last.next_at + HOUR, "it is still there then"
    # A third off is told all the same, and takes the other with it.
    watching.costs("0.80", names[7])
    watching.world.clock.advance(minutes=10)
    assert len(watching.costs("0.80", names[7])) == 1
    assert watching.rows()[-1].next_at == watching.now


def _sent(watching: Watching) -> None:
    """Whatever may leave now has left."""
    with watching.world.services.database.write() as unit:
        for number in unit.outbox.due(watching.now, 10):
            if unit.outbox.claim(number, "test", watching.now, HOUR) is not None:
                unit.outbox.finish(number, "test", OutboxState.SENT, watching.now)


def test_who_wants_nothing_unasked_gets_no_row_and_nor_does_who_has_no_chat(watching: Watching) -> None:
    watching.watch(watching.person("1", stopped=True), "1.00")
    watching.watch(watching.person("2", Channel.LOCAL), "1.00")
    assert len(watching.costs("0.95")) == 2
    assert watching.rows() == []
    with watching.world.services.database.read() as unit:
        people = [one.user_id for one in unit.watches.some([1, 2])]
        assert len(unit.alerts.untold(people, watching.now - HOUR)) == 2


def test_a_silenced_watch_speaks_when_it_wakes(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, "1.00")
    watching.world.services.watches.snooze(lin, watch.id)
    assert watching.costs("0.95") == []
    assert watching.wait(hours=23) == []
    watching.costs("0.95")
    assert len(watching.wait(hours=1, minutes=1)) == 1


def test_woken_early_it_speaks_at_once(watching: Watching) -> None:
    lin = watching.person("1")
    watch = watching.watch(lin, "1.00")
    watching.world.services.watches.snooze(lin, watch.id)
    assert watching.costs("0.95") == []
    watching.world.services.watches.wake(lin, watch.id)
    assert len(watching.look()) == 1


def test_a_watch_that_was_stopped_or_is_over_is_silent(watching: Watching) -> None:
    lin, wei = watching.person("1"), watching.person("2")
    watching.world.services.watches.stop(lin, watching.watch(lin, "1.00").id)
    watch = watching.watch(wei, "1.00")
    watching.world.clock.advance(days=181)
    assert watching.costs("0.95") == []
    watching.world.services.alerts.upkeep()
    assert watching.kept(watch).ended is Ended.EXPIRED


def test_another_currency_is_another_price(watching: Watching) -> None:
    watching.watch(watching.person("1"), "1.00")
    assert watching.costs("0.90", currency="EUR") == []


def test_a_price_that_nobody_knows_any_more_is_no_low_one(watching: Watching) -> None:
    watching.watch(watching.person("1"), "1.00")
    assert watching.wait(days=2) == []
    (alert,) = watching.costs("0.95")
    assert alert.before is None


def test_watches_of_another_clock_are_found_too(watching: Watching) -> None:
    """Made after memory was loaded, by somebody else."""
    assert watching.costs("1.19") == []
    watching.watch(watching.person("1"), "1.00")
    assert len(watching.costs("0.95")) == 1
    watching.world.clock.advance(minutes=10)
    watching.watch_around(watching.person("2"), Area(HERE, 1_000), "0.90")
    assert len(watching.costs("0.85")) == 1


def test_reading_all_anew_changes_nothing(watching: Watching) -> None:
    watching.watch(watching.person("1"), "1.00")
    watching.watch_around(watching.person("2"), Area(HERE, 1_000), "1.00")
    watching.world.clock.advance(hours=6)
    assert watching.world.services.alerts.is_stale()
    watching.world.services.alerts.load()
    assert not watching.world.services.alerts.is_stale()
    assert len(watching.costs("0.95")) == 2


def test_the_lowest_price_in_a_week(watching: Watching) -> None:
    watching.watch(watching.person("1"), "7", Rule.LOWEST)
    told = []
    for price in ("1.10", "1.15", "1.12", "1.20", "1.11", "1.18", "1.19", "1.05"):
        told.append([one.price for one in watching.costs(price) + watching.look()])
        watching.world.clock.advance(days=1)
    assert told == [[], [], [], [], [], [], [], [Decimal("1.05")]], "a week has to pass first"


def test_below_what_this_hour_usually_costs(watching: Watching) -> None:
    watching.watch(watching.person("1"), "10", Rule.BELOW_USUAL)
    for _ in range(15):
        watching.world.clock.advance(days=1)
        assert watching.costs("1.20") == []
    assert watching.costs("1.10") == []
    (alert,) = watching.costs("1.02")
    assert (alert.value, alert.worth) == (Decimal("0.85"), 150)
