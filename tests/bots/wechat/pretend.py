"""WeChat as we meet it, written from its documents and without wechatpy: it pushes encrypted callbacks, opens our
replies, and answers our calls to its API."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import requests
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from flask import Flask
from werkzeug.formparser import parse_form_data
from werkzeug.serving import make_server

from core.geo import Datum
from core.ports import Clock
from tests.world import HERE

TOKEN = "kilowatch-token"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP_ID = "wx0123456789abcdef"
SECRET = "s3cret-of-the-account"
ACCOUNT = "gh_0123456789ab"
LIN = "oLin-_0123456789012345678901"
GCJ = HERE.to(Datum.GCJ02)
WEI = "oWei-_0123456789012345678901"
SILENT_FOR_S = 0.6


def cipher(aes_key: str) -> Cipher[modes.CBC]:
    key = base64.b64decode(aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def sealed(text: str, *, aes_key: str = AES_KEY, app_id: str = APP_ID, length: int | None = None) -> str:
    """The ciphertext of a push; `length` lies about how long the text is."""
    body = text.encode()
    plain = os.urandom(16) + struct.pack(">I", len(body) if length is None else length) + body + app_id.encode()
    padding = 32 - len(plain) % 32
    encryptor = cipher(aes_key).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()


def opened(encrypted: str, *, aes_key: str = AES_KEY, app_id: str = APP_ID) -> str:
    decryptor = cipher(aes_key).decryptor()
    plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    padding = plain[-1]
    assert 1 <= padding <= 32
    assert plain[-padding:] == bytes([padding]) * padding
    content = plain[16:-padding]
    (length,) = struct.unpack(">I", content[:4])
    assert content[4 + length :] == app_id.encode()
    return content[4 : 4 + length].decode()


def signed(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def tag(name: str, value: object) -> str:
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    return f"<{name}><![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"


@dataclass
class Reply:
    """What came back for one delivery. `text` is None unless it was an encrypted text reply."""

    status: int
    raw: str
    text: str | None = None
    to: str | None = None


@dataclass
class Platform:
    """WeChat's servers for one account, pushing to `url`."""

    url: str
    clock: Clock
    token: str = TOKEN
    aes_key: str = AES_KEY
    app_id: str = APP_ID
    serial: int = 0
    http: requests.Session = field(default_factory=requests.Session)

    # --- bodies ---------------------------------------------------------------------------------------------

    def message(self, openid: str, kind: str, *fields: str, msg_id: int | None = None) -> str:
        self.serial += 1
        number = msg_id if msg_id is not None else 24_000_000_000_000_000 + self.serial
        return self._xml(openid, kind, *fields, tag("MsgId", number))

    def event(self, openid: str, event: str, *fields: str) -> str:
        return self._xml(openid, "event", tag("Event", event), *fields)

    def text(self, openid: str, content: str) -> str:
        return self.message(openid, "text", tag("Content", content))

    def location(self, openid: str, lat: object, lng: object, label: str = "") -> str:
        where = (tag("Location_X", str(lat)), tag("Location_Y", str(lng)), tag("Scale", "15"), tag("Label", label))
        return self.message(openid, "location", *where)

    def location_select(self, openid: str, lat: object, lng: object) -> str:
        where = tag("Location_X", str(lat)) + tag("Location_Y", str(lng)) + tag("Scale", "15") + "<Label></Label>"
        return self.event(
            openid, "location_select", tag("EventKey", "find"), f"<SendLocationInfo>{where}</SendLocationInfo>"
        )

    def position(self, openid: str, lat: object, lng: object, precision: str = "40.0") -> str:
        where = (tag("Latitude", str(lat)), tag("Longitude", str(lng)), tag("Precision", precision))
        return self.event(openid, "LOCATION", *where)

    def click(self, openid: str, key: str) -> str:
        return self.event(openid, "CLICK", tag("EventKey", key))

    def photo(self, openid: str, media_id: str, url: str | None = None) -> str:
        """A picture, at an address like WeChat's own."""
        url = f"http://mmbiz.qpic.cn/mmbiz_jpg/{media_id}/0" if url is None else url
        return self.message(openid, "image", tag("PicUrl", url), tag("MediaId", media_id))

    def scan_code(self, openid: str, text: str, kind: str = "qrcode") -> str:
        """The menu's scanner has read a code."""
        read = tag("ScanType", kind) + tag("ScanResult", text)
        return self.event(openid, "scancode_waitmsg", tag("EventKey", "scan"), f"<ScanCodeInfo>{read}</ScanCodeInfo>")

    def leaves(self, openid: str, event: str, *entries: dict[str, str]) -> str:
        """The person answered the question for one-time leaves, took them back, or a notice was delivered."""
        holder = f"SubscribeMsg{event.title()}Event"
        listed = "".join(f"<List>{''.join(tag(*one) for one in entry.items())}</List>" for entry in entries)
        return self.event(openid, f"subscribe_msg_{event}_event", f"<{holder}>{listed}</{holder}>")

    def _xml(self, openid: str, kind: str, *fields: str) -> str:
        head = tag("ToUserName", ACCOUNT) + tag("FromUserName", openid)
        return f"<xml>{head}{tag('CreateTime', self.now())}{tag('MsgType', kind)}{''.join(fields)}</xml>"

    # --- pushing --------------------------------------------------------------------------------------------

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def query(self, encrypted: str, *, timestamp: str | None = None, nonce: str | None = None) -> dict[str, str]:
        timestamp = timestamp or str(self.now())
        nonce = nonce or str(int.from_bytes(os.urandom(4), "big"))
        return {
            "signature": signed(self.token, timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "openid": LIN,
            "encrypt_type": "aes",
            "msg_signature": signed(self.token, timestamp, nonce, encrypted),
        }

    def body(self, encrypted: str, *clear: str) -> str:
        return f"<xml>{tag('ToUserName', ACCOUNT)}{''.join(clear)}{tag('Encrypt', encrypted)}</xml>"

    def push(self, xml: str, *, timeout_s: float = 20, clear: tuple[str, ...] = (), **query: str) -> Reply:
        """Deliver once. Raises requests.ReadTimeout when we are too slow for it."""
        encrypted = sealed(xml, aes_key=self.aes_key, app_id=self.app_id)
        return self.post(self.query(encrypted, **query), self.body(encrypted, *clear), timeout_s=timeout_s)

    def post(self, query: dict[str, str], body: str | bytes, *, timeout_s: float = 20) -> Reply:
        data = body.encode() if isinstance(body, str) else body
        answer = requests.post(
            self.url, params=query, data=data, headers={"Content-Type": "text/xml"}, timeout=timeout_s
        )
        reply = Reply(answer.status_code, answer.text)
        if answer.status_code == 200 and answer.text.startswith("<xml>"):
            self._open(reply, query["nonce"])
        return reply

    def _open(self, reply: Reply, nonce: str) -> None:
        envelope = {one.tag: one.text or "" for one in ElementTree.fromstring(reply.raw)}
        parts = self.token, envelope["TimeStamp"], envelope["Nonce"], envelope["Encrypt"]
        assert envelope["MsgSignature"] == signed(*parts)
        assert envelope["Nonce"] == nonce
        inner = opened(envelope["Encrypt"], aes_key=self.aes_key, app_id=self.app_id)
        fields = {one.tag: one.text or "" for one in ElementTree.fromstring(inner)}
        assert fields["MsgType"] == "text"
        assert fields["FromUserName"] == ACCOUNT
        assert len(fields["Content"].encode()) <= 2048
        reply.text, reply.to = fields["Content"], fields["ToUserName"]


class Driver:
    def __init__(self, wechat: Platform, openid: str = LIN) -> None:
        self.wechat, self.openid = wechat, openid

    def gets(self, xml: str) -> str:
        reply = self.wechat.push(xml)
        assert reply.status == 200, reply
        return reply.text or ""

    def says(self, text: str) -> str:
        return self.gets(self.wechat.text(self.openid, text))

    def clicks(self, key: str) -> str:
        return self.gets(self.wechat.click(self.openid, key))

    def sends_location(self, lat: float = GCJ.lat, lng: float = GCJ.lng) -> str:
        return self.gets(self.wechat.location(self.openid, lat, lng, "福田区福中三路"))


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application behind a real, threaded HTTP server on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/wechat"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


# --- the API -----------------------------------------------------------------------------------------------------


@dataclass
class ApiCall:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    content_type: str = ""

    @property
    def doc(self) -> Any:
        return json.loads(self.body)

    @property
    def file(self) -> bytes:
        """What was uploaded, in the field WeChat reads."""
        environ = {"wsgi.input": io.BytesIO(self.body), "CONTENT_LENGTH": str(len(self.body))}
        _, _, files = parse_form_data(environ | {"CONTENT_TYPE": self.content_type, "REQUEST_METHOD": "POST"})
        assert files["media"].filename
        return bytes(files["media"].read())


@dataclass
class Api:
    """api.weixin.qq.com: hands out tokens, refuses wrong ones, and says what a test puts into `answers`."""

    url: str = ""
    calls: list[ApiCall] = field(default_factory=list)
    answers: dict[str, list[Any]] = field(default_factory=dict)  # by path; the last one stays
    menu: Any = None
    pictures: dict[str, bytes] = field(default_factory=dict)  # by media id
    uploaded: dict[str, bytes] = field(default_factory=dict)  # by media id
    host_is_away: bool = False  # the pictures' own host
    tokens: int = 0
    valid: set[str] = field(default_factory=set)
    expires_in: int = 7200
    new_token_each_time: bool = False
    check_tokens: bool = True
    lock: threading.Condition = field(default_factory=threading.Condition)

    def paths(self) -> list[str]:
        return [call.path for call in self.calls]

    def waits_for(self, path: str) -> ApiCall:
        """The first call of this path, when it has come."""
        with self.lock:
            assert self.lock.wait_for(lambda: path in self.paths(), 60), f"only these came: {self.paths()}"
            return next(call for call in self.calls if call.path == path)

    def answer(self, call: ApiCall) -> Any:
        with self.lock:
            self.calls.append(call)
            self.lock.notify_all()
            if queued := self.answers.get(call.path):
                return queued.pop(0) if len(queued) > 1 else queued[0]
            if call.path == "/cgi-bin/stable_token":
                return self._token(call)
            if call.path.startswith("/mmbiz_jpg/"):
                return self._at_host(call)
            if self.check_tokens and call.query.get("access_token") not in self.valid:
                return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
            return self._plain(call)

    def _at_host(self, call: ApiCall) -> Any:
        """The host of the pictures, which nobody shows an access token."""
        assert "access_token" not in call.query
        found = self.pictures.get(call.path.split("/")[2])
        return (404, b"") if found is None or self.host_is_away else found

    def _token(self, call: ApiCall) -> Any:
        if call.doc["appid"] != APP_ID:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if call.doc["secret"] != SECRET:
            return {"errcode": 40125, "errmsg": f"invalid appsecret secret={call.doc['secret']}"}
        if not self.valid or self.new_token_each_time or call.doc["force_refresh"]:
            self.tokens += 1
            self.valid = {f"canary-token-{self.tokens}"}
        return {"access_token": next(iter(self.valid)), "expires_in": self.expires_in}

    def _plain(self, call: ApiCall) -> Any:
        match call.method, call.path:
            case "POST", "/cgi-bin/menu/create":
                self.menu = call.doc
                return {"errcode": 0, "errmsg": "ok"}
            case "GET", "/cgi-bin/menu/get":
                return {"menu": self.menu} if self.menu else {"errcode": 46003, "errmsg": "menu no exist"}
            case "GET", "/cgi-bin/media/get":
                return self.pictures.get(call.query["media_id"], {"errcode": 40007, "errmsg": "invalid media_id"})
            case "POST", "/cgi-bin/media/upload":
                number = f"uploaded-{len(self.uploaded)}"
                self.uploaded[number] = call.file
                return {"type": call.query["type"], "media_id": number, "created_at": 1_700_000_000}
            case "POST", "/cgi-bin/message/custom/send" | "/cgi-bin/message/subscribe/bizsend":
                return {"errcode": 0, "errmsg": "ok"}
        return {"errcode": 40066, "errmsg": "invalid url"}


SILENCE = object()  # as an answer: none comes


class _ApiHandler(BaseHTTPRequestHandler):
    server: _ApiServer
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type") or ""
        answer = self.server.api.answer(ApiCall(self.command, parts.path, query, body, kind))
        if answer is SILENCE:
            threading.Event().wait(SILENT_FOR_S)
            self.close_connection = True
            return
        status, data = 200, answer
        if isinstance(answer, tuple):
            status, data = answer
        payload = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", data.decode())
            payload = b""
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: object) -> None:
        pass


class _ApiServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    api: Api


@contextmanager
def serving_api() -> Iterator[Api]:
    server = _ApiServer(("127.0.0.1", 0), _ApiHandler)
    server.api = Api(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
