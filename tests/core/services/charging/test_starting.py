"""Before anything is sent: the quote, the yes, and everything that stands against it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.errors import Conflict, NotFound, NotReady, TooMany, UserError
from core.geo import Point
from core.ledger import NotEnoughMoney
from core.outbox import MessageClass, OutboxRow, OutboxState
from core.ports import Freeze, Halt
from core.services.charging.quoting import hold_for
from core.session import SessionState
from core.station import ConnectorRef, ConnectorStatus
from core.tariff import flat_tariff
from tests.core.services.charging.garage import Garage, yuan

S = SessionState


def refused(garage: Garage, **more: object) -> UserError:
    with pytest.raises(UserError) as error:
        garage.say_yes(**more)  # type: ignore[arg-type]  # of say_yes
    return error.value


# --- the quote ------------------------------------------------------------------------------------------------


def test_a_quote_says_what_it_will_cost_and_what_is_held(garage: Garage) -> None:
    quote = garage.quote(kwh="20")
    assert (quote.expected, quote.hold, quote.price_per_kwh) == (yuan(30), yuan(38), Decimal("1.50"))
    assert quote.expires_at - quote.created_at == timedelta(minutes=5)
    assert (quote.ref, quote.supplier_id, quote.energy_kwh) == (garage.guns[0], "fake", Decimal(20))


@pytest.mark.parametrize(
    ("expected", "power_kw", "price", "hold"),
    [
        ("30", "60", "1.50", "38"),  # a quarter more, up to the next yuan
        ("32", "60", "1.50", "40"),
        ("2", "240", "1.50", "20"),  # three minutes at full power more: 12 kWh
        ("0", None, "0", "1"),
    ],
)
def test_the_hold(expected: str, power_kw: str | None, price: str, hold: str) -> None:
    power = Decimal(power_kw) if power_kw else None
    assert hold_for(yuan(expected), power, Decimal(price)) == yuan(hold)


def test_what_cannot_be_quoted(garage: Garage) -> None:
    with pytest.raises(NotFound, match="no_such_gun"):
        garage.charging.quote(garage.lin, ConnectorRef("FAKE00001", "none"), Decimal(20))
    with pytest.raises(NotFound, match="no_such_gun"):
        garage.charging.quote(garage.lin, garage.guns[0], Decimal(20), station_id="elsewhere")
    for kwh in ("0.9", "201", "NaN", "-5"):
        assert refused(garage, kwh=kwh).code == "bad_energy"


def test_a_price_that_is_too_old_is_asked_for(garage: Garage) -> None:
    garage.supplier.sets_price(garage.guns[0], flat_tariff("CNY", Decimal("1.80")))
    garage.clock.advance(minutes=15)
    assert garage.quote().price_per_kwh == Decimal("1.50")
    garage.clock.advance(seconds=1)
    with garage.supplier.silent():
        assert refused(garage).code == "price_too_old"
    with garage.database.write() as unit:
        unit.freezes.freeze(Freeze("fake", "why", "kilowatch", garage.clock.now()))
    assert refused(garage).code == "price_too_old"
    with garage.database.write() as unit:
        unit.freezes.thaw("fake", "Mei", garage.clock.now())
    assert garage.quote().price_per_kwh == Decimal("1.80")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ConnectorStatus.CHARGING, "gun_busy"),
        (ConnectorStatus.RESERVED, "gun_busy"),
        (ConnectorStatus.FAULT, "gun_out_of_order"),
        (ConnectorStatus.OFFLINE, "gun_out_of_order"),
        (ConnectorStatus.OCCUPIED, ""),  # the driver's own car is plugged in
        (ConnectorStatus.UNKNOWN, ""),
    ],
)
def test_the_gun_must_be_one_that_can_start(garage: Garage, status: ConnectorStatus, code: str) -> None:
    garage.supplier.sets_status(garage.guns[0], status)
    garage.clock.advance(seconds=1)
    garage.sync()
    if code:
        assert refused(garage).code == code
    else:
        assert garage.say_yes().state is S.HELD


def test_a_supplier_that_only_lists_cannot_start(garage: Garage) -> None:
    from tests.world import Listed

    listed = garage.supplier.listed["P1"]
    garage.charging.means.suppliers["fake"] = Listed([listed])  # type: ignore[index]  # the garage's own dict
    assert refused(garage).code == "cannot_start_here"


# --- the yes --------------------------------------------------------------------------------------------------


def test_one_tap_one_charge(garage: Garage) -> None:
    quote = garage.quote()
    first = garage.charging.start(garage.lin, quote.id, "tap")
    again = garage.charging.start(garage.lin, quote.id, "tap")
    assert first == again
    assert garage.wallet().held == quote.hold
    other = garage.quote(gun=1)
    with pytest.raises(Conflict, match="other_request_same_key"):
        garage.charging.start(garage.lin, other.id, "tap")
    garage.work_outbox()
    assert garage.charging.start(garage.lin, quote.id, "tap").state is S.STARTING
    assert len(garage.supplier.starts) == 1


def test_the_same_tap_many_times_at_once(either: Garage) -> None:
    quote = either.quote()
    together = threading.Barrier(4)

    def tap(_: int) -> str:
        together.wait(10)
        return either.charging.start(either.lin, quote.id, "tap").id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(tap, range(8)))) == 1
    assert either.wallet().held == quote.hold


def test_two_drivers_one_gun(either: Garage) -> None:
    either.top_up(either.wei, "100")
    quotes = {who: either.quote(user_id=who) for who in (either.lin, either.wei)}
    together = threading.Barrier(2)

    def say_yes(who: str) -> str:
        together.wait(10)
        try:
            either.charging.start(who, quotes[who].id, "tap")
        except Conflict as refusal:
            return refusal.code
        return "started"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(say_yes, quotes)) == ["gun_busy", "started"]
    held = [either.wallet(who).held for who in quotes]
    assert sorted(one.amount_minor for one in held) == [0, 3800]


def test_one_driver_charges_one_car(garage: Garage) -> None:
    garage.start()
    assert refused(garage, gun=1).code == "you_are_charging"


def test_no_money_no_start_and_what_is_missing(garage: Garage) -> None:
    quote = garage.quote(kwh="20", user_id=garage.wei)
    garage.top_up(garage.wei, "37.50")
    with pytest.raises(NotEnoughMoney) as error:
        garage.charging.start(garage.wei, quote.id, "tap")
    assert error.value.missing == yuan("0.50")
    with garage.database.read() as unit:
        assert unit.sessions.by_client_key(garage.wei, "tap") is None
        assert unit.outbox.due(garage.clock.now(), 9) == []
    garage.top_up(garage.wei, "0.50")
    assert garage.charging.start(garage.wei, quote.id, "tap").state is S.HELD


def test_a_quote_is_for_one_person_for_five_minutes(garage: Garage) -> None:
    quote = garage.quote()
    with pytest.raises(NotFound, match="no_such_quote"):
        garage.charging.start(garage.wei, quote.id, "tap")
    with pytest.raises(NotFound, match="no_such_quote"):
        garage.charging.start(garage.lin, "none", "tap")
    garage.clock.advance(minutes=5)
    with pytest.raises(Conflict, match="quote_expired"):
        garage.charging.start(garage.lin, quote.id, "tap")


def test_a_quote_that_was_changed_on_the_way_is_no_quote(garage: Garage) -> None:
    quote = garage.quote()
    cheaper = replace(quote, id="forged", tariff=quote.tariff.replace("1.5", "0.1"))
    with garage.database.write() as unit:
        _, signature = unit.sessions.quote(quote.id) or (quote, "")
        unit.sessions.save_quote(cheaper, signature)
    with pytest.raises(NotFound, match="no_such_quote"):
        garage.charging.start(garage.lin, "forged", "tap")


def test_nothing_starts_while_the_books_are_in_doubt(garage: Garage) -> None:
    quote = garage.quote()
    with garage.database.write() as unit:
        unit.halts.set(Halt("books", "I1: 5 too many", "kilowatch", garage.clock.now()))
    with pytest.raises(NotReady, match="starts_halted"):
        garage.charging.start(garage.lin, quote.id, "tap")
    with garage.database.write() as unit:
        unit.halts.lift("books")
    assert garage.charging.start(garage.lin, quote.id, "tap").state is S.HELD


def test_three_failed_starts_are_enough_for_ten_minutes(garage: Garage) -> None:
    garage.supplier.refuses_starts = "gun_fault"
    for _ in range(3):
        assert garage.start().state is S.START_FAILED
        garage.clock.advance(minutes=1)
    with pytest.raises(TooMany, match="too_many_failed_starts"):
        garage.say_yes()
    garage.clock.advance(minutes=7, seconds=1)
    assert garage.say_yes().state is S.HELD


def test_a_neighbour_that_cannot_be_read_keeps_no_hold(garage: Garage) -> None:
    """The next free gun is looked for in the transaction that gives the money back."""
    garage.supplier.builds("P2", Point(22.5450, 114.0580))
    garage.supplier.listed["P2"] = replace(garage.supplier.listed["P2"], time_zone="Moon/Base")
    garage.sync()
    garage.supplier.refuses_starts = "gun_fault"
    session = garage.start()
    assert session.state is SessionState.START_FAILED
    assert garage.free() == yuan(100)


def test_failed_starts_of_one_driver_are_one_failure_of_the_gun(either: Garage) -> None:
    """As the ranking learns of them: nobody ruins a gun from home."""
    either.supplier.refuses_starts = "gun_fault"
    either.start()
    either.start()
    either.top_up(either.wei, "100")
    either.start(user_id=either.wei)
    with either.database.read() as unit:
        [outcome] = unit.opinions.outcomes(either.clock.now() - timedelta(days=1))
    assert (outcome.started, outcome.failed, outcome.complaints) == (0, 2, 0)


def test_a_channel_that_promised_nothing_is_not_believed(garage: Garage) -> None:
    quote = garage.quote()
    with pytest.raises(UserError, match="not_authorised"):
        garage.charging.start(garage.lin, quote.id, "tap", payment="wechatpay")


def test_the_price_of_the_quote_is_the_price_of_the_bill(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=6)
    garage.stop(session)
    garage.pass_time(minutes=1)
    for ref in garage.guns:
        garage.supplier.sets_price(ref, flat_tariff("CNY", Decimal("9.00")))
    garage.sync()
    garage.pushes_record(session)
    assert garage.session(session.id).state is S.SETTLED


# --- sent once ------------------------------------------------------------------------------------------------


def row_of(session_id: str, kind: str = "start") -> OutboxRow:
    from tests.world import NOW

    return OutboxRow(
        1, f"command:{session_id}:{kind}", MessageClass.COMMAND, kind, session_id, "", "", "{}",
        OutboxState.SENDING, 1, NOW, NOW, None,
    )  # fmt: skip


def test_a_start_whose_sender_died_is_asked_for_and_not_sent_again(garage: Garage) -> None:
    session = garage.say_yes()
    with garage.database.write() as unit:
        unit.sessions.save(replace(session, state=S.STARTING))
    garage.charging.send_start(row_of(session.id))
    assert garage.session(session.id).state is S.START_UNKNOWN
    assert garage.supplier.starts == []


def test_running_a_start_again_changes_nothing(garage: Garage) -> None:
    session = garage.start()
    garage.pass_time(minutes=1)
    for _ in range(3):
        garage.charging.send_start(row_of(session.id))
    assert garage.session(session.id).state is S.CHARGING
    assert len(garage.supplier.starts) == 1
