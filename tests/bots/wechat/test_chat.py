"""What a driver reads, message by message, over encrypted HTTP."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from bots.wechat.menu import menu
from bots.wechat.words import CLICKS
from core.geo import Point, distance_m
from core.station import Facility, Parking
from core.user import Channel, ConsentPurpose, Identity, User
from core.wishes import Filters, Mode, Wishes
from tests.bots.wechat.conftest import Start
from tests.bots.wechat.pretend import GCJ, LIN, WEI, Driver, Platform, tag
from tests.world import HERE, World

ROW = re.compile(r"^(\d)\. (?:<a href=\"([^\"]+)\">)?(.+?)(?:</a>)?$", re.MULTILINE)


def rows(text: str) -> list[str]:
    return [row[2] for row in ROW.findall(text)]


def links(text: str) -> list[str]:
    return re.findall(r'<a href="([^"]+)">', text)


@pytest.fixture
def lin(wechat: Platform) -> Driver:
    return Driver(wechat)


def account(world: World, openid: str = LIN) -> User:
    return world.services.accounts.greet(Identity(Channel.WECHAT, openid), "zh-CN").user


class TestList:
    def test_a_location_gives_a_list_that_says_everything(self, lin: Driver) -> None:
        text = lin.sends_location()
        assert 3 <= len(rows(text)) <= 5
        row = text.split("\n\n")[1 + rows(text).index("莲花路充电站")]
        assert "Lotus · 40 米 · 空闲 3/5" in row
        assert "充 30 度约 ¥45.00（¥1.50/度）" in row
        assert "电费 ¥30.00 + 服务费 ¥15.00" in row
        assert "20:00 起 ¥1.10/度" in row
        assert "→ " in row
        assert "数据：Testing Power, open data" in text

    def test_a_location_message_is_gcj02(self, lin: Driver) -> None:
        """The map picker is Tencent's. Read as WGS-84 the driver would stand 600 m away."""
        there = links(lin.sends_location())[0]
        lat, lng = re.findall(r"(?:lat|lng)=([0-9.]+)", there)
        assert distance_m(Point(float(lat), float(lng)), HERE) < 2

    def test_each_row_links_to_its_station_on_the_page(self, lin: Driver, world: World) -> None:
        text = lin.sends_location()
        ids = [url.split("station=")[1].split("&")[0] for url in links(text) if "station=" in url]
        assert [world.services.index.get(one).name for one in ids] == rows(text)  # type: ignore[union-attr]
        assert links(text)[0].startswith("https://kilowatch.example/?station=")
        assert links(text)[0].endswith("&lang=zh-CN")
        assert any("sort=recommended" in url and "kwh=30" in url for url in links(text))

    def test_without_a_public_address_there_are_no_links(self, world: World, start: Start) -> None:
        world.services = replace(world.services, public_url="")
        text = Driver(start()).sends_location()
        assert links(text) == []
        assert len(rows(text)) == 5

    def test_unknown_price_is_said_and_not_zero(self, lin: Driver) -> None:
        text = lin.sends_location() + lin.says("更多")
        assert "价格未知：运营商未公布" in text

    def test_age_of_the_guns_state(self, lin: Driver, world: World) -> None:
        world.clock.advance(minutes=7)
        assert "7 分钟前" in lin.sends_location()

    def test_location_select_gives_the_same_list(self, wechat: Platform) -> None:
        by_message = Driver(wechat).sends_location()
        by_menu = Driver(wechat, WEI).gets(wechat.location_select(WEI, GCJ.lat, GCJ.lng))
        assert rows(by_menu) == rows(by_message)

    def test_the_picker_tells_twice_and_is_answered_once(self, lin: Driver, world: World) -> None:
        assert rows(lin.gets(lin.wechat.location_select(LIN, GCJ.lat, GCJ.lng)))
        world.clock.advance(seconds=1)
        assert lin.sends_location() == ""
        assert rows(lin.sends_location(GCJ.lat + 0.01)), "another place is another search"
        world.clock.advance(seconds=30)
        assert rows(lin.sends_location()), "and so is the same place a while later"

    def test_nothing_near(self, lin: Driver) -> None:
        assert "没有站点，最近的在" in lin.sends_location(39.9, 116.4)


class TestWords:
    def test_pages_show_every_station_once(self, lin: Driver) -> None:
        first = lin.sends_location()
        seen = rows(first)
        while "更多" in first:
            first = lin.says("下一页")
            seen += rows(first)
        assert sorted(seen) == sorted(
            ["莲花路充电站", "会展中心站", "市民广场站", "岗厦北站", "香蜜湖站", "车公庙站"]
        )
        assert "已经到底了" in lin.says("more")

    @pytest.mark.parametrize(
        ("word", "first"),
        [("价格", "车公庙站"), ("distance", "莲花路充电站"), ("空闲", "车公庙站"), ("功率", "车公庙站")],
    )
    def test_sorting(self, lin: Driver, word: str, first: str) -> None:
        lin.sends_location()
        assert rows(lin.says(word))[0] == first

    def test_sort_stays_while_paging(self, lin: Driver) -> None:
        lin.sends_location()
        lin.says("距离")
        assert "距离" in lin.says("更多").split("\n")[0]

    def test_a_number_opens_the_station_of_that_row(self, lin: Driver) -> None:
        listed = rows(lin.sends_location())
        text = lin.says("２")  # as a Chinese keyboard types it
        assert text.split("\n")[0] == listed[1]
        assert "· 01 国标直流" in text
        assert "24 小时营业" in text
        assert any("uri.amap.com" in url for url in links(text))

    def test_other_suppliers_of_the_place_are_named_with_their_prices(self, lin: Driver, world: World) -> None:
        lotus = next(o.station for o in world.services.finder.near(HERE, Wishes()).offers if "莲花" in o.station.name)
        long = "<a href='x'>" + "很" * 300
        for name, price in (("贵充", "3.00"), ("不标价", None), (long, "2.00")):
            world.sold_also(lotus, name, price)
        shown = rows(lin.sends_location())
        number = str(shown.index("莲花路充电站") + 1)
        text = lin.says(number)
        cut = "＜a href='x'＞" + "很" * 27 + "…"
        assert [line for line in text.splitlines() if "也可由" in line] == [
            f"也可由 {cut} 提供：充 30 度约 ¥60.00",
            "也可由 贵充 提供：充 30 度约 ¥90.00",
        ]
        lin.says("English")
        lin.sends_location()
        assert "Also sold by 贵充: ¥90.00 for 30 kWh" in lin.says(number)

    def test_numbers_mean_the_list_last_shown(self, lin: Driver) -> None:
        lin.sends_location()
        second = rows(lin.says("更多"))
        assert lin.says("1").split("\n")[0] == second[0]
        assert "列表只有" in lin.says("5")

    def test_energy_and_hurry_are_kept_and_show_a_fresh_list(self, lin: Driver, world: World) -> None:
        lin.sends_location()
        assert "充 40 度约" in lin.says("40度")
        assert "赶时间" in lin.says("赶时间").split("\n")[0]
        assert (account(world).energy_kwh, account(world).mode) == (Decimal(40), Mode.HURRY)

    @pytest.mark.parametrize(
        ("words", "kwh"), [("30 kWh", 30), ("25.5度", Decimal("25.5")), ("60", 60), ("45 千瓦时", 45)]
    )
    def test_ways_to_say_energy(self, lin: Driver, world: World, words: str, kwh: Decimal) -> None:
        assert "已记住" in lin.says(words)
        assert account(world).energy_kwh == kwh

    def test_impossible_energy(self, lin: Driver, world: World) -> None:
        assert "请选择 1 到 200 度之间" in lin.says("500度")
        assert "请选择 1 到 200 度之间" in lin.says("0")
        assert account(world).energy_kwh == 30

    def test_the_two_questions_are_put_once(self, lin: Driver) -> None:
        assert "每次充多少度、赶时间吗" in lin.sends_location()
        assert "每次充多少度、赶时间吗" not in lin.says("价格")

    def test_a_typed_place_and_typed_coordinates(self, lin: Driver) -> None:
        assert "莲花路 附近" in lin.says("莲花路")
        assert rows(lin.says("22.5410，114.0580"))
        assert "没有找到“不存在的地方”" in lin.says("不存在的地方")
        assert "写反了" in lin.says("114.0580, 22.5410")

    @pytest.mark.parametrize("word", ["更多", "价格", "3", "附近", "列表"])
    def test_without_a_search_we_ask_where_in_one_sentence(self, lin: Driver, word: str) -> None:
        assert lin.says(word) == "请先发送位置：点下方“找桩”，或输入地名。"

    def test_a_search_is_forgotten_after_a_quarter_of_an_hour(self, lin: Driver, world: World) -> None:
        lin.sends_location()
        world.clock.advance(minutes=14)
        assert rows(lin.says("价格"))
        world.clock.advance(minutes=16)
        assert lin.says("距离") == "请先发送位置：点下方“找桩”，或输入地名。"

    def test_a_restart_forgets_searches_and_keeps_the_rest(self, lin: Driver, start: Start) -> None:
        lin.sends_location()
        lin.says("40度")
        lin.wechat.url = start().url
        assert lin.says("2") == "请先发送位置：点下方“找桩”，或输入地名。"
        assert "充 40 度约" in lin.sends_location()

    def test_two_drivers_do_not_mix(self, lin: Driver) -> None:
        lin.sends_location()
        assert Driver(lin.wechat, WEI).says("1") == "请先发送位置：点下方“找桩”，或输入地名。"

    def test_filters_kept_elsewhere_are_said_and_can_be_cleared(self, lin: Driver, world: World) -> None:
        nothing = Filters(facilities=frozenset({Facility.CAR_WASH}))
        world.services.accounts.change(account(world).id, lambda user: replace(user, filters=nothing))
        text = lin.sends_location()
        assert "没有符合筛选条件的站点" in text
        assert "清除筛选" in text
        assert rows(lin.says("清除筛选"))


class TestPosition:
    def test_it_is_only_acknowledged_then_used_by_nearby(self, lin: Driver, world: World) -> None:
        assert lin.wechat.push(lin.wechat.position(LIN, HERE.lat, HERE.lng)).raw == "success"
        assert world.services.inbox.counts() == {}
        text = lin.says("附近")
        assert "莲花路充电站" in rows(text)
        assert "Lotus · 40 米" in text

    def test_it_is_forgotten(self, lin: Driver, world: World) -> None:
        lin.wechat.push(lin.wechat.position(LIN, HERE.lat, HERE.lng))
        world.clock.advance(minutes=16)
        assert lin.says("附近") == "请先发送位置：点下方“找桩”，或输入地名。"

    def test_it_is_never_kept_even_with_consent(self, lin: Driver, world: World) -> None:
        world.services.accounts.consent(account(world).id, ConsentPurpose.POSITION_HISTORY, granted=True)
        lin.wechat.push(lin.wechat.position(LIN, HERE.lat, HERE.lng))
        assert rows(lin.says("附近"))
        assert kept_searches(world) == 0

    def test_impossible_ones_are_acknowledged_too(self, lin: Driver) -> None:
        for lat, lng in ((1e9, 0), ("nan", "nan"), (114.05, 22.54)):
            assert lin.wechat.push(lin.wechat.position(LIN, lat, lng)).raw == "success"
        assert lin.says("附近") == "请先发送位置：点下方“找桩”，或输入地名。"


def kept_searches(world: World) -> int:
    with world.services.database.engine.connect() as db:  # type: ignore[attr-defined]
        table = "search_cells"
        names = [row[0] for row in db.exec_driver_sql("select name from sqlite_master where type = 'table'")]
        table = next(name for name in names if "search" in name)
        return int(db.exec_driver_sql(f"select count(*) from {table}").scalar_one())


class TestAccount:
    def test_following_is_welcomed_in_three_lines(self, lin: Driver, world: World) -> None:
        for key in ("", "qrscene_12"):
            text = lin.gets(lin.wechat.event(LIN, "subscribe", tag("EventKey", key), tag("Ticket", "t")))
            assert len(text.split("\n")) == 3
            assert "找桩" in text
            world.clock.advance(seconds=1)

    def test_leaving_makes_unreachable_and_writing_undoes_it(self, lin: Driver, world: World) -> None:
        lin.says("帮助")
        assert lin.wechat.push(lin.wechat.event(LIN, "unsubscribe")).raw == "success"
        with world.services.database.read() as unit:
            left = unit.users.by_identity(Identity(Channel.WECHAT, LIN))
        assert left is not None
        assert not left.reachable
        lin.says("帮助")
        assert account(world).reachable

    def test_a_stranger_leaving_is_nobody(self, lin: Driver) -> None:
        assert lin.wechat.push(lin.wechat.event(WEI, "unsubscribe")).raw == "success"

    def test_language(self, lin: Driver) -> None:
        assert lin.says("English").startswith("We speak English now")
        text = lin.sends_location()
        assert "¥45.00 for 30 kWh (¥1.50/kWh)" in text
        assert "Lotus · 40 m · 3 of 5 free" in text
        assert lin.says("语言").startswith("已切换为中文")
        assert lin.says("中文").startswith("已切换为中文")

    def test_consent_needs_the_question_first(self, lin: Driver, world: World) -> None:
        user = account(world)
        lin.sends_location()
        assert kept_searches(world) == 0
        assert "1 公里方格" in lin.says("同意"), "a yes to nothing puts the question"
        assert not world.services.accounts.has_consent(user.id, ConsentPurpose.POSITION_HISTORY)
        assert "谢谢" in lin.says("同意")
        assert world.services.accounts.has_consent(user.id, ConsentPurpose.POSITION_HISTORY)
        lin.sends_location()
        assert kept_searches(world) == 1

    def test_who_agreed_can_search_their_last_area_again(self, lin: Driver, world: World) -> None:
        lin.says("隐私")
        lin.says("同意")
        lin.sends_location()
        world.clock.advance(minutes=20)  # the last search is forgotten by now, the square is not
        assert "上次查找的区域" in lin.says("附近").split("\n")[0]
        lin.says("不同意")
        world.clock.advance(minutes=20)
        assert "请先发送位置" in lin.says("附近")

    def test_consent_is_withdrawn_at_any_time(self, lin: Driver, world: World) -> None:
        lin.says("隐私")
        lin.says("yes")
        lin.sends_location()
        assert "目前：保存" in lin.says("privacy")
        assert "不保存任何查找记录" in lin.says("不同意")
        assert kept_searches(world) == 0
        assert not world.services.accounts.has_consent(account(world).id, ConsentPurpose.POSITION_HISTORY)

    def test_an_old_question_is_no_consent(self, lin: Driver, world: World) -> None:
        lin.says("隐私")
        world.clock.advance(minutes=16)
        lin.says("同意")
        assert not world.services.accounts.has_consent(account(world).id, ConsentPurpose.POSITION_HISTORY)

    def test_stop_and_start(self, lin: Driver, world: World) -> None:
        assert "不再主动发消息" in lin.says("停止")
        assert account(world).stopped
        assert "主动通知已关闭" in lin.says("设置")
        assert rows(lin.sends_location()), "what is asked is still answered"
        lin.says("开始")
        assert not account(world).stopped

    @pytest.mark.parametrize("button", ["settings", "profile", "language", "help", "list", "gone-since-last-year"])
    def test_every_button_gets_an_answer(self, lin: Driver, button: str) -> None:
        assert lin.clicks(button)

    def test_the_menu_sends_only_keys_we_know(self) -> None:
        buttons = [
            one for button in menu("https://k.example")["button"] for one in button.get("sub_button", [button])
        ]
        assert {one["key"] for one in buttons if one["type"] == "click"} <= set(CLICKS)

    @pytest.mark.parametrize("kind", ["voice", "video", "link", "miniprogrampage"])
    def test_what_we_cannot_read(self, lin: Driver, kind: str) -> None:
        assert "目前支持文字、枪码照片和位置消息" in lin.gets(lin.wechat.message(LIN, kind, tag("MediaId", "m")))

    def test_text_without_text(self, lin: Driver) -> None:
        assert "发送位置" in lin.says("")
        assert "发送位置" in lin.says("   ")


HOSTILE = '<a href="http://evil.example">免费</a>]]>\x1b\u202e&lt;a&gt; http://evil.example\n9. 假站 ' + "长" * 400


class TestHostileSuppliers:
    def test_markup_links_and_length_stay_harmless(self, lin: Driver, world: World) -> None:
        world.station(
            HOSTILE[:120], 22.5411, 114.0581, price="1.00", operator=HOSTILE, parking=Parking(None, HOSTILE)
        )
        world.station("只有文字价格", 22.5411, 114.0582, price_text=HOSTILE)
        text = lin.sends_location() + lin.says("距离")
        for number in range(1, len(rows(text)) + 1):
            text += lin.says(str(number))
        assert "免费" in text
        assert all(url.startswith(("https://kilowatch.example/", "https://uri.amap.com/", "https://api.map.baidu.com/"))
                   for url in links(text))  # fmt: skip
        assert "http://" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\n9. " not in text

    def test_what_the_driver_types_comes_back_harmless(self, lin: Driver) -> None:
        text = lin.says("<a href='http://evil.example'>x</a>]]>")
        assert "<a" not in text
        assert "http://" not in text

    def test_long_texts_lose_whole_rows_and_never_half_a_link(self, lin: Driver, world: World) -> None:
        for n in range(6):
            world.station(f"{n}" + "很长的名字" * 20, 22.5410 + n / 10_000, 114.0580, price="1.00", service="0.80",
                          evening="0.50", free=2, operator="运营商" * 20)  # fmt: skip
        text = lin.says("English") and lin.sends_location()
        assert 3 <= len(rows(text)) <= 5
        assert text.count("<a ") == text.count("</a>")
        assert len(text.encode()) <= 2048
        shown = rows(text)
        assert not set(rows(lin.says("more"))) & set(shown)
