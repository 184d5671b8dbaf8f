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
    mine = [
        _click("充电状态 Status", "status"),
        _click("钱包 Wallet", "wallet"),
        _click("充电单 Receipts", "receipts"),
        _click("帮助 Help", "help"),
    ]
    if public_url:
        url = f"{public_url.rstrip('/')}/?{urlencode({'lang': 'zh-CN'})}"
        mine.append({"type": "view", "name": "网页 Page", "url": url})
    else:
        mine.append(_click("设置 Settings", "settings"))
    return {
        "button": [
            {"type": "location_select", "name": "找桩 Find", "key": "find"},
            # At the gun one tap has to do. The code comes to us as text: no photo, and no page is opened.
            {"type": "scancode_waitmsg", "name": "扫码充电", "key": "scan"},
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
