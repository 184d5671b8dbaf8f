"""The person in WeChat: profile, linking by word and by scan, everything to take along, and leaving."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

import web
from bots.wechat.pushes import What, read_push
from bots.wechat.webhook import blueprint
from bots.wechat.words import Wish, Words, understand
from core.errors import SupplierUnavailable
from core.ports import LoginKind, Proven
from core.services.linking import WaysOver
from core.station import Plug
from core.user import Channel, Identity, User
from tests.bots.wechat.conftest import config
from tests.bots.wechat.pretend import LIN, WEI, Platform, served, tag
from tests.core.services.test_linking import charging, paid_in
from tests.world import World, make_world

UNIONID = "oUnion-_01234567890123456789"


class Unionids:
    """WeChat, asked who a follower is."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.silent = False

    def unionid(self, openid: str) -> str:
        if self.silent:
            raise SupplierUnavailable("WeChat", "user/info")
        return self.known.get(openid, "")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, ways=WaysOver(bot_name=lambda: "kw_bot"))


@pytest.fixture
def unionids() -> Unionids:
    return Unionids()


@pytest.fixture
def wechat(world: World, unionids: Unionids) -> Iterator[Platform]:
    app, stop = Flask("wechat-test"), threading.Event()
    app.register_blueprint(blueprint(world.services, config(), unionids=unionids, stop=stop))
    with served(app) as url:
        yield Platform(url, world.clock)
    stop.set()


def says(wechat: Platform, text: str, who: str = LIN) -> str:
    reply = wechat.push(wechat.text(who, text))
    assert reply.text is not None, reply
    return reply.text


def account(world: World, openid: str = LIN) -> User | None:
    with world.services.database.read() as unit:
        return unit.users.by_identity(Identity(Channel.WECHAT, openid))


def lin(world: World) -> User:
    found = account(world)
    assert found is not None
    return found


@pytest.fixture
def english(wechat: Platform) -> Platform:
    says(wechat, "english")
    return wechat


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("绑定", Words(Wish.LINK)),
        ("/link", Words(Wish.LINK)),
        ("KW-" + "A" * 26, Words(Wish.LINK, "kw-" + "a" * 26)),
        ("绑定 kw-" + "a" * 26, Words(Wish.LINK, "kw-" + "a" * 26)),
        ("link kw-123", Words(Wish.LINK, "kw-123")),
        ("解绑", Words(Wish.UNLINK)),
        ("免打扰 22-8", Words(Wish.QUIET, "22-8")),
        ("Quiet 22:30-7", Words(Wish.QUIET, "22:30-7")),
        ("车 国标 60", Words(Wish.CAR, "国标 60")),
        ("car CCS2 77", Words(Wish.CAR, "ccs2 77")),
        ("注销账号", Words(Wish.DELETE)),
        ("车公庙", Words(Wish.PLACE, "车公庙")),
        ("Carmel", Words(Wish.PLACE, "Carmel")),
        ("Link Road", Words(Wish.PLACE, "Link Road")),
    ],
)
def test_what_a_line_asks_for(text: str, words: Words) -> None:
    assert understand(text) == words


# --- the profile ------------------------------------------------------------------------------------------------


def test_the_profile_in_words(english: Platform, world: World) -> None:
    assert "No car yet" in says(english, "profile")
    assert "🌙 Quiet hours: 22:30–07:00" in says(english, "quiet 22:30-7")
    assert "🚗 CCS2, 77 kWh" in says(english, "car CCS2 77")
    (car,) = world.services.accounts.cars(lin(world).id)
    assert (car.plug, car.battery_kwh, car.usual) == (Plug.CCS2, Decimal(77), True)
    assert "none" in says(english, "quiet off")
    assert "No car yet" in says(english, "car none")
    assert "quiet 22-8" in says(english, "quiet please")
    assert "CCS2" in says(english, "car rocket 60")
    assert "between 1 and 1,000" in says(english, "car ccs2 0").replace("1000", "1,000")
    assert lin(world).quiet is None


def test_the_profile_speaks_chinese(wechat: Platform) -> None:
    assert "还没有添加车辆" in says(wechat, "资料")
    assert "国标直流" in says(wechat, "车 国标 60") or "60 度" in says(wechat, "车 国标 60")


# --- linking ----------------------------------------------------------------------------------------------------


def driver(world: World, number: str = "4711") -> User:
    with world.services.database.write() as unit:
        return unit.users.register(Identity(Channel.TELEGRAM, number), "en", world.clock.now())[0]


def test_a_code_for_telegram_as_link_and_as_text(english: Platform, world: World) -> None:
    answer = says(english, "link")
    code = next(line for line in answer.splitlines() if line.startswith("kw-"))
    assert f"https://t.me/kw_bot?start=link_{code[3:]}" in answer
    assert "show it nobody" in answer
    there = driver(world)
    world.services.linking.confirm(there.id, code)
    assert "🔗 Linked: Telegram" in says(english, "profile")
    assert "linked already" in says(english, "link")


def test_a_code_from_telegram_asks_first(english: Platform, world: World) -> None:
    here, there = lin(world), driver(world)
    paid_in(world.services.database, here.id, 1200)
    asked = world.services.linking.ask(there.id, Channel.TELEGRAM, "Lin <a href=x>")
    question = says(english, f"绑定 {asked.code}")
    assert "“Lin ＜a href=x＞” in Telegram" in question or "“Lin" in question
    assert "<a href" not in question
    assert "You bring ¥12.00" in question
    assert says(english, "no") == "Nothing has been changed."
    assert lin(world).id == here.id
    says(english, asked.code)
    assert "Linked with Telegram" in says(english, "yes")
    assert lin(world).id == there.id
    assert "not kept" in says(english, "yes"), "a second yes answers the other question, not this one again"


def test_a_scan_brings_the_code(english: Platform, world: World) -> None:
    there = driver(world)
    asked = world.services.linking.ask(there.id, Channel.TELEGRAM, "Lin")
    scan = english.event(LIN, "SCAN", tag("EventKey", asked.payload), tag("Ticket", "t"))
    question = english.push(scan).text
    assert question is not None
    assert "“Lin” in Telegram" in question
    assert "Linked with Telegram" in says(english, "yes")
    assert lin(world).id == there.id


def test_a_scan_by_somebody_new_follows_and_brings_the_code(wechat: Platform, world: World) -> None:
    asked = world.services.linking.ask(driver(world).id, Channel.TELEGRAM)
    follow = wechat.event(WEI, "subscribe", tag("EventKey", f"qrscene_{asked.payload}"), tag("Ticket", "t"))
    pushed = read_push(follow)
    assert (pushed.what, pushed.text) == (What.FOLLOWED, asked.payload)
    question = wechat.push(follow).text
    assert question is not None
    assert "Telegram" in question
    says(wechat, "是", WEI)
    linked = account(world, WEI)
    assert linked is not None
    with world.services.database.read() as unit:
        assert {one.channel for one in unit.people.identities(linked.id)} == {Channel.WECHAT, Channel.TELEGRAM}
    plain = wechat.push(wechat.event(LIN, "subscribe", tag("EventKey", "")))
    assert plain.text is not None
    assert "找桩" in plain.text


def test_unlinking_asks_and_says_where_the_money_stays(english: Platform, world: World) -> None:
    assert "Nothing is linked" in says(english, "unlink")
    world.services.linking.confirm(lin(world).id, world.services.linking.ask(driver(world).id, Channel.TELEGRAM).code)
    assert "stay here in WeChat" in says(english, "unlink")
    assert "Telegram is unlinked" in says(english, "yes")
    with world.services.database.read() as unit:
        stayed, left = lin(world), unit.users.by_identity(Identity(Channel.TELEGRAM, "4711"))
    assert left is not None
    assert left.id != stayed.id


def test_a_follower_who_has_the_miniprogram_is_one_person(wechat: Platform, world: World, unionids: Unionids) -> None:
    program = Proven(Identity(Channel.MINIPROGRAM, "oProgram"), UNIONID)
    known = world.services.login.enter(program, LoginKind.MINIPROGRAM).user
    unionids.known[WEI] = UNIONID
    unionids.silent = True
    assert wechat.push(wechat.event(WEI, "subscribe")).text
    apart = account(world, WEI)
    assert apart is not None
    assert apart.id != known.id
    unionids.silent = False
    world.clock.advance(minutes=1)
    assert wechat.push(wechat.event(WEI, "subscribe")).text
    with world.services.database.read() as unit:
        assert unit.people.current(apart.id) == unit.people.current(known.id)


# --- taking everything along, and leaving -----------------------------------------------------------------------


def test_the_export_is_a_link_that_works_once(english: Platform, world: World) -> None:
    paid_in(world.services.database, lin(world).id, 4200)
    address = says(english, "export").splitlines()[-1]
    assert address.startswith("https://kilowatch.example/download/")
    client = web.create_app(world.services).test_client()
    path = address.removeprefix("https://kilowatch.example")
    assert client.get(path).status_code == 200
    kept = client.post(path).json["kept"]
    assert kept["identities"][0]["external_id"] == LIN
    assert kept["topups"][0]["amount"] == 4200
    assert client.post(path, headers={"Accept": "application/json"}).status_code == 401


def test_leaving_needs_empty_hands_and_a_yes(english: Platform, world: World) -> None:
    charge = charging(world.services.database, lin(world).id, world.clock.now())
    assert "A charge is still open" in says(english, "delete account")
    charge.end()
    assert "There is still ¥10.00" in says(english, "delete account")
    assert says(english, "yes").startswith("We can keep"), "nothing was asked that this yes could be to"
    assert account(world) is not None


def test_a_driver_who_leaves_is_gone_and_told_so(english: Platform, world: World) -> None:
    before = lin(world)
    assert "Reply “yes” or “no”" in says(english, "delete account")
    answer = says(english, "yes")
    assert "nowhere any more" in answer
    assert account(world) is None
    with world.services.database.read() as unit:
        assert unit.people.traces([LIN]) == {}
    says(english, "hello")
    assert lin(world).id != before.id


def test_nobody_asks_for_more_than_a_few_exports(english: Platform, world: World) -> None:
    world.limiter.most = sum(world.limiter.seen.values()) + 1
    world.limiter.seen["export", lin(world).id] = world.limiter.most
    assert "too fast" in says(english, "export") or "bit fast" in says(english, "export")
