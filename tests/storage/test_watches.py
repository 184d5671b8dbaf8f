"""Watches, alerts and leaves in the database, on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal

import pytest

from core.geo import Point
from core.outbox import MessageClass, NewRow, OutboxState
from core.ports import JoinedRow, PriceSeries
from core.ports.prices import series_id
from core.prices.watching import Rule, WatchState
from core.station import ConnectorStatus, Plug
from core.watch import Area, Ended, Needs, NewAlert, Place, StandingWatch, StationGuns, Way
from storage.unit_of_work import SqlDatabase, SqlUnitOfWork
from tests.storage.samples import NOON, gun, minutes, report, save, station, yuan

KW_120 = Decimal("120.0")
HERE = series_id(station(1).id, Plug.GBT_DC, KW_120)
GUNS = StationGuns(station(1).id, HERE, Plug.GBT_DC, KW_120)
AREA = Area(Point(22.54, 114.05), 2_000, Needs(frozenset({Plug.GBT_DC}), Decimal(60), "OP1"))
WAY = Way((Point(22.5, 114.0), Point(22.6, 114.1)), 300, frozenset({0, 4}), time(7), time(9, 30), "Asia/Shanghai")


def watch(place: Place = GUNS, rule: Rule = Rule.BELOW, **more: object) -> StandingWatch:
    plain: dict[str, object] = {
        "id": 0,
        "user_id": "u1",
        "place": place,
        "rule": rule,
        "amount": Decimal("1.10") if rule is Rule.BELOW else Decimal(10),
        "currency": "CNY" if rule is Rule.BELOW else "",
        "label": "Station 1",
        "created_at": NOON,
        "expires_at": NOON + timedelta(days=180),
        "cooldown": timedelta(days=1),
        "level": 76_536,
        "changed_at": NOON,
    }
    return StandingWatch(**(plain | more))  # type: ignore[arg-type]  # what a test says of it


def add(database: SqlDatabase, *some: StandingWatch) -> list[StandingWatch]:
    with database.write() as unit:
        return [unit.watches.add(one) for one in some]


def alert(one: StandingWatch, version: str = "v1", **more: object) -> NewAlert:
    plain: dict[str, object] = {
        "watch_id": one.id,
        "user_id": one.user_id,
        "series_id": HERE,
        "station_id": station(1).id,
        "version": version,
        "rule": one.rule,
        "at": NOON,
        "price": Decimal("1.05"),
        "before": Decimal("1.30"),
        "value": Decimal("1.05"),
        "threshold": Decimal("1.10"),
        "currency": "CNY",
        "tariff_id": "t1",
        "worth": 192,
    }
    return NewAlert(**(plain | more))  # type: ignore[arg-type]  # what a test says of it


def row(unit: SqlUnitOfWork, user_id: str, subject: str) -> int:
    told = NewRow(
        f"alert:{subject}:due", MessageClass.ALERT, "alert", subject, channel="telegram", address="1",
        user_id=user_id, expires_at=NOON + minutes(60), rank=500,
    )  # fmt: skip
    return unit.outbox.add_all([told], NOON)[told.dedupe_key]


@pytest.mark.parametrize("place", [GUNS, AREA, WAY])
def test_what_is_stored_comes_back(database: SqlDatabase, place: Place) -> None:
    (one,) = add(database, watch(place, origin=Point(22.541, 114.058)))
    spoken = replace(
        one,
        state=WatchState(False, Decimal("1.05"), NOON, NOON + minutes(1)),
        said_series=HERE,
        again_level=75_000,
        look_at=NOON + minutes(2),
        muted_until=NOON + minutes(3),
        told=3,
        note_at=NOON + minutes(4),
        changed_at=NOON + minutes(5),
    )
    with database.write() as unit:
        unit.watches.save([spoken])
        unit.watches.save_spoken([replace(spoken, told=4)])
        unit.watches.save_spoken([spoken])
    with database.read() as unit:
        assert unit.watches.get(one.id) == spoken
        assert unit.watches.some([one.id, one.id + 1]) == [spoken]
        assert unit.watches.of_people(["u1", "u2"]) == [spoken]


def test_what_is_matched_is_what_lives(database: SqlDatabase) -> None:
    below, usual, area, way, guns, _, _ = add(
        database,
        watch(again_level=75_000),
        watch(rule=Rule.BELOW_USUAL),
        watch(AREA),
        watch(WAY, changed_at=NOON - minutes(10)),
        watch(rule=Rule.GUN_FREE, amount=Decimal(0)),
        watch(ended_at=NOON, ended=Ended.STOPPED),
        watch(expires_at=NOON),
    )
    with database.read() as unit:
        levels = [one for page in unit.watches.levels(NOON) for one in page]
        assert [(one.id, one.rule, one.series_id, one.again_level) for one in levels] == [
            (below.id, Rule.BELOW, HERE, 75_000),
            (usual.id, Rule.BELOW_USUAL, HERE, None),
        ]
        (circle,) = [one for page in unit.watches.circles(NOON) for one in page]
        assert (circle.id, circle.radius_m, circle.min_power_kw, circle.operator_id) == (area.id, 2_000, 60, "OP1")
        assert [one for page in unit.watches.ways(NOON) for one in page] == [way]
        changed = [one.id for one in unit.watches.changed(NOON)]
        assert {below.id, usual.id, area.id} <= set(changed)
        assert not {way.id, guns.id} & set(changed)
        assert [one.id for one in unit.watches.of_series([HERE], Rule.BELOW_USUAL)] == [usual.id]


def test_what_time_does(database: SqlDatabase) -> None:
    due, later, over, noted = add(
        database,
        watch(look_at=NOON),
        watch(look_at=NOON + minutes(1)),
        watch(expires_at=NOON - minutes(1)),
        watch(note_at=NOON),
    )
    with database.write() as unit:
        assert [one.id for one in unit.watches.due(NOON, 10)] == [due.id]
        assert [one.id for one in unit.watches.due(NOON + minutes(1), 10)] == [due.id, later.id]
        assert [one.id for one in unit.watches.expired(NOON, 10)] == [over.id]
        assert [one.id for one in unit.watches.notes_due(NOON, 10)] == [noted.id]


def test_guns_that_turned(database: SqlDatabase) -> None:
    # Guns 2 and 3 are alike, gun 4 has no known power.
    save(database, station(1, gun(2), gun(3), gun(4, power_kw=None)))
    unknown = StationGuns(station(1).id, 7, Plug.GBT_DC, None)
    waiting, told, silent, others, paused = add(
        database,
        watch(rule=Rule.GUN_FREE, amount=Decimal(0)),
        watch(rule=Rule.GUN_FREE, amount=Decimal(0), state=WatchState(armed=False)),
        watch(rule=Rule.GUN_FREE, amount=Decimal(0), ended_at=NOON),
        watch(unknown, Rule.GUN_FREE, amount=Decimal(0)),
        watch(rule=Rule.GUN_FREE, amount=Decimal(0), look_at=NOON + minutes(10)),
    )

    def turned(later_min: float = 0) -> list[tuple[int, int, int]]:
        at = NOON + minutes(later_min)
        with database.write() as unit:
            found = unit.watches.guns_turned(at, at - minutes(30), 10)
        return [(one.id, guns.free, guns.known) for one, guns in found]

    def tell(number: int, status: ConnectorStatus, later_min: float) -> None:
        with database.write() as unit:
            at = NOON + minutes(later_min)
            unit.catalogue.save_statuses("lotus", [report(number, status, at)], at)

    assert turned() == [(told.id, 0, 0)], "nobody knows"
    tell(2, ConnectorStatus.FREE, 1)
    tell(4, ConnectorStatus.CHARGING, 1)
    assert turned(1) == [(waiting.id, 1, 1)]
    assert turned(10) == [(waiting.id, 1, 1), (paused.id, 1, 1)]
    tell(2, ConnectorStatus.CHARGING, 2)
    tell(3, ConnectorStatus.CHARGING, 2)
    assert turned(2) == [(told.id, 0, 2)]
    tell(4, ConnectorStatus.FREE, 3)
    assert turned(3) == [(told.id, 0, 2), (others.id, 1, 1)]
    assert silent.id not in {one for one, _, _ in turned(3)}


def test_series_whose_usual_price_moves(database: SqlDatabase) -> None:
    save(database, station(1), station(2))
    there = series_id(station(2).id, Plug.GBT_DC, KW_120)
    with database.write() as unit:
        unit.catalogue.save_tariffs("lotus", [(gun(1).ref, yuan("1.10"))], NOON)
        for number, changed_at in ((HERE, NOON), (there, NOON - timedelta(days=40))):
            unit.prices.save([_series(number, changed_at)])
    add(
        database,
        watch(rule=Rule.BELOW_USUAL),
        watch(StationGuns(station(2).id, there, Plug.GBT_DC, KW_120), Rule.BELOW_USUAL),
    )
    with database.read() as unit:
        assert unit.watches.usual_series(NOON - timedelta(days=35)) == [HERE]
        assert [one.id for one in unit.prices.some([there, HERE, 5])] == sorted([there, HERE])


def _series(number: int, changed_at: object) -> PriceSeries:
    return PriceSeries(
        number, station(1).id, Plug.GBT_DC, KW_120, "Asia/Shanghai", NOON, NOON, "lotus", yuan("1.10").id,
        version_at=changed_at,  # type: ignore[arg-type]  # a moment
    )  # fmt: skip


def test_stations_around(database: SqlDatabase) -> None:
    save(database, station(1), station(2, point=Point(22.60, 114.05)), station(3, public=False))
    with database.read() as unit:
        assert unit.watches.stations_within(Point(22.54, 114.05), 2_000, 10) == [station(1).id]
        (spot,) = unit.watches.spots([station(2).id, "nowhere"]).values()
    assert (spot.station_id, spot.point) == (station(2).id, Point(22.60, 114.05))


def test_an_alert_is_there_once(database: SqlDatabase) -> None:
    one, other = add(database, watch(), watch())
    with database.write() as unit:
        first = unit.alerts.add([alert(one), alert(other)])
        assert len(first) == 2
        assert unit.alerts.add([alert(one)]) == []
        (again,) = unit.alerts.add([alert(one), alert(one, "v2", price=None, before=None)])
    assert (again.alert.version, again.alert.price) == ("v2", None)
    with database.read() as unit:
        assert [kept.alert.version for kept in unit.alerts.of_watch(one.id, 10)] == ["v2", "v1"]


def test_alerts_are_told_by_rows(database: SqlDatabase) -> None:
    one, other = add(database, watch(), watch(user_id="u2"))
    with database.write() as unit:
        mine, more, theirs = unit.alerts.add([alert(one, worth=10), alert(one, "v2", worth=300), alert(other)])
        number = row(unit, "u1", str(mine.id))
        unit.alerts.put_in([(mine.id, number), (more.id, number)])
    with database.write() as unit:
        assert [kept.alert.worth for kept in unit.alerts.of_row(number)] == [300, 10]
        assert [kept.id for kept in unit.alerts.untold(["u1", "u2"], NOON)] == [theirs.id]
        assert dict(unit.alerts.waiting_rows(["u1", "u2"])) == {"u1": number}
        assert dict(unit.alerts.rows_since(["u1", "u2"], NOON)) == {"u1": [NOON]}
        assert dict(unit.alerts.rows_since(["u1"], NOON + minutes(1))) == {}
    with database.write() as unit:
        unit.alerts.told([mine.id], NOON)
        assert unit.outbox.claim(number, "t", NOON, minutes(1))
        assert unit.alerts.waiting_rows(["u1"]) == {}
        unit.outbox.finish(number, "t", OutboxState.EXPIRED, NOON)
    with database.read() as unit:
        assert [kept.id for kept in unit.alerts.untold(["u1"], NOON)] == [more.id], "it was dropped unsaid"
        assert unit.alerts.rows_since(["u1"], NOON) == {}


def test_a_row_with_more_in_it_is_as_urgent_as_the_most_urgent_and_lasts_as_long_as_any(
    database: SqlDatabase,
) -> None:
    with database.write() as unit:
        first, second = row(unit, "u1", "1"), row(unit, "u2", "2")
        unit.alerts.join(
            [
                JoinedRow(first, 700, NOON + minutes(30), NOON - minutes(1)),
                JoinedRow(second, 300, NOON + minutes(90)),
            ]
        )
    with database.read() as unit:
        one, two = unit.outbox.get(first), unit.outbox.get(second)
    assert (one.expires_at, one.next_at) == (NOON + minutes(60), NOON - minutes(1))
    assert (two.expires_at, two.next_at) == (NOON + minutes(90), NOON)


def test_what_ended_long_ago_goes_with_its_alerts(database: SqlDatabase) -> None:
    old, young = add(database, watch(ended_at=NOON - minutes(1), ended=Ended.STOPPED), watch(ended_at=NOON))
    with database.write() as unit:
        unit.alerts.add([alert(old), alert(young)])
        assert unit.watches.purge(NOON) == 1
        assert unit.watches.get(old.id) is None
        assert unit.alerts.of_watch(old.id, 10) == []
        assert len(unit.alerts.of_watch(young.id, 10)) == 1


def test_leaves_are_counted_down_to_none(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert [unit.leaves.given("o1", "T", NOON) for _ in range(2)] == [1, 2]
        unit.leaves.spent("o1", "T", NOON)
        assert unit.leaves.count("o1", "T") == 1
        for _ in range(2):
            unit.leaves.spent("o1", "T", NOON)
        assert unit.leaves.count("o1", "T") == unit.leaves.count("o2", "T") == 0
        unit.leaves.given("o1", "T", NOON)
        unit.leaves.withdrawn("o1", "T", NOON)
        assert unit.leaves.count("o1", "T") == 0
