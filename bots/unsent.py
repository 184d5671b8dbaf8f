"""Telling a message that never left us from one that may have arrived."""

from __future__ import annotations

import requests
from urllib3.exceptions import NewConnectionError, SSLError

from core.errors import SupplierUnavailable


class NeverSent(SupplierUnavailable):
    """Nobody was there to take it. Sending it again cannot make it twice."""


def never_sent(error: requests.RequestException) -> bool:
    """Whether there was no connection to send on: refused, no such host, no answer to the knock, bad certificate.

    Everything else that breaks a call, a timeout above all, leaves open what the other side did.
    """
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | SSLError)
