"""Typed places through any server that speaks Nominatim's interface, by geopy."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from geopy.exc import GeopyError
from geopy.geocoders import Nominatim

from core.errors import SupplierUnavailable, UserError
from core.geo import Point
from core.ports import Place

TIMEOUT_S = 3.0
REMEMBERED = 2_000


class NominatimGeocoder:
    """`url` like https://geocoder.example. The server's own rules of use apply; answers are remembered."""

    def __init__(self, url: str, user_agent: str = "kilowatch/1") -> None:
        parts = urlsplit(url)
        self._server = Nominatim(
            domain=parts.netloc + parts.path.rstrip("/"),
            scheme=parts.scheme or "https",
            user_agent=user_agent,
            timeout=TIMEOUT_S,
        )
        self._remember = lru_cache(maxsize=REMEMBERED)(self._ask)

    def find(self, text: str, language: str) -> Place | None:
        return self._remember(text, language)

    def _ask(self, text: str, language: str) -> Place | None:
        try:
            best = self._server.geocode(text, language=language, exactly_one=True)
            return Place(str(best.address), Point(float(best.latitude), float(best.longitude))) if best else None
        except GeopyError as error:
            # The text is a place a person typed: it stays out of the error.
            raise SupplierUnavailable("geocoder", "a place", type(error).__name__) from None
        except (ValueError, UserError):
            return None  # the server answered with a place that is not on Earth
