"""The wallet page and receipts in a real Chromium, on a phone's screen and on paper."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import web
from adapters.login.telegram import TelegramInitData
from adapters.payments.sandbox import NOTIFY_PATH, SandboxPayments
from adapters.sandbox.payments.routes import PaymentCounter, blueprint
from core.clock import SystemClock
from core.payments import PaymentRequest, RefundState, Topup
from core.services.login import Doors
from core.user import Channel
from tests.adapters.login.test_telegram import TOKEN, init_data
from tests.bots.driving import WARY, Driving, yuan
from tests.bots.miniapp.served import served
from tests.bots.miniapp.test_browser import CHROMIUM, DRIVER, Phone, _unlocked
from tests.bots.miniapp.test_browser import driver as driver  # the fixture
from tests.paying import FakePayments
from tests.world import World, make_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the PATH"),
]
A4_POINTS = (595, 842)


class Wallet(Phone):
    """The phone with the wallet open."""

    @property
    def driving(self) -> Driving:
        found: Driving = self.city["driving"]  # type: ignore[assignment]  # this world has no other city
        return found

    def log_in(self, name: str = "lin", path: str = "/wallet?lang=en") -> str:
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.open(path)
        self.one("#login-name").send_keys(name)
        self.tap("#login-local button")
        self.sees("#open-topup")
        return self.driving.user_id(Channel.LOCAL, name)

    def reload(self, path: str = "/wallet?lang=en") -> None:
        self.open(path)
        self.one("#open-topup")
        self.wait(lambda: self.js("return document.body.className") == "")

    def listed(self, css: str) -> list[str]:
        return [" ".join(node.text.split()) for node in self.all(f"{css} > li")]

    def sees(self, css: str) -> None:
        """Wait for something to be on the screen, while pages may come and go."""
        script = "var n = document.querySelector(arguments[0]); return !!n && n.getClientRects().length > 0"
        self.wait(lambda: self.js(script, css))

    def is_covered(self) -> bool:
        return bool(self.js("return document.body.classList.contains('covered')"))

    def too_small(self) -> list[str]:
        """What a thumb would miss."""
        script = """return [].filter.call(document.querySelectorAll('button, a, select, input'), function (node) {
             var box = node.getBoundingClientRect();
             return box.width && (box.height < 43.5 || box.width < 43.5) && !node.closest('.check');
           }).map(function (node) { return node.outerHTML.slice(0, 80); })"""
        return list(self.js(script))

    def overflows(self) -> bool:
        return bool(self.js("return document.documentElement.scrollWidth > window.innerWidth"))


def phones(driver: Any, world: World) -> Iterator[Wallet]:
    driving = Driving(world)
    with served(web.create_app(world.services)) as url:
        for phone in _unlocked(driver, url, world, {"driving": driving}):  # type: ignore[dict-item]  # see Wallet
            driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
            yield Wallet(phone.driver, phone.url, phone.world, phone.city)


@pytest.fixture
def phone(driver: Any, tmp_path: Path) -> Iterator[Wallet]:
    yield from phones(driver, make_world(tmp_path))


@pytest.fixture
def till(tmp_path: Path, phone: Wallet) -> Iterator[PaymentCounter]:
    """The sandbox provider itself instead of the one in memory. It has a clock of its own, so time is today's."""
    phone.world.clock.time = datetime.now(UTC)
    counter, app = PaymentCounter(tmp_path / "provider"), Flask("provider")
    app.register_blueprint(blueprint(counter))
    providers: Any = phone.world.services.wallet._till.providers
    with served(app) as url:
        providers["sandbox"] = SandboxPayments(url, counter.key, f"http://127.0.0.1:9{NOTIFY_PATH}", SystemClock())
        yield counter
    counter.books.close()


def test_from_the_log_in_to_the_statement(phone: Wallet, till: PaymentCounter) -> None:
    """Log in by a name, top up on the provider's own page, get a part back, and read why."""
    user_id = phone.log_in()
    assert "Nothing in it yet" in phone.text("#balances")
    phone.tap("#open-topup")
    assert phone.text("#topup-chips input:checked + span") == "¥50.00"
    phone.tap("#topup-go")
    phone.one("#topup-link")
    assert phone.text("#topup-sum") == "¥50.00"
    ours = phone.driver.current_window_handle
    phone.tap("#topup-link")
    (pays,) = phone.wait(lambda: [one for one in phone.driver.window_handles if one != ours])
    phone.driver.switch_to.window(pays)
    phone.tap("button[value=pay]")
    phone.wait(lambda: not phone.all("button[value=pay]"))
    phone.driver.close()
    phone.driver.switch_to.window(ours)
    phone.wait(lambda: phone.text(".balance .sum") == "¥50.00")
    assert phone.text("#status") == "¥50.00 is in your balance."
    assert not phone.is_covered()

    phone.tap("#open-refund")
    phone.one("#refund-other").send_keys("20")
    phone.tap("#refund-ask button")
    phone.one("#refund-yes")
    assert phone.listed("#refund-ways") == ["¥20.00 goes back to play money"]
    assert re.search(r"by \d{4}-\d\d-\d\d at the latest", phone.text("#refund-due"))
    phone.js("var yes = document.getElementById('refund-yes'); yes.click(); yes.click();")
    phone.wait(lambda: phone.text(".balance .sum") == "¥30.00")
    phone.driving.runs_jobs()
    phone.reload()
    (refund,) = phone.wait(lambda: phone.listed("#refunds"))
    assert "¥20.00" in refund
    assert "asked for" in refund
    lines = phone.wait(lambda: phone.listed("#lines"))
    assert [line for line in lines if line.startswith("Paid in +¥50.00 play money · reference ")]
    assert [line for line in lines if line.startswith("On its way back to you −¥20.00 play money · reference ")]
    assert sum(one.amount.amount_minor for one in phone.world.services.wallet.refunds(user_id)) == 2000
    assert phone.complaints() == []


def test_the_statement_goes_on_as_it_scrolls(phone: Wallet) -> None:
    user_id = phone.log_in()
    for amount in range(1, 46):
        phone.driving.tops_up(user_id, amount)
    phone.reload()
    phone.wait(lambda: len(phone.listed("#lines")) >= 20)
    for _ in range(3):
        phone.js("window.scrollTo(0, document.body.scrollHeight)")
    phone.wait(
        lambda: len(phone.all("#lines > li")) == 45 or phone.js("window.scrollTo(0, document.body.scrollHeight)")
    )
    figures = [node.text for node in phone.all("#lines .figure")]
    assert figures == [f"+¥{amount}.00" for amount in range(45, 0, -1)]
    assert not phone.all("#lines-more:not([hidden])")


def test_a_link_from_a_chat_opens_the_amount(phone: Wallet) -> None:
    phone.log_in(path="/wallet?topup=2050&currency=CNY&lang=en")
    assert phone.one("#topup-other").get_attribute("value") == "20.50"
    assert "topup" not in phone.driver.current_url
    phone.tap("#topup-go")
    phone.wait(lambda: phone.text("#topup-sum") == "¥20.50")
    (order,) = phone.world.payments.orders.values()
    assert order.amount == yuan("20.50")


def test_a_mistyped_amount_is_said_and_nothing_is_ordered(phone: Wallet) -> None:
    phone.log_in()
    phone.tap("#open-topup")
    for typed in ("abc", "1.234", "0", "-5"):
        field = phone.one("#topup-other")
        field.clear()
        field.send_keys(typed)
        phone.tap("#topup-go")
        assert "like 50 or 20.50" in phone.text("#topup-problem")
    field.clear()
    field.send_keys("9999999")
    phone.tap("#topup-go")
    phone.wait(lambda: "Choose an amount between ¥1.00 and ¥2,000.00" in phone.text("#topup-problem"))
    assert phone.world.payments.orders == {}


def test_the_provider_is_silent_and_the_same_wish_succeeds_later(phone: Wallet) -> None:
    phone.log_in()
    phone.tap("#open-topup")
    with phone.world.payments.silent():
        phone.tap("#topup-go")
        phone.wait(lambda: "Nothing was charged" in phone.text("#topup-problem"))
    phone.tap("#topup-go")
    phone.wait(lambda: phone.text("#topup-sum") == "¥50.00")
    assert len(phone.world.payments.orders) == 1


def test_all_is_all_whatever_was_typed_before(phone: Wallet) -> None:
    phone.driving.tops_up(phone.log_in(), 50)
    phone.reload()
    phone.tap("#open-refund")
    phone.one("#refund-other").send_keys("20")
    phone.tap("#refund-all")
    phone.tap("#refund-ask button")
    phone.sees("#refund-yes")
    assert phone.listed("#refund-ways") == ["¥50.00 goes back to play money"]
    phone.tap("#refund-no")
    phone.tap("#open-refund")
    phone.tap("#refund-part")
    phone.tap("#refund-ask button")
    assert "like 50 or 20.50" in phone.text("#refund-problem")
    assert phone.world.services.wallet.refunds(phone.driving.user_id(Channel.LOCAL, "lin")) == []


def test_refunds_show_where_they_are(phone: Wallet) -> None:
    user_id = phone.log_in()
    phone.driving.tops_up(user_id, 100)
    phone.world.payments.refunds_become = RefundState.SENT
    phone.world.services.wallet.refund(user_id, yuan(12), "a-wish-of-mine")
    phone.driving.runs_jobs()
    phone.reload("/wallet?lang=zh-CN")
    (refund,) = phone.wait(lambda: phone.listed("#refunds"))
    assert all(part in refund for part in ("退回模拟支付 ¥12.00", "已申请", "已提交模拟支付", "最迟 2026-11-2"))
    assert phone.text(".balance .sum") == "¥88.00"


def test_logged_out_says_what_to_do(driver: Any, tmp_path: Path) -> None:
    for phone in phones(driver, make_world(tmp_path, doors=Doors())):
        phone.open("/wallet?lang=en")
        assert "Telegram bot or our WeChat account" in phone.one("#login-elsewhere").text
        phone.open("/receipts/anything?lang=zh-CN")
        assert "公众号" in phone.one("#login-elsewhere").text


def test_the_mini_app_logs_in_by_itself(driver: Any, tmp_path: Path) -> None:
    from urllib.parse import quote

    world = make_world(tmp_path, doors=Doors(telegram=TelegramInitData(TOKEN)))
    for phone in phones(driver, world):
        data = init_data(at=world.clock.now(), user={"id": 815, "language_code": "en"})
        phone.open(f"/wallet?lang=en#tgWebAppData={quote(data)}&tgWebAppVersion=8.0")
        phone.sees("#open-topup")
        assert driver.get_cookies() == []  # a frame of another site would lose them
        user_id = phone.driving.user_id(Channel.TELEGRAM, "815")
        phone.driving.tops_up(user_id, 100)
        session = phone.driving.ends(phone.driving.begins(user_id))
        phone.open(f"/receipts/{session.id}?lang=en")
        phone.sees("article")
        assert session.id in phone.text("article")
        phone.js("sessionStorage.setItem('kilowatch.token', 'no longer')")
        phone.open("/wallet?lang=en")
        phone.sees("#login-elsewhere")


def test_logging_out_takes_the_money_off_the_screen(phone: Wallet) -> None:
    phone.driving.tops_up(phone.log_in(), 50)
    phone.reload()
    phone.tap("#logout")
    phone.sees("#login-name")
    assert "50" not in phone.text("#balances")


# --- receipts -----------------------------------------------------------------------------------------------------


def charged(phone: Wallet, **record: object) -> str:
    user_id = phone.log_in()
    phone.driving.tops_up(user_id, 100)
    return phone.driving.ends(phone.driving.begins(user_id), **record).id


def test_a_receipt_reads_well_on_a_phone(phone: Wallet) -> None:
    session_id = charged(phone)
    phone.reload()
    link = phone.wait(lambda: phone.all("#charges a"))[0]
    assert WARY in link.text
    link.click()
    phone.one("article")
    text = phone.one("article").text
    rows = dict(zip(*(["".join(n.text) for n in phone.all(f"article {tag}")] for tag in ("dt", "dd")), strict=True))
    assert rows["Station"] == WARY
    assert rows["Operator"] == "Fake Charging"
    assert rows["Quoted"] == "¥30.00 · for 20 kWh"
    assert rows["Price agreed to"].startswith("¥1.50/kWh · price version ")
    assert rows["Billed by the operator"] == rows["By the agreed price"] == rows["You paid"]
    assert rows["Held"] == "¥38.00"
    assert rows["Started"] == "2026-11-23 12:00"  # at the station, in Shenzhen
    assert "✓ The bill is what the agreed price makes of it." in text
    assert "never pay more" in text
    assert session_id in text
    assert not phone.overflows()
    assert not phone.all("article b, article img")
    assert phone.complaints() == []


def test_a_bill_that_differs_is_flagged(phone: Wallet) -> None:
    session_id = charged(phone, total_cost=Decimal(90), energy_cost=None, service_cost=None)
    phone.open(f"/receipts/{session_id}?lang=zh-CN")
    assert phone.one(".receipt-note.differs").text.startswith("⚠ 账单比约定价格多")
    assert "我们承担" in phone.one("article").text
    assert not phone.overflows()


def test_a_receipt_is_one_sheet_of_a4(phone: Wallet) -> None:
    session_id = charged(phone, total_cost=Decimal(90), energy_cost=None, service_cost=None)
    for language in ("en", "zh-CN"):
        phone.open(f"/receipts/{session_id}?lang={language}")
        phone.one("article")
        wanted = {"preferCSSPageSize": True, "printBackground": False}
        pdf = base64.b64decode(phone.driver.execute_cdp_cmd("Page.printToPDF", wanted)["data"])
        assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 1
        boxes = {tuple(round(float(n)) for n in box.split()) for box in re.findall(rb"/MediaBox\s*\[([^\]]+)\]", pdf)}
        ((_, _, width, height),) = boxes
        assert abs(width - A4_POINTS[0]) <= 1
        assert abs(height - A4_POINTS[1]) <= 1


def test_on_paper_there_is_only_the_receipt(phone: Wallet) -> None:
    session_id = charged(phone)
    phone.open(f"/receipts/{session_id}?lang=en")
    phone.one("article")
    phone.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert [phone.all(css)[0].is_displayed() for css in (".top", ".no-print", "article")] == [False, False, True]
    finally:
        phone.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_another_persons_receipt_is_unknown(phone: Wallet) -> None:
    session_id = charged(phone)
    phone.log_in("chen")
    phone.open(f"/receipts/{session_id}?lang=en")
    assert "This charge is not known here" in phone.one("#alert").text
    assert not phone.all("article")
    phone.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    phone.open(f"/receipts/{session_id}?lang=en")
    phone.one("#login-name").send_keys("lin")
    phone.tap("#login-local button")
    phone.sees("article")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_languages_and_themes_fit_the_screen(phone: Wallet, theme: str) -> None:
    charged(phone)
    feature = [{"name": "prefers-color-scheme", "value": theme}]
    phone.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
    for language in ("en", "zh-CN"):
        phone.reload(f"/wallet?lang={language}")
        phone.wait(lambda: phone.listed("#lines"))
        assert not phone.overflows()
        assert phone.too_small() == []
        for name in ("topup", "refund"):
            phone.tap(f"#open-{name}")
            assert phone.too_small() == []
            assert phone.one(f"#{name} h2").text in ("Top up", "充值", "Refund", "退款")
            assert not phone.overflows()
            phone.tap(f"#{name} [data-close]")
            phone.wait(lambda: not phone.is_covered())


class InWechat(FakePayments):
    """WeChat Pay as the page meets it."""

    def request(self, topup: Topup, description: str, payer: str) -> PaymentRequest:
        super().request(topup, description, payer)
        return PaymentRequest("jsapi", {"appId": "wx1", "package": f"prepay_id={topup.id}", "paySign": "s"})


def test_wechat_pays_inside_wechat(phone: Wallet) -> None:
    """In WeChat's browser its own call opens; elsewhere the page says where to go. The provider is asked."""
    providers: Any = phone.world.services.wallet._till.providers
    pays = InWechat(phone.world.clock)
    providers["sandbox"] = pays
    phone.log_in()
    phone.tap("#open-topup")
    phone.tap("#topup-go")
    phone.wait(lambda: "open this page in WeChat" in phone.text("#topup-hint"))
    assert not phone.all("#topup-link:not([hidden])")
    phone.tap("#topup [data-close]")
    phone.js(
        "window.WeixinJSBridge = {invoke: function (name, fields, done) { window.asked = [name, fields]; done({}); }}"
    )
    phone.tap("#open-topup")
    phone.tap("#topup-go")
    name, fields = phone.wait(lambda: phone.js("return window.asked"))
    assert name == "getBrandWCPayRequest"
    order_id = fields["package"].removeprefix("prepay_id=")
    assert "Nothing in it yet" in phone.text("#balances")
    pays.pays(order_id)
    phone.wait(lambda: phone.text(".balance .sum") == "¥50.00")
