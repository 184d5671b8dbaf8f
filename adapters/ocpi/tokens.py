"""The Authorization header in both directions, and how tokens are kept.

From 2.2 on the token stands in Base64, before it stood as it is, and many platforms do the other thing. We send one
form and try the other on a refusal; we take both. The specification's own samples decode to a token with a newline.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets

_LONGEST = 1_000  # characters of a header we look at


def new_token() -> str:
    """Printable and far below the 64 characters that OCPI allows."""
    return secrets.token_urlsafe(32)


def header(token: str, *, encoded: bool) -> str:
    return f"Token {base64.b64encode(token.encode()).decode() if encoded else token}"


def candidates(header_value: str | None) -> list[str]:
    """What the caller's token may be: as it stands, and decoded where that gives printable text."""
    text = (header_value or "").strip()[:_LONGEST]
    scheme, _, rest = text.partition(" ")
    given = rest.strip() if scheme.lower() == "token" else text  # some leave the word out
    if not given or not given.isascii():
        return []
    found = [given]
    try:
        padded = given + "=" * (-len(given) % 4)
        decoded = base64.b64decode(padded, validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        return found
    if decoded and decoded.isprintable():
        found.append(decoded)
    return found


def fingerprint(token: str) -> str:
    """What is kept of a token that we check. Tokens of ours are long and random: no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
