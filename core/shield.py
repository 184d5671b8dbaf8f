"""The shield against false stickers: may a scanned code lead to a charge, here and now?

A sticker is cheap to paste over. So a code is only a question to our own catalogue, and the answer must fit the
place: the host, the operator and the id agree, the gun's supplier may speak for that operator, and the driver stands
beside it. Nothing here looks anything up; `core.services.scanning` brings what it found.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.geo import Point, distance_m
from core.guncode import (
    GunCode,
    Oddity,
    evse_issuer,
    names_gun,
    names_pile,
    names_station,
    official_host,
    starcharge_connector,
)
from core.station import Connector, ConnectorRef, Station

_AHEAD = timedelta(minutes=1)  # a phone's clock may be a little ahead of ours


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, no password
    ASK_STATION = "ask_station"  # "are you at X?"
    ASK_LAST_FOUR = "ask_last_four"  # the last characters printed on the gun
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why, one code for each sentence. Those of the host are named like the oddity."""

    # refused
    NO_CODE = "no_code"
    UNKNOWN_GUN = "unknown_gun"
    TOO_FAR = "too_far"
    OTHER_OPERATOR = "other_operator"
    OTHER_NAMESPACE = "other_namespace"
    OTHER_ID = "other_id"
    TWO_CITIES = "two_cities"
    # asked
    FARTHER_OFF = "farther_off"
    COARSE_POSITION = "coarse_position"
    NO_POSITION = "no_position"
    OLD_POSITION = "old_position"
    GUESS = "guess"
    UNKNOWN_HOST = "unknown_host"
    PLATFORM = "platform"  # the id is of another operator than the supplier's own, and nobody said whose it may sell
    FAST_TRAVEL = "fast_travel"


# Warned of and asked about; every other oddity refuses.
_ASKED_ABOUT = {Oddity.UNKNOWN_HOST: Reason.UNKNOWN_HOST}


@dataclass(frozen=True, slots=True)
class Limits:
    near_m: float = 200.0
    ask_within_m: float = 2_000.0
    position_good_for: timedelta = timedelta(minutes=10)
    # Between two scans of one account, from door to door: faster than a train is asked about, than a plane refused.
    fast_kmh: float = 300.0
    impossible_kmh: float = 1_000.0
    cities_apart_m: float = 50_000.0  # nearer than that nobody is in two cities


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class DriverPosition:
    """Where the driver said to be. The point names its datum and its accuracy."""

    point: Point
    at: datetime


@dataclass(frozen=True, slots=True)
class LastScan:
    """The last scan of this account that was accepted: where and when."""

    point: Point
    at: datetime


@dataclass(frozen=True, slots=True)
class FoundGun:
    """A gun of the catalogue, as one supplier tells it.

    `may_sell` are the operator ids this supplier may speak for (for EVSE ids "DEABC"); None: nobody said.
    """

    station: Station
    connector: Connector
    may_sell: AbstractSet[str] | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    verdict: Verdict
    reasons: tuple[str, ...] = ()  # of Reason and Oddity, the gravest first
    distance_m: float | None = None
    official: str = ""  # the host to trust instead, where one is known


def judge(
    code: GunCode,
    found: FoundGun | None,
    position: DriverPosition | None,
    at: datetime,
    *,
    last: LastScan | None = None,
    limits: Limits = LIMITS,
) -> Ruling:
    """The verdict over one scan. `found` is the gun the code led to; None when there is none."""
    official = code.official or official_host(
        code.operator_id or (found.connector.ref.operator_id if found else ""), code.evse_id
    )
    refused: list[str] = [odd.value for odd in code.oddities if odd not in _ASKED_ABOUT]
    if not code.known:
        return Ruling(Verdict.REFUSE, (*refused, Reason.NO_CODE.value), official=official)
    if found is None:
        return Ruling(Verdict.REFUSE, (*refused, Reason.UNKNOWN_GUN.value), official=official)
    refused += _disagreements(code, found)
    here, doubt = _usable(position, at, limits)
    away_m = distance_m(here.point, found.station.point) if here else None
    if here and away_m is not None and away_m - (here.point.accuracy_m or 0.0) > limits.ask_within_m:
        refused.append(Reason.TOO_FAR.value)
    kmh = travel_kmh(last, here.point if here else found.station.point, at, limits)
    if kmh > limits.impossible_kmh:
        refused.append(Reason.TWO_CITIES.value)
    if refused:
        return Ruling(Verdict.REFUSE, tuple(refused), away_m, official)
    if here is None or away_m is None:
        return Ruling(Verdict.ASK_LAST_FOUR, (doubt.value, *_doubts(code, found)), official=official)
    if kmh > limits.fast_kmh:
        return Ruling(Verdict.ASK_LAST_FOUR, (Reason.FAST_TRAVEL.value, *_doubts(code, found)), away_m, official)
    asked = _doubts(code, found)
    if away_m > limits.near_m:
        asked.append(Reason.FARTHER_OFF.value)
    elif (here.point.accuracy_m or 0.0) > limits.near_m:
        asked.append(Reason.COARSE_POSITION.value)
    return Ruling(Verdict.ASK_STATION if asked else Verdict.PASS, tuple(asked), away_m, official)


def travel_kmh(last: LastScan | None, here: Point, at: datetime, limits: Limits = LIMITS) -> float:
    """How fast the account moved since its last accepted scan; 0 within one city, or with nothing to compare."""
    if last is None:
        return 0.0
    slack_m = (last.point.accuracy_m or 0.0) + (here.accuracy_m or 0.0)
    apart_m = distance_m(last.point, here) - slack_m
    if apart_m <= limits.cities_apart_m:
        return 0.0
    # Two scans of one moment in two cities are as impossible as can be.
    hours = max((at - last.at) / timedelta(hours=1), 1 / 3600)
    return apart_m / 1000 / hours


def last_four_fit(typed: str, code: GunCode, gun: Connector) -> bool:
    """Whether these are the last four characters that stand on this gun: of its number or its label.

    `code.short_code` is what StarCharge prints instead of the whole number, which it makes from it. Of any other code
    it is what the sticker says, and who pasted it could choose it to fit the gun it hangs on.
    """
    return _plain(typed) in _last_fours(code, gun)


def has_last_four(code: GunCode, gun: Connector) -> bool:
    """Whether four characters stand on this gun at all: a number and a label that are shorter prove nothing."""
    return bool(_last_fours(code, gun))


def _last_fours(code: GunCode, gun: Connector) -> set[str]:
    number = gun.ref.connector_id.partition(":")[0]
    short = code.short_code if number and starcharge_connector(code.short_code) == number else ""
    return {_plain(one)[-4:] for one in (number, short, gun.label) if len(_plain(one)) >= 4}


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).upper()


def _usable(position: DriverPosition | None, at: datetime, limits: Limits) -> tuple[DriverPosition | None, Reason]:
    """The position where it says anything, else why not."""
    if position is None:
        return None, Reason.NO_POSITION
    if not -_AHEAD <= at - position.at <= limits.position_good_for:
        return None, Reason.OLD_POSITION
    accuracy_m = position.point.accuracy_m
    if accuracy_m is not None and not 0 <= accuracy_m <= limits.ask_within_m:
        return None, Reason.COARSE_POSITION
    return position, Reason.NO_POSITION


def _disagreements(code: GunCode, found: FoundGun) -> list[str]:
    """Where the code, the gun and its supplier do not fit together."""
    ref = found.connector.ref
    wrong: list[Reason] = []
    if not (names_gun(code, ref) or names_pile(code, found.connector) or names_station(code, found.station)):
        wrong.append(Reason.OTHER_ID)
    if code.operator_id and code.operator_id != ref.operator_id:
        wrong.append(Reason.OTHER_OPERATOR)
    if found.may_sell is not None and _owner(ref) not in found.may_sell:
        wrong.append(Reason.OTHER_NAMESPACE)
    return [reason.value for reason in wrong]


def _owner(ref: ConnectorRef) -> str:
    """Whose gun it is by its id: an EVSE id names its operator itself."""
    return evse_issuer(ref) or ref.operator_id


def _doubts(code: GunCode, found: FoundGun) -> list[str]:
    """What nobody can vouch for: the driver confirms the station."""
    doubts = [_ASKED_ABOUT[odd].value for odd in code.oddities if odd in _ASKED_ABOUT]
    if code.guess:
        doubts.append(Reason.GUESS.value)
    ref = found.connector.ref
    if found.may_sell is None and _owner(ref) != ref.operator_id:
        doubts.append(Reason.PLATFORM.value)
    return doubts
