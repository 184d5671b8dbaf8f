"""Who may push to us, and what the envelope holds: signatures, age, decryption, and the sealed reply.

wechatpy does the AES. It compares signatures with `!=`, knows no age and never looks at the plain signature, so
those checks are ours.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from xml.parsers import expat

import xmltodict
from wechatpy.crypto import PrpCrypto
from wechatpy.exceptions import InvalidAppIdException

from bots.wechat.config import WechatConfig
from bots.wechat.memory import Memory
from core.ports import Clock

BODY_MAX_BYTES = 64 * 1024
TIMESTAMP_MAX_AGE = timedelta(minutes=5)
NONCE_KEPT_FOR = timedelta(minutes=10)
NONCES_MAX = 20_000
XML_MAX_DEPTH, XML_MAX_ELEMENTS = 8, 200  # real pushes: 4 deep, about 20 elements
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_NONCE = re.compile(r"[!-~]{1,128}")

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not worth an answer. `reason` goes to the log, `status` to the caller."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class _Aes(PrpCrypto):  # type: ignore[misc]
    """The IV is fixed by the protocol, so the 16 random bytes in front carry all the chance there is."""

    def get_random_string(self) -> str:
        return secrets.token_hex(8)


class SafeMode:
    """The envelope of "safe mode" (and of "compatible mode", whose clear fields are not looked at)."""

    def __init__(self, config: WechatConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._nonces: Memory[str] = Memory(clock, life=NONCE_KEPT_FOR, most=NONCES_MAX)

    def check_url(self, query: Mapping[str, str]) -> None:
        """The platform's check of our address: three parts are signed. Raises Refused.

        Its age is not looked at: nothing but the caller's own `echostr` goes back, and setting up an account
        should not fail on a clock.
        """
        self._check(query.get("signature", ""), query.get("timestamp", ""), query.get("nonce", ""))

    def open(self, query: Mapping[str, str], body: bytes) -> tuple[str, str]:
        """The `Encrypt` field of a push and the text in it. Raises Refused whatever the body holds."""
        if len(body) > BODY_MAX_BYTES:
            raise Refused(413, "body_too_large")
        if query.get("encrypt_type", "") != "aes" or not query.get("msg_signature"):
            # We are configured for AES, so a push without it is somebody else's, riding on a seen signature.
            raise Refused(403, "not_encrypted")
        sealed = _encrypted_field(body)
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        self._check(query["msg_signature"], timestamp, nonce, sealed)
        age_s = self._clock.now().timestamp() - int(timestamp)
        if abs(age_s) > TIMESTAMP_MAX_AGE.total_seconds():
            raise Refused(403, "old_timestamp")
        return sealed, self.unseal(sealed)

    def once(self, query: Mapping[str, str], message_key: str) -> None:
        """Refuse a second message under a used nonce.

        The platform's own retries pass, whether it repeats the bytes or encrypts anew: what counts is that it is
        the same message, which only its key says.
        """
        used = f"{query.get('timestamp', '')}:{query.get('nonce', '')}"
        if self._nonces.put_if_absent(used, message_key) != message_key:
            raise Refused(403, "nonce_reused")

    def unseal(self, sealed: str) -> str:
        """Decrypt one `Encrypt` field. Raises Refused."""
        try:
            text = _Aes(self._config.key).decrypt(sealed, self._config.app_id)
        except InvalidAppIdException as error:
            raise Refused(403, "wrong_appid") from error
        except Exception as error:
            # base64, block length, struct, UTF-8: wechatpy lets all of them through as they come
            raise Refused(400, "unreadable_ciphertext") from error
        return str(text)

    def seal(self, text: str) -> str:
        """Encrypt a reply; the result is the `Encrypt` field."""
        sealed: bytes = _Aes(self._config.key).encrypt(text, self._config.app_id)
        return sealed.decode()

    def envelope(self, sealed: str, nonce: str) -> str:
        """The XML around a sealed reply, signed for this delivery."""
        timestamp = str(int(self._clock.now().timestamp()))
        signature = signature_of(self._config.token, timestamp, nonce, sealed)
        return (
            f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{split_cdata(nonce)}]]></Nonce></xml>"
        )

    def _check(self, signature: str, timestamp: str, nonce: str, *sealed: str) -> None:
        # The parts are signed without separators: fixed forms keep characters from moving between them.
        if not _TIMESTAMP.fullmatch(timestamp) or not _NONCE.fullmatch(nonce):
            raise Refused(403, "bad_query")
        expected = signature_of(self._config.token, timestamp, nonce, *sealed)
        if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
            raise Refused(403, "wrong_signature")


def signature_of(*parts: str) -> str:
    """SHA-1 over the sorted parts, as the platform prescribes."""
    joined = "".join(sorted(parts))
    return hashlib.sha1(joined.encode(errors="replace"), usedforsecurity=False).hexdigest()


def split_cdata(text: str) -> str:
    """The text so that it can stand inside one CDATA section: "]]>" would end it, and wechatpy does not escape."""
    return text.replace("]]>", "]]]]><![CDATA[>")


def is_json(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith(("{", "["))


def _encrypted_field(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, "not_utf8") from error
    if is_json(text):
        log.error("WeChat pushes JSON. Set the data format to XML in the account's console, message push settings.")
        raise Refused(400, "json_push")
    sealed = read_xml(text).get("Encrypt")
    if not isinstance(sealed, str):
        raise Refused(403, "not_encrypted")
    return sealed


def read_xml(text: str) -> dict[str, object]:
    """The fields under the root of a push. Raises Refused for anything that is not small, flat XML."""
    try:
        _refuse_bombs(text)
        fields = next(iter(xmltodict.parse(text).values()))
    except Exception as error:
        raise Refused(400, "unreadable_xml") from error
    if not isinstance(fields, dict):
        raise Refused(400, "unreadable_xml")
    return fields


def _refuse_bombs(text: str) -> None:
    """xmltodict refuses entities, but builds 200,000 nested dicts (1.3 s, 90 MB): stop at the ninth level."""
    depth = elements = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > XML_MAX_DEPTH or elements > XML_MAX_ELEMENTS:
            raise ValueError("too deep or too many elements")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_parts: object) -> None:
        raise ValueError("a push has no DOCTYPE")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = doctype
    parser.Parse(text.encode(), True)
