"""From a photo of a gun's code to the bill in WeChat, over encrypted pushes; the worker's messages over its API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from core.geo import Point
from core.scan import Promised
from core.services.login import Doors
from core.session import SessionState
from core.station import ConnectorStatus, Station
from core.tariff import Dimension, PriceComponent, Restrictions, Tariff, TariffElement
from core.user import Channel, Identity
from tests.bots.driving import yuan
from tests.bots.wechat.test_chat import HOSTILE, links
from tests.bots.wechat.town import ChargingDriver, Town, label

FULL_PATH = {
    "zh-CN": {
        "yes": "充电", "status": "状态", "stop": "停止充电", "sure": "是", "receipt": "充电单 1",
        "offer": "💴 充 30 度约 ¥45.00（¥1.50/度）", "how": "👉 插好枪，回复“充电”开始（冻结",
        "starting": "⏳ 正在启动…", "began": "已开始充电", "going": "⚡ 充电中", "question": "要结束这次充电吗？",
        "stopping": "⏳ 正在停止…", "ended": "充电已结束", "bill": "账单：¥15.71", "sheet": "10.47 度",
    },
    "en": {
        "yes": "charge", "status": "status", "stop": "stop charge", "sure": "yes", "receipt": "receipt 1",
        "offer": "💴 About ¥45.00 for 30 kWh (¥1.50/kWh)", "how": "👉 Plug in and reply “charge” to start (",
        "starting": "⏳ Starting…", "began": "Charging has begun", "going": "⚡ Charging",
        "question": "End this charge?", "stopping": "⏳ Stopping…", "ended": "Charging has ended",
        "bill": "Your bill: ¥15.71", "sheet": "10.47 kWh",
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_from_a_photo_to_the_bill(town: Town, language: str) -> None:
    words = FULL_PATH[language]
    station = town.station()
    lin = town.driver(money=100, language=language)
    lin.stands_at()
    offer = lin.photographs(label(station))
    assert words["offer"] in offer
    assert station.name in offer
    assert words["how"] in offer
    assert words["starting"] in lin.says(words["yes"])
    assert words["starting"] in lin.says(words["yes"]), "the same yes again starts nothing"
    assert lin.reads() == ""
    town.world.clock.advance(seconds=30)
    assert words["began"] in lin.reads()
    town.world.clock.advance(minutes=10)
    lin.reads()
    assert words["going"] in lin.says(words["status"])
    assert words["question"] in lin.says(words["stop"])
    assert words["stopping"] in lin.says(words["sure"])
    lin.reads()
    town.world.clock.advance(seconds=30)
    assert words["ended"] in lin.reads()
    town.bills(lin.user_id)
    assert words["bill"] in lin.reads()
    assert words["sheet"] in lin.says(words["receipt"])
    print(*(f"{who} {text}\n" for who, text in lin.talk), sep="\n")
    (session,) = lin.sessions
    assert session.state is SessionState.SETTLED
    assert town.driving.supplier.starts.count(session.start_seq) == 1


# --- before the yes -----------------------------------------------------------------------------------------------


def offered(town: Town, *, money: int = 100, language: str = "zh-CN") -> tuple[ChargingDriver, Station, str]:
    """A driver before a gun of their own, with the offer that they were shown."""
    station, lin = town.station(), town.driver(money=money, language=language)
    lin.stands_at()
    return lin, station, lin.scans(label(station))


def test_an_expired_price_is_shown_anew_and_asked_again(town: Town) -> None:
    lin, station, _ = offered(town)
    town.costs(station, "1.80")
    town.world.clock.advance(minutes=6)
    town.pulls()
    again = lin.says("充电")
    assert again.startswith("⚠ 价格有变，尚未启动：¥1.50/度 → ¥1.80/度 · ¥45.00 → ¥54.00 · 冻结 ¥57.00 → ¥68.00")
    assert lin.sessions == []
    lin.says("充电")
    assert [str(one.quote.expected.decimal) for one in lin.sessions] == ["54.00"]


def test_an_expired_price_that_is_the_same_says_so(town: Town) -> None:
    lin, *_ = offered(town)
    town.world.clock.advance(minutes=6)
    town.pulls()
    assert lin.says("充电").startswith("已重新核对价格：没有变化。")
    assert lin.sessions == []
    assert "⏳ 正在启动…" in lin.says("开始"), "the word that turns messages on means the offer while one is open"


def test_without_money_the_way_to_it_is_shown_and_then_the_same_offer(town: Town) -> None:
    lin, _, offer = offered(town, money=0)
    assert "余额 ¥0.00，至少再充值 ¥57.00 才能启动。" in offer
    assert links(offer) == ["https://kilowatch.example/wallet?topup=5700&currency=CNY&lang=zh-CN"]
    assert "👉 付好后回复“继续”。" in offer
    assert "至少再充值" in lin.says("充电")
    assert lin.sessions == []
    order, _ = town.world.services.wallet.topup(lin.user_id, yuan(57), "sandbox", "topup-key-continue")
    town.world.payments.pays(order.id)
    assert "👉 插好枪，回复“充电”开始" in lin.says("继续"), "it was looked at, though nobody has told us"
    assert "⏳ 正在启动…" in lin.says("充电")


def test_another_energy_changes_this_offer_and_not_the_usual_charge(town: Town) -> None:
    lin, *_ = offered(town)
    assert "💴 充 20 度约 ¥30.00" in lin.says("20度")
    assert "💴 充 40 度约 ¥60.00" in lin.says("40")
    assert "200" in lin.says("400度")
    lin.says("充电")
    assert [one.quote.energy_kwh for one in lin.sessions] == [40]
    user = town.world.services.accounts.greet(Identity(Channel.WECHAT, lin.openid), "zh-CN").user
    assert user.energy_kwh == 30


def test_a_yes_alone_starts_nothing(town: Town) -> None:
    lin, *_ = offered(town)
    for word in ("是", "好", "1", "继续"):
        lin.says(word)
    assert lin.sessions == []


def test_twenty_yeses_at_once_start_one_charge(town: Town) -> None:
    lin, *_ = offered(town)
    pushes = [town.wechat.text(lin.openid, "充电") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(town.wechat.push, pushes))
    assert any("⏳ 正在启动…" in (one.text or "") for one in replies)
    assert len(lin.sessions) == 1


def test_a_process_that_has_forgotten_shows_the_offer_again(town: Town) -> None:
    lin, station, _ = offered(town)
    lin.wechat = town.process()
    again = lin.says("充电")
    assert station.name in again
    assert lin.sessions == []
    lin.says("充电")
    assert len(lin.sessions) == 1
    lin.wechat = town.process()
    assert "⏳ 正在启动…" in lin.says("充电"), "what runs is shown, whoever forgot it"
    assert len(lin.sessions) == 1


def test_without_an_offer_the_word_finds_stations(town: Town) -> None:
    lin = town.driver()
    assert "请先发送位置" in lin.says("充电")
    assert "Kilowatch" in lin.says("开始")


def test_the_gun_that_was_taken_meanwhile(town: Town) -> None:
    lin, station, _ = offered(town)
    wei = town.driver(money=100)
    wei.stands_at()
    wei.scans(label(station))
    assert "⏳ 正在启动…" in wei.says("充电")
    refused = lin.says("充电")
    assert refused.startswith("这把枪正在使用")
    assert lin.sessions == []
    assert "您已有正在进行的充电" in wei.scans(label(station, 1))


# --- while it goes, and after -------------------------------------------------------------------------------------


def charging(town: Town, language: str = "zh-CN") -> ChargingDriver:
    lin, *_ = offered(town, language=language)
    lin.says("充电")
    lin.reads()
    town.world.clock.advance(minutes=5)
    lin.reads()
    return lin


def test_stop_may_mean_the_charge_or_the_messages(town: Town) -> None:
    lin = charging(town)
    assert "要结束充电，回复“停止充电”" in lin.says("停止")
    assert "要结束充电，回复“停止充电”" in lin.says("停"), "that word is for watches too"
    assert "不再主动发消息" in lin.says("停止消息")
    assert "要结束这次充电吗？" in lin.says("停止充电")
    assert "好的，不停止。" in lin.says("否")
    assert lin.sessions[0].state is SessionState.CHARGING
    lin.says("结束充电")
    lin.says("隐私")
    lin.says("是")
    assert lin.sessions[0].state is SessionState.CHARGING, "the last question was another one"
    lin.says("停止充电")
    assert "⏳ 正在停止…" in lin.says("好")


def test_before_it_was_sent_it_is_taken_back(town: Town) -> None:
    lin, *_ = offered(town)
    lin.says("充电")
    lin.says("停止充电")
    assert "没有扣费" in lin.says("是")
    assert "您没有正在进行的充电。" in lin.says("停止充电")
    assert "没有扣费" in lin.says("状态")


def test_a_start_that_fails_says_why_and_what_next(town: Town) -> None:
    lin, *_ = offered(town)
    town.driving.supplier.refuses_starts = "not_plugged_in"
    try:
        lin.says("充电")
        told = lin.reads()
    finally:
        town.driving.supplier.refuses_starts = ""
    assert "枪没有插好" in told
    assert "¥57.00 已回到您的余额" in told
    assert "想再试，回复“充电”" in told
    assert "👉 插好枪，回复“充电”开始" in lin.says("充电")


def settled(town: Town) -> ChargingDriver:
    lin = charging(town)
    lin.says("停止充电")
    lin.says("是")
    lin.reads()
    town.world.clock.advance(minutes=1)
    lin.reads()
    town.bills(lin.user_id)
    assert "与承诺一致吗？回复“好评”或“差评”" in lin.reads()
    return lin


@pytest.mark.parametrize(
    ("words", "promised", "said"),
    [
        (("好评",), Promised.YES, "下一位车主"),
        (("差评",), Promised.OTHER, "1 枪坏了 · 2 车位被占"),
        (("差评", "2"), Promised.BLOCKED, "排得靠后"),
        (("差评 坏了",), Promised.BROKEN, "排得靠后"),
        (("bad", "price"), Promised.PRICE, "核对"),
    ],
)
def test_was_it_as_promised(
    town: Town, lin_who_paid: ChargingDriver, words: tuple[str, ...], promised: Promised, said: str
) -> None:
    answers = [lin_who_paid.says(one) for one in words]
    assert said in answers[-1]
    with town.world.services.database.read() as unit:
        opinion = unit.opinions.get(lin_who_paid.sessions[0].id)
    assert opinion is not None
    assert opinion.promised is promised


@pytest.fixture(scope="module")
def lin_who_paid(town: Town) -> ChargingDriver:
    return settled(town)


def test_an_opinion_needs_a_charge(town: Town) -> None:
    wei = town.driver()
    assert "还没有可以评价的充电" in wei.says("好评")
    assert "还没有可以评价的充电" in wei.says("差评 2")


@pytest.mark.parametrize(
    ("words", "head"),
    [
        ("记录", "最近的充电记录"),
        ("记录 本月", "2026-11 的充电记录"),
        ("history 2026-11", "2026-11 的充电记录"),
        ("记录 上月", "2026-10 没有充电记录。"),
        ("记录 12月", "2025-12 没有充电记录。"),
        ("history march", "2026-03 没有充电记录。"),
        ("记录 2026-13", "“2026-13”"),
    ],
)
def test_the_past_by_month(lin_who_paid: ChargingDriver, words: str, head: str) -> None:
    answer = lin_who_paid.says(words)
    assert head in answer.split("\n")[0]
    charge = "莲花路" in answer
    assert charge == ("没有" not in head and "13" not in head)
    if "13" not in head:
        assert links(answer) == ["https://kilowatch.example/charges?lang=zh-CN"]


def test_a_hostile_supplier_changes_no_card(town: Town) -> None:
    place = Point(22.8500, 114.3500)
    station, lin = town.station(place, name=HOSTILE), town.driver(money=100)
    town.station(place, name=HOSTILE)
    lin.stands_at(place)
    poor = town.driver()
    poor.stands_at(place)
    doors = town.world.services.login
    before, page = doors.doors, Doors(page=object())  # type: ignore[arg-type]  # links get longer; it is not asked
    object.__setattr__(doors, "doors", page)
    try:
        assert "👉 付好后回复“继续”。" in poor.scans(label(station)), "what to do is not cut away"
    finally:
        object.__setattr__(doors, "doors", before)
    talk = [lin.scans(label(station)), lin.says("充电"), lin.reads(), lin.says("停止充电"), lin.says("否")]
    town.sets(station, ConnectorStatus.CHARGING)
    wei = town.driver()
    wei.stands_at(place)
    talk.append(wei.scans(label(station, 1)))
    for text in talk:
        assert '<a href="http://evil' not in text
        assert "http://" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\n9. 假站" not in text
    assert "附近有空闲且接口相同的枪：" in talk[-1]


def test_cancel_ends_the_question_and_no_charge(town: Town) -> None:
    lin, *_ = offered(town)
    assert "没有启动，也没有冻结" in lin.says("取消")
    lin.says("开始")
    assert lin.sessions == []
    assert "⚡ 充电中" in charging(town).says("算了"), "what runs goes on, and says so"


def test_what_staying_on_costs_is_said_before_the_yes(town: Town) -> None:
    station, lin = town.station(), town.driver()
    energy = TariffElement((PriceComponent(Dimension.ENERGY, Decimal("1.50")),))
    stay = TariffElement((PriceComponent(Dimension.PARKING_TIME, Decimal("6")),), Restrictions(min_duration_s=7200))
    for connector in station.connectors:
        town.driving.supplier.sets_price(connector.ref, Tariff("CNY", (stay, energy), "Asia/Shanghai"))
    town.pulls()
    lin.stands_at()
    assert "🅿 充完继续占位：每分钟 ¥0.10 · 前 120 分钟免费" in lin.scans(label(station))


def test_a_charge_begun_elsewhere_is_shown_instead(town: Town) -> None:
    lin, station, _ = offered(town, money=200)
    charging = town.world.services.charging
    quote = charging.quote(lin.user_id, station.connectors[1].ref, Decimal(20))
    charging.start(lin.user_id, quote.id, f"quote:{quote.id}")
    answer = lin.says("充电")
    assert answer.startswith("您已有正在进行的充电")
    assert "⏳ 正在启动…" in answer
    assert [one.quote.id for one in lin.sessions] == [quote.id]


@pytest.mark.parametrize("second", ["asked about", "refused", "not fetched"])
def test_another_code_ends_the_offer_before_it(town: Town, second: str) -> None:
    lin, station, _ = offered(town)
    town.world.services.whereabouts.forget(lin.user_id)
    match second:
        case "asked about":
            assert "最后四位" in lin.scans(label(station, 1))
        case "refused":
            lin.scans("wxp://f2f0abc")
        case _:
            assert "没能取到您的照片" in lin.does("photo", town.wechat.photo(lin.openid, "never-was"))
    lin.says("充电")
    assert lin.sessions == []
