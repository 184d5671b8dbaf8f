"""Each observation is taken once, in whatever order those who write them commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from fractions import Fraction

import pytest

from core.ports import PriceSeries, PriceVersion
from core.ports.prices import PriceDay, series_id
from core.prices.gate import Doubt, Reason, Waiting
from core.prices.ticks import Cause
from core.station import Plug
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase, SqlUnitOfWork
from tests.storage.samples import LOTUS, NOON, gun, minutes, ref, save, station, yuan

A_DAY = timedelta(days=1)


def series(number: int = 1, **more: object) -> PriceSeries:
    one = gun(number)
    plain: dict[str, object] = {
        "id": series_id(station(number).id, one.plug, one.power_kw),
        "station_id": station(number).id,
        "plug": one.plug,
        "power_kw": one.power_kw,
        "time_zone": "Asia/Shanghai",
        "began_at": NOON,
        "seen_at": NOON,
        "source": LOTUS.id,
        "said_id": yuan("1.10").id,
    }
    return PriceSeries(**(plain | more))  # type: ignore[arg-type]  # what a test says of it


def say(unit: SqlUnitOfWork, number: int, price: str, later_min: float = 0) -> None:
    unit.catalogue.save_tariffs(LOTUS.id, [(ref(number), yuan(price))], NOON + minutes(later_min))


def take(database: SqlDatabase, limit: int = 100) -> list[str]:
    with database.write() as unit:
        return [one.ref.connector_id for one in unit.prices.take(limit)]


@contextmanager
def writing(database: SqlDatabase, number: int, *, fails: bool = False) -> Iterator[None]:
    """Somebody has said a price and has not committed yet."""
    with ExitStack() as stack:
        if fails:
            stack.enter_context(pytest.raises(ZeroDivisionError))
        unit = stack.enter_context(database.write())
        say(unit, number, f"1.0{number}")  # the same new tariff would wait for the other's
        yield
        if fails:
            raise ZeroDivisionError


def test_each_observation_is_taken_once_in_parts(database: SqlDatabase) -> None:
    save(database, *(station(number) for number in range(1, 8)))
    with database.write() as unit:
        for number in range(1, 8):
            say(unit, number, "1.10")
    with database.read() as unit:
        assert unit.prices.is_behind(NOON)
    assert [take(database, 3) for _ in range(4)] == [["1", "2", "3"], ["4", "5", "6"], ["7"], []]
    with database.read() as unit:
        assert not unit.prices.is_behind(NOON)


def test_what_is_taken_is_so_at_the_commit(database: SqlDatabase) -> None:
    save(database, station(1))
    with database.write() as unit:
        say(unit, 1, "1.10")

    def killed() -> None:
        with database.write() as unit:
            assert len(unit.prices.take(10)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        killed()
    assert take(database) == ["1"]


@pytest.mark.postgres
def test_a_number_committed_late_is_not_passed_over(postgres_url: str) -> None:
    database = SqlDatabase(open_engine(postgres_url))
    save(database, *(station(number) for number in range(1, 6)))
    with writing(database, 1):
        with writing(database, 2, fails=True):  # draws a number that will never be there
            with writing(database, 3):
                pass
            assert take(database) == ["3"]
            assert take(database) == []
        with writing(database, 4):
            pass
        assert take(database) == ["4"]
        with database.read() as unit:
            assert unit.prices.is_behind(NOON), "somebody may still bring a row"
    with writing(database, 5):
        pass
    assert take(database, 1) == ["1"], "the late one comes first, and is not lost where the part ends"
    assert take(database) == ["5"]
    assert take(database) == []
    with database.read() as unit:
        assert not unit.prices.is_behind(NOON), "all who could have brought something have ended"
    database.close()


@pytest.mark.postgres
def test_many_writers_and_readers_at_once(postgres_url: str) -> None:
    database = SqlDatabase(open_engine(postgres_url))
    count = 8
    save(database, *(station(number) for number in range(count)))
    taken: list[tuple[int, str]] = []
    done = threading.Event()

    def writes(number: int) -> None:
        for turn in range(10):
            with database.write() as unit:
                say(unit, number, f"1.{10 + turn}", turn)

    def reads() -> None:
        while True:
            last = done.is_set()
            with database.write() as unit:
                found = unit.prices.take(7)
            taken.extend((one.id, one.tariff_id) for one in found)
            if last and not found:
                return

    readers = [threading.Thread(target=reads) for _ in range(2)]
    writers = [threading.Thread(target=writes, args=(number,)) for number in range(count)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join(30)
    done.set()
    for thread in readers:
        thread.join(30)
    assert len(taken) == len(set(taken)) == count * 10
    database.close()


def test_a_series_is_kept_as_it_is(database: SqlDatabase) -> None:
    save(database, station(1))
    waiting = Waiting("key", LOTUS.id, NOON, Doubt(Reason.MUCH_CHEAPER, Fraction(1, 3), Fraction(2, 3)))
    free = Waiting("free", "other", NOON, Doubt(Reason.NOTHING, Fraction(0)))
    full = series(
        apart={ref(7): yuan("0.90").id},
        believed_id=yuan("0.90").id,
        waiting=(waiting, free),
        lapsed=True,
        currency="CNY",
        price=yuan("1.10").elements[0].components[0].price,
        version_at=NOON,
        look_at=NOON + minutes(5),
    )
    empty = series(2, power_kw=None, plug=Plug.UNKNOWN, id=2)
    with database.write() as unit:
        unit.catalogue.add_tariffs([yuan("1.10"), yuan("0.90")])
        unit.prices.save([full, empty])
    with database.write() as unit:
        assert unit.prices.series_of([full.station_id, empty.station_id]) == sorted(
            [full, empty], key=lambda one: one.station_id
        )
        assert unit.prices.due(NOON + minutes(4), 10) == []
        assert unit.prices.due(NOON + minutes(5), 10) == [full]
    with database.read() as unit:
        assert unit.prices.is_behind(NOON + minutes(5))
        assert not unit.prices.is_behind(NOON)


def test_versions_from_a_moment_on_and_the_one_that_held_then(database: SqlDatabase) -> None:
    one = series()
    versions = [
        PriceVersion(one.id, NOON + minutes(number), tariff_id, Cause.PULL, LOTUS.id)
        for number, tariff_id in ((0, yuan("1.10").id), (10, None), (20, yuan("0.90").id))
    ]
    with database.write() as unit:
        unit.catalogue.add_tariffs([yuan("1.10"), yuan("0.90")])
        unit.prices.save([one])
        unit.prices.append(versions)
    with database.read() as unit:
        assert unit.prices.versions([one.id], NOON + minutes(15)) == {one.id: versions[1:]}
        assert unit.prices.versions([one.id], NOON - minutes(1)) == {one.id: versions}
        assert unit.prices.crowded(NOON + minutes(20), 3, 10) == []
        assert unit.prices.crowded(NOON + minutes(20), 2, 10) == [one]
    day = PriceDay(one.id, NOON.toordinal(), *(yuan(price).elements[0].components[0].price for price in "123"))
    with database.write() as unit:
        assert unit.prices.compact([day], NOON + minutes(15)) == 1
        assert unit.prices.versions([one.id], NOON) == {one.id: versions[1:]}
        assert unit.prices.days(one.id) == [day]


def test_observations_that_were_taken_can_be_forgotten(database: SqlDatabase) -> None:
    save(database, station(1), station(2))
    with database.write() as unit:
        say(unit, 1, "1.10")
    assert take(database) == ["1"]
    with database.write() as unit:
        say(unit, 2, "1.10")
        assert unit.prices.forget_observations(NOON + A_DAY, 10) == 1
        assert unit.prices.forget_observations(NOON + A_DAY, 10) == 0, "nobody has taken it yet"
    assert take(database) == ["2"]
