"""The part of the Bot API that our bot uses, as a table: which parameters exist, of what type, and which are due.

Written from https://core.telegram.org/bots/api for the test server, which refuses everything else.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

INT, FLOAT, BOOL, TEXT, OBJECT, LIST = "Integer", "Float", "Boolean", "String", "Object", "Array"

# method: {parameter: (type, required)}
METHODS: dict[str, dict[str, tuple[str, bool]]] = {
    "getMe": {},
    "getUpdates": {
        "offset": (INT, False),
        "limit": (INT, False),
        "timeout": (INT, False),
        "allowed_updates": (LIST, False),
    },
    "setWebhook": {
        "url": (TEXT, True),
        "ip_address": (TEXT, False),
        "max_connections": (INT, False),
        "allowed_updates": (LIST, False),
        "drop_pending_updates": (BOOL, False),
        "secret_token": (TEXT, False),
    },
    "deleteWebhook": {"drop_pending_updates": (BOOL, False)},
    "sendMessage": {
        "chat_id": (INT, True),
        "text": (TEXT, True),
        "parse_mode": (TEXT, False),
        "link_preview_options": (OBJECT, False),
        "disable_notification": (BOOL, False),
        "reply_parameters": (OBJECT, False),
        "reply_markup": (OBJECT, False),
    },
    "editMessageText": {
        "chat_id": (INT, False),
        "message_id": (INT, False),
        "inline_message_id": (TEXT, False),
        "text": (TEXT, True),
        "parse_mode": (TEXT, False),
        "link_preview_options": (OBJECT, False),
        "reply_markup": (OBJECT, False),
    },
    "editMessageReplyMarkup": {
        "chat_id": (INT, False),
        "message_id": (INT, False),
        "inline_message_id": (TEXT, False),
        "reply_markup": (OBJECT, False),
    },
    "getFile": {"file_id": (TEXT, True)},
    "answerCallbackQuery": {
        "callback_query_id": (TEXT, True),
        "text": (TEXT, False),
        "show_alert": (BOOL, False),
        "url": (TEXT, False),
        "cache_time": (INT, False),
    },
    "answerPreCheckoutQuery": {
        "pre_checkout_query_id": (TEXT, True),
        "ok": (BOOL, True),
        "error_message": (TEXT, False),
    },
    "sendInvoice": {
        "chat_id": (INT, True),
        "title": (TEXT, True),
        "description": (TEXT, True),
        "payload": (TEXT, True),
        "provider_token": (TEXT, False),
        "currency": (TEXT, True),
        "prices": (LIST, True),
        "reply_markup": (OBJECT, False),
    },
    "sendVenue": {
        "chat_id": (INT, True),
        "latitude": (FLOAT, True),
        "longitude": (FLOAT, True),
        "title": (TEXT, True),
        "address": (TEXT, True),
        "reply_markup": (OBJECT, False),
    },
    "sendDocument": {
        "chat_id": (INT, True),
        "document": (TEXT, True),
        "caption": (TEXT, False),
        "parse_mode": (TEXT, False),
    },
    "sendPhoto": {
        "chat_id": (INT, True),
        "photo": (TEXT, True),
        "caption": (TEXT, False),
        "parse_mode": (TEXT, False),
        "reply_markup": (OBJECT, False),
    },
    "editMessageMedia": {
        "chat_id": (INT, False),
        "message_id": (INT, False),
        "media": (OBJECT, True),
        "reply_markup": (OBJECT, False),
    },
    "sendChatAction": {"chat_id": (INT, True), "action": (TEXT, True)},
    "setMyCommands": {"commands": (LIST, True), "scope": (OBJECT, False), "language_code": (TEXT, False)},
    "getMyCommands": {"scope": (OBJECT, False), "language_code": (TEXT, False)},
}
ACTIONS = {"typing", "find_location", "upload_photo", "upload_document", "choose_sticker"}
_TAGS = {"b", "i", "u", "s", "a", "code", "pre", "strong", "em", "blockquote", "tg-spoiler"}


class Refused(Exception):
    """What Telegram would answer instead of a result."""

    def __init__(self, code: int, words: str, parameters: dict[str, Any] | None = None) -> None:
        super().__init__(words)
        self.code, self.words, self.parameters = code, words, parameters


def check_params(method: str, raw: dict[str, Any]) -> dict[str, Any]:
    """The parameters in their types. Form values are text; nested ones are JSON text."""
    known = METHODS[method]
    if unknown := set(raw) - set(known):
        raise Refused(400, f"Bad Request: {method} has no parameter {sorted(unknown)}")
    if missing := [name for name, (_, due) in known.items() if due and raw.get(name) in (None, "")]:
        raise Refused(400, f"Bad Request: parameter {missing[0]!r} is required")
    return {name: _typed(name, value, known[name][0]) for name, value in raw.items()}


def _typed(name: str, value: Any, kind: str) -> Any:
    if isinstance(value, str) and kind is not TEXT:
        try:
            value = json.loads(value)
        except ValueError:
            raise Refused(400, f"Bad Request: {name} is no {kind}") from None
    fits: dict[str, Callable[[Any], bool]] = {
        INT: lambda v: type(v) is int,
        FLOAT: lambda v: type(v) in (int, float),
        BOOL: lambda v: type(v) is bool,
        TEXT: lambda v: isinstance(v, str),
        OBJECT: lambda v: isinstance(v, dict),
        LIST: lambda v: isinstance(v, list),
    }
    if not fits[kind](value):
        raise Refused(400, f"Bad Request: {name} is no {kind}")
    return value


# --- text -----------------------------------------------------------------------------------------------------


def parse_text(text: str, parse_mode: str | None) -> str:
    """The visible text. Refuses bad markup, and lengths outside 1-4096 UTF-16 units after parsing."""
    if parse_mode not in (None, "HTML"):
        raise Refused(400, "Bad Request: unsupported parse_mode")
    visible = _parse_html(text) if parse_mode else text
    visible = visible.strip()
    length = len(visible.encode("utf-16-le")) // 2
    if not length:
        raise Refused(400, "Bad Request: message text is empty")
    if length > 4096:
        raise Refused(400, "Bad Request: message is too long")
    return visible


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise Refused(400, f"Bad Request: can't parse entities: Unsupported start tag {tag!r}")
        if tag == "a" and [name for name, _ in attrs] != ["href"]:
            raise Refused(400, "Bad Request: can't parse entities: a link has one href")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Refused(400, f"Bad Request: can't parse entities: Unexpected end tag {tag!r}")

    def handle_data(self, data: str) -> None:
        if "<" in data or "&" in data:
            raise Refused(400, "Bad Request: can't parse entities: bare < or &")
        self.words.append(data)

    def handle_entityref(self, name: str) -> None:
        if name not in {"lt", "gt", "amp", "quot"}:
            raise Refused(400, f"Bad Request: can't parse entities: unknown entity &{name};")
        self.words.append(html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.words.append(html.unescape(f"&#{name};"))


def _parse_html(text: str) -> str:
    # The parser of the standard library forgives a bare ampersand; Telegram's text must not lean on that.
    if re.search(r"&(?!(lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);)", text):
        raise Refused(400, "Bad Request: can't parse entities: bare &")
    parser = _Parser()
    parser.feed(text)
    parser.close()
    if parser.open:
        raise Refused(400, f"Bad Request: can't parse entities: Can't find end tag of {parser.open[-1]!r}")
    return "".join(parser.words)


# --- keyboards ------------------------------------------------------------------------------------------------

_INLINE_ACTIONS = {"callback_data", "url", "web_app", "copy_text", "switch_inline_query", "login_url", "pay"}


def check_markup(markup: dict[str, Any], *, private: bool, edit: bool = False) -> None:
    if "inline_keyboard" in markup:
        _check_inline(markup)
    elif edit:
        raise Refused(400, "Bad Request: inline keyboard expected")
    elif "keyboard" in markup:
        _check_reply(markup, private)
    elif not markup.get("remove_keyboard") and not markup.get("force_reply"):
        raise Refused(400, "Bad Request: object expected as reply markup")


def _check_inline(markup: dict[str, Any]) -> None:
    if set(markup) != {"inline_keyboard"}:
        raise Refused(400, "Bad Request: an inline keyboard has nothing beside its rows")
    buttons = [button for row in markup["inline_keyboard"] for button in row]
    if len(buttons) > 100:
        raise Refused(400, "Bad Request: too many buttons")
    for button in buttons:
        if not button.get("text"):
            raise Refused(400, "Bad Request: a button has a text")
        actions = set(button) & _INLINE_ACTIONS
        if len(actions) != 1 or set(button) - _INLINE_ACTIONS - {"text"}:
            raise Refused(400, "Bad Request: a button has exactly one action")
        if "url" in button and not re.fullmatch(r"https?://[\w-]+(\.[\w-]+)+([:/].*)?", button["url"]):
            raise Refused(400, "Bad Request: BUTTON_URL_INVALID")  # a bare name, as localhost is one
        if "web_app" in button and not button["web_app"]["url"].startswith("https://"):
            raise Refused(400, "Bad Request: BUTTON_TYPE_INVALID")
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")


def _check_reply(markup: dict[str, Any], private: bool) -> None:
    known = {
        "keyboard",
        "is_persistent",
        "resize_keyboard",
        "one_time_keyboard",
        "input_field_placeholder",
        "selective",
    }
    if set(markup) - known:
        raise Refused(400, "Bad Request: unknown field of a reply keyboard")
    if len(markup.get("input_field_placeholder", "x")) not in range(1, 65):
        raise Refused(400, "Bad Request: placeholder has 1-64 characters")
    for row in markup["keyboard"]:
        for button in row:
            if button.get("request_location") and not private:
                raise Refused(400, "Bad Request: location can be requested in private chats only")
