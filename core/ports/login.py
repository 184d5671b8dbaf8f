"""What platforms vouch for when somebody logs in to the API or the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.user import Identity


@dataclass(frozen=True, slots=True)
class Proven:
    """Who a platform says this is. `unionid` joins WeChat's accounts; `language` is the platform's code, or ""."""

    identity: Identity
    unionid: str = ""
    language: str = ""


class ReadsInitData(Protocol):
    """Telegram Mini Apps."""

    def read(self, init_data: str, at: datetime) -> Proven:
        """Who opened the Mini App. Raises NotLoggedIn for whatever Telegram has not signed in the last minutes."""
        ...


class ExchangesCode(Protocol):
    """WeChat's one-time login codes."""

    def exchange(self, code: str) -> Proven:
        """Who the code was made for. Raises NotLoggedIn, TooMany, or SupplierUnavailable when WeChat is silent."""
        ...


class LogsInOnPages(ExchangesCode, Protocol):
    """WeChat's own browser: it is sent to WeChat and comes back with a code."""

    def address(self, back_to: str, state: str) -> str:
        """Where to send the browser. `state` comes back with the code, to know that it is the same browser."""
        ...


class KnowsUnionid(Protocol):
    def unionid(self, openid: str) -> str:
        """The person's name over all accounts of the owner; "" where there is none. Raises SupplierUnavailable."""
        ...
