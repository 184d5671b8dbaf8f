"""A Bot API server for tests: strict about what the bot sends, and able to be Telegram's bad days.

with BotApi() as telegram:
    lin = telegram.person("Lin", language_code="en")
    lin.sends_location(22.54, 114.05)
    shown = telegram.wait(lambda: lin.messages[-1:])
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeVar

import requests
from werkzeug.formparser import parse_form_data

from tests.bots.telegram.methods import ACTIONS, METHODS, Refused, check_markup, check_params, parse_text

TOKEN = "123456:TEST-canary-token_0123456789abcdefg"
BOT = {"id": 123456, "is_bot": True, "first_name": "Kilowatch", "username": "kilowatch_test_bot"}
WAIT_S = 60.0

T = TypeVar("T")


@dataclass
class Call:
    method: str
    params: dict[str, Any]
    ok: bool = True
    error: str = ""
    result: Any = None
    files: dict[str, bytes] = field(default_factory=dict)  # what came along, by its name


@dataclass
class Shown:
    """A message of the bot as it stands in the chat now."""

    message_id: int
    chat_id: int
    text: str
    markup: dict[str, Any] | None
    edits: int = 0
    photo: bytes = b""  # then `text` stands under it

    @property
    def buttons(self) -> dict[str, str]:
        """callback_data by label."""
        rows = (self.markup or {}).get("inline_keyboard", [])
        return {button["text"]: button.get("callback_data", "") for row in rows for button in row}


@dataclass
class Person:
    """Somebody in a private chat with the bot, or speaking in a group."""

    api: BotApi
    id: int
    name: str
    language_code: str | None
    group_id: int | None = None

    @property
    def chat(self) -> dict[str, Any]:
        if self.group_id is not None:
            return {"id": self.group_id, "type": "supergroup", "title": "Drivers"}
        return {"id": self.id, "type": "private", "first_name": self.name}

    @property
    def user(self) -> dict[str, Any]:
        user = {"id": self.id, "is_bot": False, "first_name": self.name}
        return user | ({"language_code": self.language_code} if self.language_code else {})

    @property
    def messages(self) -> list[Shown]:
        return [shown for shown in self.api.shown.values() if shown.chat_id == self.chat["id"]]

    def in_group(self, group_id: int) -> Person:
        return Person(self.api, self.id, self.name, self.language_code, group_id)

    def sends(self, **content: Any) -> int:
        """Send any message; returns its id."""
        return self.api.incoming("message", self._message(self.api.next_message_id(), content))

    def says(self, text: str, **more: Any) -> int:
        content: dict[str, Any] = {"text": text, **more}
        if text.startswith("/"):
            entity = {"type": "bot_command", "offset": 0, "length": len(text.split()[0])}
            content["entities"] = [entity]
        return self.sends(**content)

    def sends_location(self, lat: float, lng: float, *, live_period: int | None = None, accuracy: float = 20) -> int:
        return self.sends(location=_location(lat, lng, live_period, accuracy))

    def sends_photo(self, image: bytes, *, album: str = "") -> int:
        """A photo: Telegram makes smaller ones of it, and hands over the largest last."""
        largest, small = self.api.keeps_file(image), self.api.keeps_file(b"a thumbnail")
        sizes = [_size(small, 90, len(b"a thumbnail")), _size(largest, 1280, len(image))]
        return self.sends(photo=sizes, **({"media_group_id": album} if album else {}))

    def sends_file(self, content: bytes, name: str, mime_type: str, size: int | None = None) -> int:
        file_id = self.api.keeps_file(content)
        document = {"file_id": file_id, "file_unique_id": f"u{file_id}", "file_name": name, "mime_type": mime_type}
        return self.sends(document=document | {"file_size": len(content) if size is None else size})

    def moves(self, live_message_id: int, lat: float, lng: float, *, live_period: int | None = 3600) -> None:
        """The live location reports itself; without `live_period` it was stopped."""
        message = self._message(live_message_id, {"location": _location(lat, lng, live_period, 20)})
        self.api.incoming("edited_message", message | {"edit_date": int(time.time())})

    def presses(self, shown: Shown, label: str) -> str:
        found = [data for text, data in shown.buttons.items() if text.removeprefix("✓ ") == label]
        assert found, f"no button {label!r} among {list(shown.buttons)}"
        return self.presses_data(shown, found[0])

    def presses_data(self, shown: Shown, data: str) -> str:
        message = self.api.message_json(shown)
        return self.api.press(self.user, message, data)

    def blocks(self) -> None:
        """Block the bot: it is told, and every send to this chat is refused."""
        self.api.blocked.add(self.id)
        self._membership("kicked", "member")

    def unblocks(self) -> None:
        self.api.blocked.discard(self.id)
        self._membership("member", "kicked")

    def _membership(self, new: str, old: str) -> None:
        def member(status: str) -> dict[str, Any]:
            return {"status": status, "user": BOT} | ({"until_date": 0} if status == "kicked" else {})

        event = {
            "chat": self.chat,
            "from": self.user,
            "date": int(time.time()),
            "old_chat_member": member(old),
            "new_chat_member": member(new),
        }
        self.api.incoming("my_chat_member", event)

    def _message(self, message_id: int, content: dict[str, Any]) -> dict[str, Any]:
        return {"message_id": message_id, "date": int(time.time()), "chat": self.chat, "from": self.user, **content}


def _size(file_id: str, side: int, length: int) -> dict[str, Any]:
    return {"file_id": file_id, "file_unique_id": f"u{file_id}", "width": side, "height": side, "file_size": length}


def _location(lat: float, lng: float, live_period: int | None, accuracy: float) -> dict[str, Any]:
    location: dict[str, Any] = {"latitude": lat, "longitude": lng, "horizontal_accuracy": accuracy}
    return location | ({"live_period": live_period} if live_period else {})


@dataclass
class BotApi:
    """The server. Everything the bot did stands in `calls`; what drivers see stands in `shown`."""

    calls: list[Call] = field(default_factory=list)
    shown: dict[int, Shown] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    webhook: dict[str, Any] = field(default_factory=dict)
    deliver_to: str | None = None  # where updates are posted, once a webhook is set

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.pending: list[dict[str, Any]] = []
        self.again: list[dict[str, Any]] = []  # delivered once more, although they are confirmed
        self.confirmed = 0
        self.commands: dict[str, list[dict[str, Any]]] = {}
        self._ids = {"update": 1000, "message": 100, "callback": 1, "person": 5000, "file": 0}
        self._callbacks: dict[str, bool] = {}
        self.files: dict[str, bytes] = {}  # that people sent, by file_id
        self._refuse: dict[str, list[Refused]] = {}
        self._hold: dict[str, threading.Event] = {}

    # --- life ---

    def __enter__(self) -> Self:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # the body would wait 40 ms for the acknowledgement of the headers

            def do_POST(self) -> None:
                api._answer(self)

            def do_GET(self) -> None:
                api._hand_over(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()

    # --- what tests do ---

    def person(self, name: str, language_code: str | None = "en") -> Person:
        return Person(self, self._next("person"), name, language_code)

    def wait(self, ready: Callable[[], T], timeout_s: float = WAIT_S) -> T:
        """Wait until `ready` returns something true, and return that."""
        with self.changed:
            end = time.monotonic() + timeout_s
            while not (value := ready()):
                left = end - time.monotonic()
                assert left > 0, f"waited in vain; the last calls: {[(c.method, c.error) for c in self.calls[-8:]]}"
                # Woken by calls; looked at again for what happens outside of this server.
                self.changed.wait(min(left, 0.2))
            return value

    def refuse_next(self, method: str, code: int, words: str, **parameters: Any) -> None:
        """Answer the next call of this method with an error (429 with retry_after, 403 …)."""
        self._refuse.setdefault(method, []).append(Refused(code, words, parameters or None))

    def hold(self, method: str) -> None:
        """Let calls of this method hang until `release`."""
        self._hold[method] = threading.Event()

    def release(self) -> None:
        for held in self._hold.values():
            held.set()
        self._hold.clear()

    def made(self, method: str, **params: Any) -> list[Call]:
        return [c for c in self.calls if c.method == method and params.items() <= c.params.items()]

    def incoming(self, kind: str, event: dict[str, Any]) -> int:
        """Hand an update to the bot; returns the message id, if it has one."""
        with self.changed:
            update = {"update_id": self._next("update"), kind: event}
            self.pending.append(update)
            self.changed.notify_all()
        if self.deliver_to:
            self.deliver(update)
        return int(event.get("message_id", 0))

    def deliver_again(self, update: dict[str, Any]) -> None:
        """Hand over an update that the bot has confirmed, as if Telegram had missed that."""
        with self.changed:
            self.again.append(update)
            self.changed.notify_all()

    def deliver(self, update: dict[str, Any], secret: str | None = None) -> int:
        """Post an update to the webhook, as Telegram does; returns the status."""
        assert self.deliver_to
        token = self.webhook.get("secret_token", "") if secret is None else secret
        headers = {"X-Telegram-Bot-Api-Secret-Token": token} if token else {}
        return requests.post(self.deliver_to, json=update, headers=headers, timeout=30).status_code

    def press(self, user: dict[str, Any], message: dict[str, Any], data: str) -> str:
        number = str(self._next("callback"))
        self._callbacks[number] = False
        event = {"id": number, "from": user, "message": message, "chat_instance": "77", "data": data}
        self.incoming("callback_query", event)
        return number

    def ask_before_paying(self, user: dict[str, Any], payload: str, amount: int, currency: str = "CNY") -> str:
        """The driver has chosen a card: the bot has ten seconds to say yes. Returns the question's id."""
        number = str(self._next("callback"))
        self._callbacks[number] = False
        asked = {"id": number, "from": user, "currency": currency, "total_amount": amount}
        self.incoming("pre_checkout_query", asked | {"invoice_payload": payload})
        return number

    def message_json(self, shown: Shown) -> dict[str, Any]:
        """A message of the bot as Telegram returns it: inline keyboards only, never reply keyboards."""
        private = shown.chat_id > 0
        chat = (
            {"id": shown.chat_id, "type": "private", "first_name": "P"}
            if private
            else {"id": shown.chat_id, "type": "supergroup", "title": "Drivers"}
        )
        message = {
            "message_id": shown.message_id,
            "date": int(time.time()),
            "chat": chat,
            "from": BOT,
        }
        if shown.photo:
            message |= {"photo": [_size("f", 1080, len(shown.photo))], "caption": shown.text}
        else:
            message["text"] = shown.text
        inline = (shown.markup or {}).get("inline_keyboard")
        return message | ({"reply_markup": {"inline_keyboard": inline}} if inline else {})

    def next_message_id(self) -> int:
        return self._next("message")

    def keeps_file(self, content: bytes) -> str:
        """A file that somebody sent; its file_id."""
        file_id = f"file-{self._next('file')}"
        self.files[file_id] = content
        return file_id

    def _next(self, what: str) -> int:
        with self.changed:
            self._ids[what] += 1
            return self._ids[what]

    # --- what the bot does ---

    def _answer(self, http: BaseHTTPRequestHandler) -> None:
        body = _body(http)
        method = http.path.rsplit("/", 1)[-1]
        call = Call(method, {})
        try:
            if not http.path.startswith(f"/bot{TOKEN}/"):
                raise Refused(401, "Unauthorized")
            if method not in METHODS:
                raise Refused(404, "Not Found: method not found")
            form, call.files = _form(http.headers.get("Content-Type", ""), body)
            call.params = check_params(method, form)
            if held := self._hold.get(method):
                with self.changed:
                    self.calls.append(Call(method, call.params, ok=False, error="held"))
                    self.changed.notify_all()
                held.wait(WAIT_S)
            if waiting := self._refuse.get(method):
                raise waiting.pop(0)
            file = {"file": next(iter(call.files.values()))} if call.files else {}
            call.result = getattr(self, f"_{method}")(call.params | file)
            status, answer = 200, {"ok": True, "result": call.result}
        except Refused as refused:
            call.ok, call.error = False, refused.words
            status = refused.code
            answer = {"ok": False, "error_code": refused.code, "description": refused.words}
            if refused.parameters:
                answer["parameters"] = refused.parameters
        if method != "getUpdates":
            with self.changed:
                self.calls.append(call)
                self.changed.notify_all()
        payload = json.dumps(answer).encode()
        try:
            http.send_response(status)
            http.send_header("Content-Type", "application/json")
            http.send_header("Content-Length", str(len(payload)))
            http.end_headers()
            http.wfile.write(payload)
        except OSError:
            pass  # the bot was killed meanwhile

    def _hand_over(self, http: BaseHTTPRequestHandler) -> None:
        """The content of a file, at the path that getFile named."""
        head = f"/file/bot{TOKEN}/photos/"
        content = self.files.get(http.path.removeprefix(head)) if http.path.startswith(head) else None
        http.send_response(404 if content is None else 200)
        http.send_header("Content-Length", str(len(content or b"")))
        http.end_headers()
        http.wfile.write(content or b"")

    def _getFile(self, params: dict[str, Any]) -> dict[str, Any]:
        content = self.files.get(params["file_id"])
        if content is None:
            raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > 20 * 1024 * 1024:
            raise Refused(400, "Bad Request: file is too big")
        known = {"file_id": params["file_id"], "file_unique_id": f"u{params['file_id']}", "file_size": len(content)}
        return known | {"file_path": f"photos/{params['file_id']}"}

    def _getMe(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            **BOT,
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def _getUpdates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        if self.webhook.get("url"):
            raise Refused(409, "Conflict: can't use getUpdates method while webhook is active")
        offset, end = params.get("offset", 0), time.monotonic() + params.get("timeout", 0)
        with self.changed:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]
            self.confirmed = max(self.confirmed, offset - 1)
            self.changed.notify_all()
            while not (self.pending or self.again) and (left := end - time.monotonic()) > 0:
                self.changed.wait(left)
            again, self.again = self.again, []
            return again + self.pending[: params.get("limit", 100)]

    def _setWebhook(self, params: dict[str, Any]) -> bool:
        if not params["url"].startswith("https://"):
            raise Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = params
        return True

    def _deleteWebhook(self, params: dict[str, Any]) -> bool:
        self.webhook = {}
        if params.get("drop_pending_updates"):
            self.pending.clear()
        return True

    def _sendMessage(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        text = parse_text(params["text"], params.get("parse_mode"))
        markup = params.get("reply_markup")
        if markup is not None:
            check_markup(markup, private=params["chat_id"] > 0)
        shown = Shown(self.next_message_id(), params["chat_id"], text, markup)
        self.shown[shown.message_id] = shown
        return self.message_json(shown)

    def _editMessageText(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        shown = self.shown.get(params["message_id"])
        if shown is None or shown.chat_id != params["chat_id"]:
            raise Refused(400, "Bad Request: message to edit not found")
        text, markup = parse_text(params["text"], params.get("parse_mode")), params.get("reply_markup")
        if markup is not None:
            check_markup(markup, private=shown.chat_id > 0, edit=True)
        if (text, markup) == (shown.text, shown.markup):
            raise Refused(400, "Bad Request: message is not modified: specified new message content is the same")
        shown.text, shown.markup, shown.edits = text, markup, shown.edits + 1
        return self.message_json(shown)

    def _editMessageReplyMarkup(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        shown = self.shown.get(params["message_id"])
        if shown is None or shown.chat_id != params["chat_id"]:
            raise Refused(400, "Bad Request: message to edit not found")
        markup = params.get("reply_markup")
        if markup is not None:
            check_markup(markup, private=shown.chat_id > 0, edit=True)
        if markup == shown.markup:
            raise Refused(400, "Bad Request: message is not modified: specified new message content is the same")
        shown.markup, shown.edits = markup, shown.edits + 1
        return self.message_json(shown)

    def _answerCallbackQuery(self, params: dict[str, Any]) -> bool:
        if self._callbacks.get(params["callback_query_id"]) is not False:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        if len(params.get("text", "")) > 200:
            raise Refused(400, "Bad Request: MESSAGE_TOO_LONG")
        self._callbacks[params["callback_query_id"]] = True
        return True

    def _answerPreCheckoutQuery(self, params: dict[str, Any]) -> bool:
        if self._callbacks.get(params["pre_checkout_query_id"]) is not False:
            raise Refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        if not params["ok"] and not params.get("error_message"):
            raise Refused(400, "Bad Request: error message is required")
        self._callbacks[params["pre_checkout_query_id"]] = True
        return True

    def _sendInvoice(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        for name, most in (("title", 32), ("description", 255), ("payload", 128)):
            if not 1 <= len(params[name]) <= most:
                raise Refused(400, f"Bad Request: {name} has 1-{most} characters")
        if not params["prices"] or any(set(one) != {"label", "amount"} for one in params["prices"]):
            raise Refused(400, "Bad Request: PRICES_INVALID")
        invoice = {name: params[name] for name in ("title", "description", "currency")}
        total = sum(one["amount"] for one in params["prices"])
        return self._file_sent(params, {"invoice": invoice | {"start_parameter": "", "total_amount": total}})

    def _sendVenue(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        if not (-90 <= params["latitude"] <= 90 and -180 <= params["longitude"] <= 180):
            raise Refused(400, "Bad Request: wrong coordinates")
        place = {"latitude": params["latitude"], "longitude": params["longitude"]}
        shown = Shown(self.next_message_id(), params["chat_id"], params["title"], None)
        message = self.message_json(shown)
        del message["text"]
        venue = {"location": place, "title": params["title"], "address": params["address"]}
        return message | {"location": place, "venue": venue}

    def _sendDocument(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._file_sent(params, {"document": {"file_id": "f", "file_unique_id": "u"}})

    def _sendPhoto(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        photo, markup = _picture(params["photo"], params), params.get("reply_markup")
        shown = Shown(self.next_message_id(), params["chat_id"], _caption(params), markup, photo=photo)
        if markup is not None:
            check_markup(markup, private=shown.chat_id > 0)
            self.shown[shown.message_id] = shown
        return self.message_json(shown)

    def _editMessageMedia(self, params: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        shown, media = self.shown.get(params["message_id"]), params["media"]
        if shown is None or shown.chat_id != params["chat_id"]:
            raise Refused(400, "Bad Request: message to edit not found")
        if media.get("type") != "photo" or set(media) - {"type", "media", "caption", "parse_mode"}:
            raise Refused(400, "Bad Request: can't parse InputMedia")
        text, photo, markup = _caption(media), _picture(media["media"], params), params.get("reply_markup")
        if markup is not None:
            check_markup(markup, private=shown.chat_id > 0, edit=True)
        if (text, photo, markup) == (shown.text, shown.photo, shown.markup):
            raise Refused(400, "Bad Request: message is not modified: specified new message content is the same")
        shown.text, shown.photo, shown.markup, shown.edits = text, photo, markup, shown.edits + 1
        return self.message_json(shown)

    def _file_sent(self, params: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        self._reach(params["chat_id"])
        caption = _caption(params)
        message = self.message_json(Shown(self.next_message_id(), params["chat_id"], "", None))
        del message["text"]
        return message | content | ({"caption": caption} if caption else {})

    def _sendChatAction(self, params: dict[str, Any]) -> bool:
        self._reach(params["chat_id"])
        if params["action"] not in ACTIONS:
            raise Refused(400, "Bad Request: wrong parameter action in request")
        return True

    def _setMyCommands(self, params: dict[str, Any]) -> bool:
        for command in params["commands"]:
            if not (1 <= len(command["command"]) <= 32 and 1 <= len(command["description"]) <= 256):
                raise Refused(400, "Bad Request: BOT_COMMAND_INVALID")
        self.commands[params.get("language_code", "")] = params["commands"]
        return True

    def _getMyCommands(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        return self.commands.get(params.get("language_code", ""), [])

    def _reach(self, chat_id: int) -> None:
        if chat_id in self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")


def _caption(params: dict[str, Any]) -> str:
    caption = parse_text(params["caption"], params.get("parse_mode")) if "caption" in params else ""
    if len(caption.encode("utf-16-le")) // 2 > 1024:
        raise Refused(400, "Bad Request: message caption is too long")
    return caption


def _picture(named: str, params: dict[str, Any]) -> bytes:
    """The file that came along."""
    content = params.get("file", b"")
    if not (named.startswith("attach://") and content):
        raise Refused(400, "Bad Request: there is no photo in the request")
    return bytes(content)


def _body(http: BaseHTTPRequestHandler) -> bytes:
    """The body. One with a file in it comes in chunks, as its length is not known before."""
    if http.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return http.rfile.read(int(http.headers.get("Content-Length") or 0))
    body = b""
    while size := int(http.rfile.readline().split(b";")[0], 16):
        body += http.rfile.read(size)
        http.rfile.readline()
    http.rfile.readline()
    return body


def _form(content_type: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Parameters from JSON, a URL-encoded form or multipart, and the files that came along."""
    if not body:
        return {}, {}
    if content_type.startswith("application/json"):
        return dict(json.loads(body)), {}
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": content_type}
    _, form, files = parse_form_data(environ | {"REQUEST_METHOD": "POST"})
    if not form:
        raise Refused(400, f"Bad Request: cannot read {content_type}")
    return dict(form.items()), {one.filename or "": one.read() for one in files.values()}
