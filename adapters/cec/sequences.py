"""The 27 characters that name one exchange: the operator id of who begins it, and 18 of its own."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable

LENGTH = 27
_OPERATOR_LENGTH = 9
# Capitals and digits only: T/CEC compares with case, OCPI without, and one number may travel through both.
_ALPHABET = string.digits + string.ascii_uppercase


def mint_start_seq(our_operator_id: str, random: Callable[[int], int] = secrets.randbelow) -> str:
    """A new StartChargeSeq: our idempotency key, unguessable, to be stored before it is sent."""
    if len(our_operator_id) != _OPERATOR_LENGTH:
        raise ValueError("an operator id has 9 characters")
    return our_operator_id + "".join(_ALPHABET[random(len(_ALPHABET))] for _ in range(LENGTH - _OPERATOR_LENGTH))


def is_ours(seq: str, our_operator_id: str) -> bool:
    return len(seq) == LENGTH and seq.isascii() and seq.isalnum() and seq.startswith(our_operator_id)
