"""Which addresses of a partner we call: those of the origins fixed when we registered, and no others."""

from __future__ import annotations

from collections.abc import Collection

from adapters import addresses
from adapters.addresses import UrlRefused


def origin_of(url: str) -> str:
    """Scheme, host and port in their normal form; "" for what is no plain web address."""
    try:
        return addresses.origin_of(url)
    except UrlRefused:
        return ""


def allowed(url: str, origins: Collection[str]) -> bool:
    origin = origin_of(url)
    return bool(origin) and origin in origins
