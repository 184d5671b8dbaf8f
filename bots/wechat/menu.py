"""The account's menu. Labels are in both languages: one menu serves everybody, whatever their phone speaks."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlencode

# The platform's limits, in bytes of UTF-8.
LABEL_MAX_BYTES, SUB_LABEL_MAX_BYTES = 16, 60


class PublishesMenu(Protocol):
    def publish_menu(self, menu: dict[str, Any]) -> None:
        """Raises SupplierUnavailable."""
        ...


def menu(public_url: str) -> dict[str, Any]:
    """The buttons; their keys are read in words.py. The page's button needs a public address."""
    mine: list[dict[str, str]] = [
        _click("设置 Settings", "settings"),
        _click("资料·隐私 Profile", "profile"),
        _click("English / 中文", "language"),
        _click("帮助 Help", "help"),
    ]
    more = [
        _click("列表 List", "list"),
        _click("钱包 Wallet", "wallet"),
        _click("明细 Statement", "statement"),
        _click("充电单 Receipts", "receipts"),
        _click("资金安全 Safety", "safety"),
    ]
    if public_url:
        url = f"{public_url.rstrip('/')}/?{urlencode({'lang': 'zh-CN'})}"
        mine.append({"type": "view", "name": "网页 Page", "url": url})
    return {
        "button": [
            {"type": "location_select", "name": "找桩 Find", "key": "find"},
            {"name": "更多 More", "sub_button": more},
            {"name": "我的 Me", "sub_button": mine},
        ]
    }


def publish(client: PublishesMenu, public_url: str) -> dict[str, Any]:
    """Publish the menu; phones show it within five minutes. Returns what was published."""
    wanted = menu(public_url)
    client.publish_menu(wanted)
    return wanted


def _click(name: str, key: str) -> dict[str, str]:
    return {"type": "click", "name": name, "key": key}
