"""What WeChat's errcodes mean for a row of the outbox, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bots.wechat.client import WechatApi
from bots.wechat.config import WechatConfig
from bots.wechat.sender import NoticeTemplate, WechatSender, WechatTemplateSender
from bots.wording.messages import Said
from core.errors import ConfigurationError
from core.outbox import Fate, MessageClass, OutboxRow, OutboxState
from tests.bots.wechat.pretend import AES_KEY, APP_ID, LIN, SECRET, TOKEN, Api, serving_api
from tests.world import SetClock

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # in Beijing
SAID = Said("账单：¥32.50", "Lotus <a href='x'>Road</a> 30.5 度\n编号：s1", "s1")
CUSTOM, TEMPLATE = "/cgi-bin/message/custom/send", "/cgi-bin/message/template/send"


@pytest.fixture
def platform() -> Iterator[Api]:
    with serving_api() as api:
        yield api


@pytest.fixture
def api(platform: Api) -> WechatApi:
    config = WechatConfig(APP_ID, TOKEN, AES_KEY, SECRET, platform.url)
    return WechatApi(config, SetClock(NOON), timeout_s=(1.0, 0.3))


def row(channel: str = "wechat") -> OutboxRow:
    return OutboxRow(
        5, "k", MessageClass.MONEY, "say", "s1", channel, LIN, "{}", OutboxState.SENDING, 1, NOON, NOON, None
    )


def test_within_the_window_it_is_said_freely(platform: Api, api: WechatApi) -> None:
    result = WechatSender(api, SetClock(NOON)).send(row(), SAID)
    assert result.fate is Fate.SENT
    sent = platform.calls[-1].doc
    assert (sent["touser"], sent["msgtype"]) == (LIN, "text")
    assert sent["text"]["content"].splitlines() == [
        "账单：¥32.50",
        "Lotus ＜a href='x'＞Road＜/a＞ 30.5 度",
        "编号：s1",
    ]


def test_a_template_message_carries_its_number(platform: Api, api: WechatApi) -> None:
    platform.answers[TEMPLATE] = [{"errcode": 0, "errmsg": "ok", "msgid": 200163840}]
    sender = WechatTemplateSender(
        api, NoticeTemplate.read("T-1 thing4 character_string2"), "https://k.example", SetClock()
    )
    result = sender.send(row("wechat_template"), SAID)
    assert (result.fate, result.sent_ref) == (Fate.SENT, "200163840")
    assert platform.calls[-1].doc == {
        "touser": LIN,
        "template_id": "T-1",
        "url": "https://k.example",
        "client_msg_id": "kw-5",
        "data": {"thing4": {"value": "账单：¥32.50"}, "character_string2": {"value": "s1"}},
    }


def test_a_template_that_is_not_described_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="thing4"):
        NoticeTemplate.read("T-1")


@pytest.mark.parametrize(
    ("code", "fate", "rest", "pauses"),
    [
        (45015, Fate.ELSEWHERE, None, False),
        (45047, Fate.ELSEWHERE, None, False),
        (40001, Fate.NOT_SENT, None, False),
        (48001, Fate.ELSEWHERE, None, False),
        (43101, Fate.ELSEWHERE, None, False),
        (43004, Fate.GONE, None, False),
        (40003, Fate.GONE, None, False),
        (45009, Fate.ELSEWHERE, timedelta(hours=12), True),
        (45011, Fate.LATER, timedelta(minutes=1), True),
        (-1, Fate.NOT_SENT, None, False),
        (47003, Fate.REFUSED, None, False),
    ],
)
def test_every_refusal_has_its_consequence(
    platform: Api, api: WechatApi, code: int, fate: Fate, rest: timedelta | None, pauses: bool
) -> None:
    platform.answers[CUSTOM] = [{"errcode": code, "errmsg": "no"}]
    result = WechatSender(api, SetClock(NOON)).send(row(), SAID)
    assert (result.fate, result.retry_after, result.pause_channel) == (fate, rest, pauses)
    assert result.window_closed == (code in {45015, 45047})
    assert result.error


def test_a_broken_answer_leaves_it_open_and_a_broken_token_call_does_not(platform: Api, api: WechatApi) -> None:
    platform.answers[CUSTOM] = [(502, b"<html>")]
    assert WechatSender(api, SetClock(NOON)).send(row(), SAID).fate is Fate.UNCERTAIN
    platform.answers["/cgi-bin/stable_token"] = [(502, b"<html>")]
    config = WechatConfig(APP_ID, TOKEN, AES_KEY, SECRET, platform.url)
    fresh = WechatApi(config, SetClock(NOON))
    assert WechatSender(fresh, SetClock(NOON)).send(row(), SAID).fate is Fate.NOT_SENT


def test_nobody_there_means_that_it_was_not_said() -> None:
    away = WechatApi(WechatConfig(APP_ID, TOKEN, AES_KEY, SECRET, "http://127.0.0.1:1"), SetClock(NOON))
    result = WechatSender(away, SetClock(NOON)).send(row(), SAID)
    assert (result.fate, result.pause_channel) == (Fate.NOT_SENT, True)
