"""Who may call us over T/CEC 102: partners by operator id, their tokens, and what was answered to each request.

Exact lengths come before the signature, the signature before everything else, and every refusal sounds the same.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.cec.config import CecConfig, Inbound
from adapters.cec.envelope import (
    CHINA,
    CLOCK_TOLERANCE,
    STAMP_FORMAT,
    EnvelopeRefused,
    Keys,
    Ret,
    verify_request,
)

TOKEN_LASTS = timedelta(hours=2)
_WAIT_FOR_TWIN_S = 10.0
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner that may push."""

    config: CecConfig
    inbound: Inbound


class Doorman:
    """Knows the callers. Nothing is kept per login: a token proves itself, in every process and after a restart."""

    def __init__(self, partners: Iterable[CecConfig], now: Callable[[], datetime]) -> None:
        self._now = now
        self._callers: dict[tuple[str, str], Caller] = {}
        for config in partners:
            if config.inbound is None:
                continue
            place = (config.inbound.path_prefix, config.their_operator_id)
            if place in self._callers:
                raise ValueError(f"{config.supplier_id}: another partner pushes as {place[1]} to {place[0]}")
            self._callers[place] = Caller(config, config.inbound)
        # Checked for strangers, so that they wait as long as a partner with a wrong signature.
        self._nobody = Keys(secrets.token_hex(8), secrets.token_hex(8), secrets.token_hex(8))

    @property
    def prefixes(self) -> list[str]:
        return sorted({prefix for prefix, _ in self._callers})

    def recognise(self, prefix: str, envelope: Mapping[str, Any], *, local: bool) -> tuple[Caller, datetime]:
        """The partner that signed this envelope, and when. Raises EnvelopeRefused."""
        caller = self._callers.get((prefix, str(envelope.get("OperatorID"))))
        verify_request(envelope, caller.inbound.keys if caller else self._nobody)
        if caller is None or (caller.inbound.loopback_only and not local):
            raise EnvelopeRefused(Ret.BAD_SIGNATURE, "not a partner of ours")
        try:
            sent_at = datetime.strptime(envelope["TimeStamp"], STAMP_FORMAT).replace(tzinfo=CHINA).astimezone(UTC)
        except ValueError:
            raise EnvelopeRefused(Ret.BAD_ENVELOPE, "TimeStamp is not a time") from None
        if abs(self._now() - sent_at) > CLOCK_TOLERANCE:
            raise EnvelopeRefused(Ret.BAD_SIGNATURE, "TimeStamp is more than 5 minutes off")
        return caller, sent_at

    # --- tokens ---------------------------------------------------------------------------------------------

    def issue(self, caller: Caller) -> str:
        """Opaque to its holder: when it ends, chance, and a proof that only the secrets of this partner give."""
        ends = int((self._now() + TOKEN_LASTS).timestamp()).to_bytes(8, "big")
        body = ends + secrets.token_bytes(16)
        return base64.urlsafe_b64encode(body + _proof(caller, body)).decode()

    def check(self, caller: Caller, authorization: str) -> None:
        """Raises EnvelopeRefused unless the header carries a token of this partner that has not ended."""
        scheme, _, token = authorization.partition(" ")
        try:
            raw = base64.b64decode(token.strip().encode(), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        body, proof = raw[:24], raw[24:]
        good = hmac.compare_digest(proof, _proof(caller, body))
        if scheme.lower() != "bearer" or not good or int.from_bytes(body[:8], "big") < self._now().timestamp():
            raise EnvelopeRefused(Ret.BAD_TOKEN, "no such token")


def _proof(caller: Caller, body: bytes) -> bytes:
    """Changing the partner's secrets ends its tokens."""
    key = f"cec token\0{caller.inbound.operator_secret}\0{caller.inbound.sig_secret}".encode()
    text = caller.config.supplier_id.encode() + b"\0" + body
    return hmac.new(hashlib.sha256(key).digest(), text, hashlib.sha256).digest()


# --- the same request again -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Slot:
    asked: str  # the interface: it is not signed, so the same bytes at another one are not an honest repeat
    done: bool = False
    answer: str | None = None


class Answers:
    """Each request is worked once while its time stamp is good; the same bytes again get the same answer.

    A partner that did not hear our answer sends its push again, sealed anew or as it was; an attacker can only do
    the latter. Neither has a second effect and neither is told more than the first time. What is sealed anew is
    worked again, which is why every effect behind this is one that repeating does not change.

    Keyed on operator, TimeStamp, Seq and Sig: many partners send Seq 0001 always. Per process; when it is full the
    oldest are forgotten, because refusing would stop an honest partner.
    """

    def __init__(self, now: Callable[[], datetime], *, most: int = _MOST_REMEMBERED) -> None:
        self._now, self._most = now, most
        self._changed = threading.Condition()
        self._slots: dict[tuple[str, ...], _Slot] = {}
        self._oldest: list[tuple[datetime, tuple[str, ...]]] = []

    def once(self, key: tuple[str, ...], asked: str, sent_at: datetime, work: Callable[[], str]) -> str:
        """The answer to this request: made now, or the one made before. A failure of `work` is not remembered."""
        with self._changed:
            self._forget()
            slot = self._slots.get(key)
            if slot is not None:
                return self._twin(slot, asked)
            slot = self._slots[key] = _Slot(asked)
            heapq.heappush(self._oldest, (sent_at, key))
        try:
            slot.answer = work()
        finally:
            with self._changed:
                slot.done = True
                if slot.answer is None:
                    self._slots.pop(key, None)
                self._changed.notify_all()
        return slot.answer

    def _twin(self, slot: _Slot, asked: str) -> str:
        """What the first of two like requests was answered, waiting for it where it is still at work."""
        if slot.asked != asked:
            raise EnvelopeRefused(Ret.BAD_SIGNATURE, f"signed for {slot.asked}, sent to {asked}")
        self._changed.wait_for(lambda: slot.done, _WAIT_FOR_TWIN_S)
        if slot.answer is None:
            raise EnvelopeRefused(Ret.BUSY, "the same request is being worked on")
        return slot.answer

    def _forget(self) -> None:
        now = self._now()
        while self._oldest and (now - self._oldest[0][0] > CLOCK_TOLERANCE or len(self._slots) >= self._most):
            self._slots.pop(heapq.heappop(self._oldest)[1], None)
