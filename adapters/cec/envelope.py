"""The T/CEC 102.4 envelope: AES-128-CBC over the JSON, HMAC-MD5 over the envelope, in both directions.

Signed text has no separators (OperatorID + Data + TimeStamp + Seq), so a character moved from one field to the
next keeps the signature: exact lengths are checked before it. The signature is checked before anything is
decrypted, and every way to fail it sounds the same, so that the fixed IV gives no padding oracle.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import heapq
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.cec import json_text

CHINA = ZoneInfo("Asia/Shanghai")
STAMP_FORMAT = "%Y%m%d%H%M%S"
CLOCK_TOLERANCE = timedelta(minutes=5)
_BLOCK_BYTES = 16

_OPERATOR_ID = re.compile(r"[0-9A-Z]{9}")
_STAMP = re.compile(r"[0-9]{14}")
_SEQ = re.compile(r"[0-9]{4}")
_SIG = re.compile(r"[0-9A-Fa-f]{32}")
_WHITESPACE = str.maketrans("", "", " \t\r\n")


class Ret(IntEnum):
    """The envelope's own result. Success here says nothing yet about the business (SuccStat)."""

    OK = 0
    BUSY = -1
    BAD_SIGNATURE = 4001
    BAD_TOKEN = 4002
    BAD_ENVELOPE = 4003
    BAD_PARAMETERS = 4004
    BROKEN = 500


class EnvelopeRefused(Exception):
    """An envelope we do not accept. `ret` is what the sender is told; `reason` is for our own log."""

    def __init__(self, ret: int, reason: str) -> None:
        super().__init__(f"Ret {ret}: {reason}")
        self.ret, self.reason = ret, reason


@dataclass(frozen=True, slots=True)
class Keys:
    """The set that the called party issued: for the AES key and IV, the 16 characters are the 16 bytes."""

    data_secret: str = field(repr=False)
    data_secret_iv: str = field(repr=False)
    sig_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        problems = self.problems()
        if problems:
            raise ValueError("; ".join(problems))

    def problems(self) -> list[str]:
        pairs = (("data_secret", self.data_secret), ("data_secret_iv", self.data_secret_iv))
        wrong = [f"{name} must be 16 ASCII characters" for name, text in pairs if not _is_key(text)]
        return wrong if self.sig_secret else [*wrong, "sig_secret is missing"]


def _is_key(text: str) -> bool:
    return len(text) == _BLOCK_BYTES and text.isascii()


# --- primitives ---------------------------------------------------------------------------------------------


def encrypt(keys: Keys, plain: bytes) -> str:
    gap = _BLOCK_BYTES - len(plain) % _BLOCK_BYTES
    step = _cipher(keys).encryptor()
    return base64.b64encode(step.update(plain + bytes([gap]) * gap) + step.finalize()).decode()


def decrypt(keys: Keys, data: str) -> bytes:
    """The bytes inside. Raises ValueError, always with the same text."""
    raw = _unwrap(data)
    if raw is None or not raw or len(raw) % _BLOCK_BYTES:
        raise ValueError("Data cannot be read")
    step = _cipher(keys).decryptor()
    plain = step.update(raw) + step.finalize()
    gap = plain[-1]
    if not 1 <= gap <= _BLOCK_BYTES or plain[-gap:] != bytes([gap]) * gap:
        raise ValueError("Data cannot be read")
    return plain[:-gap]


def sign(keys: Keys, *parts: str) -> str:
    text = "".join(parts).encode()
    return hmac.new(keys.sig_secret.encode(), text, hashlib.md5).hexdigest().upper()


def _signed(keys: Keys, sig: Any, *parts: str) -> bool:
    if not isinstance(sig, str) or not _SIG.fullmatch(sig):
        return False
    return hmac.compare_digest(sig.upper(), sign(keys, *parts))


def _unwrap(data: str) -> bytes | None:
    """Some Java senders wrap base64 at 76 columns: signed as sent, but decoded without the whitespace."""
    try:
        return base64.b64decode(data.translate(_WHITESPACE), validate=True)
    except (binascii.Error, ValueError):
        return None


def _cipher(keys: Keys) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(keys.data_secret.encode()), modes.CBC(keys.data_secret_iv.encode()))


# --- requests -----------------------------------------------------------------------------------------------


class Stamps:
    """TimeStamp and Seq for outgoing requests: Seq counts within a second, and no pair is given twice."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._second = datetime.min.replace(tzinfo=CHINA)
        self._seq = 0

    def next(self) -> tuple[str, str]:
        second = self._now().astimezone(CHINA).replace(microsecond=0)
        with self._lock:
            if second > self._second:
                self._second, self._seq = second, 0
            elif self._seq == 9999:  # also when the clock went back: borrow the next second
                self._second, self._seq = self._second + timedelta(seconds=1), 0
            self._seq += 1
            return self._second.strftime(STAMP_FORMAT), f"{self._seq:04d}"


class ReplayWindow:
    """Refuses a request that is out of time or was seen before.

    Keyed on operator, TimeStamp, Seq and Sig: many partners send Seq 0001 always, so the first three alone
    would refuse honest traffic.
    """

    def __init__(self, now: Callable[[], datetime], *, most: int = 200_000) -> None:
        self._now, self._most = now, most
        self._lock = threading.Lock()
        self._seen: set[tuple[str, ...]] = set()
        self._oldest: list[tuple[datetime, tuple[str, ...]]] = []

    def admit(self, operator_id: str, stamp: str, seq: str, sig: str) -> None:
        now = self._now()
        try:
            sent_at = datetime.strptime(stamp, STAMP_FORMAT).replace(tzinfo=CHINA)
        except ValueError:
            raise EnvelopeRefused(Ret.BAD_ENVELOPE, "TimeStamp is not a time") from None
        if abs(now - sent_at) > CLOCK_TOLERANCE:
            raise EnvelopeRefused(Ret.BAD_SIGNATURE, "TimeStamp is more than 5 minutes off")
        key = (operator_id, stamp, seq, sig.upper())
        with self._lock:
            while self._oldest and now - self._oldest[0][0] > CLOCK_TOLERANCE:
                self._seen.discard(heapq.heappop(self._oldest)[1])
            if key in self._seen:
                raise EnvelopeRefused(Ret.BAD_SIGNATURE, "seen before")
            if len(self._seen) >= self._most:
                raise EnvelopeRefused(Ret.BUSY, "too many requests within the replay window")
            self._seen.add(key)
            heapq.heappush(self._oldest, (sent_at, key))


def seal_request(operator_id: str, keys: Keys, message: Mapping[str, Any], stamp: tuple[str, str]) -> dict[str, str]:
    data = encrypt(keys, (json_text.write(message) + _variation()).encode())
    time_stamp, seq = stamp
    sig = sign(keys, operator_id, data, time_stamp, seq)
    return {"OperatorID": operator_id, "Data": data, "TimeStamp": time_stamp, "Seq": seq, "Sig": sig}


def _variation() -> str:
    """Whitespace after the JSON, drawn at random.

    Two of our processes that ask the same within one second would otherwise send the same bytes, and a careful
    partner takes the second for a replay (seen with two logins at the sandbox).
    """
    bits = secrets.randbits(24)
    return "".join("\n" if bits >> n & 1 else " " for n in range(24))


def verify_request(envelope: Mapping[str, Any], keys: Keys) -> None:
    """Exact lengths, then the signature. Raises EnvelopeRefused."""
    texts = [envelope.get(name) for name in ("OperatorID", "Data", "TimeStamp", "Seq", "Sig")]
    if not all(isinstance(text, str) and text for text in texts):
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "one of the five fields is missing")
    operator_id, data, stamp, seq, sig = (str(text) for text in texts)
    shapes = ((_OPERATOR_ID, operator_id), (_STAMP, stamp), (_SEQ, seq))
    fits = all(shape.fullmatch(text) for shape, text in shapes)
    if not fits or len(data.translate(_WHITESPACE)) % 4:
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "a field has the wrong length")
    if not _signed(keys, sig, operator_id, data, stamp, seq):
        raise EnvelopeRefused(Ret.BAD_SIGNATURE, "the signature does not fit")


def open_request(envelope: Mapping[str, Any], keys: Keys, replays: ReplayWindow) -> dict[str, Any]:
    """What another party asks of us, or EnvelopeRefused with the Ret to answer."""
    verify_request(envelope, keys)
    replays.admit(*(envelope[name] for name in ("OperatorID", "TimeStamp", "Seq", "Sig")))
    return open_message(keys, envelope["Data"])


# --- responses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """An opened response. With `ret` not 0 nothing in it is proven, so it carries no data."""

    ret: int
    msg: str
    data: Mapping[str, Any] = field(default_factory=dict)


def seal_response(
    keys: Keys, message: Mapping[str, Any] | None, *, ret: int = Ret.OK, msg: str = ""
) -> dict[str, Any]:
    """Msg is never null: naive peers sign a null as the word."""
    data = "" if message is None else encrypt(keys, json_text.write(message).encode())
    return {"Ret": int(ret), "Msg": msg, "Data": data, "Sig": sign(keys, str(int(ret)), msg, data)}


def open_response(envelope: Any, keys: Keys) -> Reply:
    """Raises EnvelopeRefused when the answer is not what the protocol says, or not signed by our partner."""
    if not isinstance(envelope, Mapping):
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "the answer is not an object")
    ret, msg = _ret(envelope.get("Ret")), envelope.get("Msg")
    if ret != Ret.OK:
        return Reply(ret, str(msg or "")[:200])
    data = envelope.get("Data")
    if not isinstance(data, str) or not data:
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "Data is missing")
    # A null Msg was seen signed as "", "null" (Java) and "None" (Python).
    spellings = ("", "null", "None") if msg is None else (str(msg),)
    if not any(_signed(keys, envelope.get("Sig"), str(ret), spelling, data) for spelling in spellings):
        raise EnvelopeRefused(Ret.BAD_SIGNATURE, "the signature does not fit")
    return Reply(ret, str(msg or ""), open_message(keys, data))


def _ret(value: Any) -> int:
    """Ret is an integer; some send it as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "Ret is missing")
    try:
        return int(value)
    except ValueError:
        raise EnvelopeRefused(Ret.BAD_ENVELOPE, "Ret is not a number") from None


def open_message(keys: Keys, data: str) -> dict[str, Any]:
    """What is inside Data, once the signature has been checked. Raises EnvelopeRefused."""
    try:
        message = json_text.read(decrypt(keys, data))
    except ValueError:
        raise EnvelopeRefused(Ret.BAD_PARAMETERS, "Data cannot be read") from None
    if not isinstance(message, dict):
        raise EnvelopeRefused(Ret.BAD_PARAMETERS, "Data is not an object")
    return message
