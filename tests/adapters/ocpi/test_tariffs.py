"""OCPI tariffs: what becomes a price, with VAT, and what is refused instead of computed wrongly."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from adapters.ocpi.tariffs import (
    Unsupported,
    Version,
    chosen,
    judged,
    read_tariff,
    to_full_tariff,
    to_tariff,
    version_of,
)
from core.station import NoPrice
from core.tariff import Dimension, PriceLimit, Restrictions, Tariff, Tax, flat_tariff

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
        (tariff(element(component("ENERGY", 0.25), max_age=10)), "restriction max_age"),
        (tariff(element(component("ENERGY", 0.25), max_kwh="ten")), "restriction that cannot be read"),
        (tariff(element(component("ENERGY", 0.25), min_power=-1)), "restriction that cannot be read"),
        (tariff(element(component("ENERGY", 0.25), max_duration="1e999999999")), "restriction that cannot be read"),
        (tariff(element(component("ENERGY", 0.25), start_time="8 o'clock")), "restriction that cannot be read"),
        (tariff(element(component("ENERGY", 0.25), day_of_week=["HOLIDAY"])), "restriction that cannot be read"),
        (tariff(element(component("ENERGY", 0.25), reservation="MAYBE")), "no element for charging"),
        (tariff(element(component("TIME", 2, step_size=-300))), "step size -300 of time"),
        (tariff(element(component("TIME", 2, step_size=1.5))), "step size 1.5 of time"),
        (tariff(element(component("ENERGY", -0.25))), "component ENERGY at -0.25"),
        (tariff(element(component("ENERGY", "much"))), "component ENERGY at 'much'"),
        (tariff(element(component("ENERGY", "1e999999"))), "not a price"),
        (tariff(element(component("ENERGY", "1e-999999"))), "not a price"),
        (tariff(element(component("ENERGY", 0.25, 10)), min_price={"excl_vat": -1}), "not a price limit"),
        (tariff(element(component("LOVE", 1))), "component LOVE at 1"),
        (tariff(element("free")), "price_components that are no list of objects"),
        (tariff(), "no element for charging"),
        (tariff(element(component("ENERGY", 0.25)), currency="Euro"), "not a currency code"),
    ],
)
def test_what_cannot_be_expressed_is_refused(doc: dict[str, Any], reason: str) -> None:
    assert why_not(doc).startswith(reason)


def test_every_restriction_is_kept() -> None:
    limits = {"min_kwh": 1, "max_kwh": 2.5, "min_current": 3, "max_current": 4, "min_power": 5, "max_power": 6.5}
    doc = tariff(element(component("ENERGY", 0.25, 0), **limits, min_duration=60, max_duration=7200))
    assert ours(doc).elements[0].restrictions == Restrictions(
        min_kwh=Decimal(1), max_kwh=Decimal("2.5"), min_current_a=Decimal(3), max_current_a=Decimal(4),
        min_power_kw=Decimal(5), max_power_kw=Decimal("6.5"), min_duration_s=60, max_duration_s=7200,
    )  # fmt: skip


def test_steps_are_kept_where_they_matter() -> None:
    """A step of one unit or of a zero price changes nothing, and such a tariff keeps the id it always had."""
    one, free = component("ENERGY", 0.25, 0), component("TIME", 0, 0, step_size=300)
    doc = tariff(
        element(one, free, component("PARKING_TIME", 1, 0, step_size=900), component("FLAT", 1, 0, step_size=9))
    )
    assert [found.step for found in ours(doc).elements[0].components] == [0, 0, 900, 0]


def test_limits_are_the_drivers() -> None:
    """With tax as given; else by the one rate that all prices have; else there is no number for it."""
    energy, fee = component("ENERGY", 0.25, 10), component("FLAT", 1, 20)
    both = tariff(element(energy, fee), min_price={"excl_vat": 0.5, "incl_vat": 0.55}, max_price={"excl_vat": 0})
    assert (ours(both).min_price, ours(both).max_price) == (PriceLimit(gross=Decimal("0.55")), None)
    one_rate = tariff(element(energy), max_price={"excl_vat": 10.0})
    assert ours(one_rate).max_price == PriceLimit(gross=Decimal(11))
    assert why_not(tariff(element(energy, fee), max_price={"excl_vat": 10.0})) == "max_price without tax"
    newer = tariff(element(energy), max_price={"before_taxes": 10, "after_taxes": 12}, tax_included="NO")
    assert ours(newer).max_price == PriceLimit(gross=Decimal(12))
    untaxed = tariff(element(component("ENERGY", 0.25, None)), max_price={"before_taxes": 10}, tax_included="N/A")
    assert ours(untaxed).max_price == PriceLimit(gross=Decimal(10))
    gross = tariff(element(component("ENERGY", 0.25, None)), max_price={"before_taxes": 10}, tax_included="YES")
    assert why_not(gross) == "max_price without tax"


def test_a_reservation_without_vat_does_not_spoil_the_price_of_charging() -> None:
    doc = tariff(
        element(component("TIME", 5, None), reservation="RESERVATION"), element(component("ENERGY", 0.25, 0))
    )
    assert ours(doc) == flat_tariff("EUR", Decimal("0.25"))


def full(doc: dict[str, Any], version: Version) -> list[tuple[Fraction | None, Fraction | None]]:
    """Net and gross of each component, taken at the tariff's word."""
    elements = to_full_tariff(doc, "Europe/Amsterdam", version).elements
    return [(one.net, one.gross) for found in elements for one in found.components]


def test_the_full_list_by_version() -> None:
    """Omitted VAT: 2.1.1 cannot say it, in 2.2.1 none applies, in 2.3.0 it depends on what the tariff says."""
    quarter, fifth = Fraction(1, 4), Fraction(3, 10)  # 0.25, and with 20 % VAT 0.30
    bare = tariff(element(component("ENERGY", 0.25, None)))
    taxed = tariff(element(component("ENERGY", 0.25, 20), component("FLAT", 0.25, None)))
    assert full(bare, Version.V2_1_1) == [(quarter, None)]
    assert full(bare, Version.V2_2_1) == [(quarter, quarter)]
    assert full(bare | {"tax_included": "NO"}, Version.V2_3_0) == [(quarter, None)]
    assert full(bare | {"tax_included": "YES"}, Version.V2_3_0) == [(None, quarter)]
    assert full(bare | {"tax_included": "N/A"}, Version.V2_3_0) == [(quarter, quarter)]
    assert full(bare | {"tax_included": "N_A"}, Version.V2_3_0) == [(quarter, quarter)]
    assert full(taxed, Version.V2_2_1) == [(quarter, fifth), (quarter, quarter)]
    assert full(taxed | {"tax_included": "NO"}, Version.V2_3_0) == [(quarter, fifth), (quarter, quarter)]
    assert full(taxed | {"tax_included": "YES"}, Version.V2_3_0) == [
        (quarter / Fraction("1.2"), quarter),
        (None, quarter),
    ]


def test_omitted_vat_is_not_zero_percent() -> None:
    doc = tariff(element(component("ENERGY", 0.25, None), component("FLAT", 1, 0)))
    energy, fee = to_full_tariff(doc, "UTC", Version.V2_2_1).elements[0].components
    assert (energy.tax, energy.vat) == (Tax.NONE, None)
    assert (fee.tax, fee.vat) == (Tax.ADDED, Decimal(0))


def test_versions_are_told_by_their_marks() -> None:
    bare = {"id": "1", "currency": "EUR", "elements": [element(component("ENERGY", 0.25, None))]}
    assert version_of(bare) is None
    assert version_of(bare | {"elements": [element(component("ENERGY", 0.25, 20))]}) is Version.V2_2_1
    assert version_of(bare | {"party_id": "LIN"}) is Version.V2_2_1
    assert version_of(bare | {"tax_included": "NO"}) is Version.V2_3_0
    assert version_of(bare | {"min_price": {"before_taxes": 1}}) is Version.V2_3_0
    assert version_of(bare | {"min_price": {"excl_vat": 1}}) is Version.V2_2_1


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
