"""Watches in WeChat, message by message, over encrypted HTTP."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from bots.wechat.account import Visitor
from bots.wechat.held import Held
from core.prices.watching import Rule
from core.station import Station
from core.user import Channel, Identity
from core.watch import Area, StandingWatch
from core.wishes import Filters
from tests.bots.wechat.pretend import LIN, WEI, Driver, Platform
from tests.world import World

LOTUS = "莲花路充电站"


@pytest.fixture
def lin(wechat: Platform, world: World) -> Driver:
    world.services.prices.boundaries()
    return Driver(wechat)


def user_id(world: World, openid: str = LIN) -> str:
    return world.services.accounts.greet(Identity(Channel.WECHAT, openid), "zh-CN").user.id


def mine(world: World, openid: str = LIN) -> list[StandingWatch]:
    return [one.watch for one in world.services.watches.mine(user_id(world, openid))]


def opens(driver: Driver, name: str = LOTUS) -> None:
    """The card of a station, from the list."""
    found = re.search(rf"^(\d)\. .*{name}", driver.sends_location(), re.MULTILINE)
    assert found, name
    assert driver.says(found[1]).startswith(name)


def costs(world: World, price: str, service: str = "0.10") -> None:
    world.clock.advance(seconds=30)
    world.station(LOTUS, 22.5412, 114.0583, price=price, service=service, free=3, guns=5)
    world.services.prices.boundaries()


# --- setting --------------------------------------------------------------------------------------------------


def test_two_answers_set_a_watch_on_the_station_just_shown(lin: Driver, world: World) -> None:
    opens(lin)
    offered = lin.says("提醒")
    assert "现价 ¥1.50/度" in offered
    assert "1. 降到 ¥1.15/度" in offered
    assert "4. 有空闲枪" in offered
    answer = lin.says("1")
    [one] = mine(world)
    assert (one.rule, one.amount, one.origin is not None) == (Rule.BELOW, Decimal("1.15"), True)
    assert f"停 {one.id}" in answer
    # Honest about what WeChat lets us do.
    assert "两天" in answer
    assert "暂存" in answer
    # The number now means a row of the list again.
    assert lin.says("1") != answer


@pytest.mark.parametrize(
    ("typed", "rule", "amount"),
    [
        ("¥0.95", Rule.BELOW, "0.95"),
        ("０．９５", Rule.BELOW, "0.95"),
        ("1.2元/度", Rule.BELOW, "1.2"),
        ("15%", Rule.BELOW_USUAL, "15"),
        ("2", Rule.BELOW_USUAL, "10"),
        ("3。", Rule.LOWEST, "30"),
    ],
)
def test_a_number_or_a_price_of_ones_own(lin: Driver, world: World, typed: str, rule: Rule, amount: str) -> None:
    opens(lin)
    lin.says("watch")
    lin.says(typed)
    assert [(one.rule, one.amount) for one in mine(world)] == [(rule, Decimal(amount))]


def test_what_is_no_wish_means_what_it_always_means(lin: Driver, world: World) -> None:
    opens(lin)
    lin.says("提醒")
    assert "无法" in lin.says("99元"), "no price that a charger has"
    assert "40 度" in lin.says("40度")
    listed = lin.says("40")
    assert "40 度" in listed
    assert mine(world) == []
    assert lin.says("1").splitlines()[0] in {one.name for one in world.source.items if isinstance(one, Station)}
    first = re.search(r"^1\. <a [^>]*>([^<]+)</a>", listed, re.MULTILINE)
    assert first
    assert lin.says("1").startswith(first[1])
    assert mine(world) == []


def test_another_kind_of_guns_is_asked_about_anew(lin: Driver, world: World) -> None:
    station = world.source.items[0]
    assert isinstance(station, Station)
    slow = replace(station.connectors[0], power_kw=Decimal(7))
    slow = replace(slow, ref=replace(slow.ref, connector_id="slow"))
    mixed = replace(station, connectors=(*station.connectors, slow))
    with world.services.database.write() as unit:
        unit.catalogue.save_stations([mixed], world.clock.now())
    world.services.index.refresh()
    world.services.prices.boundaries()
    opens(lin)
    assert "5. 其他枪：国标直流 · 7 kW" in lin.says("提醒")
    assert "国标直流 · 7 kW" in lin.says("5").splitlines()[1]
    assert "7 kW" in lin.says("1")
    assert [one.place.power_kw for one in mine(world)] == [Decimal(7)]  # type: ignore[union-attr]  # it is on a station


def test_a_free_gun_takes_one_answer_and_says_where_one_is_meanwhile(lin: Driver, world: World) -> None:
    opens(lin, "会展中心站")
    answer = lin.says("等枪")
    assert [one.rule for one in mine(world)] == [Rule.GUN_FREE]
    assert "现在没有空闲枪" in answer
    assert "现在有空枪：莲花路充电站" in answer


def test_an_area_is_watched_as_wide_as_the_list_and_by_the_filters(lin: Driver, world: World) -> None:
    def wants_power(user):  # type: ignore[no-untyped-def]  # User to User
        return replace(user, filters=Filters(min_power_kw=Decimal(100), open_now=True))

    world.services.accounts.change(user_id(world), wants_power)
    lin.sends_location()
    offered = lin.says("周边提醒")
    assert "周边 5 公里" in offered
    assert "现在最低 ¥0.90/度" in offered
    assert "其余不计" in offered
    lin.says("1")
    [one] = mine(world)
    assert isinstance(one.place, Area)
    assert (one.rule, one.amount, one.currency) == (Rule.BELOW, Decimal("0.85"), "CNY")
    assert one.place.needs.min_power_kw == Decimal(100)


def test_without_a_station_or_a_list_it_is_said_what_comes_first(lin: Driver, world: World) -> None:
    assert "编号" in lin.says("提醒")
    assert "编号" in lin.says("free gun")
    assert "找桩" in lin.says("watch here")
    assert mine(world) == []


# --- handling -------------------------------------------------------------------------------------------------


def watches(world: World, openid: str = LIN, amount: str = "1.20") -> int:
    station = world.source.items[0]
    assert isinstance(station, Station)
    made = world.services.watches.watch_station(user_id(world, openid), station.id, Rule.BELOW, Decimal(amount))
    return made.watch.id


def test_a_watch_is_handled_by_its_number(lin: Driver, world: World) -> None:
    one, other = watches(world), watches(world, WEI)
    listed = lin.says("我的提醒")
    assert f"🔔 {one}. 莲花路充电站 · 国标直流 · 120 kW：降到 ¥1.20/度" in listed
    assert "现价 ¥1.50/度" in listed
    assert "静音至 明天 12:00" in lin.says(f"静音{one}")
    assert f"💤 {one}." in lin.says("watches")
    assert "静音" not in lin.says(f"恢复 {one}")
    assert lin.says(f"看 {one}").splitlines()[2] == LOTUS
    # The station was shown: it is what "watch" is about.
    assert "现价 ¥1.50/度" in lin.says("提醒")
    assert f"续期 {one}" in lin.says(f"停 {one}")
    assert mine(world) == []
    assert "2027-05-22" in lin.says(f"续期 {one}")
    assert [watch.id for watch in mine(world)] == [one]
    # Somebody else's is none of theirs.
    for word in ("停", "看", "静音", "续期"):
        assert "已不存在" in lin.says(f"{word} {other}")
    assert [watch.id for watch in mine(world, WEI)] == [other]
    assert "已停止 1 条提醒" in lin.says("全部停止")
    assert "没有需要停止的" in lin.says("stop all")
    assert "还没有提醒" in lin.says("我的提醒")


def test_a_wish_for_hours_is_not_put_to_sleep_for_a_day(lin: Driver, world: World) -> None:
    watches(world)
    with world.services.database.write() as unit:
        gun = unit.watches.add(replace(mine(world)[0], id=0, rule=Rule.GUN_FREE, amount=Decimal(0)))
    assert "自动结束" in lin.says(f"静音 {gun.id}")
    assert world.services.watches.one(gun.user_id, gun.id).muted_until is None


def test_without_a_number_the_only_one_is_meant(lin: Driver, world: World) -> None:
    watches(world)
    assert "静音至" in lin.says("静音")
    with world.services.database.write() as unit:
        one = mine(world)[0]
        unit.watches.add(replace(one, id=0, rule=Rule.LOWEST, amount=Decimal(30)))
    assert "哪一条" in lin.says("停")
    assert len(mine(world)) == 2


def test_a_long_list_fits_one_message_and_names_the_rest(lin: Driver, world: World) -> None:
    watches(world)
    with world.services.database.write() as unit:
        one = mine(world)[0]
        for n in range(20):
            unit.watches.add(replace(one, id=0, rule=Rule.LOWEST, amount=Decimal(n + 2), label="很长的名字" * 10))
    listed = lin.says("我的提醒")
    assert len(listed.encode()) <= 1548
    assert listed.count("🔔") + len(re.findall(r"条：(.*)", listed)[0].split(",")) == 21


def test_an_area_is_shown_as_the_list_around_it(lin: Driver, world: World) -> None:
    lin.sends_location()
    lin.says("周边提醒")
    lin.says("1")
    lin.says("附近")
    [one] = mine(world)
    assert "个充电站" in lin.says(f"看 {one.id}")
    # It has spoken of one of them: that is the one to be shown.
    for price in ("1.00", "0.70"):
        costs(world, price)
    assert lin.says(f"看 {one.id}").splitlines()[2] == LOTUS


# --- what was held --------------------------------------------------------------------------------------------


@pytest.fixture
def held(lin: Driver, world: World) -> Driver:
    """Lin has not written for two days; the price has fallen, and nobody could tell."""
    watches(world)
    world.clock.advance(seconds=2 * 86_400)
    costs(world, "1.05")
    telling = world.services.telling.held(user_id_only(world))
    assert telling is not None
    return lin


def user_id_only(world: World) -> str:
    """Without being greeted, which would be a sign of life."""
    with world.services.database.read() as unit:
        user = unit.users.by_identity(Identity(Channel.WECHAT, LIN))
    assert user is not None
    return user.id


def visiting(world: World) -> Visitor:
    identity = Identity(Channel.WECHAT, LIN)
    return Visitor(identity, world.services.accounts.greet(identity, "zh-CN").user)


def test_what_was_held_comes_with_the_next_answer_once(held: Driver, world: World) -> None:
    answer = held.says("钱包")
    first, line = answer.splitlines()[:2]
    assert "之前没能通知您" in first
    assert LOTUS in line
    assert "¥1.15/度" in line
    assert re.search(r"看 \d+", line)
    assert "余额" in answer
    assert "之前没能通知您" not in held.says("钱包")


def test_what_is_no_longer_true_is_not_shown(held: Driver, world: World) -> None:
    costs(world, "1.50")
    assert "之前没能通知您" not in held.says("钱包")


def test_who_asked_for_silence_is_not_told_beside(held: Driver, world: World) -> None:
    world.services.accounts.change(user_id_only(world), lambda user: replace(user, stopped=True))
    assert "之前没能通知您" not in held.says("钱包")


def test_an_answer_without_room_says_only_that_something_waits(held: Driver, world: World) -> None:
    talk, visitor = Held(world.services), visiting(world)
    assert talk.beside(visitor, "长" * 682) == "长" * 682
    assert talk.beside(visitor, "长" * 660).startswith("🔔 有 1 条提醒")
    # Neither was the telling of it.
    assert "之前没能通知您" in talk.beside(visitor, "短")


def test_what_takes_too_long_is_left_out(held: Driver, world: World) -> None:
    assert Held(world.services, patience_s=0).beside(visiting(world), "短") == "短"
