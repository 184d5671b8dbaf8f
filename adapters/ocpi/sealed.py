"""Tokens that we send, kept encrypted: whoever reads the database alone can call nobody.

What is sealed names its key, so that SECRET_KEY can be changed: old keys open, the present one seals.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken

ID_LENGTH = 8
_PARTED_BY = "."  # never in Fernet's own text


class Unreadable(Exception):
    """Sealed with a secret that is not among ours."""


class Sealer:
    """Fernet under keys made of SECRET_KEY and of those that it had before."""

    def __init__(self, secret: str, before: Sequence[str] = ()) -> None:
        self._keys = {_id_of(one): _fernet(one) for one in (secret, *before)}
        self.key_id = _id_of(secret)

    def seal(self, text: str) -> str:
        return self.key_id + _PARTED_BY + self._keys[self.key_id].encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        key_id, parted, body = sealed.rpartition(_PARTED_BY)
        # What was sealed before keys had names is tried with all of them.
        candidates = list(self._keys.values()) if not parted else [self._keys[key_id]] if key_id in self._keys else []
        for key in candidates:
            try:
                return key.decrypt(body.encode()).decode()
            except InvalidToken:
                continue
        raise Unreadable("this was sealed with another SECRET_KEY; name it in SECRET_KEYS_BEFORE")

    def is_current(self, sealed: str) -> bool:
        """Whether it is sealed with the present key."""
        return sealed.startswith(self.key_id + _PARTED_BY)


def _id_of(secret: str) -> str:
    return hashlib.sha256(b"kilowatch key name\x00" + secret.encode()).hexdigest()[:ID_LENGTH]


def _fernet(secret: str) -> Fernet:
    key = hashlib.sha256(b"kilowatch partner tokens\x00" + secret.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
