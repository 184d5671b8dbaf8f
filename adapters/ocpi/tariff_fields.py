"""The fields of OCPI tariffs, read one by one: components, restrictions, limits. tariffs.py puts them together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from adapters.text import clean, decimal, whole
from core.tariff import Dimension, Reservation, Restrictions

_DIMENSIONS = {
    "ENERGY": Dimension.ENERGY,
    "TIME": Dimension.TIME,
    "PARKING_TIME": Dimension.PARKING_TIME,
    "FLAT": Dimension.FLAT,
}
_WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_RESERVATIONS = {"RESERVATION": Reservation.RESERVATION, "RESERVATION_EXPIRES": Reservation.EXPIRES}
_AMOUNTS = {
    "min_kwh": "min_kwh",
    "max_kwh": "max_kwh",
    "min_current": "min_current_a",
    "max_current": "max_current_a",
    "min_power": "min_power_kw",
    "max_power": "max_power_kw",
}
_SECONDS = {"min_duration": "min_duration_s", "max_duration": "max_duration_s"}
_CALENDAR = frozenset(("start_time", "end_time", "start_date", "end_date", "day_of_week", "reservation"))
_MOST = 10**9  # of kWh, kW, A or seconds: more is not meant
_LONGEST_STEP = 1_000_000  # 1 MWh, or eleven days
_EXPRESSIBLE = _CALENDAR | _AMOUNTS.keys() | _SECONDS.keys()


class Unsupported(ValueError):
    """The tariff says something that our tariffs cannot express. The text names it."""


def objects(value: Any, name: str) -> list[Mapping[str, Any]]:
    found = [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise Unsupported(f"{name} that are no list of objects")
    return found


def sides(value: Any) -> tuple[Decimal | None, Decimal | None]:
    """A price limit without and with tax: 2.2.1 names VAT, 2.3.0 taxes; a bare number is without."""
    if not isinstance(value, Mapping):
        return decimal(value), None
    net = decimal(value.get("excl_vat", value.get("before_taxes")))
    gross = decimal(value.get("incl_vat", value.get("after_taxes")))
    return net, gross


def tax_included(tariff: Mapping[str, Any]) -> str:
    """YES, NO or NA, however the last is spelled."""
    word = "".join(c for c in clean(tariff.get("tax_included"), 5).upper() if c.isalpha())
    return word if word in {"YES", "NA"} else "NO"


def vat_of(value: Any) -> Decimal | None:
    vat = decimal(value)
    if vat is not None and not 0 <= vat <= 50:
        raise Unsupported(f"VAT of {vat} %")
    return vat


def priced(doc: Mapping[str, Any]) -> tuple[Dimension, Decimal, int]:
    dimension, price = _DIMENSIONS.get(clean(doc.get("type"), 20)), decimal(doc.get("price"))
    if dimension is None or price is None or price < 0:
        raise Unsupported(f"component {clean(doc.get('type'), 20)} at {doc.get('price')!r}")
    step = 0 if doc.get("step_size") is None else whole(doc["step_size"])
    if step is None or not 0 <= step <= _LONGEST_STEP:
        raise Unsupported(f"step size {doc['step_size']!r} of {dimension}")
    return dimension, price, step


def rules_of(value: Any) -> Mapping[str, Any]:
    """Seen in the wild: restrictions as a list. One of them is the same as the object."""
    rules = value if isinstance(value, list) else [value]
    given = [one for one in rules if one]
    if len(given) > 1 or not all(isinstance(one, Mapping) for one in given):
        raise Unsupported("several restrictions in one element")
    return {name: rule for name, rule in given[0].items() if rule not in (None, [], "")} if given else {}


def restrictions_of(rules: Mapping[str, Any]) -> Restrictions:
    if unknown := rules.keys() - _EXPRESSIBLE:
        raise Unsupported(f"restriction {', '.join(sorted(unknown))}")
    session: dict[str, Any] = {ours: _number(rules[name]) for name, ours in _AMOUNTS.items() if name in rules}
    session |= {ours: int(_number(rules[name])) for name, ours in _SECONDS.items() if name in rules}
    try:
        return Restrictions(
            start=_clock(rules.get("start_time")),
            end=_end(_clock(rules.get("end_time"))),
            weekdays=frozenset(_WEEKDAYS.index(day) for day in rules["day_of_week"])
            if "day_of_week" in rules
            else None,
            first_date=_date(rules.get("start_date")),
            last_date=_date(rules.get("end_date")),
            reservation=_RESERVATIONS[rules["reservation"]] if "reservation" in rules else None,
            **session,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unsupported(f"restriction that cannot be read: {error}") from error


def _number(value: Any) -> Decimal:
    number = decimal(value)
    if number is None or not 0 <= number <= _MOST:
        raise Unsupported(f"restriction that cannot be read: {value!r}")
    return number


def _clock(value: Any) -> time | None:
    return None if value is None else time.fromisoformat(str(value))


def _end(end: time | None) -> time | None:
    """ "23:59" and "19:59:59" are meant to the end of the minute: else a minute of each day would have no price."""
    if end is None or (end.second != 59 and (end.hour, end.minute) != (23, 59)):
        return end
    minutes = (end.hour * 60 + end.minute + 1) % (24 * 60)
    return time(minutes // 60, minutes % 60)


def _date(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(str(value))
