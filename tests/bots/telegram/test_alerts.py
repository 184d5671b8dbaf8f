"""Alerts in Telegram: what stands there as Telegram parses it, and what the buttons under it do."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from bots.telegram.alerts import rendered
from bots.telegram.buttons import Act, unpack
from bots.telegram.markup import MOST_CHARS, visible_length
from bots.wording import wording
from core.services.alerts.telling import AlertNow
from core.watch import StationGuns
from tests.bots.told import HOSTILE, WORK, alerts, gun_alert, price_alert, watch

EN, ZH = wording("en"), wording("zh-CN")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


def buttons(message: dict[str, Any]) -> list[list[tuple[str, str]]]:
    rows = message["reply_markup"]["inline_keyboard"]
    return [[(one["text"], one.get("callback_data") or one["url"].partition("?")[0]) for one in row] for row in rows]


def test_one_alert_begins_with_what_decides() -> None:
    message = rendered(EN, alerts(price_alert(), uncertain=1))
    assert message["text"].splitlines()[0] == "<b>📉 Lotus Road ¥0.80/kWh (was ¥1.20)</b>"
    assert message["text"].splitlines()[-1] == "1 earlier alert may not have reached you."
    assert message["link_preview_options"] == {"is_disabled": True}
    assert buttons(message) == [
        [("🧭 Navigate", "https://uri.amap.com/marker"), ("⚡ Open and start", "w:o:12")],
        [("💤 Snooze a day", "w:z:12"), ("🔕 Stop", "w:s:12")],
    ]


def test_several_are_numbered_like_their_buttons_and_three_have_some() -> None:
    message = rendered(ZH, alerts(*(price_alert(f"站{n}", number=n) for n in range(1, 8))))
    first = [line for line in message["text"].splitlines() if line.startswith("<b>")]
    assert first[:2] == ["<b>7 条降价提醒</b>", "<b>1. 站1 ¥0.80/度（原 ¥1.20）</b>"]
    assert len(first) == 6
    assert message["text"].splitlines()[-1] == "还有 2 条，请看您的提醒列表"
    rows = buttons(message)
    assert [row[0][0][0] for row in rows[:-1]] == ["1", "1", "2", "2", "3", "3"]
    assert rows[-1][0][1] == "w:l"


def test_a_free_gun_can_be_stopped_and_leads_elsewhere_too() -> None:
    rows = buttons(rendered(EN, alerts(gun_alert())))
    assert rows[1] == [("🔕 Stop", "w:s:13")]
    assert rows[2][0][0] == "➡ Harbour · 800 m · 3 free"
    assert unpack(rows[2][0][1]).act is Act.CARD


def test_an_area_opens_the_station_of_the_alert() -> None:
    area = price_alert(watch=watch(number=12, place=WORK))
    pressed = unpack(buttons(rendered(EN, alerts(area)))[0][1][1])
    assert (pressed.act, pressed.value, isinstance(area.watch.place, StationGuns)) == (Act.CARD, "s1", False)


@pytest.mark.parametrize("say", [EN, ZH], ids=["en", "zh"])
@pytest.mark.parametrize("alert", [price_alert(HOSTILE), gun_alert(HOSTILE)], ids=["price", "gun"])
def test_nothing_foreign_is_markup_and_all_fits(say: Any, alert: AlertNow) -> None:
    far = replace(alert, watch=replace(alert.watch, label=HOSTILE, place=WORK), also=9)
    message = rendered(say, alerts(*[far] * 9, uncertain=3))
    tags = Tags()
    tags.feed(message["text"])
    assert set(tags.seen) == {"b"}
    assert visible_length(message["text"]) < MOST_CHARS
    assert len(tags.seen) == 6  # a title and five in full
    for row in message["reply_markup"]["inline_keyboard"]:
        for one in row:
            assert len(one.get("callback_data", "").encode()) <= 64
            assert not set(one["text"]) & set("\n\x07\u202e")  # plain text, whatever it looks like
