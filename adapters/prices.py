"""Prices out of free text, carefully: only a text that is understood to its last word becomes a number.

"£0.30 per kWh" is a price; "£0.30/kWh; £0.15/kWh for customers" stays a text. A wrong number costs the driver
money, a text only costs a look.
"""

from __future__ import annotations

import re
from decimal import Decimal

from adapters.text import clean, decimal
from core.station import NoPrice
from core.tariff import Tariff, flat_tariff

_EURO = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MC ME MT NL PT SI SK SM VA XK GP MQ GF RE YT PM BL MF"
_CURRENCY = dict.fromkeys(_EURO.split(), "EUR") | {
    "GB": "GBP", "IM": "GBP", "JE": "GBP", "GG": "GBP", "US": "USD", "PR": "USD", "CA": "CAD", "CN": "CNY",
    "HK": "HKD",
    "TW": "TWD", "JP": "JPY", "KR": "KRW", "AU": "AUD", "NZ": "NZD", "CH": "CHF", "LI": "CHF", "SE": "SEK",
    "NO": "NOK",
    "DK": "DKK", "IS": "ISK", "PL": "PLN", "CZ": "CZK", "HU": "HUF", "RO": "RON", "BR": "BRL", "IN": "INR",
    "SG": "SGD",
    "TH": "THB", "ZA": "ZAR", "MX": "MXN",
}  # fmt: skip

# What a kWh can cost at a public gun, wide on both sides. Beyond it a supplier slipped a digit or a unit.
_PLAUSIBLE = {
    "EUR": ("0.02", "2.5"), "GBP": ("0.02", "2.5"), "USD": ("0.02", "2.5"), "CAD": ("0.02", "3.5"),
    "CHF": ("0.02", "2.5"), "CNY": ("0.05", "8"), "BRL": ("0.1", "10"), "HKD": ("0.2", "20"), "SEK": ("0.2", "25"),
    "NOK": ("0.2", "25"), "DKK": ("0.2", "20"), "PLN": ("0.1", "12"), "CZK": ("0.5", "60"), "JPY": ("2", "350"),
    "AUD": ("0.03", "4"), "ZAR": ("0.3", "40"), "INR": ("0.5", "150"), "ISK": ("3", "350"), "HUF": ("5", "900"),
}  # fmt: skip
_ANY_CURRENCY = ("0.001", "2000")

_FREE = frozenset(
    (
        "free", "free of charge", "free to use", "free charging", "no charge", "gratuit", "gratuite", "gratuitement",
        "recharge gratuite", "kostenlos", "kostenfrei", "gratis", "免费",
    )
)  # fmt: skip
_SYMBOLS = {"£": "GBP", "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "gbp": "GBP", "usd": "USD",
            "us$": "USD", "cad": "CAD", "chf": "CHF", "cny": "CNY", "rmb": "CNY", "元": "CNY", "sek": "SEK",
            "nok": "NOK",
            "dkk": "DKK"}  # fmt: skip
_DOLLARS = frozenset(("USD", "CAD", "AUD", "NZD", "SGD", "HKD"))
_HUNDREDTHS = {"p": ("GBP",), "pence": ("GBP",), "ct": ("EUR",), "cts": ("EUR",), "cent": ("EUR", "USD", "CAD"),
               "cents": ("EUR", "USD", "CAD"), "c": ("USD", "CAD"), "¢": ("USD", "CAD")}  # fmt: skip
_UNIT = r"(?:£|€|us\$|\$|元|[a-z]{1,5}|¢)"
_PER_KWH = re.compile(
    rf"(?P<before>{_UNIT})?\s?(?P<amount>\d{{1,4}}(?:[.,]\d{{1,5}})?)\s?(?P<after>{_UNIT})?(?:\s(?:ttc|inc\.? vat))?"
    r"\s?(?:/\s?|per\s|par\s|pro\s|le\s|/per\s)kwh"
)


def currency_of(country: str) -> str | None:
    """The currency prices are quoted in there; None where we do not know."""
    return _CURRENCY.get(country)


def plausible_per_kwh(price: Decimal, currency: str) -> bool:
    """Whether a kWh can cost this much. Zero is not judged here: it may mean free or unknown."""
    least, most = _PLAUSIBLE.get(currency, _ANY_CURRENCY)
    return Decimal(least) <= price <= Decimal(most)


def free_tariff(country: str) -> Tariff | None:
    """The tariff of a gun declared free; None where we do not know the currency to say it in."""
    currency = currency_of(country)
    return flat_tariff(currency, Decimal(0)) if currency else None


def parse_price(text: object, country: str) -> tuple[Tariff | None, NoPrice | None]:
    """The tariff a text states, or why there is none."""
    plain = clean(text).casefold().strip(" .!")
    if not plain:
        return None, NoPrice.NOT_PUBLISHED
    if plain in _FREE:
        tariff = free_tariff(country)
        return tariff, None if tariff else NoPrice.TEXT_ONLY
    match = _PER_KWH.fullmatch(plain)
    found = _amount(match, country) if match else None
    if found is None:
        return None, NoPrice.TEXT_ONLY
    price, currency = found
    if not plausible_per_kwh(price, currency):
        # "0.00 €/kWh" stands for "not filled in" as often as for free: a text, not an error.
        return None, NoPrice.IMPLAUSIBLE if price else NoPrice.TEXT_ONLY
    return flat_tariff(currency, price), None


def _amount(match: re.Match[str], country: str) -> tuple[Decimal, str] | None:
    """The price in whole units and its currency, which must be the country's own; None where that is in doubt."""
    units = [unit for unit in (match["before"], match["after"]) if unit]
    amount, home = decimal(match["amount"]), currency_of(country)
    if len(units) != 1 or amount is None or home is None:
        return None
    unit = units[0]
    if _SYMBOLS.get(unit) == home or (unit == "$" and home in _DOLLARS):
        return amount, home
    if unit == match["after"] and home in _HUNDREDTHS.get(unit, ()):
        return amount / 100, home
    return None
