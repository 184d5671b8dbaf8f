"""Setting watches: what is offered, one wish once, limits, and whose they are."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core.errors import Conflict, NotFound, UserError
from core.geo import Point
from core.prices.watching import Outlook, Rule
from core.user import Channel, Identity
from core.watch import MOST_WATCHES, Area, Ended, Needs
from tests.world import World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    world = make_world(tmp_path_factory.mktemp("watches"))
    world.station("Lotus Road", 22.5410, 114.0580, price="1.20", evening="0.80", free=2, guns=4)
    world.station("Silent Lane", 22.5500, 114.0600, guns=1)
    world.services.prices.boundaries()
    return world


@pytest.fixture
def lin(world: World) -> str:
    return _person(world, "lin")


def _person(world: World, name: str) -> str:
    with world.services.database.write() as unit:
        number = sum(map(ord, name)) + len(world.services.watches.mine(name))
        user, _ = unit.users.register(Identity(Channel.TELEGRAM, f"{number}{id(unit)}"), "en", world.clock.now())
    return user.id


def _lotus(world: World) -> str:
    return next(one.id for one in world.source.items if one.name == "Lotus Road")


def test_what_is_offered_begins_with_a_price_near_the_lowest_of_the_tariff(world):
    here = world.services.watches.wishes(_lotus(world))
    assert (here.price, here.currency) == (Decimal("1.20"), "CNY")
    assert [(one.rule, one.amount) for one in here.wishes] == [
        (Rule.BELOW, Decimal("0.84")),
        (Rule.BELOW_USUAL, Decimal(10)),
        (Rule.LOWEST, Decimal(30)),
        (Rule.GUN_FREE, Decimal(0)),
    ]


def test_without_a_price_only_a_free_gun_can_be_wished(world, lin):
    silent = next(one.id for one in world.source.items if one.name == "Silent Lane")
    assert [one.rule for one in world.services.watches.wishes(silent).wishes] == [Rule.GUN_FREE]
    with pytest.raises(UserError, match="no_price_here"):
        world.services.watches.watch_station(lin, silent, Rule.BELOW, Decimal(1))


def test_when_the_tariff_comes_to_the_price_is_said(world, lin):
    watches, lotus = world.services.watches, _lotus(world)
    evening = world.clock.now() + timedelta(hours=8)
    assert watches.watch_station(lin, lotus, Rule.BELOW, Decimal("1.00")).comes == (evening, Decimal("0.80"))
    assert watches.watch_station(lin, lotus, Rule.BELOW, Decimal("0.70")).comes is None
    assert watches.watch_station(lin, lotus, Rule.BELOW, Decimal("1.30")).comes is None


def test_a_place_that_is_new_says_from_when_on_it_can_be_judged(world, lin):
    watches, lotus = world.services.watches, _lotus(world)

    def days(rule: Rule, amount: int) -> int | None:
        made = watches.watch_station(lin, lotus, rule, Decimal(amount))
        return None if made.silent_until is None else (made.silent_until - world.clock.now()).days

    assert [days(Rule.BELOW_USUAL, 10), days(Rule.LOWEST, 7), days(Rule.LOWEST, 30)] == [14, 7, 30]
    assert [days(Rule.BELOW, 1), days(Rule.GUN_FREE, 0)] == [None, None]


def test_a_double_tap_makes_one_watch_and_another_amount_changes_it(world, lin):
    watches, lotus = world.services.watches, _lotus(world)
    first = watches.watch_station(lin, lotus, Rule.BELOW, Decimal("1.00"), origin=Point(22.54123, 114.05678))
    second = watches.watch_station(lin, lotus, Rule.BELOW, Decimal("1.00"))
    other = watches.watch_station(lin, lotus, Rule.BELOW, Decimal("0.90"))
    assert (first.again, second.again, other.again) == (False, True, False)
    assert {one.watch.id for one in (first, second, other)} == {first.watch.id}
    assert [one.watch.amount for one in watches.mine(lin)] == [Decimal("0.90")]
    assert first.watch.origin == Point(22.541, 114.057)
    assert first.outlook.outlook is Outlook.UNKNOWN  # watched for a moment only
    assert watches.mine(lin)[0].price == Decimal("1.20")


def test_what_is_true_already_is_said_at_once_and_does_not_alert(world, lin):
    made = world.services.watches.watch_station(lin, _lotus(world), Rule.BELOW, Decimal("1.30"))
    assert made.outlook.outlook is Outlook.ALREADY
    assert (made.watch.state.armed, made.watch.state.said) == (False, Decimal("1.20"))
    guns = world.services.watches.watch_station(lin, _lotus(world), Rule.GUN_FREE)
    assert (guns.guns.free, guns.guns.guns, guns.watch.state.armed) == (2, 4, False)
    assert guns.watch.expires_at == world.clock.now() + timedelta(hours=12)


def test_an_area_says_what_it_costs_there_now(world, lin):
    area = Area(Point(22.5412, 114.0583), 1_000)
    made = world.services.watches.watch_area(lin, area, Rule.BELOW, Decimal("0.90"), currency="CNY", label="Work")
    assert (made.price, made.outlook.outlook, made.watch.state.armed) == (Decimal("1.20"), Outlook.UNKNOWN, True)
    elsewhere = Area(Point(22.5412, 114.0583), 1_000, Needs(operator_id="Nobody"))
    made = world.services.watches.watch_area(lin, elsewhere, Rule.BELOW, Decimal("2"), currency="CNY", label="Work")
    assert (made.price, made.watch.state.armed) == (None, True)
    with pytest.raises(UserError, match="no_price_here"):
        world.services.watches.watch_area(lin, area, Rule.BELOW, Decimal("1"), label="Work")


def test_nobody_handles_another_persons_watch(world, lin):
    watches, chen = world.services.watches, _person(world, "chen")
    mine = watches.watch_station(lin, _lotus(world), Rule.BELOW, Decimal("1.00")).watch
    for handle in (watches.one, watches.stop, watches.snooze, watches.wake, watches.renew):
        with pytest.raises(NotFound, match="watch_gone"):
            handle(chen, mine.id)
    assert watches.mine(chen) == []


def test_stopped_snoozed_woken_and_renewed(world, lin):
    watches, now = world.services.watches, world.clock.now()
    one = watches.watch_station(lin, _lotus(world), Rule.BELOW, Decimal("1.00")).watch
    assert watches.snooze(lin, one.id).muted_until == now + timedelta(days=1)
    assert watches.wake(lin, one.id).muted_until is None
    assert watches.stop(lin, one.id).ended is Ended.STOPPED
    assert watches.stop(lin, one.id).ended_at == now
    assert watches.mine(lin) == []
    assert watches.renew(lin, one.id).live(now)
    assert watches.stop_all(lin) == 1


def test_there_is_a_limit(world, lin):
    watches, where = world.services.watches, Point(22.6, 114.1)
    for n in range(MOST_WATCHES):
        watches.watch_area(lin, Area(where, 1_000 + n), Rule.BELOW, Decimal("1"), currency="CNY", label=str(n))
    with pytest.raises(Conflict, match="watch_limit"):
        watches.watch_station(lin, _lotus(world), Rule.LOWEST, Decimal(30))
    first = watches.mine(lin)[-1].watch
    watches.stop(lin, first.id)
    watches.watch_station(lin, _lotus(world), Rule.LOWEST, Decimal(30))
    with pytest.raises(Conflict, match="watch_limit"):
        watches.renew(lin, first.id)
