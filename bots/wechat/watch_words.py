"""How a driver speaks of watches in WeChat: short words, with the number of the watch that stands in every message.

The number is that of the watch itself, not its place in a list: it means the same tomorrow, and in another process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bots.wording import wording

NUMBERS_SHOWN = 6


class Verb(StrEnum):
    WISH = "wish"  # watch the station just shown
    GUN = "gun"  # tell me when one is free there
    AREA = "area"  # watch around the last list
    LIST = "list"
    SHOW = "show"  # what the watch is on, with its price now and the way there
    SNOOZE = "snooze"
    STOP = "stop"
    WAKE = "wake"
    RENEW = "renew"
    STOP_ALL = "stop_all"


@dataclass(frozen=True, slots=True)
class WatchWords:
    verb: Verb
    watch_id: int = 0  # 0 when none was named


_WORDS = {
    word: verb
    for verb, words in {
        Verb.WISH: "提醒|提醒我|降价提醒|价格提醒|关注|watch|watch it|alert|remind|/watch",
        Verb.GUN: "等枪|有空枪提醒|空枪提醒|空闲提醒|free gun|gun free|tell me when free|wait for a gun",
        Verb.AREA: "周边提醒|附近提醒|区域提醒|watch here|watch around|watch area|around here",
        Verb.LIST: "我的提醒|提醒列表|我的关注|watches|my watches|alerts|my alerts|/watches|/alerts",
        Verb.STOP_ALL: "全部停止|停止全部提醒|停止所有提醒|取消全部提醒|stop all|stop all watches|stop watches",
        Verb.SHOW: "看|查看|看看|show|open",
        Verb.SNOOZE: "静音|暂停|snooze|mute",
        Verb.STOP: "停|停止提醒|取消提醒|stop watch",
        Verb.WAKE: "恢复提醒|wake|unmute|resume",
        Verb.RENEW: "续期|续|renew|extend",
    }.items()
    for word in words.split("|")
}
_NUMBERED = {
    Verb.SHOW: "看看?|查看|show|open|watch",
    Verb.SNOOZE: "静音|暂停|snooze|mute",
    Verb.STOP: "停止?(?:提醒)?|取消提醒|stop(?: watch)?",
    Verb.WAKE: "恢复(?:提醒)?|wake|unmute|resume",
    Verb.RENEW: "续期?|renew|extend",
}
_WITH_NUMBER = tuple(
    (verb, re.compile(rf"/?(?:{words})\s*[:：]?\s*(?:#|no\.?|号)?\s*([0-9]{{1,9}})\s*号?"))
    for verb, words in _NUMBERED.items()
)


def read(line: str) -> WatchWords | None:
    """What a line asks of watches, None when it asks something else. `line` is in small letters, on one line."""
    if verb := _WORDS.get(line):
        return WatchWords(verb)
    for verb, pattern in _WITH_NUMBER:
        if said := pattern.fullmatch(line):
            return WatchWords(verb, int(said[1]))
    return None


def hints_for(watch_ids: Sequence[int], language: str, *, gun: bool = False) -> list[str]:
    """The lines under an alert: what can be replied, with the numbers of the watches it tells of, in its order.

    `gun`: the first is a wish for a free gun, which ends within hours and is not put to sleep.
    """
    ids = list(dict.fromkeys(watch_ids))
    if not ids:
        return []
    say, first = wording(language), ids[0]
    if gun:
        lines = [say("Reply “show {n}” for the station, “stop {n}” to end it.", n=first)]
    else:
        lines = [
            say("Reply “show {n}” for the station, “snooze {n}” for a quiet day, “stop {n}” to end it.", n=first)
        ]
    if len(ids) > 1:
        numbers = ", ".join(map(str, ids[:NUMBERS_SHOWN])) + ("…" if len(ids) > NUMBERS_SHOWN else "")
        lines.append(say("In the order above the numbers are {numbers}; “watches” lists all.", numbers=numbers))
    return [*lines, say("At the gun send a photo of its code to start.")]
