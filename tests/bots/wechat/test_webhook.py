"""The callback over real HTTP: who is believed, what is refused, one effect per push, and WeChat's five seconds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.wechat.answers import SOURCE, Patience
from bots.wechat.client import WechatApi
from core.geo import Datum
from core.ports import Place
from core.user import Channel, Identity
from storage.index import InMemoryStationIndex
from tests.bots.wechat.conftest import Start, config
from tests.bots.wechat.pretend import ACCOUNT, LIN, TOKEN, WEI, Api, Platform, Reply, opened, sealed, signed, tag
from tests.world import HERE, World

GCJ = HERE.to(Datum.GCJ02)


class Geocoder:
    """Finds every place at `HERE`, but only once the gate is open. `fails` times it breaks instead."""

    def __init__(self, *, is_open: bool = True, fails: int = 0) -> None:
        self.gate, self.asked, self.fails = threading.Event(), 0, fails
        if is_open:
            self.gate.set()

    def find(self, text: str, language: str) -> Place | None:
        self.asked += 1
        assert self.gate.wait(90)
        if self.asked <= self.fails:
            raise RuntimeError("a fault of ours")
        return Place(text, HERE)


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


# --- the check of our address ------------------------------------------------------------------------------------


class TestCheckUrl:
    def ask(self, wechat: Platform, **change: str) -> requests.Response:
        query = {"timestamp": "1714036504", "nonce": "77", "echostr": "4375120948345356249"}
        query["signature"] = signed(TOKEN, query["timestamp"], query["nonce"])
        return requests.get(wechat.url, params=query | change, timeout=10)

    def test_the_echo_comes_back_as_text(self, wechat: Platform) -> None:
        answer = self.ask(wechat)
        assert (answer.status_code, answer.text) == (200, "4375120948345356249")
        assert answer.headers["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize(
        "change", [{"signature": "0" * 40}, {"signature": "é"}, {"nonce": "78"}, {"timestamp": "x"}, {"nonce": ""}]
    )
    def test_a_stranger_gets_nothing(self, wechat: Platform, change: dict[str, str]) -> None:
        answer = self.ask(wechat, **change)
        assert (answer.status_code, answer.text) == (403, "")

    def test_no_parameters_at_all(self, wechat: Platform) -> None:
        assert requests.get(wechat.url, timeout=10).status_code == 403


# --- who is believed ---------------------------------------------------------------------------------------------


class TestRefused:
    def test_wrong_signature(self, wechat: Platform) -> None:
        encrypted = sealed(wechat.text(LIN, "帮助"))
        query = wechat.query(encrypted) | {"msg_signature": "0" * 40}
        assert wechat.post(query, wechat.body(encrypted)).status == 403

    def test_a_replayed_plain_signature_does_not_carry_another_body(self, wechat: Platform) -> None:
        seen = wechat.query(sealed(wechat.text(LIN, "帮助")))
        assert wechat.post(seen, wechat.body(sealed(wechat.text(WEI, "停止")))).status == 403

    @pytest.mark.parametrize("age_s", [-301, 301, 900_000_000])
    def test_old_or_future_timestamp(self, wechat: Platform, age_s: int) -> None:
        reply = wechat.push(wechat.text(LIN, "帮助"), timestamp=str(wechat.now() - age_s))
        assert reply.status == 403

    @pytest.mark.parametrize("age_s", [-299, 0, 299])
    def test_a_clock_a_little_off_is_fine(self, wechat: Platform, age_s: int) -> None:
        assert wechat.push(wechat.text(LIN, "帮助"), timestamp=str(wechat.now() - age_s)).text

    def test_wrong_appid(self, wechat: Platform) -> None:
        wechat.app_id = "wx-somebody-else"
        assert wechat.push(wechat.text(LIN, "帮助")).status == 403

    def test_another_aes_key(self, wechat: Platform) -> None:
        wechat.aes_key = "A" * 43
        assert wechat.push(wechat.text(LIN, "帮助")).status in (400, 403)

    def test_a_plain_body_is_a_downgrade(self, wechat: Platform, world: World) -> None:
        query = wechat.query("")
        for gone in ("encrypt_type", "msg_signature"):
            del query[gone]
        assert wechat.post(query, wechat.text(LIN, "停止")).status == 403
        assert wechat.post(query | {"encrypt_type": "raw"}, wechat.text(LIN, "停止")).status == 403
        assert world.services.inbox.counts() == {}

    def test_encrypt_type_missing_over_an_encrypted_body(self, wechat: Platform) -> None:
        encrypted = sealed(wechat.text(LIN, "帮助"))
        query = wechat.query(encrypted)
        del query["encrypt_type"]
        assert wechat.post(query, wechat.body(encrypted)).status == 403

    def test_a_clear_body_under_an_aes_query(self, wechat: Platform) -> None:
        assert wechat.post(wechat.query(""), wechat.text(LIN, "停止")).status == 403

    def test_clear_fields_beside_the_ciphertext_are_ignored(self, wechat: Platform) -> None:
        forged = tag("FromUserName", WEI), tag("MsgType", "text"), tag("Content", "停止"), tag("MsgId", 1)
        reply = wechat.push(wechat.text(LIN, "帮助"), clear=forged)
        assert reply.to == LIN
        assert "发送位置" in (reply.text or "")

    def test_too_large(self, wechat: Platform) -> None:
        assert wechat.post(wechat.query("x"), b"<xml>" + b" " * 70_000 + b"</xml>").status == 413
        # at the limit it is still read
        assert wechat.post(wechat.query("x"), b"<xml>" + b" " * 60_000 + b"</xml>").status == 400

    def test_json_push_is_named_in_the_log(self, wechat: Platform, caplog: pytest.LogCaptureFixture) -> None:
        encrypted = sealed('{"ToUserName":"gh_1","MsgType":"text"}')
        assert wechat.post(wechat.query(encrypted), json.dumps({"Encrypt": encrypted})).status == 400
        assert wechat.post(wechat.query(encrypted), wechat.body(encrypted)).status == 400
        said = [one.message for one in caplog.records if one.levelname == "ERROR"]
        assert len(said) == 2
        assert all("data format to XML" in one for one in said)


class TestNonces:
    def test_another_message_under_a_used_nonce(self, wechat: Platform) -> None:
        assert wechat.push(wechat.text(LIN, "帮助"), nonce="n1").status == 200
        assert wechat.push(wechat.text(LIN, "设置"), nonce="n1").status == 403
        assert wechat.push(wechat.text(LIN, "设置"), nonce="n2").status == 200

    def test_the_same_message_encrypted_anew_is_a_retry(self, wechat: Platform) -> None:
        xml = wechat.text(LIN, "帮助")
        first = wechat.push(xml, nonce="n1")
        assert wechat.push(xml, nonce="n1").text == first.text

    def test_byte_for_byte_repeats_pass_too(self, wechat: Platform) -> None:
        encrypted = sealed(wechat.text(LIN, "帮助"))
        query = wechat.query(encrypted)
        replies = {wechat.post(query, wechat.body(encrypted)).text for _ in range(3)}
        assert len(replies) == 1
        assert replies != {None}


# --- bombs and garbage -------------------------------------------------------------------------------------------


def test_nesting_bombs_are_cheap(wechat: Platform) -> None:
    deep = "<a>" * 200_000 + "</a>" * 200_000
    started = time.process_time()
    assert wechat.post(wechat.query("x"), f"<xml>{deep}</xml>").status == 413
    short = "<a>" * 8_000 + "</a>" * 8_000
    assert wechat.post(wechat.query("x"), f"<xml>{short}</xml>").status == 400
    inside = sealed(f"<xml>{'<a>' * 5_000}{'</a>' * 5_000}</xml>")
    assert wechat.post(wechat.query(inside), wechat.body(inside)).status == 400
    assert time.process_time() - started < 1.0


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml>&b;</xml>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>'
HEAD = f"{tag('ToUserName', ACCOUNT)}{tag('FromUserName', LIN)}{tag('CreateTime', 1)}"


@pytest.mark.parametrize(
    "body",
    ["", "x", "<xml", "<xml></xml>", "<xml/>", "<a><Encrypt/></a>", BOMB, OUTSIDE, "\x00", "\ufeff", "[]", "null"],
)
def test_bodies_that_are_no_envelope(wechat: Platform, body: str) -> None:
    assert wechat.post(wechat.query("x"), body).status in (400, 403)


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "success",
        "<xml></xml>",
        BOMB,
        OUTSIDE,
        f"<xml>{HEAD}</xml>",
        f"<xml>{HEAD}<MsgType>text</MsgType><MsgType>text</MsgType></xml>",
        f"<xml>{HEAD}<MsgType><a/></MsgType></xml>",
        f"<xml>{HEAD}<MsgType>text</MsgType><MsgId>many</MsgId></xml>",
        f"<xml>{HEAD}<MsgType>event</MsgType><Event>location_select</Event></xml>",
        f"<xml>{HEAD}<MsgType>event</MsgType><Event>LOCATION</Event><Latitude>north</Latitude></xml>",
        "<xml><MsgType>text</MsgType><Content>no sender</Content><MsgId>1</MsgId></xml>",
        f"<xml>{tag('ToUserName', ACCOUNT)}<FromUserName><a>1</a></FromUserName><MsgType>text</MsgType></xml>",
    ],
)
def test_signed_bodies_that_are_no_push(wechat: Platform, inner: str) -> None:
    encrypted = sealed(inner)
    assert wechat.post(wechat.query(encrypted), wechat.body(encrypted)).status in (400, 403)


@pytest.mark.parametrize("encrypted", ["", "A", "AAAA", "é", "A" * 43, "QUJD" * 8, "=" * 16, "QUJDRA==" * 3])
def test_signed_ciphertexts_that_are_none(wechat: Platform, encrypted: str) -> None:
    assert wechat.post(wechat.query(encrypted), wechat.body(encrypted)).status in (400, 403)


def test_events_we_do_not_know_are_acknowledged(wechat: Platform) -> None:
    for event in (
        "debug_demo",
        "VIEW",
        "TEMPLATESENDJOBFINISH",
        "subscribe_msg_popup_event",
        "user_enter_tempsession",
    ):
        assert wechat.push(wechat.event(LIN, event, tag("EventKey", "k"))).raw == "success"


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# XML-ish scraps, so that the fuzz gets past the first bracket
SCRAPS = st.lists(
    st.sampled_from(
        ["<xml>", "</xml>", "<Encrypt>", "</Encrypt>", "<![CDATA[", "]]>", "<MsgType>", "event", "&#0;", "{"]
    )
    | st.text(max_size=20),
    max_size=12,
).map("".join)


@FUZZ
@given(body=st.binary(max_size=300) | SCRAPS.map(lambda text: text.encode(errors="replace")))
def test_no_body_is_our_fault(wechat: Platform, body: bytes) -> None:
    assert wechat.post(wechat.query("x"), body).status in (400, 403)


@FUZZ
@given(inner=SCRAPS)
def test_no_signed_content_is_our_fault(wechat: Platform, inner: str) -> None:
    encrypted = sealed(inner.encode(errors="replace").decode())
    assert wechat.post(wechat.query(encrypted), wechat.body(encrypted)).status in (400, 403)


@FUZZ
@given(
    query=st.dictionaries(st.sampled_from(["signature", "timestamp", "nonce", "msg_signature", "echostr"]), st.text())
)
def test_no_query_is_our_fault(wechat: Platform, query: dict[str, str]) -> None:
    query = {name: value.encode(errors="replace").decode() for name, value in query.items()}
    assert wechat.post(query | {"encrypt_type": "aes"}, "<xml/>").status in (400, 403)
    assert requests.get(wechat.url, params=query, timeout=10).status_code == 403


@FUZZ
@given(content=st.text(max_size=300))
def test_whatever_is_typed_gets_a_sentence(wechat: Platform, world: World, content: str) -> None:
    legal = "".join(
        c for c in content if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c < "\ufffe")
    )
    reply = wechat.push(wechat.text(LIN, legal))
    assert reply.status == 200
    assert reply.text


# --- one effect per push -----------------------------------------------------------------------------------------


class TestRepeats:
    def test_a_repeated_message_gets_the_same_reply_and_has_one_effect(self, wechat: Platform, world: World) -> None:
        geocoder = world.services.finder.geocoder = Geocoder()
        xml = wechat.text(LIN, "深圳北站")
        first, second = wechat.push(xml), wechat.push(xml)
        assert first.text
        assert second.text == first.text
        assert geocoder.asked == 1
        assert world.services.inbox.counts() == {(SOURCE, "done"): 1}

    def test_events_are_told_apart_although_they_have_no_number(self, wechat: Platform) -> None:
        settings_, help_ = wechat.click(LIN, "settings"), wechat.click(LIN, "help")
        first, second, again = wechat.push(settings_), wechat.push(help_), wechat.push(settings_)
        assert first.text != second.text
        assert again.text == first.text

    def test_a_switch_clicked_once_and_delivered_thrice_switches_once(self, wechat: Platform, world: World) -> None:
        xml = wechat.click(LIN, "language")
        assert {wechat.push(xml).text for _ in range(3)} == {
            "We speak English now. Send your location, or “language” to switch back."
        }
        welcome = world.services.accounts.greet(Identity(Channel.WECHAT, LIN), "zh-CN")
        assert welcome.user.language == "en"

    def test_eight_deliveries_at_once(self, wechat: Platform, world: World) -> None:
        geocoder = world.services.finder.geocoder = Geocoder()
        xml, replies = wechat.text(LIN, "深圳北站"), []
        threads = [threading.Thread(target=lambda: replies.append(wechat.push(xml).text)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(replies) == 8
        assert len(set(replies)) == 1
        assert geocoder.asked == 1

    def test_many_people_at_once_each_get_their_own(self, wechat: Platform) -> None:
        got: dict[str, str | None] = {}

        def write(openid: str) -> None:
            reply = wechat.push(wechat.location(openid, GCJ.lat, GCJ.lng))
            got[openid] = reply.to

        people = [f"oPerson{n:021d}" for n in range(8)]
        threads = [threading.Thread(target=write, args=(openid,)) for openid in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert got == {openid: openid for openid in people}

    def test_what_lies_in_the_inbox_is_not_readable(self, wechat: Platform, world: World) -> None:
        world.services.finder.geocoder = Geocoder(is_open=False)  # so that one message is still at work
        wechat.push(wechat.location(LIN, GCJ.lat, GCJ.lng))
        with pytest.raises(requests.ReadTimeout):
            wechat.push(wechat.text(LIN, "深圳北站"), timeout_s=0.4)
        eventually(lambda: len(world.services.inbox.counts()) == 2)
        with world.services.database.engine.connect() as db:  # type: ignore[attr-defined]
            rows = db.exec_driver_sql("select state, body, reply from inbox order by id").all()
        world.services.finder.geocoder.gate.set()
        (done, nothing, reply), (_, waiting, _) = rows
        assert (done, nothing) == ("done", "")
        assert "<xml>" in opened(reply)
        assert "深圳北站" in opened(waiting)
        assert "22.5" not in reply + waiting


# --- five seconds ------------------------------------------------------------------------------------------------

QUICK = Patience(quick_s=0.1, answer_s=0.25, hold_s=0.4, sweep_s=60)


class TestSlow:
    def test_the_second_delivery_collects_what_the_first_could_not_wait_for(self, start: Start, world: World) -> None:
        wechat = start(Patience(answer_s=0.3, hold_s=20, sweep_s=60))
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        xml = wechat.text(LIN, "深圳北站")
        with pytest.raises(requests.ReadTimeout):
            wechat.push(xml, timeout_s=0.4)
        geocoder.gate.set()
        reply = wechat.push(xml)
        assert "莲花路充电站" in (reply.text or "")
        assert geocoder.asked == 1

    def test_silence_and_no_success_until_it_is_there(self, start: Start, world: World) -> None:
        # "success" or an empty 200 would end WeChat's retries, and the answer with them.
        wechat = start(QUICK)
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        xml = wechat.text(LIN, "深圳北站")
        assert [wechat.push(xml).status for _ in range(2)] == [503, 503]
        geocoder.gate.set()
        eventually(lambda: world.services.inbox.counts() == {(SOURCE, "done"): 1})
        assert "莲花路充电站" in (wechat.push(xml).text or "")

    def test_the_real_hold_outlasts_wechats_five_seconds(self) -> None:
        assert Patience().answer_s < 5 < Patience().hold_s

    def test_the_last_delivery_says_so_and_the_answer_is_sent(self, start: Start, world: World, api: Api) -> None:
        wechat = start(QUICK, WechatApi(config(api.url), world.clock))
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        xml = wechat.text(LIN, "深圳北站")
        replies = [wechat.push(xml) for _ in range(3)]
        assert [one.status for one in replies] == [503, 503, 200]
        assert "结果稍后发给您" in (replies[2].text or "")
        geocoder.gate.set()
        eventually(lambda: "/cgi-bin/message/custom/send" in api.paths())
        eventually(lambda: world.services.inbox.counts() == {(SOURCE, "done"): 1})
        sent = api.calls[-1].doc
        assert sent["touser"] == LIN
        assert "莲花路充电站" in sent["text"]["content"]
        assert geocoder.asked == 1

    def test_a_late_answer_to_somebody_who_left(self, start: Start, world: World, api: Api) -> None:
        api.answers["/cgi-bin/message/custom/send"] = [{"errcode": 43004, "errmsg": "require subscribe"}]
        wechat = start(QUICK, WechatApi(config(api.url), world.clock))
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        xml = wechat.text(LIN, "深圳北站")
        for _ in range(3):
            wechat.push(xml)
        geocoder.gate.set()
        eventually(lambda: world.services.inbox.counts() == {(SOURCE, "done"): 1})
        with world.services.database.read() as unit:
            user = unit.users.by_identity(Identity(Channel.WECHAT, LIN))
        assert user is not None
        assert not user.reachable

    def test_a_late_answer_without_an_app_secret_is_kept(self, start: Start, world: World) -> None:
        wechat = start(QUICK, None)
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        xml = wechat.text(LIN, "深圳北站")
        for _ in range(3):
            wechat.push(xml)
        geocoder.gate.set()
        eventually(lambda: world.services.inbox.counts() == {(SOURCE, "done"): 1})
        assert "莲花路充电站" in (wechat.push(xml).text or "")

    def test_a_second_message_of_the_chat_waits_for_the_first(self, start: Start, world: World) -> None:
        wechat = start(QUICK)
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        place, more = wechat.text(LIN, "深圳北站"), wechat.text(LIN, "更多")
        assert wechat.push(place).status == 503
        assert wechat.push(more).status == 503
        geocoder.gate.set()
        eventually(lambda: world.services.inbox.counts() == {(SOURCE, "done"): 2})
        assert "1. " in (wechat.push(place).text or "")
        assert "岗厦北站" in (wechat.push(more).text or "") or "香蜜湖站" in (wechat.push(more).text or "")

    def test_somebody_elses_slow_search_holds_nobody_up(self, start: Start, world: World) -> None:
        wechat = start(QUICK)
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        assert wechat.push(wechat.text(LIN, "深圳北站")).status == 503
        assert wechat.push(wechat.text(WEI, "帮助")).text
        geocoder.gate.set()

    def test_more_waiting_than_we_hold_are_sent_back_and_lose_nothing(self, start: Start, world: World) -> None:
        wechat = start(Patience(quick_s=0.1, hold_s=20, sweep_s=60, waiting=1))
        geocoder = world.services.finder.geocoder = Geocoder(is_open=False)
        pushes = {openid: wechat.text(openid, "深圳北站") for openid in (LIN, WEI)}
        replies: dict[str, Reply] = {}

        def deliver(openid: str) -> None:
            replies[openid] = wechat.push(pushes[openid])

        threads = [threading.Thread(target=deliver, args=(openid,)) for openid in pushes]
        for thread in threads:
            thread.start()
        eventually(lambda: len(replies) == 1)
        (sent_back,) = replies
        assert replies[sent_back].status == 503
        assert wechat.push(wechat.text("oChen", "帮助")).text, "who can be answered at once needs no place"
        geocoder.gate.set()
        for thread in threads:
            thread.join(20)
        assert sorted(one.status for one in replies.values()) == [200, 503]
        assert "莲花路充电站" in (wechat.push(pushes[sent_back]).text or "")


class TestNothingLost:
    def test_a_process_killed_after_storing(self, start: Start, world: World) -> None:
        wechat = Platform("", world.clock)
        xml = wechat.location(LIN, GCJ.lat, GCJ.lng)
        world.services.inbox.accept(SOURCE, "24000000000000001", LIN, sealed(xml))
        start()  # the sweep of the new process works it off, without anybody asking
        eventually(lambda: world.services.inbox.counts() == {(SOURCE, "done"): 1})

    def test_a_process_killed_while_at_work(self, start: Start, world: World) -> None:
        wechat = start(Patience(sweep_s=60))
        xml = wechat.location(LIN, GCJ.lat, GCJ.lng)
        world.services.inbox.accept(SOURCE, "24000000000000001", LIN, sealed(xml))
        assert len(world.services.inbox.claim(SOURCE, 1)) == 1
        world.clock.advance(seconds=61)  # its lease has run out
        assert "莲花路充电站" in (wechat.push(xml).text or "")

    def test_a_fault_of_ours_is_tried_again(self, start: Start, world: World) -> None:
        wechat = start(QUICK)
        world.services.finder.geocoder = Geocoder(fails=1)
        xml = wechat.text(LIN, "深圳北站")
        assert wechat.push(xml).status == 503
        world.clock.advance(seconds=5)
        assert "莲花路充电站" in (wechat.push(xml).text or "")

    def test_a_push_we_never_manage_gets_a_sentence(self, start: Start, world: World) -> None:
        wechat = start(Patience(quick_s=0.02, answer_s=0.05, hold_s=0.1, sweep_s=60))
        geocoder = world.services.finder.geocoder = Geocoder(fails=1000)
        xml = wechat.text(LIN, "深圳北站")
        for asked in range(1, 6):
            wechat.push(xml)
            eventually(lambda asked=asked: geocoder.asked == asked)  # type: ignore[misc]
            eventually(lambda: (SOURCE, "working") not in world.services.inbox.counts())
            world.clock.advance(seconds=121)
        assert (SOURCE, "dead") in world.services.inbox.counts()
        assert "数据没有丢失" in (wechat.push(xml).text or "")

    def test_the_store_being_away_sends_the_push_back(self, wechat: Platform, world: World) -> None:
        with world.services.database.engine.begin() as db:  # type: ignore[attr-defined]
            db.exec_driver_sql("alter table inbox rename to inbox_away")
        xml = wechat.text(LIN, "帮助")
        assert wechat.push(xml).status == 503
        with world.services.database.engine.begin() as db:  # type: ignore[attr-defined]
            db.exec_driver_sql("alter table inbox_away rename to inbox")
        assert wechat.push(xml).text

    def test_not_ready_is_a_sentence(self, wechat: Platform, world: World) -> None:
        # a process whose catalogue is still loading
        world.services.finder.index = InMemoryStationIndex(world.services.database, world.clock)  # type: ignore[arg-type]
        assert "正在启动" in (wechat.push(wechat.location(LIN, GCJ.lat, GCJ.lng)).text or "")


class TestLimits:
    def test_too_fast_is_a_sentence_and_stores_nothing(self, wechat: Platform, world: World) -> None:
        world.limiter.most = 2
        for _ in range(2):
            assert wechat.push(wechat.text(LIN, "帮助")).text
        assert "7 秒后再试" in (wechat.push(wechat.text(LIN, "帮助")).text or "")
        assert world.services.inbox.counts() == {(SOURCE, "done"): 2}
        assert "发送位置" in (wechat.push(wechat.text(WEI, "帮助")).text or "")

    def test_wechats_own_repeats_do_not_count(self, wechat: Platform, world: World) -> None:
        world.limiter.most = 1
        xml = wechat.text(LIN, "帮助")
        assert len({wechat.push(xml).text for _ in range(4)}) == 1

    def test_typed_places_are_counted_on_their_own(self, wechat: Platform, world: World) -> None:
        wechat.push(wechat.text(LIN, "莲花路"))
        assert world.limiter.seen == {("wechat", LIN): 1, ("places", LIN): 1}


def test_where_the_phone_is_in_the_sea(wechat: Platform) -> None:
    assert "最近的在" in (wechat.push(wechat.location(LIN, 15.0, 115.0)).text or "")


def test_swapped_and_impossible_coordinates(wechat: Platform) -> None:
    assert "写反了" in (wechat.push(wechat.location(LIN, 114.05, 22.54)).text or "")
    assert "坐标无效" in (wechat.push(wechat.location(LIN, 1e9, 1e9)).text or "")
    assert "无法识别" in (wechat.push(wechat.location(LIN, "north", "")).text or "")
