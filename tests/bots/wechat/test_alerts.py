"""Alerts in WeChat: one text that fits, a link for the way there, and what can be replied."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bots.wechat.alerts import text
from bots.wechat.render import TEXT_MAX_BYTES
from bots.wording import Wording, wording
from tests.bots.told import HOSTILE, WORK, alerts, gun_alert, price_alert

EN, ZH = wording("en"), wording("zh-CN")
_LINK = re.compile(r'<a href="(https://[^"]+)">([^<]+)</a>')


def test_one_alert_with_the_way_there_and_what_can_be_replied() -> None:
    lines = text(ZH, alerts(price_alert("莲花路"), uncertain=1)).splitlines()
    assert lines[0] == "莲花路 ¥0.80/度（原 ¥1.20）"
    way = _LINK.fullmatch(lines[7])
    assert way is not None
    assert (way[1].partition("?")[0], way[2]) == ("https://uri.amap.com/marker", "🧭 导航")
    assert lines[8:] == [
        "",
        "此前有 1 条提醒可能没有送达。",
        "回复“看 12”查看充电站，“静音 12”静音一天，“停 12”停止提醒。",
        "到枪前，发一张枪上二维码的照片即可充电。",
    ]


def test_several_have_a_title_and_numbers() -> None:
    told = text(EN, alerts(price_alert(), gun_alert()))
    assert told.splitlines()[0] == "2 alerts"
    assert "1. Lotus Road ¥0.80/kWh" in told
    assert "2. Lotus Road: 2 of 8 guns free" in told
    assert "the numbers are 12, 13" in told


@pytest.mark.parametrize("say", [EN, ZH], ids=["en", "zh"])
def test_what_has_no_room_is_counted(say: Wording) -> None:
    far = [replace(price_alert("莲花路充电站" * 9, number=n), also=9) for n in range(10, 19)]
    told = text(say, alerts(*far, uncertain=2))
    assert len(told.encode()) <= TEXT_MAX_BYTES
    shown = len(_LINK.findall(told))
    assert 2 <= shown < 5
    assert f"{9 - shown} " in told.splitlines()[-5]


@pytest.mark.parametrize("say", [EN, ZH], ids=["en", "zh"])
def test_nothing_foreign_is_a_link_and_the_last_one_still_fits(say: Wording) -> None:
    for alert in (price_alert(HOSTILE), gun_alert(HOSTILE)):
        far = replace(alert, watch=replace(alert.watch, label=HOSTILE, place=WORK))
        told = text(say, alerts(far, far, far))
        assert len(told.encode()) <= TEXT_MAX_BYTES
        assert "evil.example" not in "".join(url for url, _ in _LINK.findall(told))
        assert "<" not in _LINK.sub("", told)
