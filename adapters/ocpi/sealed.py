"""Tokens that we send, kept encrypted: whoever reads the database alone can call nobody."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class Unreadable(Exception):
    """Sealed with another secret."""


class Sealer:
    """Fernet under a key made of SECRET_KEY."""

    def __init__(self, secret: str) -> None:
        key = hashlib.sha256(b"kilowatch partner tokens\x00" + secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Unreadable("SECRET_KEY is not the one this was sealed with") from None
