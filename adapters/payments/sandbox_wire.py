"""How the sandbox provider and we know each other: one shared key, every call and every notice signed and dated."""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from core.payments import BadNotice

CALL, NOTICE = "call", "notice"  # so that neither passes for the other
TIMESTAMP, NONCE, SIGNATURE = "Sandbox-Timestamp", "Sandbox-Nonce", "Sandbox-Signature"
MOST_AGE_S = 300
KEY_FILE = "payments.key"


def shared_key(folder: Path) -> bytes:
    """The key of this machine's sandbox, made by whoever comes first and readable by its user alone."""
    path = folder / KEY_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # mkstemp gives 0600; the link fails where another process was first, and is never half written.
        handle, draft = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_bytes()


def signed(key: bytes, purpose: str, target: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers that go with it. `target` is the method and the path with its query, or the notice's path."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_hex(8)
    signature = _signature(key, purpose, target, timestamp, nonce, body)
    return {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: signature}


def check(key: bytes, purpose: str, target: str, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Raises BadNotice for what does not bear our key, or is old."""
    every = {name.lower(): value for name, value in headers.items()}
    timestamp, nonce, given = (every.get(name.lower(), "") for name in (TIMESTAMP, NONCE, SIGNATURE))
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and nonce.isascii()):
        raise BadNotice("it bears no date")
    expected = _signature(key, purpose, target, timestamp, nonce, body)
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
        raise BadNotice("the signature is not ours")
    if abs(at.timestamp() - int(timestamp)) > MOST_AGE_S:
        raise BadNotice("it is too old")


def _signature(key: bytes, purpose: str, target: str, timestamp: str, nonce: str, body: bytes) -> str:
    text = f"{purpose}\n{target}\n{timestamp}\n{nonce}\n".encode()
    return hmac.digest(key, text + body, "sha256").hex()
