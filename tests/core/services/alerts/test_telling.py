"""What is still true of an alert when it is told: real watches and ticks, and a present that has moved on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from core.geo import Point
from core.outbox import LEASE, MessageClass, NewRow, OutboxState
from core.prices.watching import Rule
from core.services.alerts.telling import AlertsNow
from core.services.notify import ALERT
from core.station import Plug, Station
from core.user import Channel, Identity
from core.watch import Area, NewAlert, StandingWatch, StationGuns
from tests.world import HERE, World, make_world

_numbers = count(100)


@dataclass
class Scene:
    """A person with watches, and rows of the outbox that wait to be told."""

    world: World
    lin: str

    def station(self, name: str, price: str | None, **more: object) -> Station:
        self.world.clock.advance(seconds=30)
        station = self.world.station(name, 22.541, 114.058, price=price, **more)  # type: ignore[arg-type]  # what a test says
        self.world.services.prices.boundaries()
        return station

    def watch(self, station: Station, rule: Rule, amount: str = "0", origin: Point | None = None) -> StandingWatch:
        watches = self.world.services.watches
        return watches.watch_station(self.lin, station.id, rule, Decimal(amount), origin=origin).watch

    def alert(self, watch: StandingWatch, price: str | None, before: str | None = None, **more: object) -> NewAlert:
        place = watch.place
        assert isinstance(place, StationGuns)
        told = Decimal(price) if price is not None else None
        alert = NewAlert(
            watch_id=watch.id,
            user_id=self.lin,
            series_id=place.series_id,
            station_id=place.station_id,
            version=f"v{next(_numbers)}",
            rule=watch.rule,
            at=self.world.clock.now(),
            price=told,
            before=None if before is None else Decimal(before),
            value=told or Decimal(-1),
            threshold=watch.amount,
            currency="CNY",
            tariff_id="t",
        )
        return replace(alert, **more)  # type: ignore[arg-type]  # what a test says

    def row(self, *alerts: NewAlert) -> int:
        now = self.world.clock.now()
        with self.world.services.database.write() as unit:
            stored = unit.alerts.add(alerts)
            key = f"alert:{stored[0].id}:due"
            new = NewRow(key, MessageClass.ALERT, ALERT, "1", channel="telegram", address=self.lin, user_id=self.lin)
            row_id = unit.outbox.add(new, now)
            assert row_id is not None
            unit.alerts.put_in([(one.id, row_id) for one in stored])
        return row_id

    def told(self, row_id: int) -> AlertsNow | None:
        return self.world.services.telling.of_row(row_id, self.lin)

    def ended(self, row_id: int, state: OutboxState) -> None:
        now = self.world.clock.now()
        with self.world.services.database.write() as unit:
            row = unit.outbox.claim(row_id, "t", now, LEASE)
            assert row is not None
            unit.outbox.finish(row_id, "t", state, now)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("telling"))


@pytest.fixture
def scene(world: World) -> Scene:
    return scene_in(world)


def scene_in(world: World) -> Scene:
    number = str(next(_numbers))
    return Scene(world, world.services.accounts.greet(Identity(Channel.TELEGRAM, number), "en").user.id)


def test_everything_a_driver_needs_is_there(scene: Scene) -> None:
    lotus = scene.station("Lotus Road", "0.60", service="0.30", evening="0.90", free=3, guns=8)
    watch = scene.watch(lotus, Rule.BELOW, "0.95", Point(22.55, 114.058))
    row = scene.row(scene.alert(watch, "0.90", "1.20", also=2))
    scene.world.clock.advance(minutes=1)
    now = scene.told(row)
    assert now is not None
    (one,) = now.alerts
    assert (one.station.name, one.plug, one.power_kw) == ("Lotus Road", Plug.GBT_DC, Decimal(120))
    assert (one.guns.free, one.guns.total, one.also) == (3, 8, 2)
    assert one.distance_m == pytest.approx(997, abs=2)
    assert one.price is not None
    assert (one.price.price, one.price.before, one.price.service) == (
        Decimal("0.90"),
        Decimal("1.20"),
        Decimal("0.30"),
    )
    assert one.price.until == scene.world.clock.now().replace(hour=12, minute=0, second=0)  # 20:00 in Shenzhen
    assert (now.uncertain, one.price.usual, one.alternatives) == (0, None, ())


def test_what_the_tariff_lowers_soon_is_told_with_it(scene: Scene) -> None:
    lotus = scene.station("Noon Road", "0.90", service="0", evening="0.60")
    row = scene.row(scene.alert(scene.watch(lotus, Rule.BELOW, "0.95"), "0.90", "1.20"))
    now = scene.told(row)
    assert now is not None
    price = now.alerts[0].price
    evening = scene.world.clock.now().replace(hour=12, minute=0, second=0)
    assert price is not None
    assert (price.until, price.lower) == (None, (evening, Decimal("0.60")))


def test_a_price_that_has_gone_up_again_is_not_told(scene: Scene) -> None:
    rose = scene.station("Rose", "0.90", free=1)
    row = scene.row(scene.alert(scene.watch(rose, Rule.BELOW, "0.95"), "0.90", "1.20"))
    scene.station("Rose", "1.00", free=1)
    scene.world.services.prices.follow()
    assert scene.told(row) is None


def test_a_price_that_has_fallen_further_is_told_as_it_is(scene: Scene) -> None:
    fell = scene.station("Fell", "0.90", free=1)
    row = scene.row(scene.alert(scene.watch(fell, Rule.LOWEST, "30"), "0.90", "1.20"))
    scene.station("Fell", "0.80", free=1)
    scene.world.services.prices.follow()
    now = scene.told(row)
    assert now is not None
    assert now.alerts[0].price is not None
    assert (now.alerts[0].price.price, now.alerts[0].price.before) == (Decimal("0.80"), Decimal("1.20"))


def test_of_two_alerts_the_one_that_is_still_true_is_told_alone(scene: Scene) -> None:
    one, other = scene.station("One", "0.90", free=1), scene.station("Other", "0.90", free=1)
    alerts = [scene.alert(scene.watch(here, Rule.BELOW, "0.95"), "0.90", "1.20") for here in (one, other)]
    row = scene.row(*alerts)
    scene.station("One", "1.10", free=1)
    scene.world.services.prices.follow()
    now = scene.told(row)
    assert now is not None
    assert [alert.station.name for alert in now.alerts] == ["Other"]
    scene.world.services.telling.told(now)
    with scene.world.services.database.read() as unit:
        told = {one.alert.station_id: one.told_at is not None for one in unit.alerts.of_row(row)}
    assert told == {one.id: False, other.id: True}


def test_a_watch_that_was_stopped_muted_or_changed_meanwhile_is_silent(scene: Scene) -> None:
    quiet, watches = scene.station("Quiet", "0.90", free=1), scene.world.services.watches
    watch = scene.watch(quiet, Rule.BELOW, "0.95")
    row = scene.row(scene.alert(watch, "0.90", "1.20"))
    assert scene.told(row) is not None
    watches.snooze(scene.lin, watch.id)
    assert scene.told(row) is None
    watches.wake(scene.lin, watch.id)
    assert scene.told(row) is not None
    scene.watch(quiet, Rule.BELOW, "0.85")  # wants more now
    assert scene.told(row) is None
    scene.watch(quiet, Rule.BELOW, "0.95")
    watches.stop(scene.lin, watch.id)
    assert scene.told(row) is None


def test_what_nobody_has_repeated_for_a_day_is_no_price(tmp_path: Path) -> None:
    scene = scene_in(make_world(tmp_path))
    row = scene.row(scene.alert(scene.watch(scene.station("Old", "0.90", free=1), Rule.BELOW, "0.95"), "0.90"))
    assert scene.told(row) is not None
    scene.world.clock.advance(hours=25)
    scene.world.services.prices.boundaries()
    assert scene.told(row) is None


def test_the_same_guns_are_told_once_however_many_watches_they_please(scene: Scene) -> None:
    both = scene.station("Both", "0.90", free=1)
    cheap, low = scene.watch(both, Rule.BELOW, "0.95"), scene.watch(both, Rule.LOWEST, "30")
    row = scene.row(
        scene.alert(low, "0.90", "1.00", worth=100),
        scene.alert(cheap, "0.90", "1.00", worth=100),
        scene.alert(cheap, "1.00", "1.20", worth=300, at=scene.world.clock.now() - timedelta(hours=3)),
    )
    now = scene.told(row)
    assert now is not None
    (one,) = now.alerts
    assert (one.watch.id, len(one.ids)) == (cheap.id, 3)
    assert one.price is not None
    assert one.price.before == Decimal("1.20")


# --- a free gun -----------------------------------------------------------------------------------------------


def test_a_gun_that_is_free_is_told_with_where_else_to_go(tmp_path: Path) -> None:
    scene = scene_in(make_world(tmp_path))
    full = scene.station("Full", "1.20", free=0, guns=2)
    watch = scene.watch(full, Rule.GUN_FREE)
    row = scene.row(scene.alert(watch, None))
    assert scene.told(row) is None  # it was taken again
    scene.world.station("Harbour", 22.548, 114.058, price="1.10", free=3)
    scene.world.station("Busy", 22.545, 114.058, price="1.10", free=0)
    scene.station("Full", "1.20", free=1, guns=2)
    now = scene.told(row)
    assert now is not None
    (one,) = now.alerts
    assert (one.guns.free, one.guns.total) == (1, 2)
    assert [(other.station.name, other.free) for other in one.alternatives] == [("Harbour", 3)]
    assert one.price is not None
    assert one.price.price == Decimal("1.20")
    scene.world.clock.advance(minutes=11)
    assert scene.told(row) is None  # nobody knows any more


# --- what did not arrive --------------------------------------------------------------------------------------


def test_what_may_not_have_arrived_is_counted_until_it_was_told(scene: Scene) -> None:
    here = scene.station("Here", "0.90", free=1)
    watch = scene.watch(here, Rule.BELOW, "0.95")
    rows = [scene.row(scene.alert(watch, "0.90", "1.20")) for _ in range(4)]

    def uncertain(row: int) -> int:
        now = scene.told(row)
        assert now is not None
        return now.uncertain

    assert uncertain(rows[0]) == 0
    for row in rows[:2]:
        scene.ended(row, OutboxState.UNCERTAIN)
        scene.world.clock.advance(minutes=1)
    assert uncertain(rows[2]) == 2
    scene.ended(rows[2], OutboxState.SENT)
    assert uncertain(rows[3]) == 0


def test_what_could_not_be_said_is_held_and_looked_at_again(scene: Scene) -> None:
    held = scene.station("Held", "0.90", free=1)
    watch = scene.watch(held, Rule.BELOW, "0.95")
    with scene.world.services.database.write() as unit:
        unit.alerts.add([scene.alert(watch, "0.90", "1.20")])
    telling = scene.world.services.telling
    now = telling.held(scene.lin)
    assert now is not None
    telling.told(now)
    assert telling.held(scene.lin) is None


def test_an_areas_alert_is_as_far_as_its_middle(scene: Scene) -> None:
    there = scene.station("There", "0.90", free=1)
    guns = scene.watch(there, Rule.LOWEST, "30")
    area = Area(Point(22.550, 114.058), 2_000)
    made = scene.world.services.watches.watch_area(
        scene.lin, area, Rule.BELOW, Decimal("0.95"), currency="CNY", label="Work"
    )
    alert = replace(scene.alert(guns, "0.90", "1.20"), watch_id=made.watch.id, rule=Rule.BELOW)
    now = scene.told(scene.row(alert))
    assert now is not None
    assert now.alerts[0].distance_m == pytest.approx(996.6, abs=1)
    assert now.alerts[0].station.point == Point(HERE.lat, HERE.lng)
