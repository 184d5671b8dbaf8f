"""The rules of OCPI tariffs one by one, each with figures worked out by hand beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.tariff import (
    Amount,
    Dimension,
    Doing,
    Line,
    NotCovered,
    Part,
    PriceComponent,
    Reservation,
    Restrictions,
    SessionState,
    Stretch,
    TariffElement,
    Tax,
    cost,
    flat_tariff,
    quote,
)
from tests.core.tariff.writing import MONDAY, charging, doing, element, later, limit, net, parked, tariff

ENERGY, TIME, PARKING = Line.ENERGY, Line.TIME, Line.PARKING_TIME


def nets(found: Any) -> dict[Line, Decimal]:
    return {line: amount.net for line, amount in found.lines.items()}


class TestFirstMatchPerDimension:
    """Rule 1: per dimension the first element that matches and has it."""

    def test_dimensions_come_from_different_elements(self) -> None:
        found = cost(
            tariff(
                element(net("energy", "0.30"), weekdays=frozenset({0})),
                element(net("energy", "0.50"), net("time", "1")),
                element(net("time", "9"), net("flat", "2")),
            ),
            [charging(60, 10)],
        )
        assert nets(found) == {ENERGY: Decimal(3), TIME: Decimal(1), Line.FLAT: Decimal(2)}

    def test_the_order_decides_not_the_fit(self) -> None:
        found = cost(tariff(element(net("energy", "0.50")), element(net("energy", "0.1"), max_kwh=Decimal(99))),
                     [charging(60, 10)])  # fmt: skip
        assert found.net == 5

    def test_a_dimension_that_nothing_prices_is_free(self) -> None:
        night = tariff(element(net("energy", "0.50"), start=time(22), end=time(6)), element(net("flat", "1")))
        assert cost(night, [charging(60, 10)]).net == 1

    def test_a_price_nobody_gives_is_not_quoted(self) -> None:
        night = tariff(element(net("energy", "0.50"), start=time(22), end=time(6)))
        assert cost(night, [charging(60, 10)]).net == 0
        with pytest.raises(NotCovered, match="no price at"):
            quote(night, kwh=Decimal(10), minutes=Decimal(60), at=MONDAY)


class TestRestrictions:
    """Rule 2: all must hold; they switch on and off during a session, which is split where they do."""

    def test_all_must_hold(self) -> None:
        both = tariff(
            element(net("energy", "0.10"), start=time(13), weekdays=frozenset({0})), element(net("energy", "0.50"))
        )
        # 12:30 to 13:30 on a Monday: half of 10 kWh at each price. On Tuesday all at 0.50.
        assert cost(both, [charging(60, 10, later(30))]).net == Decimal("3.00")
        assert cost(both, [charging(60, 10, later(30 + 24 * 60))]).net == Decimal("5.00")

    @pytest.mark.parametrize(
        ("hour", "price"), [(0, "0.2"), (5, "0.2"), (6, "0.5"), (12, "0.5"), (21, "0.5"), (22, "0.2"), (23, "0.2")]
    )
    def test_a_span_over_midnight(self, hour: int, price: str) -> None:
        night = tariff(element(net("energy", "0.2"), start=time(22), end=time(6)), element(net("energy", "0.5")))
        assert cost(night, [charging(10, 1, MONDAY.replace(hour=hour))]).net == Decimal(price)

    def test_an_end_at_midnight_is_the_end_of_the_day(self) -> None:
        evening = tariff(element(net("energy", "0.2"), start=time(20), end=time(0)), element(net("energy", "0.5")))
        # 23:30 to 00:30: half and half.
        assert cost(evening, [charging(60, 10, MONDAY.replace(hour=23, minute=30))]).net == Decimal("3.5")

    def test_the_clock_is_that_of_the_place(self) -> None:
        noon = tariff(
            element(net("energy", "0.2"), end=time(13)), element(net("energy", "0.5")), zone="Europe/Berlin"
        )
        # 12:30 UTC is 13:30 in Berlin.
        assert cost(noon, [charging(10, 1, later(30))]).net == Decimal("0.5")
        assert cost(noon, [charging(10, 1, later(-30))]).net == Decimal("0.2")

    def test_the_first_date_counts_and_the_last_does_not(self) -> None:
        offer = tariff(
            element(net("energy", "0.1"), first_date=date(2026, 1, 12), last_date=date(2026, 1, 13)),
            element(net("energy", "0.5")),
        )
        assert [cost(offer, [charging(10, 1, later(day * 1440))]).net for day in (-1, 0, 1)] == [
            Decimal("0.5"), Decimal("0.1"), Decimal("0.5"),
        ]  # fmt: skip
        # From Sunday 23:45, 30 minutes: half of it on Monday.
        assert cost(offer, [charging(30, 10, MONDAY.replace(hour=0) - (later(15) - MONDAY))]).net == Decimal(3)

    def test_weekdays_switch_at_midnight(self) -> None:
        weekend = tariff(element(net("energy", "0.1"), weekdays=frozenset({5, 6})), element(net("energy", "0.5")))
        friday = datetime(2026, 1, 16, 23, 0, tzinfo=UTC)
        # 23:00 to 03:00, 4 kWh: one at 0.5, three at 0.1.
        assert cost(weekend, [charging(240, 4, friday)]).net == Decimal("0.8")

    def test_energy_so_far(self) -> None:
        """The first kWh is free, from the 20th on it is dear: 1 x 0 + 19 x 0.20 + 5 x 0.40 = 5.80."""
        first = tariff(
            element(net("energy", "0"), max_kwh=Decimal(1)),
            element(net("energy", "0.40"), min_kwh=Decimal(20)),
            element(net("energy", "0.20")),
        )
        assert cost(first, [charging(60, 25)]).net == Decimal("5.80")
        parts = [charging(30, "0.5"), charging(30, "19.5", later(30)), charging(30, 5, later(60))]
        assert cost(first, parts).net == Decimal("5.80")

    def test_minima_are_inclusive_and_maxima_exclusive(self) -> None:
        at_ten = tariff(
            element(net("time", "1"), max_kwh=Decimal(10)), element(net("time", "5"), min_kwh=Decimal(10)),
            element(net("time", "100")),
        )  # fmt: skip
        # The second hour begins with exactly 10 kWh.
        assert cost(at_ten, [charging(60, 10), charging(60, 1, later(60))]).net == 6

    def test_duration_so_far(self) -> None:
        """The supermarket: 30 minutes free, then 0.25, after an hour 0.40. 5 kWh and 1.2 kWh in 40 min: 0.30."""
        shop = tariff(
            element(net("energy", "0"), max_duration_s=1800),
            element(net("energy", "0.25"), max_duration_s=3600),
            element(net("energy", "0.40")),
        )
        assert cost(shop, [charging(30, 5), charging(10, "1.2", later(30))]).net == Decimal("0.30")
        # 12 kWh in two hours in one piece: 3 free, 3 x 0.25, 6 x 0.40.
        assert cost(shop, [charging(120, 12)]).net == Decimal("3.15")

    def test_a_blocking_fee_after_four_hours(self) -> None:
        blocked = tariff(element(net("parking_time", "6"), min_duration_s=4 * 3600), element(net("energy", "0.5")))
        session = [charging(180, 40), parked(90, later(180))]
        # Parked from 3:00 to 4:30 of the session; half an hour of it past the fourth: 3.00 and 40 x 0.5.
        assert nets(cost(blocked, session)) == {ENERGY: Decimal(20), PARKING: Decimal(3)}

    def test_power_of_the_moment(self) -> None:
        """1 kWh at 6 kW, 40 at 48, 0.5 at 4: 0.20 + 20.00 + 0.10 = 20.30."""
        by_power = tariff(
            element(net("energy", "0.20"), max_power_kw=Decimal(16)),
            element(net("energy", "0.35"), max_power_kw=Decimal(32)),
            element(net("energy", "0.50")),
        )
        session = [charging(10, 1), charging(50, 40, later(10)), charging("7.5", "0.5", later(60))]
        assert cost(by_power, session).net == Decimal("20.30")
        # The mean power is only what is taken when nobody measured it.
        assert cost(by_power, [charging(10, 1, power=20)]).net == Decimal("0.35")
        # Exactly 16 kW is no longer below.
        assert cost(by_power, [charging(15, 4)]).net == Decimal("1.40")

    def test_current_of_the_moment(self) -> None:
        by_current = tariff(element(net("time", "1"), max_current_a=Decimal(32)), element(net("time", "2")))
        assert cost(by_current, [charging(60, 7, current=31)]).net == 1
        assert cost(by_current, [charging(60, 7, current=32)]).net == 2
        with pytest.raises(NotCovered, match="not known"):
            cost(by_current, [charging(60, 7)])
        # A parked car draws none.
        standing = tariff(element(net("parking_time", "3"), max_current_a=Decimal(1)))
        assert cost(standing, [parked(60, MONDAY)]).net == 3

    def test_what_is_not_asked_need_not_be_known(self) -> None:
        later_only = tariff(
            element(net("time", "1"), min_current_a=Decimal(32), start=time(20)), element(net("time", "2"))
        )
        assert cost(later_only, [charging(60, 7)]).net == 2


class TestSteps:
    """Rule 3: once per session for energy, once for charging and parking together, billed in the last period."""

    def test_energy_is_rounded_as_a_whole(self) -> None:
        """4.3 kWh at 0.20 and 1.1 at 0.27 in steps of 500 Wh: 5.4 become 5.5, so 4.3 x 0.20 + 1.2 x 0.27 = 1.184."""
        two = tariff(element(net("energy", "0.20", step=500), end=time(17)), element(net("energy", "0.27", step=500)))
        five = MONDAY.replace(hour=17)
        found = cost(two, [charging(60, "4.3", five - (later(60) - MONDAY)), charging(60, "1.1", five)])
        assert found.net == Decimal("1.184")
        assert found.billed == {ENERGY: Decimal("5.5")}

    def test_time_is_rounded_as_a_whole(self) -> None:
        """6 min at 5 an hour, 22 at 7, steps of 10: 28 become 30, so 24 min at 7: 0.50 + 2.80 = 3.30."""
        two = tariff(element(net("time", "5", step=600), end=time(17)), element(net("time", "7", step=600)))
        assert cost(two, [charging(28, 3, MONDAY.replace(hour=16, minute=54))]).net == Decimal("3.30")

    def test_the_last_price_brings_the_step(self) -> None:
        two = tariff(element(net("time", "6", step=3600), end=time(17)), element(net("time", "6", step=0)))
        assert cost(two, [charging(28, 3, MONDAY.replace(hour=16, minute=54))]).net == Decimal("2.8")

    def test_parking_after_charging_rounds_the_parking_alone(self) -> None:
        """21 min of charging at 1.00, 16 of parking at 2.00, steps of 10: 21 and 20 minutes."""
        both = tariff(element(net("time", "1", step=600), net("parking_time", "2", step=600)))
        found = cost(both, [charging(21, 5), parked(16, later(21))])
        assert found.billed == {TIME: Decimal("0.35"), PARKING: Decimal("0.333333333333")}
        assert nets(found) == {TIME: Decimal("0.35"), PARKING: Decimal("0.666666666667")}

    def test_charging_after_parking_rounds_the_charging_alone(self) -> None:
        """The car woke up again: 16 min of charging, 7 of parking, 5 of charging; 21 become 30, and 7 stay 7."""
        both = tariff(element(net("time", "6", step=600), net("parking_time", "60", step=600)))
        found = cost(both, [charging(16, 5), parked(7, later(16)), charging(5, 1, later(23))])
        assert nets(found) == {TIME: Decimal(3), PARKING: Decimal(7)}

    def test_only_what_costs_is_rounded(self) -> None:
        """Parking is free after 20:00, so of 20 minutes 8 count and become 15."""
        evening = tariff(
            element(net("parking_time", "1", step=900), end=time(20)), element(net("time", "2.40", step=900))
        )
        nine_to = MONDAY.replace(hour=19, minute=40)
        found = cost(evening, [charging(12, 2, nine_to), parked(20, later(12, nine_to))])
        assert nets(found) == {TIME: Decimal("0.48"), PARKING: Decimal("0.25")}

    def test_charging_is_rounded_when_parking_is_free(self) -> None:
        found = cost(tariff(element(net("time", "6", step=600))), [charging(21, 5), parked(16, later(21))])
        assert nets(found) == {TIME: Decimal(3)}

    def test_a_watt_hour_is_a_step(self) -> None:
        """115.2 Wh are billed as 116: 0.029."""
        found = cost(tariff(element(net("energy", "0.25"))), [charging(5, "0.1152")])
        assert found.net == Decimal("0.029")

    @pytest.mark.parametrize(("step", "billed"), [(25, "0.03125"), (500, "0.125"), (0, "0.0288")])
    def test_larger_steps_and_none(self, step: int, billed: str) -> None:
        assert cost(tariff(element(net("energy", "0.25", step=step))), [charging(5, "0.1152")]).net == Decimal(billed)

    def test_a_whole_number_of_steps_stays(self) -> None:
        """Thirds of an hour make no dust that would be rounded up."""
        thirds = [charging(20, "0.7", later(20 * n)) for n in range(3)]
        found = cost(tariff(element(net("time", "3", step=1200), net("energy", "1", step=2100))), thirds)
        assert nets(found) == {ENERGY: Decimal("2.1"), TIME: Decimal(3)}


class TestFlat:
    """Rule 4: a fee once, the first that holds."""

    def test_in_a_quote(self) -> None:
        """From 12:30 over the change at 13:00: the fee of the start."""
        first = TariffElement((PriceComponent(Dimension.FLAT, Decimal(1)),), Restrictions(end=time(13)))
        second = TariffElement((PriceComponent(Dimension.FLAT, Decimal(2)),))
        assert quote(tariff(first, second), kwh=Decimal(1), minutes=Decimal(60), at=later(30)).exact == 1

    def test_once(self) -> None:
        fee = tariff(element(net("flat", "1"), end=time(13)), element(net("flat", "2")))
        assert cost(fee, [charging(30, 1), charging(30, 1, later(30)), parked(30, later(60))]).net == 1
        assert cost(fee, [charging(30, 1, later(60))]).net == 2

    def test_a_fee_that_begins_to_hold_later(self) -> None:
        late = tariff(element(net("flat", "5"), min_duration_s=3600), element(net("energy", "0.5")))
        assert cost(late, [charging(60, 2)]).net == 1
        assert cost(late, [charging(61, 2)]).net == 6


class TestTax:
    """Rule 5: VAT per component; omitted is not 0 %; limits of net and gross apart."""

    def test_vat_per_component(self) -> None:
        found = cost(
            tariff(element(net("flat", "1", 20), net("energy", "0.25", 10), net("time", "1"))), [charging(60, 20)]
        )
        assert found.lines == {
            ENERGY: Amount(Decimal(5), Decimal("5.5")),
            TIME: Amount(Decimal(1), Decimal(1)),
            Line.FLAT: Amount(Decimal(1), Decimal("1.2")),
        }
        assert (found.net, found.gross) == (Decimal(7), Decimal("7.7"))

    def test_a_rate_nobody_told_leaves_the_price_open(self) -> None:
        untold = PriceComponent(Dimension.TIME, Decimal(1), tax=Tax.ADDED)
        free = PriceComponent(Dimension.FLAT, Decimal(0), tax=Tax.ADDED)
        found = cost(tariff(element(untold, free, net("energy", "0.25", 20))), [charging(60, 20)])
        assert (found.net, found.gross) == (Decimal(6), None)
        assert found.lines[ENERGY] == Amount(Decimal(5), Decimal(6))
        assert found.lines[Line.FLAT] == Amount(Decimal(0), Decimal(0))
        with pytest.raises(NotCovered, match="with tax"):
            _ = found.total
        with pytest.raises(NotCovered, match="with tax"):
            quote(tariff(element(untold)), kwh=Decimal(1), minutes=Decimal(60), at=MONDAY)

    def test_a_price_with_tax_has_no_net_without_its_rate(self) -> None:
        gross = PriceComponent(Dimension.ENERGY, Decimal("0.3"))
        rated = PriceComponent(Dimension.TIME, Decimal("1.2"), vat=Decimal(20))
        found = cost(tariff(element(gross, rated)), [charging(60, 10)])
        assert found.lines == {ENERGY: Amount(None, Decimal(3)), TIME: Amount(Decimal(1), Decimal("1.2"))}
        assert (found.net, found.gross) == (None, Decimal("4.2"))

    def test_lines_without_end_still_add_up(self) -> None:
        """Thirds: 20 min of charging at 1.00 and 20 of parking at 1.00 are 0.333... each, together 0.666..."""
        found = cost(
            tariff(element(net("time", "1"), net("parking_time", "1"))), [charging(20), parked(20, later(20))]
        )
        assert sum(amount.net or 0 for amount in found.lines.values()) == found.net == Decimal("0.666666666667")

    def test_the_total_is_rounded_once(self) -> None:
        found = cost(tariff(element(net("energy", "0.333", 10, step=0), net("flat", "0.003", 10))), [charging(60, 1)])
        # 0.3663 + 0.0033 = 0.3696; lines rounded for themselves would make 0.37 + 0.00.
        assert (found.exact, found.total.amount_minor) == (Decimal("0.3696"), 37)


class TestLimits:
    def test_a_minimum_lifts_each_side(self) -> None:
        least = tariff(element(net("energy", "0.25", 10)), min_price=limit("0.50", "0.55"))
        found = cost(least, [charging(10, 1)])
        # One kWh is 0.25 and 0.275.
        assert (found.net, found.gross) == (Decimal("0.50"), Decimal("0.55"))
        assert found.lines[Line.PRICE_LIMIT] == Amount(Decimal("0.25"), Decimal("0.275"))
        assert found.parts == {Part.ENERGY: Decimal("0.275"), Part.LIMIT: Decimal("0.275")}
        assert Line.PRICE_LIMIT not in cost(least, [charging(10, 20)]).lines

    def test_the_sides_hold_apart(self) -> None:
        """Most 10.00 and 11.00. 39 kWh: net 0.50 + 9.75 = 10.25 is cut; gross 0.60 + 10.725 = 11.325 too.
        37.5: net 9.875 stays, gross 0.60 + 10.3125 = 10.9125 stays. 37.9: net 9.975 stays, gross 11.0225 is cut."""
        most = tariff(element(net("flat", "0.50", 20), net("energy", "0.25", 10)), max_price=limit("10", "11"))
        sides = [
            (found.net, found.gross) for kwh in (39, "37.5", "37.9") for found in [cost(most, [charging(60, kwh)])]
        ]
        assert sides == [
            (Decimal(10), Decimal(11)), (Decimal("9.875"), Decimal("10.9125")), (Decimal("9.975"), Decimal(11)),
        ]  # fmt: skip
        assert cost(most, [charging(60, 39)]).parts[Part.LIMIT] == Decimal("-0.325")

    def test_a_side_that_is_not_given_follows_the_one_rate(self) -> None:
        one = tariff(element(net("energy", "0.25", 10)), min_price=limit("0.50", None))
        assert cost(one, [charging(10, 1)]).gross == Decimal("0.55")

    def test_without_tax_both_sides_are_one(self) -> None:
        untaxed = tariff(element(net("energy", "0.25")), max_price=limit("2", None))
        assert cost(untaxed, [charging(60, 20)]).amount == Amount(Decimal(2), Decimal(2))

    def test_with_several_rates_it_is_unknown_only_where_it_matters(self) -> None:
        two = tariff(element(net("flat", "0.1", 20), net("energy", "0.25", 10)), min_price=limit("0.50", None))
        assert cost(two, [charging(10, 1)]).amount == Amount(Decimal("0.50"), None)
        assert cost(two, [charging(10, 20)]).amount == Amount(Decimal("5.1"), Decimal("5.62"))

    def test_of_a_price_with_tax(self) -> None:
        consumer = tariff(element(PriceComponent(Dimension.ENERGY, Decimal("0.30"))), max_price=limit(None, "6"))
        assert cost(consumer, [charging(60, 30)]).amount == Amount(None, Decimal(6))
        assert quote(consumer, kwh=Decimal(30), minutes=Decimal(60), at=MONDAY).total.amount_minor == 600


RESERVING = element(net("flat", "2", 20), net("time", "5", 20, step=300), reservation=Reservation.RESERVATION)
EXPIRED_FEE = element(net("flat", "4", 20), reservation=Reservation.EXPIRES)
EXPIRED_TIME = element(net("time", "6", 20, step=600), reservation=Reservation.EXPIRES)
CHARGING = element(net("flat", "0.50", 20), net("energy", "0.25", 10))


class TestReservation:
    """Reservation time is TIME of an element with that restriction; it has its own fee and its own step."""

    def test_reserved_and_charged(self) -> None:
        """13 min are billed as 15: 2.00 + 1.25 + 0.50 + 5.00 = 8.75; gross 2.40 + 1.50 + 0.60 + 5.50 = 10.00."""
        found = cost(tariff(RESERVING, CHARGING), [doing(Doing.RESERVED, 13), charging(60, 20, later(13))])
        assert (found.net, found.gross) == (Decimal("8.75"), Decimal(10))
        assert found.lines[Line.RESERVATION] == Amount(Decimal("3.25"), Decimal("3.9"))
        assert found.parts[Part.RESERVATION] == Decimal("3.9")
        assert found.billed[Line.RESERVATION] == Decimal("0.25")

    def test_expired(self) -> None:
        """An hour reserved in vain: the fee of expiry and the time of reserving, nothing of charging."""
        reserving = element(net("time", "2", 20, step=600), reservation=Reservation.RESERVATION)
        found = cost(tariff(EXPIRED_FEE, reserving, CHARGING), [doing(Doing.EXPIRED, 60)])
        assert (found.net, found.gross) == (Decimal(6), Decimal("7.2"))

    def test_the_time_of_expiry_comes_first_wherever_it_stands(self) -> None:
        reserving = element(net("time", "3", 20, step=600), reservation=Reservation.RESERVATION)
        for elements in ((EXPIRED_TIME, reserving), (reserving, EXPIRED_TIME)):
            assert cost(tariff(*elements, CHARGING), [doing(Doing.EXPIRED, 90)]).net == 9

    def test_expiry_costs_nothing_who_comes(self) -> None:
        found = cost(
            tariff(EXPIRED_FEE, EXPIRED_TIME, CHARGING), [doing(Doing.RESERVED, 22), charging(60, 20, later(22))]
        )
        assert found.net == Decimal("5.5")

    def test_the_session_begins_with_the_charge(self) -> None:
        """Duration and steps of the charge do not count the reservation."""
        free_at_first = element(net("time", "0"), max_duration_s=1800)
        prices = tariff(RESERVING, free_at_first, element(net("time", "6", step=3600)))
        found = cost(prices, [doing(Doing.RESERVED, 60), charging(30, 5, later(60))])
        assert nets(found) == {Line.RESERVATION: Decimal(7), TIME: Decimal(0)}


class TestSeveralTariffs:
    def test_a_driver_who_changes_the_profile(self) -> None:
        """No step at the change, one fee, the limits of the first: 1.03 x 0.5 + 1.03 x 1, then 2.06 become 2.1."""
        cheap = tariff(element(net("flat", "1"), net("energy", "0.5", step=500)))
        fast = tariff(element(net("flat", "7"), net("energy", "1", step=100)), max_price=limit("0.1", "0.1"))
        first, second = charging(30, "1.03"), charging(30, "1.03", later(30))
        other = Stretch(second.start, second.minutes, second.kwh, tariff=fast)
        assert nets(cost(cheap, [first, other])) == {ENERGY: Decimal("1.585"), Line.FLAT: Decimal(1)}


class TestQuote:
    def test_a_quote_is_the_cost_of_what_is_expected(self) -> None:
        prices = tariff(
            element(net("flat", "0.50", 20), net("energy", "0.25", 10), net("parking_time", "2", 20, step=900))
        )
        # 20 kWh and 40 minutes parked, billed as 45: net 7.00, gross 7.90.
        found = quote(prices, kwh=Decimal(20), minutes=Decimal(60), at=MONDAY, parked_minutes=Decimal(40))
        assert (found.net, found.exact) == (Decimal(7), Decimal("7.9"))
        assert found.parts == {
            Part.ENERGY: Decimal("5.5"),
            Part.PARKING: Decimal("1.8"),
            Part.SESSION: Decimal("0.6"),
        }
        assert list(found.parts) == [Part.ENERGY, Part.PARKING, Part.SESSION]

    def test_power_decides(self) -> None:
        by_power = tariff(element(net("energy", "0.20"), max_power_kw=Decimal(16)), element(net("energy", "0.50")))
        ask = partial(quote, by_power, kwh=Decimal(10), minutes=Decimal(60), at=MONDAY)
        slow, fast = ask(), ask(power_kw=Decimal(50))
        assert (slow.exact, slow.price_per_kwh) == (Decimal(2), Decimal("0.20"))
        assert (fast.exact, fast.price_per_kwh) == (Decimal(5), Decimal("0.50"))

    def test_current_must_be_told(self) -> None:
        by_current = tariff(element(net("time", "1"), max_current_a=Decimal(32)), element(net("time", "2")))
        ask = partial(quote, by_current, kwh=Decimal(10), minutes=Decimal(60), at=MONDAY)
        assert ask(current_a=Decimal(16)).exact == 1
        with pytest.raises(NotCovered):
            ask()

    def test_a_list_price_is_shown_only_where_it_holds_for_all(self) -> None:
        first_free = tariff(
            element(net("energy", "0"), max_kwh=Decimal(1)), element(net("energy", "0.5"), net("flat", "1"))
        )
        assert set(first_free.prices_at(MONDAY)) == {Dimension.FLAT}
        assert first_free.prices_at(MONDAY, SessionState())[Dimension.ENERGY].price == 0

    @pytest.mark.parametrize(
        ("kwh", "minutes", "parked_for"), [(0, 60, 0), (1, 0, 0), (1, 60, -1), (1, 60, 15_000), (-1, 60, 0)]
    )
    def test_nonsense(self, kwh: int, minutes: int, parked_for: int) -> None:
        with pytest.raises(ValueError, match="a charge"):
            quote(flat_tariff("EUR", Decimal(1)), kwh=Decimal(kwh), minutes=Decimal(minutes), at=MONDAY,
                  parked_minutes=Decimal(parked_for))  # fmt: skip


class TestBadSessions:
    def test_impossible_stretches(self) -> None:
        for minutes, kwh in (("-1", "1"), ("1", "-1"), ("NaN", "1"), ("1", "Infinity"), ("1", "1e999999999")):
            with pytest.raises(ValueError, match="not a measured stretch"):
                Stretch(MONDAY, Decimal(minutes), Decimal(kwh))
        with pytest.raises(ValueError, match="time zone"):
            Stretch(MONDAY.replace(tzinfo=None), Decimal(1), Decimal(1))

    def test_nothing_and_for_ever(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            cost(flat_tariff("EUR", Decimal(1)), [])
        with pytest.raises(ValueError, match="at most 92 days"):
            cost(flat_tariff("EUR", Decimal(1)), [charging(1), charging(1, 1, later(93 * 1440))])
