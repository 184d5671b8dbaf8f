"""OCPI tariffs: what becomes a price, with VAT, and what is refused instead of computed wrongly."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from adapters.ocpi.tariffs import Unsupported, chosen, judged, read_tariff, to_tariff
from core.station import NoPrice
from core.tariff import Dimension, Tariff, flat_tariff

NOON = datetime(2025, 3, 3, 11, 0, tzinfo=UTC)  # a Monday, 12:00 in Amsterdam


def component(kind: str, price: object, vat: object = 21, **more: Any) -> dict[str, Any]:
    return {"type": kind, "price": price, "step_size": 1} | ({"vat": vat} if vat is not None else {}) | more


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": list(components)} | ({"restrictions": restrictions} if restrictions else {})


def tariff(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"country_code": "NL", "party_id": "LIN", "id": "T1", "currency": "EUR", "elements": list(elements)} | more


def ours(doc: dict[str, Any], country: str = "NL") -> Tariff:
    return to_tariff(doc, country, "Europe/Amsterdam")


def prices(doc: dict[str, Any], at: datetime = NOON) -> dict[Dimension, Decimal]:
    return {dimension: one.price for dimension, one in ours(doc).prices_at(at).items()}


def why_not(doc: dict[str, Any], country: str = "NL") -> str:
    with pytest.raises(Unsupported) as reason:
        ours(doc, country)
    return str(reason.value)


def test_vat_is_added() -> None:
    assert ours(tariff(element(component("ENERGY", 0.25, 10)))) == flat_tariff("EUR", Decimal("0.275"))


def test_all_dimensions() -> None:
    doc = tariff(
        element(component("FLAT", 0.5, 20), component("ENERGY", 0.25, 0), component("TIME", 2, 10)),
        element(component("PARKING_TIME", 1, 0)),
    )
    assert prices(doc) == {
        Dimension.FLAT: Decimal("0.60"),
        Dimension.ENERGY: Decimal("0.25"),
        Dimension.TIME: Decimal("2.2"),
        Dimension.PARKING_TIME: Decimal(1),
    }


def test_vat_that_is_not_stated() -> None:
    bare = tariff(element(component("ENERGY", 0.25, None)))
    assert why_not(bare) == "VAT not stated"
    assert to_tariff(bare | {"currency": "USD"}, "US", "America/New_York") == flat_tariff("USD", Decimal("0.25"))
    assert ours(bare | {"tax_included": "YES"}) == flat_tariff("EUR", Decimal("0.25"))
    assert why_not(tariff(element(component("ENERGY", 0.25, 10), component("FLAT", 1, None)))) == "VAT not stated"
    assert why_not(tariff(element(component("ENERGY", 0.25, 2100)))) == "VAT of 2100 %"


def test_declared_free() -> None:
    assert prices(tariff(element(component("FLAT", 0.0, None, step_size=0)))) == {Dimension.FLAT: Decimal(0)}


def test_times_of_the_day_are_local() -> None:
    doc = tariff(
        element(component("ENERGY", 0.5, 0), start_time="08:00", end_time="20:00", day_of_week=["MONDAY", "TUESDAY"]),
        element(component("ENERGY", 0.3, 0)),
    )
    assert ours(doc).time_zone == "Europe/Amsterdam"
    assert prices(doc)[Dimension.ENERGY] == Decimal("0.5")
    assert prices(doc, NOON.replace(hour=6))[Dimension.ENERGY] == Decimal("0.3")
    assert prices(doc, NOON.replace(hour=7))[Dimension.ENERGY] == Decimal("0.5")
    assert prices(doc, NOON.replace(day=5))[Dimension.ENERGY] == Decimal("0.3")


def test_dates() -> None:
    doc = tariff(
        element(component("ENERGY", 0.5, 0), start_date="2025-03-03", end_date="2025-03-04"),
        element(component("ENERGY", 0.3, 0)),
    )
    assert [prices(doc, NOON.replace(day=day))[Dimension.ENERGY] for day in (2, 3, 4)] == [
        Decimal("0.3"),
        Decimal("0.5"),
        Decimal("0.3"),
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("23:59", time(0)), ("23:59:59", time(0)), ("19:59:59", time(20)), ("20:00", time(20)), ("00:00", time(0))],
)
def test_the_last_minute_of_a_day_has_a_price(written: str, meant: time) -> None:
    doc = tariff(element(component("ENERGY", 0.5, 0), start_time="08:00", end_time=written))
    assert ours(doc).elements[0].restrictions.end == meant


def test_restrictions_as_a_list() -> None:
    one = {"price_components": [component("ENERGY", 0.5, 0)], "restrictions": [{"start_time": "08:00"}]}
    assert ours(tariff(one)).elements[0].restrictions.start == time(8)
    assert ours(tariff(one | {"restrictions": []})).elements[0].restrictions.start is None
    two = one | {"restrictions": [{"start_time": "08:00"}, {"start_time": "09:00"}]}
    assert why_not(tariff(two)) == "several restrictions in one element"


def test_reservations_do_not_touch_the_price_of_charging() -> None:
    doc = tariff(
        element(component("TIME", 5, 20, step_size=60), reservation="RESERVATION"),
        element(component("ENERGY", 0.25, 10)),
    )
    assert ours(doc) == flat_tariff("EUR", Decimal("0.275"))
    assert why_not(tariff(doc["elements"][0])) == "no element for charging"


@pytest.mark.parametrize(
    ("doc", "reason"),
    [
        (tariff(element(component("ENERGY", 0.25), max_kwh=10)), "restriction max_kwh"),
        (tariff(element(component("ENERGY", 0.25), max_power=16)), "restriction max_power"),
        (tariff(element(component("ENERGY", 0.25), min_duration=1800)), "restriction min_duration"),
        (tariff(element(component("ENERGY", 0.25), start_time="8 o'clock")), "restriction that cannot be read"),
        (tariff(element(component("ENERGY", 0.25), day_of_week=["HOLIDAY"])), "restriction that cannot be read"),
        (tariff(element(component("TIME", 2, step_size=300))), "step size 300 of time"),
        (tariff(element(component("ENERGY", 0.25, step_size=1000))), "step size 1000 of energy"),
        (tariff(element(component("ENERGY", 0.25)), min_price={"excl_vat": 0.5}), "min_price"),
        (tariff(element(component("ENERGY", 0.25)), max_price={"excl_vat": 10.0, "incl_vat": 11.0}), "max_price"),
        (tariff(element(component("ENERGY", -0.25))), "component ENERGY at -0.25"),
        (tariff(element(component("ENERGY", "much"))), "component ENERGY at 'much'"),
        (tariff(element(component("LOVE", 1))), "component LOVE at 1"),
        (tariff(), "no element for charging"),
        (tariff(element(component("ENERGY", 0.25)), currency="Euro"), "not a currency code"),
    ],
)
def test_what_cannot_be_expressed_is_refused(doc: dict[str, Any], reason: str) -> None:
    assert why_not(doc).startswith(reason)


def test_steps_of_a_zero_price_and_limits_of_zero_do_not_matter() -> None:
    doc = tariff(
        element(component("ENERGY", 0.25, 0), component("TIME", 0, step_size=300)), min_price={"excl_vat": 0}
    )
    assert prices(doc)[Dimension.TIME] == 0


def test_impossible_prices_are_seen() -> None:
    assert judged(ours(tariff(element(component("ENERGY", 25, 0))))) is NoPrice.IMPLAUSIBLE
    assert judged(ours(tariff(element(component("ENERGY", 0.25, 0))))) is None
    assert judged(ours(tariff(element(component("ENERGY", 0, 0))))) is None


def test_the_tariff_of_a_driver_who_comes_by() -> None:
    kinds = ("PROFILE_CHEAP", "REGULAR", "AD_HOC_PAYMENT", None)
    read = [read_tariff(tariff(id=str(kind)) | ({"type": kind} if kind else {})) for kind in kinds]
    cheap, regular, ad_hoc, untyped = read
    assert chosen(read, NOON) == [ad_hoc]
    assert chosen([cheap, regular, untyped], NOON) == [regular, untyped]
    assert chosen([cheap], NOON) == []


def test_tariffs_have_their_time() -> None:
    past = read_tariff(tariff(end_date_time="2025-03-03T11:00:00Z"))
    future = read_tariff(tariff(start_date_time="2025-03-03T11:00:01Z"))
    present = read_tariff(tariff(start_date_time="2025-03-03T11:00:00Z", end_date_time="2025-03-04T00:00:00Z"))
    assert chosen([past, present, future], NOON) == [present]
