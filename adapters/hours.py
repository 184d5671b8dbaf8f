"""Opening hours as suppliers write them. What is not understood entirely stays text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from adapters.text import clean
from core.opening import ALWAYS, DAY_MINUTES, UNKNOWN_HOURS, OpeningHours, Period

# "24/7" in the spellings met in French, British, German, American and Chinese data.
_ALWAYS = frozenset(
    (
        "24/7", "7/7", "24h/24", "24/24", "24h", "24 h", "24h/7", "24h/24 7j/7", "7j/7 24h/24", "7/7-24/24",
        "7/7 24/24",
        "24/24 7/7", "24/24 7/7 jours", "24/24 - 7/7", "24/24 - 7j/7", "24/24 7j/7", "24h/24 et 7j/7",
        "24h/24 - 7j/7", "247", "24 hours", "24 hours daily", "24 hour access", "24hrs", "24 hrs", "24x7",
        "open 24/7", "open 24 hours", "24 stunden", "rund um die uhr", "24小时", "全天", "全天24小时", "24小时营业",
    )
)  # fmt: skip
_DAYS = {
    "mo": 0, "mon": 0, "monday": 0, "montag": 0, "lundi": 0, "tu": 1, "tue": 1, "tuesday": 1, "dienstag": 1,
    "mardi": 1,
    "we": 2, "wed": 2, "wednesday": 2, "mittwoch": 2, "mercredi": 2, "th": 3, "thu": 3, "thursday": 3,
    "donnerstag": 3, "jeudi": 3, "fr": 4, "fri": 4, "friday": 4, "freitag": 4, "vendredi": 4, "sa": 5, "sat": 5,
    "saturday": 5, "samstag": 5, "samedi": 5, "su": 6, "sun": 6, "sunday": 6, "sonntag": 6, "dimanche": 6,
}  # fmt: skip
_CLOCK = r"(\d{1,2}):(\d{2})(?::\d{2})?"
_PART = re.compile(rf"(?:([a-z]+)(?:\s?-\s?([a-z]+))?:?)?\s?(?:{_CLOCK}\s?[-–~]\s?{_CLOCK})?")

Week = dict[int, list[tuple[int, int]]]


def parse_hours(text: object) -> OpeningHours:
    """Read "24/7", "08:00-22:00", "Mo-Fr 08:00-12:00,13:00-18:00; Sa 09:00-12:00" and their kin."""
    written = clean(text)
    plain = unicodedata.normalize("NFKC", written).casefold().strip(" .")
    if not plain:
        return UNKNOWN_HOURS
    if plain in _ALWAYS:
        return ALWAYS
    week = _week(plain)
    return _hours(week) if week else OpeningHours(text=written)


def from_days(days: Iterable[tuple[int, str, str]], text: str = "") -> OpeningHours:
    """Hours from columns: (weekday, from, to), Monday 0. Days not named are closed; anything odd leaves `text`."""
    week: Week = {}
    for weekday, start, end in days:
        span = _span(re.fullmatch(_CLOCK, start.strip()), re.fullmatch(_CLOCK, end.strip()))
        if span is None or not 0 <= weekday <= 6:
            return OpeningHours(text=clean(text))
        week.setdefault(weekday, []).append(span)
    return _hours(week) if week else OpeningHours(text=clean(text))


def weekday(name: str) -> int | None:
    """Monday is 0; English, German and French names."""
    return _DAYS.get(name.strip().casefold())


def _week(text: str) -> Week | None:
    """The rules of a text; None when a word of it is not understood. After ";" a rule replaces its days (OSM)."""
    week: Week = {}
    for rule in filter(None, (part.strip() for part in text.split(";"))):
        found = _rule(rule)
        if found is None:
            return None
        week.update(found)
    return week


def _rule(rule: str) -> Week | None:
    """Parts between commas add up: IRVE repeats the days ("Mo 08:00-12:00, Mo 14:00-19:00"), OSM does not."""
    week: Week = {}
    waiting: list[int] = []  # days named so far without a time: "Mo,We,Fr 08:00-12:00"
    current: list[int] = []
    for part in (piece.strip() for piece in rule.split(",")):
        match = _PART.fullmatch(part)
        if not match or not part:
            return None
        if match[1]:
            named = _day_range(match[1], match[2])
            if named is None:
                return None
            waiting += named
        if match[3] is None:
            continue
        span = _span_of(match.groups()[2:])
        if span is None:
            return None
        current, waiting = waiting or current or list(range(7)), []
        for day in current:
            week.setdefault(day, []).append(span)
    return None if waiting else week


def _day_range(first: str, last: str | None) -> list[int] | None:
    start, end = _DAYS.get(first), _DAYS.get(last) if last else _DAYS.get(first)
    if start is None or end is None:
        return None
    return [(start + n) % 7 for n in range((end - start) % 7 + 1)]


def _span(start: re.Match[str] | None, end: re.Match[str] | None) -> tuple[int, int] | None:
    return _span_of((start[1], start[2], end[1], end[2])) if start and end else None


def _span_of(groups: tuple[str, ...]) -> tuple[int, int] | None:
    """Minutes from and to; an end at or before the start lies on the next day. None for what is no time."""
    from_hour, from_minute, to_hour, to_minute = (int(group) for group in groups)
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if max(from_minute, to_minute) > 59 or start >= DAY_MINUTES or end > DAY_MINUTES or (start == end != 0):
        return None
    return start, end if end > start else end + DAY_MINUTES


def _hours(week: Week) -> OpeningHours:
    if len(week) == 7 and all((0, DAY_MINUTES) in spans for spans in week.values()):
        return ALWAYS
    periods = {Period(day, start, end) for day, spans in week.items() for start, end in spans}
    return OpeningHours(periods=tuple(sorted(periods, key=lambda one: (one.weekday, one.start, one.end))))
