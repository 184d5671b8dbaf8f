"""From a photo to a receipt with everything as a process of its own: both protocols, both chats, and what goes wrong.

`pytest -s` prints the chats. In the end our books and the operator's say the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bots.wechat.pretend import LIN, WEI
from tests.soak.whole import House, TelegramDriver, WechatDriver

pytestmark = pytest.mark.soak

FAILS = ("start_refused", "start_silent", "stop_refused", "stop_silent", "gun_breaks", "wrong_totals",
         "record_late", "record_twice", "record_different", "push_lost", "zero_energy")  # fmt: skip


@pytest.fixture(scope="module", params=["cec", "ocpi"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp(request.param), request.param) as house:
        yield house


@pytest.fixture(autouse=True)
def _chat_and_books(house: House) -> Iterator[None]:
    house.told.clear()
    yield
    print("\n" + "\n".join(house.told))
    print(books := house.books_are_clean())
    assert "The books balance" in books


@pytest.mark.parametrize(("language", "start", "stop", "yes"), [
    ("en", "⚡ Start", "⏹ Stop", "⏹ Yes"), ("zh-hans", "⚡ 开始", "⏹ 停止", "⏹ 是"),
])  # fmt: skip
def test_telegram(house: House, language: str, start: str, stop: str, yes: str) -> None:
    lin = TelegramDriver(house, f"Lin-{language}", language)
    lin.pays_in(100)
    station, gun = house.free_gun()
    lin.stands_at(station)
    lin.presses(start, lin.scans(gun))
    live = lin.hears("⚡ Charging", "⚡ 充电中")
    lin.presses(stop, live)
    lin.presses(yes, live)
    lin.hears("Settled", "已结算")


def test_wechat(house: House) -> None:
    lin = WechatDriver(house, LIN, "Lin")
    lin.says("你好")
    lin.pays_in(100)
    station, gun = house.free_gun()
    lin.stands_at(station)
    lin.scans(gun)
    lin.says("充电")
    lin.hears("已开始充电")
    lin.says("状态")
    lin.says("停止充电")
    lin.says("是")
    lin.hears("账单：")


@pytest.mark.parametrize("fault", FAILS)
def test_what_goes_wrong(house: House, fault: str) -> None:
    """The driver is told in words what is going on, and pays the truth or nothing."""
    wei = WechatDriver(house, f"{WEI[:-4]}{FAILS.index(fault):04d}", "Wei")
    wei.says("你好")
    wei.pays_in(100)
    station, gun = house.free_gun()
    wei.stands_at(station)
    more = {"after_kwh": "0.2"} if fault == "gun_breaks" else {"delay_s": 20} if fault == "record_late" else {}
    with house.fault(fault, gun, **more):
        wei.scans(gun)
        wei.says("充电")
        if fault == "start_refused":
            wei.hears("没有启动")
            return
        wei.hears("已开始充电", within_s=240)
        if fault != "gun_breaks":
            wei.says("停止充电")
            wei.says("是")
        if fault == "stop_refused":
            wei.hears("没有停止", within_s=180)
    if fault == "stop_refused":  # as the driver does at the pile
        wei.says("停止充电")
        wei.says("是")
    wei.hears("账单：", "没有启动", within_s=300)
