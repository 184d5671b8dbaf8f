"""One-time leaves to speak, counted from the platform's pushes; and what an alert meets in WeChat."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from bots.alert_saying import SaysAlerts
from bots.wechat.client import WechatApi
from bots.wechat.config import WechatConfig
from bots.wechat.leaves import Leaves, LeaveTemplate, WechatLeaveSender
from bots.wechat.sender import WechatSender
from bots.wechat.webhook import blueprint
from bots.wording import wording
from core.errors import ConfigurationError
from core.outbox import MessageClass, NewRow, OutboxRow, OutboxState, Result
from core.prices.watching import Rule
from core.ranking import FreeGuns
from core.services.alerts.telling import AlertNow, AlertsNow, PriceNow
from core.services.outbox import OutboxService
from core.station import Station
from core.user import Channel, Identity
from storage.tables import channel_pauses
from tests.bots.wechat.pretend import AES_KEY, APP_ID, LIN, SECRET, SILENCE, TOKEN, Api, Platform, served, serving_api
from tests.world import World, make_world

ALERTS, OTHERS = "T-alerts", "T-others"
BIZSEND, CUSTOM = "/cgi-bin/message/subscribe/bizsend", "/cgi-bin/message/custom/send"
MIDNIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)  # in Beijing
TEMPLATE = LeaveTemplate.read(f"{ALERTS} thing1 amount2 amount3 thing4")


class Bell:
    def enqueue(self, job: str, *ids: str) -> bool:
        return True

    def ping(self) -> None: ...


@dataclass
class House:
    """The account's two ways for alerts, and an alert that is true."""

    world: World
    platform: Api
    leaves: Leaves
    alerts: AlertsNow

    def __post_init__(self) -> None:
        clock = self.world.clock
        api = WechatApi(WechatConfig(APP_ID, TOKEN, AES_KEY, SECRET, self.platform.url), clock, timeout_s=(1.0, 0.3))
        self.freely = WechatSender(api, clock)
        self.by_leave = WechatLeaveSender(api, TEMPLATE, self.leaves, "https://k.example", clock)
        self.outbox = OutboxService(self.world.services.database, clock, Bell(), {"alert": self.say})

    def say(self, row: OutboxRow) -> Result:
        senders: dict[str, SaysAlerts] = {"wechat": self.freely, "wechat_leave": self.by_leave}
        return senders[row.channel].send_alerts(row, wording("zh-CN"), self.alerts)

    def chat(self, openid: str, *, leaves: int = 0) -> str:
        person = self.world.services.accounts.greet(Identity(Channel.WECHAT, openid), "zh-CN").user
        with self.world.services.database.write() as unit:
            for _ in range(leaves):
                unit.leaves.given(openid, ALERTS, self.world.clock.now())
        return person.id

    def delivers(self, channel: str, openid: str, user_id: str) -> OutboxRow:
        """One attempt, and the row after it."""
        new = NewRow(
            f"alert:{openid}", MessageClass.ALERT, "alert", "1", channel=channel, address=openid, user_id=user_id
        )
        with self.world.services.database.write() as unit:
            row_id = unit.outbox.add(new, self.world.clock.now())
        assert row_id is not None
        assert self.outbox.deliver(row_id)
        with self.world.services.database.read() as unit:
            row = unit.outbox.get(row_id)
        assert row is not None
        return row

    def called(self, path: str) -> list[Any]:
        return [call.doc for call in self.platform.calls if call.path == path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("leaves"))
    name = "莲花路 <b>一二三四五六七八九十</b> 充电站"
    world.station(name, 22.5412, 114.0583, price="1.20", service="0.30", free=3, guns=5)
    world.services.prices.boundaries()
    return world


@pytest.fixture
def house(world: World) -> Iterator[House]:
    now, [station] = world.clock.now(), world.source.items
    assert isinstance(station, Station)
    lin = world.services.accounts.greet(Identity(Channel.WECHAT, LIN), "zh-CN").user
    made = world.services.watches.watch_station(lin.id, station.id, Rule.BELOW, Decimal("1.50"))
    alert = AlertNow(
        ids=(1,),
        watch=made.watch,
        rule=Rule.BELOW,
        station=station,
        plug=station.connectors[0].plug,
        power_kw=station.connectors[0].power_kw,
        guns=FreeGuns(5, 3, 3, now),
        price=PriceNow(Decimal("1.2"), "CNY", now, before=Decimal("1.50"), service=Decimal("0.30")),
    )
    leaves = Leaves(world.services.database, world.clock, ALERTS)
    with serving_api() as platform:
        yield House(world, platform, leaves, AlertsNow(now, (alert,)))
    with world.services.database.engine.begin() as db:  # type: ignore[attr-defined]  # it is SQLite here
        db.execute(delete(channel_pauses))


# --- the count ------------------------------------------------------------------------------------------------


@pytest.fixture
def wechat(house: House) -> Iterator[Platform]:
    app, stop = Flask("leaves-test"), threading.Event()
    account = WechatConfig(APP_ID, TOKEN, AES_KEY, SECRET, house.platform.url)
    app.register_blueprint(blueprint(house.world.services, account, leaves=house.leaves, stop=stop))
    with served(app) as url:
        yield Platform(url, house.world.clock)
    stop.set()


def told(template: str, status: str) -> dict[str, str]:
    return {"TemplateId": template, "SubscribeStatusString": status, "PopupScene": "0"}


def test_each_yes_is_one_leave_however_often_it_is_delivered(house: House, wechat: Platform) -> None:
    yes = wechat.leaves("o-yes", "popup", told(ALERTS, "accept"))
    for _ in range(3):
        assert wechat.push(yes).raw == "success"
    assert house.leaves.count("o-yes") == 1
    house.world.clock.advance(seconds=1)
    # Several templates in one question; what is for others is not for us.
    several = (told(OTHERS, "accept"), told(ALERTS, "acceptWithAudio"), told("T-3", "reject"))
    wechat.push(wechat.leaves("o-yes", "popup", *several))
    assert house.leaves.count("o-yes") == 2
    with house.world.services.database.read() as unit:
        assert unit.leaves.count("o-yes", OTHERS) == 0
    # A no to the question takes back nothing; a no in the settings takes back all.
    wechat.push(wechat.leaves("o-yes", "popup", told(ALERTS, "reject")))
    assert house.leaves.count("o-yes") == 2
    wechat.push(wechat.leaves("o-yes", "change", told(ALERTS, "reject")))
    assert house.leaves.count("o-yes") == 0


def test_a_notice_that_was_not_delivered_is_logged(
    house: House, wechat: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    sent = {"TemplateId": ALERTS, "MsgID": "171", "ErrorCode": "0", "ErrorStatus": "success"}
    wechat.push(wechat.leaves("o-sent", "sent", sent))
    blocked = sent | {"MsgID": "172", "ErrorCode": "4", "ErrorStatus": "user block"}
    wechat.push(wechat.leaves("o-sent", "sent", blocked))
    [record] = [one for one in caplog.records if one.name == "bots.wechat.leaves"]
    assert record.outcome == "172 4 user block"  # type: ignore[attr-defined]  # of `extra`


@pytest.mark.parametrize("inner", ["", "<List></List>", "x", "<List><TemplateId></TemplateId></List>"])
def test_what_says_nothing_of_leaves_counts_nothing(house: House, wechat: Platform, inner: str) -> None:
    holder = f"<SubscribeMsgPopupEvent>{inner}</SubscribeMsgPopupEvent>"
    assert wechat.push(wechat.event("o-odd", "subscribe_msg_popup_event", holder)).status in {200, 400}
    assert house.leaves.count("o-odd") == 0


# --- the notice -----------------------------------------------------------------------------------------------


def test_a_notice_carries_four_fields_and_uses_up_one_leave(house: House) -> None:
    row = house.delivers("wechat_leave", "o-two", house.chat("o-two", leaves=2))
    assert row.state is OutboxState.SENT
    [sent] = house.called(BIZSEND)
    assert sent == {
        "touser": "o-two",
        "template_id": ALERTS,
        "page": "https://k.example",
        "data": {
            "thing1": {"value": sent["data"]["thing1"]["value"]},
            "amount2": {"value": "¥1.20"},
            "amount3": {"value": "¥1.50"},
            "thing4": {"value": sent["data"]["thing4"]["value"]},
        },
    }
    name, note = (sent["data"][one]["value"] for one in ("thing1", "thing4"))
    assert name.startswith("莲花路 ＜b＞一二三")
    assert 0 < len(note) <= 20
    assert len(name) <= 20
    assert house.leaves.count("o-two") == 1


def test_without_a_leave_nobody_is_asked(house: House) -> None:
    row = house.delivers("wechat_leave", "o-none", house.chat("o-none"))
    assert (row.state, row.error) == (OutboxState.EXPIRED, "no leave is left")
    assert house.called(BIZSEND) == []


def test_an_amount_has_one_sign_and_digits(house: House) -> None:
    price = PriceNow(Decimal("1234.5"), "SGD", house.world.clock.now())
    house.alerts = AlertsNow(house.alerts.at, (replace(house.alerts.alerts[0], price=price),))
    house.delivers("wechat_leave", "o-sgd", house.chat("o-sgd", leaves=1))
    [sent] = house.called(BIZSEND)
    assert sent["data"]["amount2"]["value"].strip("$") == "1234.50"


def test_an_alert_without_a_price_has_no_notice(house: House) -> None:
    house.alerts = AlertsNow(house.alerts.at, (replace(house.alerts.alerts[0], price=None),))
    row = house.delivers("wechat_leave", "o-gun", house.chat("o-gun", leaves=1))
    assert row.state is OutboxState.EXPIRED
    assert house.called(BIZSEND) == []
    assert house.leaves.count("o-gun") == 1


def test_the_field_that_wechat_does_not_take_is_named(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.platform.answers[BIZSEND] = [{"errcode": 47003, "errmsg": "argument invalid! data.thing4.value invalid"}]
    house.delivers("wechat_leave", "o-field", house.chat("o-field", leaves=1))
    [record] = [one for one in caplog.records if one.name == "bots.wechat.leaves"]
    assert record.field == "thing4"  # type: ignore[attr-defined]  # of `extra`


@pytest.mark.parametrize("text", ["", "T-1", "T-1 thing1 amount2 amount3", "T-1 a b c d e"])
def test_a_template_that_is_not_described_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="thing1"):
        LeaveTemplate.read(text)


# --- what becomes of an alert ---------------------------------------------------------------------------------

REFUSED_TOKEN = {"errcode": 40001, "errmsg": "invalid credential"}
BROKEN = (502, b"<html>")
NOTHING, HELD, AGAIN = "-", "held", "again"
# (channel, what WeChat answers): what becomes of the alert where the person has a leave, and where they have none;
# then what is remembered.
MEETS: list[tuple[str, Any, str, str, str]] = [
    ("wechat", {"errcode": 0}, "sent", "sent", NOTHING),
    ("wechat", {"errcode": 45009}, "wechat_leave", HELD, "paused"),
    ("wechat", {"errcode": 45015}, "wechat_leave", HELD, "closed"),
    ("wechat", {"errcode": 45047}, "wechat_leave", HELD, "closed"),
    ("wechat", {"errcode": 43101}, "wechat_leave", HELD, NOTHING),
    ("wechat", {"errcode": 43004}, HELD, HELD, "gone"),
    ("wechat", {"errcode": 47003}, "dead", "dead", NOTHING),
    ("wechat", REFUSED_TOKEN, AGAIN, AGAIN, NOTHING),
    ("wechat", {"errcode": -1}, AGAIN, AGAIN, NOTHING),
    ("wechat", BROKEN, "uncertain", "uncertain", "paused"),
    ("wechat", SILENCE, "uncertain", "uncertain", "paused"),
    ("wechat_leave", {"errcode": 0}, "sent", HELD, "one leave less"),
    ("wechat_leave", {"errcode": 45009}, HELD, HELD, "paused"),
    ("wechat_leave", {"errcode": 45015}, HELD, HELD, "closed"),
    ("wechat_leave", {"errcode": 45047}, HELD, HELD, "closed"),
    ("wechat_leave", {"errcode": 43101}, HELD, HELD, "no leave"),
    ("wechat_leave", {"errcode": 43004}, HELD, HELD, "gone"),
    ("wechat_leave", {"errcode": 47003}, "dead", HELD, NOTHING),
    ("wechat_leave", REFUSED_TOKEN, AGAIN, HELD, NOTHING),
    ("wechat_leave", {"errcode": -1}, AGAIN, HELD, NOTHING),
    ("wechat_leave", BROKEN, "uncertain", HELD, "paused"),
    ("wechat_leave", SILENCE, "uncertain", HELD, "paused"),
]


def named(answer: Any) -> str:
    return str(answer["errcode"]) if isinstance(answer, dict) else "502" if answer is BROKEN else "silence"


@pytest.mark.parametrize("leaves", [2, 0], ids=["with leaves", "without"])
@pytest.mark.parametrize("meets", MEETS, ids=lambda one: f"{one[0]} {named(one[1])}")
def test_what_becomes_of_an_alert(house: House, meets: tuple[str, Any, str, str, str], leaves: int) -> None:
    channel, answer, with_leave, without, remembered = meets
    house.platform.answers[CUSTOM if channel == "wechat" else BIZSEND] = [answer]
    openid = f"o-meets-{MEETS.index(meets)}-{leaves}"
    row = house.delivers(channel, openid, house.chat(openid, leaves=leaves))
    assert becomes(row, channel) == (with_leave if leaves else without)
    if channel == "wechat_leave" and not leaves:
        return
    with house.world.services.database.read() as unit:
        chat, left = unit.chats.get(Identity(Channel.WECHAT, openid)), unit.leaves.count(openid, ALERTS)
    assert chat is not None
    assert chat.gone == (remembered == "gone")
    assert chat.closed == (remembered == "closed")
    assert left == {"one leave less": leaves - 1, "no leave": 0}.get(remembered, leaves)
    pauses = house.outbox.pauses()
    assert set(pauses) == ({channel} if remembered == "paused" else set())
    if remembered == "paused" and isinstance(answer, dict):
        assert pauses[channel] == MIDNIGHT


def becomes(row: OutboxRow, channel: str) -> str:
    if row.state is OutboxState.PENDING:
        return AGAIN if row.channel == channel else row.channel
    return HELD if row.state is OutboxState.EXPIRED else row.state.value
