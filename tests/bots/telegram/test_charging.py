"""From a photo to a receipt in Telegram, and every way off that path, over real services and a Bot API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiogram import Dispatcher

from core.session import SessionState
from tests.bots.driving import WARY, Driving
from tests.bots.telegram.drive import Driver
from tests.bots.telegram.house import house
from tests.bots.telegram.server import BotApi
from tests.bots.telegram.test_person import Talk
from tests.world import World, make_world

ENGLISH = ("⚡ Start · hold", "⚡ Charging", "⏹ Stop", "⏹ Yes", "⏳ Stopping", "Settled", "quoted ¥45.00",
           "🧾 Receipt", "👍")  # fmt: skip
CHINESE = ("⚡ 开始充电 · 预冻结", "⚡ 充电中", "⏹ 停止", "⏹ 是", "⏳ 正在停止", "已结算", "报价 ¥45.00",
           "🧾 充电单", "👍")  # fmt: skip


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("charging"))


@pytest.fixture(scope="module")
def driving(world: World) -> Driving:
    return Driving(world)


@pytest.fixture(scope="module")
def dispatcher(world: World) -> Iterator[Dispatcher]:
    with house(world.services) as dispatcher:
        yield dispatcher


@pytest.fixture
def driver(telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving) -> Iterator[Driver]:
    """Lin, with a hundred yuan, beside the first gun."""
    one = _driver(telegram, dispatcher, world, driving, "Lin", "en")
    one.driving.tops_up(one.user_id, 100)
    one.arrives()
    yield one
    _leave_nothing_running(one)


def _driver(
    telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving, name: str, language: str
) -> Driver:
    world.clock.advance(hours=1)  # no start or scan is counted against the next person's test
    world.services.catalogue.pull_prices(driving.supplier)
    world.services.catalogue.pull_statuses(driving.supplier)
    world.services.index.refresh()
    one = Driver(Talk(telegram, dispatcher, world, telegram.person(name, language)), driving)
    one.says("/wallet")
    return one


def _leave_nothing_running(one: Driver) -> None:
    for session in one.talk.world.services.charging.history(one.user_id):
        if session.state is SessionState.CHARGING:
            one.driving.ends(session)


@pytest.mark.parametrize(("code", "words"), [("en", ENGLISH), ("zh-hans", CHINESE)], ids=["en", "zh"])
def test_from_a_photo_to_the_receipt(
    telegram: BotApi, dispatcher: Dispatcher, world: World, driving: Driving, code: str, words: tuple[str, ...]
) -> None:
    start, charging, stop, yes, stopping, settled, quoted, receipt, good = words
    lin = _driver(telegram, dispatcher, world, driving, "Lin", code)
    driving.tops_up(lin.user_id, 100)
    lin.arrives()
    live = lin.sends_photo(lin.code())
    for part in (WARY, "P1-1", "60 kW", "¥45.00", "¥1.50/", "¥57.00"):
        assert part in live.text
    lin.taps(start, live)
    assert "¥57.00" in live.text
    assert len(live.buttons) == 1
    lin.later(seconds=30)
    assert live.text.startswith(charging)
    lin.later(minutes=5)
    assert "kWh · 60 kW" in live.text.replace(" 度", " kWh")
    lin.taps(stop, live)
    lin.taps(yes, live)
    assert stopping in live.text
    session = lin.driving.now(lin.charge())
    lin.driving.runs_jobs()
    driving.ends(session)
    lin.looks()
    assert settled in live.text
    assert quoted in live.text
    lin.taps(good, live)
    lin.taps(receipt, live)
    assert session.id in lin.last.text
