"""The three ways in which a price changes: a push, a pull, and the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.prices.gate import Confirmed, Held, Reading
from core.prices.observed import Sighting
from core.prices.ticks import Cause, FollowedPrice, FollowedTariff, price_per_kwh
from core.tariff import Dimension, PriceComponent, Tariff, TariffElement, Tax, flat_tariff, time_of_use_tariff

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = time_of_use_tariff(
    "EUR", "Europe/Berlin", ((time(6), Decimal("0.50"), Decimal(0)), (time(22), Decimal("0.30"), Decimal(0)))
)
# The day before the clock is turned on.
NOON = datetime(2026, 3, 28, 12, tzinfo=BERLIN)


def test_push_pull_and_clock() -> None:
    place = FollowedTariff("S1", BERLIN)
    _, tick = place.hear(Reading("ocpi", NOON, NIGHT), Cause.PUSH)
    assert tick is not None
    assert (tick.old, tick.new, tick.cause, tick.tariff_id) == (None, Decimal("0.50"), Cause.PUSH, NIGHT.id)
    assert place.hear(Reading("ocpi", NOON + timedelta(hours=1), NIGHT))[1] is None
    assert place.clock(NOON + timedelta(hours=2)) is None
    boundary = place.boundary(NOON)
    assert boundary == NOON.replace(hour=22)
    tick = place.clock(boundary)
    assert tick is not None
    assert (tick.old, tick.new, tick.cause) == (Decimal("0.50"), Decimal("0.30"), Cause.CLOCK)


def test_the_night_in_which_the_clock_is_turned_on() -> None:
    place = FollowedTariff("S1", BERLIN)
    place.hear(Reading("ocpi", NOON.replace(hour=23), NIGHT))
    moment: datetime | None = NOON.replace(hour=23).astimezone(UTC)
    ticks: list[tuple[datetime, Decimal | None]] = []
    while moment and (moment := place.boundary(moment)) and len(ticks) < 2:
        if tick := place.clock(moment):
            ticks.append((tick.at.astimezone(UTC), tick.new))
    # 6:00 is seven hours after 23:00 on most days, and six this night.
    assert ticks == [
        (datetime(2026, 3, 29, 4, tzinfo=UTC), Decimal("0.50")),
        (datetime(2026, 3, 29, 20, tzinfo=UTC), Decimal("0.30")),
    ]


def test_a_held_tariff_makes_no_tick_until_it_is_confirmed() -> None:
    place = FollowedTariff("S1", BERLIN)
    place.hear(Reading("ocpi", NOON, NIGHT))
    cheap = flat_tariff("EUR", Decimal("0.20"))
    verdict, tick = place.hear(Reading("ocpi", NOON + timedelta(minutes=1), cheap), Cause.PUSH)
    assert (type(verdict), tick) == (Held, None)
    verdict, tick = place.hear(Reading("ocpi", NOON + timedelta(minutes=10), cheap), Cause.PUSH)
    assert isinstance(verdict, Confirmed)
    assert tick is not None
    assert (tick.old, tick.new) == (Decimal("0.50"), Decimal("0.20"))


def test_time_passes_also_when_what_is_said_is_held() -> None:
    place = FollowedTariff("S1", BERLIN)
    place.hear(Reading("ocpi", NOON, NIGHT))
    _, tick = place.hear(Reading("ocpi", NOON.replace(hour=22), flat_tariff("EUR", Decimal("50"))), Cause.PUSH)
    assert tick is not None
    assert (tick.new, tick.cause) == (Decimal("0.30"), Cause.CLOCK)


def test_a_tariff_that_is_held_first_of_all() -> None:
    place = FollowedTariff("S1", BERLIN)
    assert place.hear(Reading("ocpi", NOON, flat_tariff("EUR", Decimal("50"))))[1] is None
    assert (place.boundary(NOON), place.history.price_at(NOON)) == (None, None)


def test_a_bare_price_ticks_at_each_reading_and_is_settled_after_its_first_day() -> None:
    place = FollowedPrice("Z1", "CNY", ZoneInfo("UTC"))
    settled = []
    for hour in range(27):
        _, tick = place.hear(Sighting("feed", NOON + timedelta(hours=hour), Decimal("1.50")))
        assert tick is not None
        settled.append(tick.settled)
        assert tick.changed is (hour == 0)
    assert settled == [False] * 24 + [False, True, True]
    verdict, tick = place.hear(Sighting("feed", NOON + timedelta(hours=27), Decimal("0.15")))
    assert (type(verdict), tick) == (Held, None)
    assert place.history.price_at(NOON + timedelta(hours=27)) == Decimal("1.50")


def test_the_price_of_a_kwh_has_its_tax() -> None:
    taxed = PriceComponent(Dimension.ENERGY, Decimal("0.50"), tax=Tax.ADDED, vat=Decimal(19))
    unknown = PriceComponent(Dimension.ENERGY, Decimal("0.50"), tax=Tax.ADDED)
    hourly = PriceComponent(Dimension.TIME, Decimal(3))
    prices = [price_per_kwh(Tariff("EUR", (TariffElement((one,)),)), NOON) for one in (taxed, unknown, hourly)]
    assert prices == [Decimal("0.595"), Decimal("0.50"), None]
