"""What Chinese station texts say about hours, parking and facilities, where they say it clearly."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.opening import ALWAYS, DAY_MINUTES, UNKNOWN_HOURS, OpeningHours, Period
from core.station import Facility, Parking

# --- opening hours ------------------------------------------------------------------------------------------

_ALWAYS = re.compile(
    r"(每天|每日|全天|周一至周日)?[,，:：]?"
    r"(24小时|24h|全天|全天候|全天24小时)(营业|开放|服务)?",
    re.IGNORECASE,
)
_DAY = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6}
_SPAN_OF_DAYS = (
    r"(?:(?:周|星期)([一二三四五六日天])(?:(?:至|到|-|~)(?:周|星期)?([一二三四五六日天]))?"
    r"|(工作日)|(周末)|每天|每日)"
)
_TIME = r"([01]?\d|2[0-4]):([0-5]\d)(?::00)?"
_LINE = re.compile(rf"(?:{_SPAN_OF_DAYS})?[:：]?{_TIME}(?:-|~|至|到|—|–)(次日)?{_TIME}(?:营业|开放)?")


def opening_hours(text: str) -> OpeningHours:
    """ "00:00-24:00", "24小时", "周一至周五 08:00-20:00；周末 09:00-22:00"; anything else keeps its text."""
    text = text.strip()
    if not text:
        return UNKNOWN_HOURS
    plain = text.replace("：", ":").replace("～", "~")
    if _ALWAYS.fullmatch(re.sub(r"\s", "", plain)):
        return ALWAYS
    periods: list[Period] = []
    for line in filter(None, (re.sub(r"\s", "", part) for part in re.split(r"[;；,，、\n]", plain))):
        match = _LINE.fullmatch(line)
        found = _periods(match) if match else None
        if not found:
            return OpeningHours(text=text)
        periods += found
    if {(period.weekday, period.start, period.end) for period in periods} == _EVERY_MINUTE:
        return ALWAYS
    return OpeningHours(periods=tuple(sorted(set(periods), key=lambda p: (p.weekday, p.start))), text=text)


_EVERY_MINUTE = {(day, 0, DAY_MINUTES) for day in range(7)}


def _periods(match: re.Match[str]) -> list[Period] | None:
    first, last, workdays, weekend, hour, minute, next_day, to_hour, to_minute = match.groups()
    start, end = int(hour) * 60 + int(minute), int(to_hour) * 60 + int(to_minute)
    if start >= DAY_MINUTES or end > DAY_MINUTES:
        return None
    if end <= start or next_day:
        end += DAY_MINUTES
    try:
        return [Period(day, start, end) for day in _days(first, last, workdays, weekend)]
    except ValueError:
        return None


def _days(first: str | None, last: str | None, workdays: str | None, weekend: str | None) -> list[int]:
    if workdays:
        return [0, 1, 2, 3, 4]
    if weekend:
        return [5, 6]
    if first is None:
        return list(range(7))
    start = _DAY[first]
    length = (_DAY[last] - start) % 7 + 1 if last else 1
    return [(start + n) % 7 for n in range(length)]


# --- parking ------------------------------------------------------------------------------------------------

_FREE = re.compile(r"(停车)?(全天|24小时)?(免费停车|停车费?[:：]?免费|免停车费|免费|不收停车费|无停车费)")
_PAID = re.compile(
    r"停车收费|收费停车|停车费?[:：]?\d|按停车场(标准|规定)收费"
    r"|\d(\.\d+)?元/?每?(小时|半小时|次|天|h|30分钟|15分钟)"
)


def parking(text: str) -> Parking:
    """Free only where the whole text says so; "first two hours free" is neither free nor simply paid."""
    text = text.strip()
    plain = re.sub(r"[\s。.!！]", "", text)
    if _FREE.fullmatch(plain):
        return Parking(free=True, text=text)
    paid = _PAID.search(plain) and "免" not in plain
    return Parking(free=False if paid else None, text=text)


# --- facilities ---------------------------------------------------------------------------------------------

_FACILITIES: Mapping[str, Facility] = {
    "卫生间": Facility.TOILET, "洗手间": Facility.TOILET, "厕所": Facility.TOILET, "公厕": Facility.TOILET,
    "餐饮": Facility.FOOD, "餐厅": Facility.FOOD, "简餐": Facility.FOOD, "快餐": Facility.FOOD,
    "便利店": Facility.SHOP, "超市": Facility.SHOP, "商店": Facility.SHOP,
    "休息室": Facility.LOUNGE, "司机之家": Facility.LOUNGE, "休息区": Facility.LOUNGE,
    "雨棚": Facility.CANOPY, "遮雨棚": Facility.CANOPY, "雨篷": Facility.CANOPY,
    "WIFI": Facility.WIFI, "WI-FI": Facility.WIFI, "无线网络": Facility.WIFI,
    "洗车": Facility.CAR_WASH, "洗车机": Facility.CAR_WASH,
    "无障碍": Facility.ACCESSIBLE, "无障碍车位": Facility.ACCESSIBLE, "无障碍设施": Facility.ACCESSIBLE,
}  # fmt: skip


def facilities(text: str) -> frozenset[Facility]:
    """Facilities named as words of their own: "无卫生间" (no toilet) names none."""
    words = re.split(r"[\s、,，;；/|。:：]+", text.upper())
    return frozenset(_FACILITIES[word] for word in words if word in _FACILITIES)
