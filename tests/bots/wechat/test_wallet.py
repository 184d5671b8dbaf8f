"""The wallet in WeChat, by keywords, over encrypted pushes: a yes names its amount and counts once."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from bots.wechat.render import TEXT_MAX_BYTES
from bots.wechat.words import Wish, Words, understand
from core.payments import RefundState
from core.services.login import Doors
from core.user import Channel
from tests.bots.driving import Driving, yuan
from tests.bots.wechat.conftest import Start
from tests.bots.wechat.pretend import LIN, WEI, Driver, Platform
from tests.bots.wechat.test_chat import links
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


@pytest.fixture
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture
def lin(wechat: Platform) -> Driver:
    return Driver(wechat)


def lins(driving: Driving) -> str:
    return driving.user_id(Channel.WECHAT, LIN, "zh-CN")


def free(world: World, user_id: str) -> list[str]:
    return [str(one.available.decimal) for one in world.services.wallet.wallets(user_id)]


def test_an_empty_wallet_says_what_to_do(lin: Driver) -> None:
    for text in (lin.says("钱包"), lin.says("余额"), lin.clicks("wallet")):
        assert "还没有余额" in text
        assert "充值 50" in text
        assert links(text) == ["https://kilowatch.example/wallet?lang=zh-CN"]


def test_topping_up_leads_to_the_page_with_the_amount(lin: Driver, world: World) -> None:
    for words, minor in (("充值 50", "5000"), ("充值50元", "5000"), ("充值 ￥12.5", "1250"), ("充值", "5000"),
                         ("top up 80", "8000")):  # fmt: skip
        (url,) = links(lin.says(words))
        query = parse_qs(urlsplit(url).query)
        assert urlsplit(url).path == "/wallet"
        assert (query["topup"], query["currency"]) == ([minor], ["CNY"])
    assert world.payments.orders == {}, "the order is made on the page"
    for words in ("充值 1.234", "充值 50 xxx", "充值 -5"):
        assert "请输入金额" in lin.says(words)


def test_the_link_logs_in_where_wechat_can(lin: Driver, world: World) -> None:
    class Page:
        """WeChat's login for pages is set up."""

    object.__setattr__(world.services.login, "doors", Doors(page=Page()))  # type: ignore[arg-type]  # not asked here
    (url,) = links(lin.says("充值 50"))
    assert urlsplit(url).path == "/api/v1/auth/wechat/page"
    (to,) = parse_qs(urlsplit(url).query)["to"]
    assert to == "/wallet?topup=5000&currency=CNY&lang=zh-CN"
    assert unquote(url).startswith("https://kilowatch.example/")


def test_without_an_address_it_says_so(start: Start, world: World) -> None:
    object.__setattr__(world.services, "public_url", "")
    lin = Driver(start())
    assert "绑定 Telegram" in lin.says("充值 50")
    assert "http" not in lin.says("钱包")


def test_a_refund_asks_first_and_counts_once(lin: Driver, world: World, driving: Driving) -> None:
    user_id = lins(driving)
    assert "没有可以原路退回的金额" in lin.says("退款")
    driving.tops_up(user_id, 100)
    assert "最多可原路退回 ¥100.00" in lin.says("退款")
    question = lin.says("退款 20")
    assert "¥20.00 退回到模拟支付" in question
    assert re.search(r"最迟 \d{4}-\d\d-\d\d 到账", question)
    (wish,) = re.findall(r"请回复：(.+)", question)
    assert free(world, user_id) == ["100.00"]
    push = lin.wechat.text(LIN, wish)
    answers = [lin.gets(push) for _ in range(3)]
    assert "退款中" in answers[0]
    assert free(world, user_id) == ["80.00"]
    assert "确认退款 80.00" in lin.says("退款 全部")
    assert "最多可退 ¥80.00" in lin.says("确认退款 500").replace("现在", "")
    assert len(world.services.wallet.refunds(user_id)) == 1


def test_yes_alone_pays_nothing_back(lin: Driver, world: World, driving: Driving) -> None:
    user_id = lins(driving)
    driving.tops_up(user_id, 100)
    lin.says("退款 20")
    lin.says("是")
    assert free(world, user_id) == ["100.00"]


def test_a_refund_can_be_watched(lin: Driver, world: World, driving: Driving) -> None:
    user_id = lins(driving)
    driving.tops_up(user_id, 100)
    world.payments.refunds_become = RefundState.SENT
    lin.says("确认退款 100")
    driving.runs_jobs()
    text = lin.says("退款")
    assert "¥100.00 · 已提交模拟支付" in text
    assert "到账" in text


def test_the_statement_and_a_receipt(lin: Driver, world: World, driving: Driving) -> None:
    user_id = lins(driving)
    driving.tops_up(user_id, 100)
    session = driving.ends(driving.begins(user_id), total_cost=Decimal(90), energy_cost=None, service_cost=None)
    text = lin.says("账单")
    for part in (
        "充电扣款",
        "充电冻结",
        "P1-1",
        "Fake Charging",
        "¥1.50/度",
        "价格版本",
        session.id,
        "＜b＞Sly＜/b＞",
    ):
        assert part in text
    assert "<b>" not in text
    listed = lin.says("充电单")
    assert listed.startswith("1. ")
    paper = lin.says("充电单 1")
    for part in ("运营商账单：¥90.00", "账单比约定价格多", "冻结：¥38.00", "我们承担", session.id):
        assert part in paper
    assert links(paper) == [f"https://kilowatch.example/receipts/{session.id}?lang=zh-CN"]
    assert "找不到" in lin.says("充电单 7")
    assert all(len(one.encode()) <= TEXT_MAX_BYTES for one in (text, listed, paper))


def test_nobody_sees_anothers(wechat: Platform, driving: Driving) -> None:
    user_id = lins(driving)
    driving.tops_up(user_id, 100)
    driving.ends(driving.begins(user_id))
    wei = Driver(wechat, WEI)
    assert "还没有余额" in wei.says("钱包")
    assert "还没有充电记录" in wei.says("充电单 1")
    assert "还没有收支记录" in wei.says("明细")


def test_in_english(lin: Driver, driving: Driving) -> None:
    lin.says("english")
    driving.tops_up(lins(driving), 30)
    assert "💰 ¥30.00 free" in lin.says("wallet")
    assert "confirm refund 30.00" in lin.says("refund all")
    assert "wallet · top up 50" in lin.says("help")


@pytest.mark.parametrize("key", ["wallet", "statement", "receipts", "safety"])
def test_the_buttons_of_the_menu_answer(lin: Driver, key: str) -> None:
    assert "发送位置" not in lin.clicks(key) or key == "receipts"


@pytest.mark.parametrize(
    ("text", "words"),
    [("充值", Words(Wish.TOPUP)), ("充值：100", Words(Wish.TOPUP, "100")),
     ("TOPUP 20 eur", Words(Wish.TOPUP, "20 eur")),
     ("退款 全部", Words(Wish.REFUND, "全部")), ("退款20.5元", Words(Wish.REFUND, "20.5元")),
     ("确认退款 20", Words(Wish.REFUND_NOW, "20")), ("充电单2", Words(Wish.RECEIPTS, "2")),
     ("充值大厦 3号", Words(Wish.PLACE, "充值大厦 3号")), ("40 kwh", Words(Wish.ENERGY, "40"))],
)  # fmt: skip
def test_words_are_understood(text: str, words: Words) -> None:
    assert understand(text) == words


def test_the_books_hold(lin: Driver, world: World, driving: Driving) -> None:
    driving.tops_up(lins(driving), 50)
    lin.says("确认退款 20")
    driving.runs_jobs()
    with world.services.database.read() as unit:
        assert list(unit.ledger.breaches(world.clock.now())) == []
        assert unit.ledger.wallets([lins(driving)])[0].available == yuan(30)
