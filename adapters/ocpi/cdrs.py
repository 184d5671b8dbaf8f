"""OCPI charge records (CDRs) of any version to sessions that a tariff can price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from adapters.ocpi.tariffs import Version
from adapters.text import clean, decimal, number, utc
from adapters.timezones import is_time_zone, time_zone_at
from core.tariff import Amount, Doing, Stretch

# Hours are written with a few decimals. A volume that is the period's own length, but for its last written place and
# no more than this, means that length: a step of a minute must not be missed by the rounding of an hour.
_ROUNDED_AWAY = timedelta(seconds=4)
_MOST_PERIODS = 20_000
_MOST = 10**9  # of kWh, hours or money: more is not meant


class BadRecord(ValueError):
    """The charge record cannot be read. The text says where."""


@dataclass(frozen=True, slots=True)
class Period:
    """One charging period: what was done in it, one after the other, and which tariff it names."""

    stretches: tuple[Stretch, ...]
    tariff_id: str


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A CDR of any version, as far as its price goes."""

    version: Version
    periods: tuple[Period, ...]
    total: Amount
    time_zone: str
    credit: bool
    tariffs: tuple[Mapping[str, Any], ...]  # as they came with it


# --- the record -----------------------------------------------------------------------------------------------


def read_cdr(doc: Mapping[str, Any], version: Version | None = None) -> ChargeRecord:
    """Raises BadRecord."""
    start, end = utc(doc.get("start_date_time")), utc(doc.get("end_date_time") or doc.get("stop_date_time"))
    if start is None or end is None or end < start:
        raise BadRecord("no start and end that follow each other")
    rows = objects(doc.get("charging_periods"), "charging_periods")
    if not rows or len(rows) > _MOST_PERIODS:
        raise BadRecord(f"{len(rows)} charging periods")
    return ChargeRecord(
        version=version or cdr_version(doc),
        periods=_periods(rows, end, doc),
        total=_price(doc.get("total_cost")),
        time_zone=_time_zone(doc),
        credit=doc.get("credit") is True,
        tariffs=tuple(objects(doc.get("tariffs") or [], "tariffs")),
    )


def cdr_version(doc: Mapping[str, Any]) -> Version:
    """Told by its shape: 2.1.1 has a bare number as its total and other names; 2.3.0 has taxes."""
    total = doc.get("total_cost")
    if isinstance(total, Mapping):
        return Version.V2_3_0 if "before_taxes" in total else Version.V2_2_1
    return Version.V2_1_1


def _price(value: Any) -> Amount:
    """A sum without and with tax: a bare number (2.1.1), excl_vat and incl_vat, or before_taxes and a list."""
    if not isinstance(value, Mapping):
        return Amount(_money(value), None)
    if "before_taxes" not in value:
        return Amount(_money(value.get("excl_vat")), _money(value.get("incl_vat")))
    net = _money(value["before_taxes"])
    if net is None or value.get("taxes") is None:
        return Amount(net, None)
    taxes = [_money(one.get("amount")) for one in objects(value["taxes"], "taxes")]
    known = [tax for tax in taxes if tax is not None]
    return Amount(net, net + sum(known, Decimal(0)) if len(known) == len(taxes) else None)


def _money(value: Any) -> Decimal | None:
    amount = decimal(value)
    if amount is not None and not abs(amount) < _MOST:
        raise BadRecord(f"a sum of {value}")
    return amount


def _time_zone(doc: Mapping[str, Any]) -> str:
    """2.1.1 brings its whole location; the later ones only where it lies."""
    where = doc.get("cdr_location") or doc.get("location")
    place = where if isinstance(where, Mapping) else {}
    if is_time_zone(place.get("time_zone")):
        return str(place["time_zone"])
    point = place.get("coordinates")
    lat, lng = (
        (number(point.get(name)) for name in ("latitude", "longitude")) if isinstance(point, Mapping) else (0, 0)
    )
    if lat is None or lng is None or abs(lat) > 90 or abs(lng) > 180:
        lat, lng = 0.0, 0.0
    # At sea, where points with swapped numbers often lie, the country of the operator decides.
    return time_zone_at(lat, lng, clean(doc.get("country_code"), 2).upper())


# --- its periods ----------------------------------------------------------------------------------------------


def _periods(rows: Sequence[Mapping[str, Any]], end: datetime, doc: Mapping[str, Any]) -> tuple[Period, ...]:
    timed = []
    for place, row in enumerate(rows, 1):
        start = utc(row.get("start_date_time"))
        if start is None or start > end:
            raise BadRecord(f"charging period {place} has no start before the end of the session")
        timed.append((start, place, row))
    timed.sort(key=lambda one: one[:2])
    ends = [start for start, _, _ in timed[1:]] + [end]
    volumes = [_volumes(row, place) for _, place, row in timed]
    energy = _unlisted_energy(doc, volumes, [stop - start for (start, _, _), stop in zip(timed, ends, strict=True)])
    expired = not any(_charged(one) for one in volumes)
    found = [
        Period(
            tuple(_stretches(used | ({"ENERGY": extra} if extra else {}), start, stop, expired)),
            clean(row.get("tariff_id"), 36).upper(),
        )
        for (start, _, row), stop, used, extra in zip(timed, ends, volumes, energy, strict=True)
    ]
    if not any(period.stretches for period in found):
        # Plugged in and nothing used: there may still be a fee.
        found[0] = replace(found[0], stretches=(Stretch(timed[0][0], Decimal(0), Decimal(0)),))
    return tuple(found)


_USED = ("ENERGY", "TIME", "PARKING_TIME", "RESERVATION_TIME")
_KNOWN = (*_USED, "POWER", "MIN_POWER", "MAX_POWER", "CURRENT", "MIN_CURRENT", "MAX_CURRENT")


def _volumes(row: Mapping[str, Any], place: int) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for one in objects(row.get("dimensions"), f"dimensions of charging period {place}"):
        kind, volume = clean(one.get("type"), 20).upper(), decimal(one.get("volume"))
        if kind not in _KNOWN:
            continue  # state of charge, meter values: they price nothing
        if volume is None or not 0 <= volume < _MOST:
            raise BadRecord(f"charging period {place} has {kind} of {one.get('volume')!r}")
        found[kind] = found.get(kind, Decimal(0)) + volume if kind in _USED else volume
    return found


def _charged(volumes: Mapping[str, Decimal]) -> bool:
    return any(volumes.get(kind) for kind in ("ENERGY", "TIME", "PARKING_TIME"))


def _unlisted_energy(
    doc: Mapping[str, Any], volumes: Sequence[Mapping[str, Decimal]], lengths: Sequence[timedelta]
) -> list[Decimal]:
    """Some records tell the energy only as a total. It is spread over the time of charging."""
    total = decimal(doc.get("total_energy")) or Decimal(0)
    charging = [length if one.get("TIME") else timedelta(0) for one, length in zip(volumes, lengths, strict=True)]
    whole = sum(charging, timedelta(0))
    if any("ENERGY" in one for one in volumes) or not whole or not 0 < total < _MOST:
        return [Decimal(0)] * len(volumes)
    return [
        total * (length // timedelta(microseconds=1)) / (whole // timedelta(microseconds=1)) for length in charging
    ]


def _stretches(volumes: Mapping[str, Decimal], start: datetime, end: datetime, expired: bool) -> Iterator[Stretch]:
    """What a period holds, in the order in which it can have happened: reserved, charging, parked."""
    hours = {kind: volumes[kind] for kind in _USED[1:] if volumes.get(kind)}
    energy = volumes.get("ENERGY", Decimal(0))
    if not hours and energy:
        # Energy without a word on time: it flowed as long as the period.
        lengths = {"TIME": end - start}
    else:
        alone = end - start if len(hours) == 1 else None
        lengths = {kind: _length(volume, alone) for kind, volume in hours.items()}
    doing = {
        "RESERVATION_TIME": Doing.EXPIRED if expired else Doing.RESERVED,
        "TIME": Doing.CHARGING,
        "PARKING_TIME": Doing.PARKED,
    }
    for kind, word in doing.items():
        if kind not in lengths:
            continue
        minutes = Decimal(_micro(lengths[kind])) / 60_000_000
        if word is Doing.CHARGING:
            power = _at_the_moment(volumes, "POWER", energy * 60 / minutes if minutes else None)
            yield Stretch(start, minutes, energy, word, power, _at_the_moment(volumes, "CURRENT", None))
        else:
            while_parked = energy if word is Doing.PARKED and "TIME" not in lengths else Decimal(0)
            yield Stretch(start, minutes, while_parked, word)
        start += lengths[kind]


def _length(hours: Decimal, period: timedelta | None) -> timedelta:
    """How long a volume in hours is meant to be."""
    told = timedelta(microseconds=int((hours * 3_600_000_000).to_integral_value(ROUND_HALF_UP)))
    if period is None:
        return told
    exponent = hours.as_tuple().exponent
    last_place = timedelta(hours=float(Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)))
    return period if abs(told - period) <= min(last_place, _ROUNDED_AWAY) else told


def _at_the_moment(volumes: Mapping[str, Decimal], kind: str, mean: Decimal | None) -> Decimal | None:
    """One value of the power or current of a period: the one it tells, or its mean within the bounds it tells.

    A single value meets exactly one of two neighbouring restrictions, so no period falls between them.
    """
    told, least, most = volumes.get(kind), volumes.get(f"MIN_{kind}"), volumes.get(f"MAX_{kind}")
    ends = [end for end in (least, most) if end is not None]
    if told is not None or not ends:
        return told  # without a word the engine takes the mean itself
    value = mean if mean is not None else sum(ends, Decimal(0)) / len(ends)
    value = value if least is None else max(value, least)
    return value if most is None else min(value, most)


def _micro(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def objects(value: Any, name: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadRecord(f"{name} are no list of objects")
    return value
