"""Which gun it is, in WeChat: pictures, the menu's scanner, typed numbers, what the shield asks and is answered."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.geo import Datum, Point
from core.ports import CaseKind
from core.scan import ScanSource, ScanState
from core.station import Connector, ConnectorRef, ConnectorStatus, Plug
from core.user import ConsentPurpose
from tests.bots.wechat.conftest import Start
from tests.bots.wechat.pretend import Driver
from tests.bots.wechat.town import Town, label
from tests.world import HERE

DOWN_THE_ROAD, FAR_AWAY = Point(22.5480, 114.0580), Point(22.9000, 114.0580)
OFFER = "👉 插好枪，回复“充电”开始（冻结"


# --- the picture --------------------------------------------------------------------------------------------------


def test_a_picture_is_read_and_its_number_kept(town: Town) -> None:
    lin = town.driver(money=100)
    lin.stands_at()
    assert OFFER in lin.photographs(label(town.station()))
    assert (lin.scan.source, lin.scan.photo_ref in town.api.pictures) == (ScanSource.PHOTO, True)


def test_when_the_pictures_host_is_away_the_api_hands_it_over(town: Town) -> None:
    lin = town.driver()
    town.api.host_is_away = True
    try:
        assert "最后四位" in lin.photographs(label(town.station()))
    finally:
        town.api.host_is_away = False


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/mmbiz_jpg/x/0",
        "https://evil.example/x.jpg",
        "https://qpic.cn.evil.example/x.jpg",
        "https://evilqpic.cn/x.jpg",
        "https://me@mmbiz.qpic.cn/x.jpg",
        "file:///etc/passwd",
        "http://[::1",
        "",
    ],
)
def test_no_other_address_is_followed(town: Town, url: str) -> None:
    lin, before = town.driver(), len(town.api.calls)
    assert "没能取到您的照片" in lin.gets(town.wechat.photo(lin.openid, "gone", url))
    asked = [call.path for call in town.api.calls[before:]]
    assert set(asked) <= {"/cgi-bin/stable_token", "/cgi-bin/media/get"}


@pytest.mark.parametrize(
    "answer",
    [(302, b"http://127.0.0.1:1/"), (500, b""), b"x" * (10 * 1024 * 1024 + 1), {"video_url": "http://x"}],
    ids=["elsewhere", "broken", "too large", "a film"],
)
def test_a_picture_that_cannot_be_had_is_a_sentence(town: Town, answer: object) -> None:
    lin = town.driver()
    paths = ("/mmbiz_jpg/odd/0", "/cgi-bin/media/get")
    town.api.answers |= {paths[0]: [(404, b"")], paths[1]: [answer]}
    if not isinstance(answer, dict):
        town.api.answers[paths[0]] = [answer]
    try:
        assert "没能取到您的照片" in lin.gets(town.wechat.photo(lin.openid, "odd"))
    finally:
        for path in paths:
            del town.api.answers[path]


def test_a_picture_without_a_code_and_one_that_is_none(town: Town) -> None:
    lin = town.driver()
    assert "图里没有找到二维码" in lin.photographs()
    town.api.pictures["text"] = b"this is no picture"
    assert "这不是我们能识别的图片" in lin.gets(town.wechat.photo(lin.openid, "text"))


def test_of_two_guns_in_one_picture_the_driver_says_which(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    lin.stands_at()
    question = lin.photographs("wxp://f2f0somebody", label(station, 0), label(station, 1))
    assert "照片里有几把枪的码。" in question
    second = next(line for line in question.split("\n") if f"{station.external_id[-2:]}-2" in line)
    assert "请回复 1–2" in lin.says("7")
    assert OFFER in lin.says(second[0])
    assert lin.scan.user_id == lin.user_id
    lin.says("充电")
    assert [one.ref for one in lin.sessions] == [station.connectors[1].ref]


# --- the menu's scanner, and typing -------------------------------------------------------------------------------


def test_the_menus_scanner_tells_the_code_once(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    lin.stands_at()
    push = town.wechat.scan_code(lin.openid, label(station))
    assert OFFER in lin.gets(push)
    first = lin.scan
    assert OFFER in lin.gets(push), "the same push again gets the same answer"
    assert lin.scan == first
    assert first.source is ScanSource.CAMERA


def test_a_barcode_comes_with_its_kind_in_front(town: Town) -> None:
    lin, station = town.driver(), town.station()
    number = station.connectors[0].ref.connector_id
    lin.gets(town.wechat.scan_code(lin.openid, f"CODE_128,{number}", "barcode"))
    assert lin.scan.text == number


@pytest.mark.parametrize("words", ["扫码 {}", "扫码{}", "scan {}", "Scan：{}", "枪号 {}", "hlht://{}.FAKE00001/"])
def test_a_number_is_typed(town: Town, words: str) -> None:
    lin, station = town.driver(money=100), town.station()
    lin.stands_at()
    number = station.connectors[0].ref.connector_id
    answer = lin.says(words.format(number))
    assert (lin.scan.source, lin.scan.ref) == (ScanSource.TYPED, station.connectors[0].ref)
    assert OFFER in (lin.says("是") if lin.scan.state is ScanState.ASK_STATION else answer)


def test_after_the_question_for_it_a_number_alone_is_a_guns(town: Town) -> None:
    lin = town.driver()
    assert "扫码 12345678" in lin.says("扫码")
    assert "我们不认识这把枪" in lin.says("A12")
    lin.says("列表")
    lin.stands_at()
    assert "我们不认识这把枪" not in lin.says("A12"), "after a list it is a place again"


# --- the shield ---------------------------------------------------------------------------------------------------


def test_without_a_position_the_last_four_are_asked(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    four = station.connectors[0].ref.connector_id.replace("-", "")[-4:]
    assert "最后四位" in lin.scans(label(station))
    assert "还可以试 2 次" in lin.says("9999")
    assert OFFER in lin.says(f" {four[:2]} {four[2:]} ")


def test_three_wrong_answers_refuse_it(town: Town) -> None:
    lin, station = town.driver(), town.station()
    lin.scans(label(station))
    answers = [lin.says(four) for four in ("0000", "1111", "2222")]
    assert "已连续三次输错" in answers[2]
    assert lin.scan.state is ScanState.REFUSED


def test_a_location_answers_it_too(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    assert "最后四位" in lin.scans(label(station))
    assert OFFER in lin.stands_at()


def test_the_picker_tells_twice_and_is_answered_once(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    lin.scans(label(station))
    gcj = HERE.to(Datum.GCJ02)
    assert OFFER in lin.gets(town.wechat.location_select(lin.openid, gcj.lat, gcj.lng))
    assert lin.stands_at() == ""


def test_the_phones_own_position_counts(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    lin.gets(town.wechat.position(lin.openid, HERE.lat, HERE.lng, precision="5000.0"))
    assert "最后四位" in lin.scans(label(station)), "five kilometres of doubt are no position"
    lin.gets(town.wechat.position(lin.openid, HERE.lat, HERE.lng))
    assert OFFER in lin.says(f"扫码 {label(station)}")


def test_down_the_road_the_station_is_asked(town: Town) -> None:
    lin, station = town.driver(money=100), town.station()
    lin.stands_at(DOWN_THE_ROAD)
    lin.says("隐私")  # asks for a yes as well
    assert f"您在 {station.name} 吗？" in lin.scans(label(station))
    assert OFFER in lin.says("是")
    lin.says("是")
    consents = town.world.services.accounts
    assert not consents.has_consent(lin.user_id, ConsentPurpose.POSITION_HISTORY), "one yes answers one question"


def test_no_is_an_answer_too(town: Town) -> None:
    lin, station = town.driver(), town.station()
    lin.stands_at(DOWN_THE_ROAD)
    lin.scans(label(station))
    assert "那请不要用这个码。" in lin.says("否")
    assert lin.scan.state is ScanState.ASK_STATION
    for words in ("充电", "是"):
        lin.wechat = town.process()
        assert lin.says(words).startswith("您在"), "nothing is offered before a yes to the question"


def test_far_away_it_is_refused_and_can_be_reported(town: Town) -> None:
    lin, station = town.driver(), town.station()
    lin.stands_at(FAR_AWAY)
    refusal = lin.photographs(label(station))
    assert "公里" in refusal
    assert "回复“举报”" in refusal
    for _ in range(2):
        assert "我们会核查这个码" in lin.says("举报 贴纸是新的")
    with town.world.services.database.read() as unit:
        assert unit.scans.photo(lin.scan.id) == town.api.pictures[lin.scan.photo_ref]
        cases = unit.cases.about(CaseKind.STICKER, lin.scan.id)
    assert [one.user_id for one in cases] == [lin.user_id]
    assert lin.scan.report == "贴纸是新的"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wxp://f2f0abcdef", "这是收款码"),
        ("https://qr.alipay.com/fkx0123", "这是收款码"),
        ("https://evil.example/pay", "evil.example"),
        ("javascript:alert(1)", "这个码会在手机上运行程序"),
        ("WIFI:S:x;;", "这是 Wi-Fi 码"),
        ("x" * 3000, "这个码太长"),
    ],
)
def test_what_is_no_guns_code_says_what_it_is(town: Town, text: str, said: str) -> None:
    lin = town.driver()
    answer = lin.scans(text)
    assert said in answer
    assert "回复“举报”" in answer
    assert lin.sessions == []


def test_nothing_to_report(town: Town) -> None:
    assert "请先扫码" in town.driver().says("举报")


# --- which gun, and where else ------------------------------------------------------------------------------------


def test_a_label_at_two_stations_asks_which_and_numbers_mean_guns(town: Town) -> None:
    place = Point(22.6500, 114.1500)
    for name in ("甲站", "乙站"):
        town.world.station(name, place.lat, place.lng, price="1.20", free=2, guns=6)
    other = town.station(place)
    lin = town.driver()
    lin.stands_at(place)
    question = lin.says("扫码 06")
    assert "请回复您的枪前面的序号。" in question
    assert "2. " in question
    assert "没有这个序号的枪" in lin.says("5")
    yes = lin.says("2")
    answer = lin.says("是") if "请回复“是”" in yes else yes
    assert "我们无法启动这把枪" in answer
    assert f"{other.name}</a> · 0 米 · 空闲 2 把" in answer
    assert f"?station={other.id}&" in answer
    lin.says("扫码 06")
    lin.says("列表")
    assert "请回复您的枪前面的序号" not in lin.says("1"), "a list was shown since: the number is its row"


def test_a_piles_code_asks_which_of_its_guns_by_number_or_label(town: Town) -> None:
    place = Point(22.9500, 114.4500)
    pile = town.station(place, guns=0, name="云快充" + "长名字" * 12)
    refs = [ConnectorRef("MA1MY0GF9", f"320106002081{town.wechat.serial % 90 + 10}{n:02d}") for n in range(1, 25)]
    guns = tuple(
        Connector(ref, plug=Plug.GBT_DC, power_kw=Decimal(60), label=f"{n:02d}")
        for ref, n in zip(refs, range(24, 0, -1), strict=True)
    )
    town.opens(pile, *guns)
    code = f"http://www.ykccn.com/MPAGE/index.html?pNum={refs[0].connector_id[:14]}"
    first, second = town.driver(money=100), town.driver(money=100)
    for lin in (first, second):
        lin.stands_at(place)
        question = lin.scans(code)
        assert "请回复您的枪前面的序号。" in question
        assert "\n24. 01 号枪" in question, "all of them find room"
    assert OFFER in first.says("3")
    assert OFFER in second.says("03")
    assert (first.scan.ref, second.scan.ref) == (refs[2], refs[21]), "03 is what stands on the gun"


@pytest.mark.parametrize(
    ("status", "said"), [(ConnectorStatus.CHARGING, "这把枪正在使用"), (ConnectorStatus.FAULT, "这把枪故障")]
)
def test_a_gun_that_will_not_do_names_others(town: Town, status: ConnectorStatus, said: str) -> None:
    place = Point(22.7500, 114.2500)
    station, others = town.station(place), [town.station(place, name="近邻站") for _ in range(2)]
    town.sets(station, status)
    lin = town.driver(money=100)
    lin.stands_at(place)
    answer = lin.scans(label(station))
    assert said in answer
    assert answer.count("近邻站") >= len(others)
    assert lin.sessions == []


def test_where_no_pictures_are_read_the_scanner_is_named(start: Start) -> None:
    lin = Driver(start())
    assert lin.gets(lin.wechat.photo(lin.openid, "m")) == "点下方“扫码充电”，或输入枪上的编号，例如“扫码 12345678”。"
