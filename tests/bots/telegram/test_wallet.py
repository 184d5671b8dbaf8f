"""The wallet in Telegram, press by press: each wish is done once, and every line says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiogram import Dispatcher

from adapters.login.telegram import TelegramInitData
from adapters.payments.telegram import TelegramPayments
from core.payments import RefundState
from core.services.login import Doors
from tests.bots.driving import WARY, Driving, yuan
from tests.bots.telegram.house import house
from tests.bots.telegram.server import TOKEN, BotApi, Shown
from tests.bots.telegram.test_person import Talk
from tests.world import World, make_world


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("wallet"), doors=Doors(telegram=TelegramInitData(TOKEN)))


@pytest.fixture(scope="module")
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def lin(telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving) -> Talk:
    world.payments.refunds_become = RefundState.DONE
    world.clock.time += timedelta(hours=1)  # no start is counted against the next person's test
    driving.world.services.catalogue.pull_prices(driving.supplier)
    driving.world.services.catalogue.pull_statuses(driving.supplier)
    return Talk(telegram, dispatcher, world, telegram.person("Lin"))


def free(talk: Talk) -> list[str]:
    return [str(one.available.decimal) for one in talk.world.services.wallet.wallets(talk.user.id)]


def orders(talk: Talk) -> int:
    return len(talk.world.services.wallet.topups(talk.user.id))


def with_money(talk: Talk, driving: Driving, amount: int = 100) -> Talk:
    talk.says("/wallet")
    driving.tops_up(talk.user.id, amount)
    return talk


def urls(shown: Shown, kind: str = "url") -> list[Any]:
    rows = (shown.markup or {}).get("inline_keyboard", [])
    return [one[kind] for row in rows for one in row if kind in one]


# --- money in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["/wallet", "wallet", "钱包"])
def test_an_empty_wallet_says_what_to_do(lin: Talk, words: str) -> None:
    shown = lin.says(words)
    assert "Nothing in it yet. Top up" in shown.text
    assert list(shown.buttons) == ["➕ Top up", "↩️ Refund", "📄 Statement", "🧾 Receipts", "🛡 Safety"]


def test_topping_up_by_buttons(lin: Talk, world: World) -> None:
    shown = lin.says("/wallet")
    lin.presses("➕ Top up")
    assert [label for label in shown.buttons if "¥" in label] == ["¥30.00", "¥50.00", "¥100.00"]
    pressed = shown.buttons["¥50.00"]
    lin.presses("¥50.00")
    (order,) = world.services.wallet.topups(lin.user.id)
    assert order.amount == yuan(50)
    assert urls(shown) == [f"https://pay.example/{order.id}"]
    # The second tap was on its way when the first one was worked.
    lin.who.presses_data(shown, pressed)
    lin._worked()
    assert orders(lin) == 1
    lin.presses("🔄 I have paid")
    assert "Nothing has arrived yet" in lin.toast
    world.payments.pays(order.id)
    lin.presses("🔄 I have paid")
    assert "💰 ¥50.00 free" in shown.text
    assert free(lin) == ["50.00"]


def test_topping_up_by_a_typed_amount(lin: Talk, world: World) -> None:
    shown = lin.says("/topup 42.5")
    assert "¥42.50" in shown.text
    (order,) = world.services.wallet.topups(lin.user.id)
    assert order.amount == yuan("42.5")
    for typed, sentence in (("abc", "like 50 or 20.50"), ("1.234", "like 50 or 20.50"), ("-5", "like 50 or 20.50"),
                            ("99999", "between ¥1.00 and ¥2,000.00"), ("50 XXX", "like 50 or 20.50")):  # fmt: skip
        assert sentence in lin.says(f"/topup {typed}").text
    assert orders(lin) == 1


def test_the_same_message_delivered_twice_is_one_order(lin: Talk) -> None:
    message_id = lin.telegram.next_message_id()
    for _ in range(2):
        lin.telegram.incoming("message", lin.who._message(message_id, {"text": "/topup 20"}) | _command())
        lin._worked()
    assert orders(lin) == 1


def _command() -> dict[str, Any]:
    return {"entities": [{"type": "bot_command", "offset": 0, "length": 6}]}


def test_an_invoice_in_the_chat(lin: Talk, world: World) -> None:
    providers: Any = world.services.wallet._till.providers
    providers["telegram"] = TelegramPayments("284685063:TEST:canary")
    try:
        lin.says("/wallet")
        lin.says("/topup 50")
        (call,) = lin.telegram.made("sendInvoice", chat_id=lin.who.id)
        (order,) = world.services.wallet.topups(lin.user.id)
        assert call.params["payload"] == order.id
        assert call.params["prices"][0]["amount"] == 5000
        assert (order.channel, call.params["currency"]) == ("telegram", "CNY")
    finally:
        del providers["telegram"]


def test_a_page_on_this_machine_is_a_link_in_the_text(lin: Talk, world: World) -> None:
    local = "http://127.0.0.1:8099/pay/page/T1/k"
    providers: Any = world.services.wallet._till.providers
    kept = providers["sandbox"]

    class Here(type(kept)):  # type: ignore[misc]  # the provider in memory, at another address
        def request(self, topup: Any, description: str, payer: str) -> Any:
            request = super().request(topup, description, payer)
            return type(request)(request.kind, {"url": local})

    providers["sandbox"] = Here(world.clock)
    try:
        shown = lin.says("/topup 50")
        assert local in shown.text
        assert urls(shown) == []
    finally:
        providers["sandbox"] = kept


def test_a_silent_provider_is_said(lin: Talk, world: World) -> None:
    with world.payments.silent():
        assert "Nothing was charged" in lin.says("/topup 50").text


def test_only_wechat_pays_says_where(lin: Talk, world: World) -> None:
    providers: Any = world.services.wallet._till.providers
    kept = providers.pop("sandbox")
    providers["wechatpay"] = kept
    try:
        assert "充值 50" in lin.says("/topup 50").text
    finally:
        providers["sandbox"] = providers.pop("wechatpay")


# --- money back ---------------------------------------------------------------------------------------------------


def test_a_refund_names_way_and_day_and_is_done_once(lin: Talk, world: World, driving: Driving) -> None:
    with_money(lin, driving)
    shown = lin.says("/wallet")
    lin.presses("↩️ Refund")
    lin.presses("All of it: ¥100.00")
    assert "¥100.00 goes back to play money" in shown.text
    assert re.search(r"by \d{4}-\d\d-\d\d at the latest", shown.text)
    assert free(lin) == ["100.00"]
    yes = shown.buttons["Yes, pay it back"]
    lin.presses("Yes, pay it back")
    lin.who.presses_data(shown, yes)
    lin._worked()
    (refund,) = world.services.wallet.refunds(lin.user.id)
    assert refund.amount == yuan(100)
    assert "asked for" in shown.text
    assert "due by" in shown.text


def test_a_part_goes_back_by_a_typed_amount(lin: Talk, driving: Driving) -> None:
    with_money(lin, driving)
    shown = lin.says("/refund 20")
    assert "¥20.00 goes back" in shown.text
    lin.presses("No")
    assert "💰 ¥100.00 free" in shown.text
    shown = lin.says("/refund 20")
    lin.presses("Yes, pay it back")
    assert free(lin) == ["80.00"]
    assert "At most ¥80.00" in lin.says("/refund 500").text
    assert "¥80.00 goes back" in lin.says("/refund all").text


def test_nothing_to_refund_is_said(lin: Talk) -> None:
    assert "nothing that could go back" in lin.says("/refund").text


# --- where it went ------------------------------------------------------------------------------------------------


def test_the_statement_says_why_and_pages(lin: Talk, world: World, driving: Driving) -> None:
    with_money(lin, driving)
    session = driving.ends(driving.begins(lin.user.id))
    for _ in range(4):
        driving.tops_up(lin.user.id, 10)
    shown = lin.says("/statement")
    newest = shown.text
    assert newest.count("+¥10.00 Paid in") == 4
    lin.presses("Older ▶")
    assert "−¥38.00 Held for a charge" in shown.text
    for part in (WARY, "Gun P1-1", "Fake Charging", "¥1.50/kWh", "price version", session.id):
        assert part in newest + shown.text
    assert "+¥100.00 Paid in" in shown.text
    assert "Older ▶" not in shown.buttons
    lin.presses("⏮ Newest")
    assert shown.text == newest


def test_refunds_under_way_stand_on_top(lin: Talk, world: World, driving: Driving) -> None:
    with_money(lin, driving)
    world.payments.refunds_become = RefundState.SENT
    world.services.wallet.refund(lin.user.id, yuan(12), "a-wish-of-lins")
    driving.runs_jobs()
    text = lin.says("/statement").text
    assert "↩️ ¥12.00 · passed on to play money" in text
    assert "due by" in text


def test_a_receipt_for_each_charge(lin: Talk, world: World, driving: Driving) -> None:
    with_money(lin, driving)
    session = driving.ends(driving.begins(lin.user.id), total_cost=Decimal(90), energy_cost=None, service_cost=None)
    shown = lin.says("/receipts")
    (label,) = [one for one in shown.buttons if "Sly" in one]
    assert "¥" in label
    lin.presses(label)
    paper = lin.last
    for part in (WARY, "Billed by the operator: ¥90.00", "above the agreed price", "Held: ¥38.00", "Given back: ¥",
                 "Borne by us: ¥", "You never pay more", f"Reference: {session.id}"):  # fmt: skip
        assert part in paper.text
    (page,) = urls(paper, "web_app")
    assert page["url"] == f"https://kilowatch.example/receipts/{session.id}?lang=en"


def test_no_charge_yet(lin: Talk) -> None:
    assert "No charge yet" in lin.says("/receipts").text


def test_safety_is_a_press_away(lin: Talk) -> None:
    lin.says("/wallet")
    lin.presses("🛡 Safety")
    assert "You never pay more for a charge" in lin.last.text


# --- nobody else's ------------------------------------------------------------------------------------------------


def test_another_persons_button_finds_nothing(
    lin: Talk, telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving
) -> None:
    with_money(lin, driving)
    session = driving.ends(driving.begins(lin.user.id))
    lin.says("/topup 20")
    order = world.services.wallet.topups(lin.user.id)[0]
    chen = Talk(telegram, dispatcher, world, telegram.person("Chen"))
    shown = chen.says("/wallet")
    for data, sentence in ((f"1Wb{session.id}", "not known here"), (f"1Wk{order.id}", "not known here")):
        chen.who.presses_data(shown, data)
        chen._worked()
        assert sentence in chen.toast


@pytest.mark.parametrize(
    "value", ["z", "t5", "tx.CNY.a", "t5.cny.a", "t5.CNY.", "y", "y-5.CNY.a", "lx", "l99999999999999999999", "r5"]
)
def test_buttons_that_we_never_made_are_refused(lin: Talk, driving: Driving, value: str) -> None:
    shown = with_money(lin, driving).says("/wallet")
    lin.who.presses_data(shown, f"1W{value}")
    lin._worked()
    assert lin.toast
    assert free(lin) == ["100.00"]
    assert orders(lin) == 1


def test_a_wallet_is_not_shown_in_a_group(lin: Talk) -> None:
    group = Talk(lin.telegram, lin.dispatcher, lin.world, lin.who.in_group(-100300))
    for command in ("/wallet", "/topup 50", "/refund all", "/statement", "/receipts"):
        word, _, rest = command.partition(" ")
        assert "private chat" in group.says(f"{word}@kilowatch_test_bot {rest}".strip()).text


def test_in_chinese(telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving) -> None:
    wei = Talk(telegram, dispatcher, world, telegram.person("Wei", "zh-hans"))
    with_money(wei, driving, 50)
    shown = wei.says("/wallet")
    assert "💰 可用 ¥50.00" in shown.text
    assert list(shown.buttons) == ["➕ 充值", "↩️ 退款", "📄 明细", "🧾 充电单", "🛡 资金安全"]
    assert "充值" in wei.says("/statement").text


def test_the_menu_and_the_help_name_it(lin: Talk) -> None:
    from bots.telegram.menu import COMMANDS

    assert "wallet" in COMMANDS
    assert "/wallet balance, top up" in lin.says("/help").text


def test_the_books_hold_after_all_this(world: World) -> None:
    with world.services.database.read() as unit:
        assert list(unit.ledger.breaches(world.clock.now())) == []
