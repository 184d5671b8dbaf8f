"""Pushes: the platform's messages and events in our words.

wechatpy reads them. What it hides: an event has no MsgId (its `id` is 0), `create_time` is Shanghai time or naive
depending on what is installed (we use the epoch seconds in `time`), coordinates come as strings, empty text as None.
"""

from __future__ import annotations

import hashlib
import re
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
    UNREADABLE = "unreadable"  # a voice, a film: something a person sent that we cannot use
    OTHER = "other"  # nothing we answer


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
    is_event = message.type == "event"
    if is_event:
        what = _EVENTS.get(message.event, What.OTHER)
    else:
        what = What.UNREADABLE if message.type in _SENT_BY_PEOPLE else _MESSAGES.get(message.type, What.OTHER)
    words, lat, lng = _content(what, message)
    number = int(message.id or 0)
    if is_event or not number:
        event = getattr(message, "event", message.type)
        key = _named("event", openid, str(sent_at), str(event), words, lat, lng)
    else:
        # With the person: an answer never goes to somebody else, whatever the numbers are.
        key = _named("message", openid, str(number))
    most = CODE_MAX if what is What.GUN_CODE else TEXT_MAX
    accuracy_m = str(message.precision) if what is What.POSITION else ""
    url = str(message.image or "")[:URL_MAX] if what is What.PHOTO else ""
    return Push(key, what, openid, account, sent_at, words[:most], lat, lng, accuracy_m, url)


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
