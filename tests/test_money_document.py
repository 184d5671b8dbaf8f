"""The worked examples of docs/money.md are what the code does."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.ledger import Cause
from core.money import Money
from core.services.charging.quoting import hold_for
from core.session import (
    ASKED_TWICE_APART,
    NOTHING_HELD_BEYOND,
    QUOTE_HOLDS_FOR,
    RECORD_FORGOTTEN_AFTER,
    RECORD_WITHIN,
    START_EXPIRES_AFTER,
    START_UNKNOWN_FOR_AT_MOST,
)
from core.settlement import Adjustment, Settlement, adjust, settle

DOCUMENT = (Path(__file__).resolve().parent.parent / "docs" / "money.md").read_text(encoding="utf-8")
PROSE = " ".join(DOCUMENT.split())


@pytest.mark.parametrize(
    ("sentence", "done"),
    [
        ("charges for 23.45", (settle(4000, 2345), Settlement(2345, 1655, 0))),
        ("Hold 40, record 43.20: Lin pays 40.00", (settle(4000, 4320), Settlement(4000, 0, 320, "above_hold"))),
        (
            "Lin pays 23.45, 16.55 are released, 6.55 are ours",
            (settle(4000, 3000, ours=2345), Settlement(2345, 1655, 655, "above_price")),
        ),
        (
            "a record of 23.48 over three periods costs Lin 23.48",
            (settle(4000, 2348, ours=2345, periods=3), Settlement(2348, 1652, 0)),
        ),
        ("21.00 are taken, 19.00 released", (settle(4000, 2100), Settlement(2100, 1900, 0))),
        ("2.45 more are taken from the wallet", (adjust(4000, 2100, 0, 9999, 2345), Adjustment(245, 0))),
        ("as far as they are there", (adjust(4000, 2100, 0, 100, 2345), Adjustment(100, 145))),
        ("A record of 20.00 gives 1.00 back", (adjust(4000, 2100, 0, 0, 2000), Adjustment(-100, 0))),
    ],
)
def test_an_example(sentence: str, done: tuple[object, object]) -> None:
    assert sentence in PROSE
    assert done[0] == done[1]


def test_the_hold_of_the_example() -> None:
    assert "30 kWh at 1.20 are 36.00; held are 45" in PROSE
    assert hold_for(Money(3600, "CNY"), Decimal(60), Decimal("1.20")) == Money(4500, "CNY")


@pytest.mark.parametrize(
    ("words", "time"),
    [
        ("5 minutes", QUOTE_HOLDS_FOR),
        ("2 minutes", START_EXPIRES_AFTER),
        ("60 seconds", ASKED_TWICE_APART),
        ("24 hours", START_UNKNOWN_FOR_AT_MOST),
        ("48 hours", RECORD_WITHIN),
        ("72 hours", NOTHING_HELD_BEYOND),
        ("30 days", RECORD_FORGOTTEN_AFTER),
    ],
)
def test_the_times_are_those_of_the_code(words: str, time: timedelta) -> None:
    number, unit = words.split()
    assert f"\n| {words} |" in DOCUMENT
    seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}[unit]
    assert time == timedelta(seconds=int(number) * seconds)


def test_every_posting_and_invariant_is_explained() -> None:
    rows = re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 18))
    assert re.findall(r"^\| (I\d+) \|", DOCUMENT, re.MULTILINE) == [f"I{number}" for number in range(1, 12)]
    assert len(Cause) == 18, "a new cause belongs into the table of postings"
