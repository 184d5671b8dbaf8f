"""One driver in Telegram and WeChat, over the real processes: linked from either side, with the money, and parted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.user import Channel, Identity, User
from tests.bots.telegram.process import TelegramProcess, city
from tests.bots.telegram.server import BotApi, Person, Shown
from tests.bots.wechat.pretend import LIN, WEI, serving_api
from tests.bots.wechat.test_web_process import Web
from tests.core.services.test_linking import paid_in
from tests.world import World

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def telegram() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return city(tmp_path_factory.mktemp("linking"))


@pytest.fixture(scope="module")
def web(telegram: BotApi, world: World) -> Iterator[Web]:
    """Both chats over one database."""
    folder = Path(str(world.services.database.engine.url.database)).parent  # type: ignore[attr-defined]  # it is SQL
    with serving_api() as api:
        bot, web = TelegramProcess(telegram, folder), Web(folder, api)
        bot.start()
        web.start()
        yield web
        web.stop()
        bot.stop()


def known(world: World, channel: Channel, name: object) -> User | None:
    with world.services.database.read() as unit:
        return unit.users.by_identity(Identity(channel, str(name)))


def wechat_says(web: Web, who: str, text: str) -> str:
    reply = web.wechat.push(web.wechat.text(who, text))
    assert reply.text is not None, reply
    return reply.text


def told(who: Person, words: str) -> Shown:
    return who.api.wait(lambda: [one for one in who.messages if words in one.text])[0]


def free(world: World, user: User) -> int:
    with world.services.database.read() as unit:
        assert list(unit.ledger.breaches(world.clock.now())) == []
        return sum(one.available.amount_minor for one in unit.ledger.wallets([user.id]))


def test_from_telegram_to_wechat_and_apart_again(web: Web, telegram: BotApi, world: World) -> None:
    lin = telegram.person("Lin")
    lin.says("/link")
    code = next(line for line in told(lin, "kw-").text.splitlines() if line.startswith("kw-"))
    wechat_says(web, LIN, "你好")
    there = known(world, Channel.WECHAT, LIN)
    assert there is not None
    paid_in(world.services.database, there.id, 1200)
    question = wechat_says(web, LIN, code)
    assert "Telegram 中的“Lin”" in question
    assert "¥12.00" in question
    assert "已与 Telegram 绑定" in wechat_says(web, LIN, "是")
    one = known(world, Channel.TELEGRAM, lin.id)
    assert one is not None
    assert one == known(world, Channel.WECHAT, LIN)
    assert free(world, one) == 1200
    lin.says("/unlink")
    lin.presses(told(lin, "Unlink WeChat?"), "Yes, unlink")
    told(lin, "is unlinked")
    left = known(world, Channel.WECHAT, LIN)
    assert left is not None
    assert (free(world, one), free(world, left)) == (1200, 0)


def test_from_wechat_to_telegram(web: Web, telegram: BotApi, world: World) -> None:
    wei = telegram.person("Wei")
    answer = wechat_says(web, WEI, "绑定")
    code = next(line for line in answer.splitlines() if line.startswith("kw-"))
    wei.says(f"/start link_{code[3:]}")
    wei.presses(told(wei, "one account with whoever asked in WeChat"), "Yes, link")
    telegram.wait(lambda: known(world, Channel.TELEGRAM, wei.id) == known(world, Channel.WECHAT, WEI))
    assert "Telegram" in wechat_says(web, WEI, "资料")
