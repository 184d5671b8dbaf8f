"""What an alert says, in both languages, before any chat puts it into its own form."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bots.alerts import FIELD_MAX, MOST_IN_FULL, Fields, fields, words
from bots.wording import wording
from core.prices.watching import Rule
from core.ranking import FreeGuns
from tests.bots.told import HOSTILE, PRICE, WORK, alerts, gun_alert, price_alert, watch
from tests.world import NOW

EN, ZH = wording("en"), wording("zh-CN")


def lines(language: str, *several: object, **more: int) -> list[str]:
    told = words(wording(language), alerts(*several, **more))  # type: ignore[arg-type]  # what a test says
    return [line for block in told.blocks for line in (block.head, *block.lines)] + list(told.rest)


def test_a_price_is_told_with_all_that_decides() -> None:
    assert lines("en", price_alert()) == [
        "Lotus Road ¥0.80/kWh (was ¥1.20)",
        "energy ¥0.50 + service ¥0.30",
        "32 % below the usual ¥1.18 of this hour",
        "3 of 8 guns free · lasts until 22:00",
        "1.2 km from your search · seen 1 min ago",
        "GB/T DC · 120 kW",
        "Your watch: ¥0.95/kWh or less",
    ]
    assert lines("zh-CN", price_alert("莲花路")) == [
        "莲花路 ¥0.80/度（原 ¥1.20）",
        "电费 ¥0.50 + 服务费 ¥0.30",
        "该时段平时 ¥1.18，现低 32%",
        "空闲枪 3/8 · 此价至 22:00",
        "距您查找处 1.2 公里 · 1 分钟前核对",
        "国标直流 · 120 kW",
        "您的提醒：降到 ¥0.95/度",
    ]


def test_what_nobody_knows_is_left_out_or_said_to_be_unknown() -> None:
    bare = replace(PRICE, before=None, service=None, usual=None, until=None)
    told = lines("en", price_alert(price=bare, distance_m=None, guns=FreeGuns(8, None, None, None)))
    assert told[:3] == ["Lotus Road ¥0.80/kWh", "free guns unknown · no rise within 24 h", "seen 1 min ago"]


def test_no_distance_is_said_that_is_finer_than_what_we_keep() -> None:
    assert not any("from your search" in line for line in lines("en", price_alert(distance_m=40.0)))
    assert any("300 m from your search" in line for line in lines("en", price_alert(distance_m=300.0)))


def test_a_price_that_is_older_than_the_guns_says_so() -> None:
    old = replace(PRICE, seen_at=NOW - timedelta(hours=3), usual=Decimal("0.80"))
    told = lines("en", price_alert(price=old))
    assert told[2] == "usually ¥0.80 at this hour"
    assert told[4].endswith("price seen 3 h ago, guns 1 min ago")


def test_an_area_names_itself_and_what_else_is_cheap_there() -> None:
    area = replace(watch(Rule.BELOW_USUAL, "10", place=WORK), label="Work")
    told = lines("en", price_alert(watch=area, rule=Rule.BELOW_USUAL, also=2))
    assert told[4].startswith("1.2 km from Work · ")
    assert told[5:] == [
        "GB/T DC · 120 kW · 2 more stations there have low prices too",
        "Your watch: Around Work, 2 km: 10 % below the usual price of the hour",
    ]


def test_a_free_gun_is_told_with_where_else_to_go() -> None:
    assert lines("en", gun_alert()) == [
        "Lotus Road: 2 of 8 guns free",
        "GB/T DC · 120 kW · ¥0.80/kWh",
        "1.2 km from your search · seen 1 min ago",
        "Taken when you come? Harbour (800 m, 3 free)",
    ]
    assert lines("zh-CN", gun_alert())[0] == "Lotus Road：空闲 2/8"


def test_five_are_told_in_full_and_the_others_counted() -> None:
    seven = [price_alert(f"Station {n}", number=n) for n in range(7)]
    told = words(EN, alerts(*seven, uncertain=1))
    assert [block.alert.station.name for block in told.blocks] == [f"Station {n}" for n in range(MOST_IN_FULL)]
    assert told.rest == (
        "and 2 more: look at your watches",
        "1 earlier alert may not have reached you.",
    )
    assert words(ZH, alerts(*seven, uncertain=2)).rest == (
        "还有 2 条，请看您的提醒列表",
        "此前有 2 条提醒可能没有送达。",
    )


def test_titles_fit_wechats_fields() -> None:
    drop, gun = price_alert(), gun_alert()
    dear = price_alert(price=replace(PRICE, price=Decimal("1234567.8912"), currency="KRW"))
    for several in ([drop], [gun], [drop, drop], [drop, gun], [dear]):
        for say in (EN, ZH):
            assert 0 < len(words(say, alerts(*several)).title) <= FIELD_MAX
    assert words(EN, alerts(drop)).title == "Price drop: ¥0.80"
    assert words(EN, alerts(drop, drop)).title == "2 price drops"
    assert words(EN, alerts(drop, gun)).title == "2 alerts"


def test_the_fields_of_a_leave() -> None:
    assert fields(EN, alerts(price_alert())) == Fields("Lotus Road", "¥0.80", "¥1.20", "lasts until 22:00")
    no_before = price_alert(price=replace(PRICE, before=None))
    assert fields(ZH, alerts(no_before)) == Fields("Lotus Road", "¥0.80", "¥1.18", "此价至 22:00")
    assert fields(EN, alerts(gun_alert())) == Fields("Lotus Road", "¥0.80", "¥1.20", "2 of 8 guns free")
    assert fields(EN, alerts(replace(gun_alert(), price=None))) is None
    long = fields(ZH, alerts(price_alert(HOSTILE), gun_alert()))
    assert long is not None
    assert (len(long.thing), long.note) == (FIELD_MAX, "2 条提醒")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_hostile_name_stands_on_one_short_line(language: str) -> None:
    for alert in (price_alert(HOSTILE), gun_alert(HOSTILE)):
        for line in lines(language, alert):
            assert len(line) < 120
            assert not set(line) & set("\n\r\x07\u202e\u202c")


def test_a_third_place_is_shown_only_where_nothing_else_tells_two_prices_apart() -> None:
    odd = replace(PRICE, price=Decimal("0.7951"), service=Decimal("0.3"), before=Decimal("1.2"))
    assert lines("en", price_alert(price=odd))[:2] == [
        "Lotus Road ¥0.80/kWh (was ¥1.20)",
        "energy ¥0.50 + service ¥0.30",
    ]
    close = replace(odd, before=Decimal("0.799"))
    assert lines("en", price_alert(price=close))[0] == "Lotus Road ¥0.7951/kWh (was ¥0.799)"


def test_what_is_lower_still_is_said() -> None:
    soon = replace(PRICE, until=None, lower=(NOW + timedelta(hours=2), Decimal("0.6")))
    assert lines("en", price_alert(price=soon))[3] == "lower still from 14:00: ¥0.60/kWh"
    assert lines("zh-CN", price_alert(price=soon))[3:5] == [
        "14:00 起更低：¥0.60/度",
        "空闲枪 3/8 · 24 小时内不涨价",
    ]
