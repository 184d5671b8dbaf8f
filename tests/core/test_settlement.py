"""Who pays what of a record, to the last minor unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settlement import Adjustment, Settlement, adjust, fair, settle, tolerated

MINOR = st.integers(0, 100_000)


@pytest.mark.parametrize(
    ("hold", "total", "ours", "periods", "expected"),
    [
        (3800, 0, None, 1, Settlement(0, 3800, 0)),
        (3800, 1496, 1496, 1, Settlement(1496, 2304, 0)),
        (3800, 1496, None, 1, Settlement(1496, 2304, 0)),
        (3800, 3800, 3800, 1, Settlement(3800, 0, 0)),
        (3800, 3801, 3801, 1, Settlement(3800, 0, 1, "above_hold")),
        (3800, 5000, 5000, 1, Settlement(3800, 0, 1200, "above_hold")),
        (3800, 1000, 999, 1, Settlement(1000, 2800, 0)),  # a minor unit of rounding
        (3800, 101, 99, 1, Settlement(99, 3701, 2, "above_price")),
        (3800, 101, 99, 2, Settlement(101, 3699, 0)),  # one for each period
        (3800, 2010, 2000, 1, Settlement(2010, 1790, 0)),  # half a per cent
        (3800, 2011, 2000, 1, Settlement(2000, 1800, 11, "above_price")),
        (3800, 900, 1000, 1, Settlement(900, 2900, 0)),  # cheaper than shown is welcome
        (3800, 9000, 4000, 1, Settlement(3800, 0, 5200, "above_hold")),
    ],
)
def test_a_record_against_a_hold(hold: int, total: int, ours: int | None, periods: int, expected: Settlement) -> None:
    assert settle(hold, total, ours, periods) == expected


@given(hold=MINOR, total=MINOR, ours=st.none() | MINOR, periods=st.integers(0, 20))
def test_a_settlement_adds_up(hold: int, total: int, ours: int | None, periods: int) -> None:
    done = settle(hold, total, ours, periods)
    assert done.captured + done.released == hold
    assert done.captured + done.overrun == total
    assert min(done.captured, done.released, done.overrun) >= 0
    assert bool(done.doubt) is (done.overrun > 0)


@pytest.mark.parametrize(("hold", "total"), [(-1, 0), (0, -1)])
def test_nothing_costs_less_than_nothing(hold: int, total: int) -> None:
    with pytest.raises(ValueError, match="nothing or more"):
        settle(hold, total)
    if total < 0:
        with pytest.raises(ValueError, match="nothing or more"):
            adjust(3800, 0, 0, 0, total)


@pytest.mark.parametrize(
    ("paid", "borne", "available", "total", "expected"),
    [
        (1496, 0, 9000, 1496, Adjustment(0, 0)),
        (1496, 0, 9000, 1000, Adjustment(-496, 0)),
        (1496, 0, 9000, 3000, Adjustment(1504, 0)),
        (1496, 0, 1000, 3000, Adjustment(1000, 504)),  # what is not in the wallet is ours to bear
        (1496, 0, 0, 3000, Adjustment(0, 1504)),
        (1496, 0, 9000, 5000, Adjustment(2304, 1200, "above_hold")),
        (0, 0, 9000, 0, Adjustment(0, 0)),
        (3800, 1200, 9000, 3000, Adjustment(-800, -1200)),
        (3800, 0, 9000, 3801, Adjustment(0, 1, "above_hold")),
    ],
)
def test_a_late_record(paid: int, borne: int, available: int, total: int, expected: Adjustment) -> None:
    assert adjust(3800, paid, borne, available, total) == expected


@given(hold=MINOR, share=st.integers(0, 100), borne=MINOR, available=MINOR, total=MINOR, ours=st.none() | MINOR)
def test_an_adjustment_adds_up(
    hold: int, share: int, borne: int, available: int, total: int, ours: int | None
) -> None:
    paid = hold * share // 100
    change = adjust(hold, paid, borne, available, total, ours)
    assert paid + change.from_user + borne + change.overrun == total
    assert 0 <= paid + change.from_user <= hold
    assert change.from_user <= available


def test_without_periods_there_is_one() -> None:
    assert settle(3800, 101, 99).doubt == "above_price"
    assert adjust(3800, 0, 0, 9000, 101, 99) == Adjustment(99, 2, "above_price")
    assert adjust(3800, 0, 0, 9000, 3800) == Adjustment(3800, 0)


def test_what_is_tolerated() -> None:
    assert [tolerated(0, 0), tolerated(0, 3), tolerated(1000, 2), tolerated(400, 1), tolerated(399, 1)] == [
        1,
        3,
        5,
        2,
        1,
    ]
    assert fair(105, 100, 5) == (105, "")
    assert fair(106, 100, 5) == (100, "above_price")
    assert fair(106, None, 5) == (106, "")
