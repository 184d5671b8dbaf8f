"""A charge on paper, whatever became of it: what was quoted, billed, held, paid and given back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bots import receipt
from bots.wording import wording
from core.charging import ChargeRecord
from core.money import Money
from core.services.wallet import Receipt
from core.session import Hold, SessionState
from core.tariff import Part
from tests.storage.money_samples import quote, session, yuan
from tests.storage.samples import NOON

EN, ZH = wording("en"), wording("zh-CN")
END = NOON + timedelta(minutes=20)
NOTHING = Money(0, "CNY")


def paper(state: SessionState = SessionState.SETTLED, *, billed: str = "30", **more: Any) -> Receipt:
    one = session(state=state, started_at=NOON, ended_at=END, energy_kwh=Decimal("19.5"), **more.pop("session", {}))
    record = ChargeRecord("R1", one.start_seq, one.ref, NOON, END, Decimal("20.125"), Decimal(billed), "CNY")
    hold = Hold(one.id, "lin", yuan("40"), yuan("30"), yuan("10"), False, NOON, END)
    values: dict[str, Any] = {
        "session": one, "record": record, "hold": hold, "paid": yuan("30"), "borne": NOTHING, "lines": (),
        "by_price": yuan("30"), "parts": {Part.ENERGY: Decimal(20), Part.SERVICE: Decimal("10.0025")},
        "balance": yuan("70"), "time_zone": "Asia/Shanghai",
    }  # fmt: skip
    return Receipt(**(values | more))


def rows(one: Receipt) -> dict[str, str]:
    found = receipt.sheet(EN, one, "UTC")
    return {row.label: row.value for part in (found.where, found.charge, found.bill, found.money) for row in part}


def test_everything_on_it() -> None:
    assert rows(paper()) == {
        "Station": "Lotus Road “North”",
        "Operator": "Lotus",
        "Gun": "01 · gun-1",
        "Asked for": f"{NOON + timedelta(hours=8):%Y-%m-%d %H:%M}",
        "Started": f"{NOON + timedelta(hours=8):%Y-%m-%d %H:%M}",
        "Ended": f"{END + timedelta(hours=8):%Y-%m-%d %H:%M} · 20 min",
        "Energy": "20.125 kWh",
        "Energy cost": "¥20.00",
        "Service": "¥10.0025",
        "Quoted": "¥30.00 · for 20 kWh",
        "Price agreed to": f"¥1.50/kWh · price version {quote().tariff_id[:8]}",
        "Billed by the operator": "¥30.00",
        "By the agreed price": "¥30.00",
        "Held": "¥40.00",
        "You paid": "¥30.00",
        "Given back": "¥10.00",
        "Balance now": "¥70.00",
    }


@pytest.mark.parametrize(
    ("billed", "by_price", "differs", "note"),
    [
        ("30", "30", False, "✓ The bill is what the agreed price makes of it."),
        ("30.01", "30", False, "✓ The bill is what the agreed price makes of it; ¥0.01 is rounding."),
        ("36", "30", True, "⚠ The bill is ¥6.00 above the agreed price."),
        ("24", "30", True, "The bill is ¥6.00 below the agreed price."),
    ],
)
def test_quote_and_bill_are_compared(billed: str, by_price: str, differs: bool, note: str) -> None:
    found = receipt.sheet(EN, paper(billed=billed, by_price=yuan(by_price)), "UTC")
    assert found.differs is differs
    assert found.notes[0].startswith(note)


def test_what_cannot_be_computed_is_not_called_right() -> None:
    found = receipt.sheet(EN, paper(by_price=None), "UTC")
    assert (found.differs, found.notes) == (False, ())


def test_what_we_bear_is_said() -> None:
    found = receipt.sheet(EN, paper(SessionState.REVIEW, billed="50", borne=yuan("20")), "UTC")
    assert "You do not pay what goes beyond it: ¥20.00 is ours." in found.notes
    assert found.notes[-1].startswith("One of us looks")
    assert rows(paper(borne=yuan("20")))["Borne by us"] == "¥20.00"


@pytest.mark.parametrize(
    ("state", "title", "note"),
    [
        (SessionState.CHARGING, "Charging", "The bill is not here yet"),
        (SessionState.AWAIT_RECORD, "Ended, the bill is on its way", "The bill is not here yet"),
        (SessionState.START_FAILED, "Did not start, nothing was charged", "Nothing was charged"),
        (SessionState.PROVISIONAL, "Settled by the meter, no bill yet", "Settled by the meter's last reading"),
        (SessionState.CLOSED, "Settled by the meter", "Settled by the meter's last reading"),
        (SessionState.CREDITED, "Bill taken back, money returned", "The operator took its bill back"),
    ],
)
def test_without_a_bill_it_says_why(state: SessionState, title: str, note: str) -> None:
    found = receipt.sheet(EN, paper(state, record=None, by_price=None, parts={}), "UTC")
    assert found.title == title
    assert found.notes[0].startswith(note)
    assert not any("Billed" in row.label for row in found.bill)
    assert receipt.sheet(ZH, paper(state, record=None, by_price=None, parts={}), "UTC").notes != found.notes


def test_a_live_charge_has_paid_nothing_yet() -> None:
    hold = Hold("session-1", "lin", yuan("40"), NOTHING, NOTHING, True, NOON)
    live = rows(paper(SessionState.CHARGING, record=None, by_price=None, parts={}, hold=hold, paid=NOTHING))
    assert live["Held"] == "¥40.00"
    assert "You paid" not in live
    assert "Given back" not in live


def test_a_promise_shows_no_balance() -> None:
    assert "Balance now" not in rows(paper(session={"payment": "wechatpay"}))


def test_the_stations_clock_counts_and_else_the_persons() -> None:
    assert rows(paper(time_zone=""))["Started"] == f"{NOON:%Y-%m-%d %H:%M} UTC"


def test_hostile_names_stay_words() -> None:
    named = quote(station_name="A\nB\u202e" + "x" * 999, operator_name="\x00", gun_label="")
    found = rows(paper(session={"quote": named}))
    assert found["Station"].isprintable()
    assert len(found["Station"]) <= 60
    assert "Operator" not in found
    assert found["Gun"] == "gun-1"
