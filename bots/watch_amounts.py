"""An amount that somebody typed for a watch, read strictly: 0.95, ￥０．９５／度, 0,95 €, 10 %.

What the unit says counts: a price makes a wish for a price, per cent one against the usual. A bare number is in the
measure the watch has already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from core.errors import UserError
from core.prices.bounds import plausible_per_kwh
from core.prices.watching import LEAST_PERCENT, MOST_PERCENT, PLACES, Rule
from core.services.watches import Wishable

TEXT_MAX = 24
# What Chinese keyboards type: full-width signs, and their full stop for the decimal point. Nothing else is made the
# same: ½ and ² are no digits to be guessed at.
_NARROW = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_NARROW |= {ord("￥"): "¥", ord("。"): ".", ord("\u3000"): " ", ord("−"): "-"}
_SIGNS = {
    "¥": frozenset({"CNY", "JPY"}),
    "元": frozenset({"CNY"}),
    "块": frozenset({"CNY"}),
    "块钱": frozenset({"CNY"}),
    "rmb": frozenset({"CNY"}),
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN"}),
}
_PER_CENT = frozenset({"%", "percent", "per cent"})
_AMOUNT = re.compile(
    r"(?P<lower>-)?\s*(?P<before>¥|€|£|\$|(?:rmb|[a-z]{3})(?=[\s0-9.]))?\s*"
    r"(?P<whole>[0-9]{0,6})(?:(?P<mark>[.,])(?P<part>[0-9]{1,9}))?\s*"
    r"(?P<after>%|percent|per cent|¥|€|£|\$|元|块钱?|(?!kwh|per)[a-z]{3})?\s*"
    r"(?:(?:/|per|每|一)?\s*(?:kwh|千瓦时|度电?))?"
)
_UNITS = re.compile(r"per cent|percent|per|kwh|千瓦时|度电?|块钱?|元|每|一|(?<![a-z])[a-z]{3}(?![a-z])")


@dataclass(frozen=True, slots=True)
class Typed:
    """`currencies`: those that the typed sign may mean; empty where none was typed."""

    amount: Decimal
    percent: bool = False
    currencies: frozenset[str] = frozenset()


def looks_like_amount(text: str) -> bool:
    """Whether a number with units was meant, usable or not; anything else may be the name of a place."""
    narrow = text.translate(_NARROW).casefold().strip()
    units = [one for one in _UNITS.findall(narrow) if len(one) == 3 and one.isascii()]
    known = all(one in {"per", "kwh", "rmb"} or plausible_per_kwh(one.upper()) for one in units)
    rest = _UNITS.sub("", narrow)
    figures = re.fullmatch(r"[\s0-9.,%¥€£$/+-]+", rest) is not None and any(one.isdigit() for one in rest)
    return len(narrow) <= TEXT_MAX and known and figures


def amount_in(text: str) -> Typed:
    """Raises UserError("bad_watch_amount")."""
    found = _AMOUNT.fullmatch(text[: TEXT_MAX * 2].translate(_NARROW).casefold().strip())
    if found is None or not (found["whole"] or found["part"]) or (found["before"] and found["after"]):
        raise UserError("bad_watch_amount")
    whole, part, unit = found["whole"], (found["part"] or "").rstrip("0"), found["before"] or found["after"] or ""
    percent = unit in _PER_CENT
    # "1,250" is one and a quarter to some and more than a thousand to others.
    ambiguous = found["mark"] == "," and len(found["part"]) == 3 and whole.strip("0") != ""
    if ambiguous or len(part) > PLACES or (found["lower"] and not percent):
        raise UserError("bad_watch_amount")
    amount = Decimal(f"{whole or 0}.{part or 0}").normalize()
    if percent:
        return Typed(amount, percent=True)
    return Typed(amount, currencies=_currencies(unit) if unit else frozenset())


def _currencies(unit: str) -> frozenset[str]:
    if unit in _SIGNS:
        return _SIGNS[unit]
    if plausible_per_kwh(unit.upper()) is None:
        raise UserError("bad_watch_amount")
    return frozenset({unit.upper()})


def wish_in(text: str, rule: Rule, currency: str) -> tuple[Wishable, str]:
    """What is wished instead of a wish of this rule, and its currency. `currency` is that of the place, "" where
    nobody knows. Raises UserError("bad_watch_amount" | "bad_watch_percent" | "bad_watch" | "other_currency").
    """
    typed = amount_in(text)
    if typed.percent or (rule is Rule.BELOW_USUAL and not typed.currencies):
        if not LEAST_PERCENT <= typed.amount <= MOST_PERCENT:
            raise UserError("bad_watch_percent", least=LEAST_PERCENT, most=MOST_PERCENT)
        return Wishable(Rule.BELOW_USUAL, typed.amount), ""
    if typed.currencies and currency and currency not in typed.currencies:
        raise UserError("other_currency", currency=currency)
    if not currency:
        if len(typed.currencies) != 1:
            raise UserError("bad_watch_amount")
        currency = next(iter(typed.currencies))
    bounds = plausible_per_kwh(currency)
    if typed.amount <= 0 or (bounds is not None and typed.amount > bounds[1]):
        raise UserError("bad_watch", rule=Rule.BELOW.value, amount=typed.amount)
    return Wishable(Rule.BELOW, typed.amount), currency
