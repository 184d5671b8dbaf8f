"""Pushes: the platform's messages and events in our words.

wechatpy reads them. What it hides: an event has no MsgId (its `id` is 0), `create_time` is Shanghai time or naive
depending on what is installed (we use the epoch seconds in `time`), coordinates come as strings, empty text as None.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from wechatpy import parse_message

from bots.wechat.crypto import Refused, is_json, log, read_xml
from core.guncode import MOST_CHARS

TEXT_MAX = 600
URL_MAX = 1000
CODE_MAX = MOST_CHARS + 1  # cut shorter it would be another code; as it is it is refused for its length
_ID = re.compile(r"[\w@.-]{1,128}", re.ASCII)
LEAVES_MAX, _TEMPLATE_MAX = 20, 128
_LEAVE_LISTS = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}
_BARCODE = re.compile(r"[A-Z0-9_]{2,12},")  # the kind of barcode stands before what it says: CODE_128,1234


class What(StrEnum):
    TEXT = "text"
    PIN = "pin"  # a location message: picked on Tencent's map
    PICKED = "picked"  # location_select: the same picker, opened from the menu
    POSITION = "position"  # LOCATION event: the phone's own position, unasked
    CLICK = "click"
    FOLLOWED = "followed"
    SCANNED = "scanned"  # a QR code of our account
    PHOTO = "photo"
    GUN_CODE = "gun_code"  # the menu's scanner read a code
    LEFT = "left"
    LEAVES = "leaves"  # a person gave us one-time leaves to speak, or took them back; or what became of a notice
    UNREADABLE = "unreadable"  # a voice, a film: something a person sent that we cannot use
    OTHER = "other"  # nothing we answer


class LeaveTold(StrEnum):
    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    SENT = "sent"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class LeaveWord:
    """What a push says of the leaves for one template."""

    template: str
    told: LeaveTold
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """One thing the platform told us. `key` is the same for each of its deliveries."""

    key: str
    what: What
    openid: str
    account: str  # our side, as the reply has to name it
    sent_at: int  # epoch seconds, the platform's clock
    text: str = ""  # what was typed, the menu key, the place's label, the code, the picture's number
    lat: str = ""
    lng: str = ""
    accuracy_m: str = ""
    url: str = ""  # of the picture
    leaves: tuple[LeaveWord, ...] = ()


_MESSAGES = {"text": What.TEXT, "location": What.PIN, "image": What.PHOTO}
_SENT_BY_PEOPLE = {"voice", "video", "shortvideo", "link", "miniprogrampage"}
_EVENTS = {
    "location_select": What.PICKED,
    "location": What.POSITION,
    "click": What.CLICK,
    "subscribe": What.FOLLOWED,
    "subscribe_scan": What.FOLLOWED,
    "scan": What.SCANNED,
    "scancode_waitmsg": What.GUN_CODE,
    "unsubscribe": What.LEFT,
    "subscribe_msg_popup_event": What.LEAVES,
    "subscribe_msg_change_event": What.LEAVES,
    "subscribe_msg_sent_event": What.LEAVES,
}


def read_push(text: str) -> Push:
    """The push in a decrypted text. Raises Refused."""
    if is_json(text):
        log.error("WeChat pushes JSON. Set the data format to XML in the account's console, message push settings.")
        raise Refused(400, "json_push")
    read_xml(text)
    try:
        return _push(parse_message(text))
    except Exception as error:
        # KeyError, TypeError, AttributeError, ValueError: a missing or repeated field shows up as any of them
        raise Refused(400, "unreadable_push") from error


def _push(message: Any) -> Push:
    openid, account = message.source, message.target
    if not (_is_id(openid) and _is_id(account)):
        raise ValueError("a push names both sides")
    sent_at = int(message.time or 0)
    # Of an event wechatpy does not know it says neither that it is one nor which.
    raw = dict(message._data)
    is_event = message.type == "event" or str(raw.get("MsgType")).lower() == "event"
    leaves: tuple[LeaveWord, ...] = ()
    if is_event:
        event = str(raw.get("Event") or "").lower()
        what = _EVENTS.get(getattr(message, "event", event), What.OTHER)
        if what is What.LEAVES:
            leaves = _leave_words(event, raw)
    else:
        what = What.UNREADABLE if message.type in _SENT_BY_PEOPLE else _MESSAGES.get(message.type, What.OTHER)
    words, lat, lng = _content(what, message)
    if leaves:
        words = " ".join(f"{one.template}:{one.told}:{one.detail}" for one in leaves)
    number = int(message.id or 0)
    if is_event or not number:
        named = str(getattr(message, "event", raw.get("Event") or message.type))
        key = _named("event", openid, str(sent_at), named, words, lat, lng)
    else:
        # With the person: an answer never goes to somebody else, whatever the numbers are.
        key = _named("message", openid, str(number))
    most = CODE_MAX if what is What.GUN_CODE else TEXT_MAX
    accuracy_m = str(message.precision) if what is What.POSITION else ""
    url = str(message.image or "")[:URL_MAX] if what is What.PHOTO else ""
    return Push(key, what, openid, account, sent_at, words[:most], lat, lng, accuracy_m, url, leaves)


def _leave_words(event: str, raw: Mapping[str, Any]) -> tuple[LeaveWord, ...]:
    """`List` is one entry, or a list of them; the name of what holds it is that of the event."""
    holder = raw.get(_LEAVE_LISTS[event]) or {}
    listed = (holder.get("List") if isinstance(holder, dict) else holder) or []
    entries = listed if isinstance(listed, list) else [listed]
    found = (_leave_word(event, entry) for entry in entries[:LEAVES_MAX])
    return tuple(one for one in found if one is not None)


def _leave_word(event: str, entry: Mapping[str, Any]) -> LeaveWord | None:
    template = str(entry["TemplateId"])[:_TEMPLATE_MAX]
    status = str(entry.get("SubscribeStatusString") or "")
    match event, status:
        case "subscribe_msg_sent_event", _:
            outcome, number = str(entry.get("ErrorStatus") or ""), str(entry.get("MsgID") or "")
            told = LeaveTold.SENT if outcome == "success" else LeaveTold.NOT_SENT
            return LeaveWord(template, told, f"{number} {entry.get('ErrorCode')} {outcome}"[:_TEMPLATE_MAX])
        # Said no to the question, what was given before stays; yes comes in several voices.
        case "subscribe_msg_popup_event", _ if status.startswith("accept"):
            return LeaveWord(template, LeaveTold.GIVEN)
        case "subscribe_msg_change_event", "reject":
            return LeaveWord(template, LeaveTold.WITHDRAWN)
    return None


def _content(what: What, message: Any) -> tuple[str, str, str]:
    """The text, latitude and longitude."""
    match what:
        case What.TEXT:
            return str(message.content or ""), "", ""
        case What.PIN:
            return str(message.label or ""), str(message.location_x), str(message.location_y)
        case What.PICKED:
            # By hand: wechatpy's properties raise KeyError for the name of the place, which may be absent.
            picked = message.location_info
            label = picked.get("Poiname") or picked.get("Label") or ""
            return str(label), str(picked["Location_X"]), str(picked["Location_Y"])
        case What.POSITION:
            return "", str(message.latitude), str(message.longitude)
        case What.CLICK:
            return str(message.key or ""), "", ""
        case What.PHOTO:
            return str(message.media_id or ""), "", ""
        case What.GUN_CODE:
            read = message.scan_code_info
            text = str(read.get("ScanResult") or "")
            return _BARCODE.sub("", text, count=1) if read.get("ScanType") == "barcode" else text, "", ""
        case What.SCANNED | What.FOLLOWED:
            # Who follows by scanning brings the scene along, who just follows brings none.
            return str(getattr(message, "scene_id", None) or ""), "", ""
    return "", "", ""


def _named(kind: str, *parts: str) -> str:
    """A key that names nobody. Events have no number: the person, the second, the event and what it carried name them
    (docs: sender + time)."""
    return f"{kind}:" + hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
