"""Outgoing calls against an API over HTTP: tokens, bounded tries, errors by who can help, no secret in any text."""

from __future__ import annotations

import logging
import threading
import traceback
from datetime import timedelta

import pytest

from bots.wechat.client import WechatApi
from bots.wechat.menu import LABEL_MAX_BYTES, SUB_LABEL_MAX_BYTES, publish
from core.errors import ChatUnreachable, KilowatchError, SupplierUnavailable
from tests.bots.wechat.conftest import config
from tests.bots.wechat.pretend import LIN, SECRET, Api
from tests.world import SetClock

SEND, TOKEN, CREATE = "/cgi-bin/message/custom/send", "/cgi-bin/stable_token", "/cgi-bin/menu/create"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def wechat(api: Api, clock: SetClock) -> WechatApi:
    return WechatApi(config(api.url), clock)


def refused(code: int) -> dict[str, object]:
    return {"errcode": code, "errmsg": "said by WeChat"}


def test_text_goes_out_as_utf8(wechat: WechatApi, api: Api) -> None:
    wechat.send_text(LIN, '莲花路充电站 < & "quoted"')
    assert api.paths() == [TOKEN, SEND]
    assert api.calls[1].doc == {"touser": LIN, "msgtype": "text", "text": {"content": '莲花路充电站 < & "quoted"'}}
    assert "莲花路".encode() in api.calls[1].body


def test_the_token_is_asked_as_a_stable_one_and_kept(wechat: WechatApi, api: Api, clock: SetClock) -> None:
    wechat.ping()
    wechat.send_text(LIN, "a")
    clock.advance(minutes=114)
    wechat.send_text(LIN, "b")
    assert api.paths().count(TOKEN) == 1
    assert api.calls[0].doc["grant_type"] == "client_credential"
    assert api.calls[0].doc["force_refresh"] is False
    clock.advance(minutes=2)  # the last five minutes: WeChat hands out the next one
    wechat.send_text(LIN, "c")
    assert api.paths().count(TOKEN) == 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_a_refused_token_is_renewed_once(wechat: WechatApi, api: Api, code: int) -> None:
    api.answers[SEND] = [refused(code), {"errcode": 0}]
    wechat.send_text(LIN, "a")
    assert api.paths().count(SEND) == 2


def test_a_token_revoked_behind_our_back(wechat: WechatApi, api: Api) -> None:
    wechat.send_text(LIN, "a")
    with api.lock:
        api.valid = {"somebody-elses"}
    wechat.send_text(LIN, "b")
    assert [call.query["access_token"] for call in api.calls if call.path == SEND] == [
        "canary-token-1", "canary-token-1", "somebody-elses",
    ]  # fmt: skip


def test_endless_refusal_ends(wechat: WechatApi, api: Api) -> None:
    api.answers[SEND] = [refused(40001)]
    for asked in range(1, 4):
        with pytest.raises(SupplierUnavailable, match="40001"):
            wechat.send_text(LIN, "a")
        assert api.paths().count(SEND) == 2 * asked
    assert len(api.calls) <= 12
    assert sum(call.doc["force_refresh"] for call in api.calls if call.path == TOKEN) == 1


def test_a_stampede_fetches_one_token(wechat: WechatApi, api: Api) -> None:
    gate = threading.Barrier(16)

    def send() -> None:
        gate.wait(10)
        wechat.send_text(LIN, "a")

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert api.paths().count(SEND) == 16
    assert api.paths().count(TOKEN) == 1


def test_a_stampede_on_a_revoked_token_renews_it_once(wechat: WechatApi, api: Api) -> None:
    wechat.ping()
    with api.lock:
        api.valid = {"the-next"}
    threads = [threading.Thread(target=wechat.send_text, args=(LIN, "a")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert api.paths().count(TOKEN) == 2
    assert sum(call.path == SEND and call.query["access_token"] == "the-next" for call in api.calls) == 8


@pytest.mark.parametrize("code", [40003, 43004, 45015, 45047, 48001, 48002, 48004, 50002])
def test_people_who_cannot_be_reached(wechat: WechatApi, api: Api, code: int) -> None:
    api.answers[SEND] = [refused(code)]
    with pytest.raises(ChatUnreachable) as gone:
        wechat.send_text(LIN, "a")
    assert (gone.value.channel, gone.value.chat_id) == ("wechat", LIN)
    assert api.paths().count(SEND) == 1


@pytest.mark.parametrize("code", [-1, 45009, 45011, 44004, 45002, 99999])
def test_everything_else_is_unavailable(wechat: WechatApi, api: Api, code: int) -> None:
    api.answers[SEND] = [refused(code)]
    with pytest.raises(SupplierUnavailable, match=str(code)):
        wechat.send_text(LIN, "a")
    assert api.paths().count(SEND) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>busy</html>",
        b"[]",
        b"null",
        b'"x"',
        {"errcode": "many"},
        (500, b"no"),
        (502, {}),
        (302, b"http://127.0.0.1:9/"),
    ],
)
@pytest.mark.parametrize("path", [SEND, TOKEN])
def test_answers_that_are_none(wechat: WechatApi, api: Api, path: str, answer: object) -> None:
    api.answers[path] = [answer]
    with pytest.raises(SupplierUnavailable):
        wechat.send_text(LIN, "a")
    assert len(api.calls) <= 2


def test_nobody_listens(clock: SetClock) -> None:
    with pytest.raises(SupplierUnavailable, match="ConnectionError"):
        WechatApi(config("http://127.0.0.1:1"), clock).ping()


def test_an_api_that_never_answers(api: Api, clock: SetClock) -> None:
    wechat = WechatApi(config(api.url), clock, timeout_s=(1.0, 0.2))
    with api.lock, pytest.raises(SupplierUnavailable, match="ReadTimeout"):
        wechat.ping()  # the API holds its breath while we hold its lock


def test_no_secret_in_logs_or_errors(api: Api, clock: SetClock, caplog: pytest.LogCaptureFixture) -> None:
    said = []
    with caplog.at_level(logging.DEBUG):
        wechat = WechatApi(config(api.url), clock)
        for answer in (refused(45009), (500, b"no"), b"<html>", refused(43004), {"errcode": 0}):
            api.answers[SEND] = [answer]
            try:
                wechat.send_text(LIN, "a")
            except KilowatchError:
                said.append(traceback.format_exc())
        api.answers[TOKEN] = [{"errcode": 40125, "errmsg": f"invalid appsecret secret={SECRET}"}]
        try:
            WechatApi(config(api.url), clock).ping()
        except KilowatchError:
            said.append(traceback.format_exc())
    assert len(said) == 5
    everything = "\n".join(said) + caplog.text
    assert "custom/send" in everything
    assert "canary-token" not in everything
    assert SECRET not in everything


def test_publishing_the_menu(wechat: WechatApi, api: Api) -> None:
    assert wechat.menu() is None
    published = publish(wechat, "https://kilowatch.example/")
    assert api.menu == published
    assert wechat.menu() == {"menu": published}
    create = next(call for call in api.calls if call.path == CREATE)
    assert "找桩".encode() in create.body
    assert published["button"][0]["type"] == "location_select"


@pytest.mark.parametrize("public_url", ["", "https://kilowatch.example"])
def test_the_menu_keeps_wechats_limits(wechat: WechatApi, public_url: str) -> None:
    buttons = publish(wechat, public_url)["button"]
    assert len(buttons) <= 3
    for button in buttons:
        assert len(button["name"].encode()) <= LABEL_MAX_BYTES
        below = button.get("sub_button", [])
        assert len(below) <= 5
        assert all(len(one["name"].encode()) <= SUB_LABEL_MAX_BYTES for one in below)
        assert all(one["url"].startswith("https://") for one in below if one["type"] == "view")
    assert any(one["type"] == "view" for one in buttons[2]["sub_button"]) == bool(public_url)


# --- linking and joining ----------------------------------------------------------------------------------------


def test_the_unionid_of_a_follower(wechat: WechatApi, api: Api) -> None:
    api.answers["/cgi-bin/user/info"] = [{"subscribe": 1, "openid": LIN, "unionid": "oUnion-1"}, {"subscribe": 0}]
    assert wechat.unionid(LIN) == "oUnion-1"
    assert wechat.unionid(LIN) == ""


def test_a_code_to_scan_carries_the_scene(wechat: WechatApi, api: Api) -> None:
    api.answers["/cgi-bin/qrcode/create"] = [{"ticket": "gQH47j+/=", "expire_seconds": 600, "url": "http://q"}]
    api.answers["/cgi-bin/showqrcode"] = [b"\xff\xd8picture", b"<html>no such ticket</html>"]
    assert wechat.qr_picture("link_abc", timedelta(minutes=10)) == b"\xff\xd8picture"
    created, shown = api.calls[-2:]
    assert created.doc == {
        "expire_seconds": 600,
        "action_name": "QR_STR_SCENE",
        "action_info": {"scene": {"scene_str": "link_abc"}},
    }
    assert shown.query == {"ticket": "gQH47j+/="}
    with pytest.raises(SupplierUnavailable, match="showqrcode"):
        wechat.qr_picture("link_abc", timedelta(minutes=10))


# --- pictures that people send ----------------------------------------------------------------------------------


def test_a_picture_comes_with_another_token_where_this_one_is_refused(wechat: WechatApi, api: Api) -> None:
    api.pictures["m1"] = b"\xff\xd8picture"
    assert wechat.media("m1") == b"\xff\xd8picture"
    api.valid = {"canary-token-of-somebody-else"}
    api.new_token_each_time = True
    assert wechat.media("m1") == b"\xff\xd8picture"


@pytest.mark.parametrize(
    "answer",
    [{"errcode": 40007, "errmsg": "invalid media_id"}, {"video_url": "http://film"}, b"{broken", (500, b""),
     (302, b"http://127.0.0.1:1/"), b"x" * (10 * 1024 * 1024 + 1)],
    ids=["gone", "film", "broken", "fault", "elsewhere", "too large"],
)  # fmt: skip
def test_a_picture_that_cannot_be_had_tells_no_token(wechat: WechatApi, api: Api, answer: object) -> None:
    api.answers["/cgi-bin/media/get"] = [answer]
    with pytest.raises(SupplierUnavailable) as refused:
        wechat.media("m1")
    assert refused.value.asked == "media/get"
    assert "canary-token" not in f"{refused.value} {refused.value.detail}"
