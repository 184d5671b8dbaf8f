"""The short codes behind filter and setting buttons, and what they do to the account. Pure.

`free_now=1` would not fit beside a search for long values, so each filter has one letter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import UserError
from core.station import Plug
from core.user import LANGUAGES, User
from core.wishes import LEAST_KWH, MOST_KWH, Filters, Mode

ENERGY_KWH = (15, 30, 45, 60)
POWERS_KW = (22, 60, 120, 250)
PLUGS_CHINA = (Plug.GBT_DC, Plug.GBT_AC)
PLUGS_ELSEWHERE = (Plug.CCS2, Plug.TYPE2, Plug.CHADEMO, Plug.NACS)
# What a kWh may cost at most, in steps drivers know; the cap itself is on the whole charge.
_CAPS_PER_KWH = {
    "CNY": (Decimal("1.0"), Decimal("1.3"), Decimal("1.6")),
    "EUR": (Decimal("0.4"), Decimal("0.5"), Decimal("0.65")),
    "GBP": (Decimal("0.4"), Decimal("0.55"), Decimal("0.7")),
    "USD": (Decimal("0.35"), Decimal("0.45"), Decimal("0.6")),
}
_SWITCHES = {"f": "free_now", "o": "open_now", "k": "free_parking"}
CLEAR = "x"
MODE_LETTERS = {Mode.CHEAP: "c", Mode.BALANCED: "b", Mode.HURRY: "h"}


def switch(letter: str, on: bool) -> str:
    return f"{letter}{on:d}"


def plug(one: Plug, on: bool) -> str:
    return f"p{one.value}={on:d}"


def least_power(kw: int | None) -> str:
    return f"w{kw or ''}"


def cap(amount: Decimal | None) -> str:
    return "c" if amount is None else f"c{amount}"


def caps(currency: str | None, energy_kwh: Decimal) -> list[Decimal]:
    """Price caps worth offering for this charge; none in a currency we have no feeling for."""
    return [(per_kwh * energy_kwh).quantize(Decimal(1)) for per_kwh in _CAPS_PER_KWH.get(currency or "", ())]


def with_filter(filters: Filters, value: str) -> Filters:
    """The filters after a press. Raises UserError("old_button") for a code we do not know."""
    letter, rest = value[:1], value[1:]
    if value == CLEAR:
        return Filters()
    if letter in _SWITCHES and rest in {"0", "1"}:
        switched: dict[str, Any] = {_SWITCHES[letter]: rest == "1"}
        return replace(filters, **switched)
    if letter == "w":
        return replace(filters, min_power_kw=_number(rest) if rest else None)
    if letter == "c":
        return replace(filters, price_cap=_number(rest) if rest else None)
    if letter == "p":
        name, _, on = rest.partition("=")
        if name in {one.value for one in Plug} and on in {"0", "1"}:
            chosen = {Plug(name)}
            return replace(filters, plugs=filters.plugs | chosen if on == "1" else filters.plugs - chosen)
    raise UserError("old_button")


def operator_code(operator_id: str) -> str:
    """Eight characters for an operator id of any length."""
    return hashlib.blake2b(operator_id.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def operator(operator_id: str, on: bool) -> str:
    return f"{operator_code(operator_id)}{on:d}"


def with_operator(filters: Filters, value: str, near: Sequence[str]) -> Filters:
    """The filters after an operator was chosen or dropped; `near` are the ids the code may stand for."""
    code, on = value[:-1], value[-1:]
    chosen = {one for one in {*near, *filters.operators} if operator_code(one) == code}
    if on not in {"0", "1"} or not chosen:
        raise UserError("old_button")
    return replace(filters, operators=filters.operators | chosen if on == "1" else filters.operators - chosen)


def mode_of(letter: str) -> Mode:
    for mode, known in MODE_LETTERS.items():
        if known == letter:
            return mode
    raise UserError("old_button")


def with_setting(user: User, value: str) -> User:
    """The account after a settings button: e30 kWh, mb balanced, len English, x no filters."""
    letter, rest = value[:1], value[1:]
    if letter == "e":
        energy = _number(rest)
        if not LEAST_KWH <= energy <= MOST_KWH:
            raise UserError("bad_energy", least=LEAST_KWH, most=MOST_KWH)
        return replace(user, energy_kwh=energy)
    if letter == "m":
        return replace(user, mode=mode_of(rest))
    if letter == "l" and rest in LANGUAGES:
        return replace(user, language=rest)
    if value == CLEAR:
        return replace(user, filters=Filters())
    raise UserError("old_button")


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UserError("old_button") from None
    if not (number.is_finite() and 0 < number <= 1_000_000):
        raise UserError("old_button")
    return number
