"""What can go wrong with one call, said without the address: that may hold a key."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from adapters.addresses import UrlRefused

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 2.0


class Failed(Exception):
    """One try that did not work, described without the URL.

    `answered`: it was a clear no, not a failing supplier. `unsent`: nothing has gone out.
    """

    def __init__(
        self,
        detail: str,
        *,
        worth_retrying: bool = True,
        wait_s: float = 0.0,
        answered: bool = False,
        unsent: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail, self.worth_retrying, self.wait_s = detail, worth_retrying, wait_s
        self.answered, self.unsent = answered, unsent

    @classmethod
    def status(cls, code: int, retry_after: str | None) -> Failed:
        busy = code in {408, 429} or code >= 500
        return cls(f"HTTP {code}", worth_retrying=busy, wait_s=_seconds(retry_after), answered=not busy)

    def pause_s(self, attempt: int) -> float:
        """Full jitter, so that many callers do not come back together; at least what Retry-After asks."""
        jitter = random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt))
        return self.wait_s + jitter if self.wait_s else jitter


def _seconds(retry_after: str | None) -> float:
    """Retry-After is a number of seconds or a date (RFC 9110, 10.2.3)."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except UrlRefused as refusal:
        raise Failed(str(refusal), worth_retrying=False) from None
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        raise Failed("no answer in time") from None
    except requests.exceptions.SSLError:
        raise Failed("the TLS handshake failed", worth_retrying=False) from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise Failed("the address cannot be called", worth_retrying=False) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        late = "timed out" in str(error).lower()
        raise Failed("no answer in time" if late else f"connection failed ({type(error).__name__})") from None
