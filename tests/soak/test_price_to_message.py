"""From a price that changes at the operator to a message in both chats, with everything as a process of its own.

Over OCPI, which pushes prices. `pytest -s` prints the messages and the milliseconds: from the operator's push, and
from a time-of-use boundary at which nobody says anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from core.prices.watching import Rule
from core.station import Station
from core.user import Channel, Identity
from tests.bots.wechat.pretend import LIN
from tests.soak.whole import House, TelegramDriver, WechatDriver

pytestmark = pytest.mark.soak

LOOK_EVERY_S = 0.004
ROUNDS = 4  # a driver is told six times a day at most
SHENZHEN = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("prices"), "ocpi") as house:
        yield house


class Watcher:
    """Lin in Telegram and Lin's friend in WeChat, who watch the same guns."""

    def __init__(self, house: House) -> None:
        self.house, self.services = house, house.services
        self.telegram, self.wechat = TelegramDriver(house, "Wei", "en"), WechatDriver(house, LIN, "Lin")
        self.telegram.says("/start")
        self.wechat.says("你好")
        named = [(Channel.TELEGRAM, str(self.telegram.me.id), "en"), (Channel.WECHAT, LIN, "zh-CN")]
        self.users = [
            self.services.accounts.greet(Identity(channel, name), language).user.id
            for channel, name, language in named
        ]
        self._seen = 0

    def watches(self, station: Station, below: Decimal) -> None:
        for user_id in self.users:
            self.services.watches.watch_station(user_id, station.id, Rule.BELOW, below)

    def stops(self) -> None:
        for user_id in self.users:
            self.services.watches.stop_all(user_id)

    def heard(self, words: str) -> tuple[Callable[[], bool], Callable[[], bool]]:
        """Whether Telegram and WeChat have been told something with these words in it."""
        sent = len(self.house.wechat_api.calls)
        shown = {one.message_id for one in self.telegram.me.messages}

        def telegram() -> bool:
            return any(words in one.text for one in self.telegram.me.messages if one.message_id not in shown)

        def wechat() -> bool:
            new = self.house.wechat_api.calls[sent:]
            return any(call.path.endswith("custom/send") and words in str(call.doc) for call in new)

        return telegram, wechat

    def told_after(self, began: float, words: str, within_s: float) -> list[float]:
        """Milliseconds from `began` until Telegram and WeChat were told."""
        told: list[float | None] = [None, None]
        looks = self.heard_from
        while None in told:
            assert time.time() < began + within_s, (told, self.house.log[-3000:])
            for n, look in enumerate(looks):
                if told[n] is None and look():
                    told[n] = (time.time() - began) * 1000
            time.sleep(LOOK_EVERY_S)
        return [one for one in told if one is not None]

    def listen(self, words: str) -> None:
        self.heard_from = self.heard(words)


@pytest.fixture(scope="module")
def watcher(house: House) -> Watcher:
    return Watcher(house)


def _stations(house: House) -> list[tuple[Station, Decimal]]:
    """Those with a price in both catalogue and history, and what a kWh costs there now."""
    with house.services.database.read() as unit:
        every = [one for one in unit.catalogue.stations() if one.public]
        series = {one.station_id: one for one in unit.prices.series_of([one.id for one in every])}
    return [
        (one, price)
        for one in every
        if one.id in series
        and (price := series[one.id].price) is not None
        and len({g.plug for g in one.connectors}) == 1
    ]


def _theirs(station: Station) -> str:
    """The number that the operator itself has for it."""
    return station.external_id.rpartition(":")[2]


def _price(house: House, station: Station) -> Decimal | None:
    with house.services.database.read() as unit:
        return unit.prices.series_of([station.id])[0].price


def test_a_push_is_told_in_both_chats(house: House, watcher: Watcher) -> None:
    found: list[list[float]] = []
    for station, price in house.wait(lambda: _stations(house))[:ROUNDS]:
        watcher.watches(station, (price * Decimal("0.9")).quantize(Decimal("0.0001")))
        watcher.wechat.says("你好")  # WeChat lets us speak three times, then it is the driver's turn
        time.sleep(1)  # the change comes a while after the wish, as it would
        watcher.listen(station.name[:10])
        began = time.time()
        house.pull("price", station_id=_theirs(station), factor="0.8")
        found.append(watcher.told_after(began, station.name, 30))
        watcher.stops()
    for name, column in zip(("Telegram", "WeChat"), zip(*found, strict=True), strict=True):
        print(f"push to {name}: median {median(column):.0f} ms, {[round(one) for one in column]}")
    print(watcher.telegram.me.messages[-1].text)
    assert max(max(row) for row in found) < 10_000


def test_a_boundary_is_told_though_nobody_says_anything(house: House, watcher: Watcher) -> None:
    station, _ = _stations(house)[-1]
    # The dearest of its day, so that the gate finds no hour at which the new tariff is a third cheaper.
    (group, *_) = house.services.prices.history(station.id)
    price = max(one for _, one in group.ahead if one is not None)
    boundary = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
    local = boundary.astimezone(SHENZHEN)
    if local.hour == 0 and local.minute == 0:
        boundary, local = boundary + timedelta(minutes=1), local + timedelta(minutes=1)
    lower = (price * Decimal("0.85")).quantize(Decimal("0.0001"))
    day = [
        {"start": "000000", "energy": str(price), "service": "0"},
        {"start": f"{local:%H%M}00", "energy": str(lower), "service": "0"},
    ]
    house.pull("price", station_id=_theirs(station), periods=day)
    house.wait(lambda: _price(house, station) == price)
    watcher.watches(station, (price * Decimal("0.9")).quantize(Decimal("0.0001")))
    watcher.wechat.says("你好")
    time.sleep(max(0.0, boundary.timestamp() - time.time() - 5))
    watcher.listen(station.name[:10])
    told = watcher.told_after(boundary.timestamp(), station.name, 30)
    print(f"boundary to Telegram {told[0]:.0f} ms, to WeChat {told[1]:.0f} ms")
    print(watcher.telegram.me.messages[-1].text)
    assert min(told) >= 0
    assert max(told) < 10_000
