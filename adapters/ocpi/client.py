"""Calls to a partner: one exchange, with the right token, only to addresses of theirs, and what the answer means."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from adapters.http import CATALOGUE, STATUS, Kind, Patience, Reply, SupplierHttp
from adapters.ocpi import paging
from adapters.ocpi.envelope import OcpiRefused, dumps, opened
from adapters.ocpi.tokens import header
from adapters.ocpi.versions import Party
from core.errors import SupplierUnavailable

# The partner calls us back before it answers.
HANDSHAKE = Patience(total_s=20.0, max_bytes=1024 * 1024, tries=1, kind=Kind.COMMAND)
LONGEST_PULL_S = 1_500.0

OpenHttp = Callable[[str, tuple[str, ...]], SupplierHttp]  # (name, origins of the partner) → its door


def open_http(name: str, origins: tuple[str, ...]) -> SupplierHttp:
    """The first origin is the one a person gave; the door opens to these and to no others."""
    return SupplierHttp(name, origins[0], allowed_origins=frozenset(origins))


class OcpiClient:
    """Speaks to one partner. Refusals are OcpiRefused, silence and forbidden addresses SupplierUnavailable."""

    def __init__(
        self,
        http: SupplierHttp,
        token: str,
        *,
        encodes: bool,
        us: Party | None = None,
        them: Party | None = None,
    ) -> None:
        self.http, self.name, self.encodes = http, http.name, encodes
        self._token = token
        self._routing = _routing(us, them)

    def try_both_forms(self, url: str) -> Any:
        """GET with the token as it is meant to go out; where that is refused, in the other form, and remember it."""
        try:
            return self.get(url).data
        except OcpiRefused as refusal:
            if not refusal.unauthorised:
                raise
            self.encodes = not self.encodes
            try:
                return self.get(url).data
            except OcpiRefused:
                self.encodes = not self.encodes
                raise refusal from None

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        patience: Patience = STATUS,
        module: str = "",
    ) -> paging.Page:
        return self.call("GET", url, patience, params=params, module=module)

    def call(
        self,
        method: str,
        url: str,
        patience: Patience,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        module: str = "",
    ) -> paging.Page:
        """`module` names a functional module: those alone carry the routing headers."""
        headers = {
            "Authorization": header(self._token, encoded=self.encodes),
            "X-Request-ID": secrets.token_hex(16),
            "X-Correlation-ID": secrets.token_hex(16),
        } | (self._routing if module else {})
        raw = None if body is None else dumps(body).encode()
        if raw is not None:
            headers["Content-Type"] = "application/json"
        body_of = None if raw is None else lambda: raw
        reply = self.http.send(method, url, patience, params=params, headers=headers, body=body_of)
        if (elsewhere := _slash_moved(reply, url)) is not None:
            reply = self.http.send(method, elsewhere, patience, params=params, headers=headers, body=body_of)
        return paging.Page(opened(reply.status, reply.body), reply.headers)

    def pages(self, module: str, endpoint: str, query: Mapping[str, str]) -> Iterator[list[Any]]:
        """A whole list, page by page. Raises SupplierUnavailable when it cannot be finished."""
        deadline = time.monotonic() + LONGEST_PULL_S

        def fetch(asked: Mapping[str, str]) -> paging.Page:
            if time.monotonic() > deadline:
                raise paging.BrokenList(f"took longer than {LONGEST_PULL_S:.0f} s")
            return self.get(endpoint, params=asked, patience=CATALOGUE, module=module)

        try:
            yield from paging.all_items(fetch, endpoint, query)
        except (OcpiRefused, paging.BrokenList) as error:
            raise SupplierUnavailable(self.name, module, str(error)) from None


def below(endpoint: str, *parts: str) -> str:
    """An address under an endpoint, joined with exactly one slash, the parts quoted."""
    return "/".join([endpoint.rstrip("/"), *(quote(part, safe="*@:") for part in parts)])


def _routing(us: Party | None, them: Party | None) -> dict[str, str]:
    if us is None or them is None:
        return {}
    return {
        "OCPI-from-country-code": us.country_code,
        "OCPI-from-party-id": us.party_id,
        "OCPI-to-country-code": them.country_code,
        "OCPI-to-party-id": them.party_id,
    }


def _slash_moved(reply: Reply, url: str) -> str | None:
    """Many servers redirect to the same address with or without a slash at its end. Nothing else is followed."""
    target = reply.headers.get("Location") if reply.status in (307, 308) else None
    if not target:
        return None
    moved = urljoin(url, target)
    there, here = urlsplit(moved), urlsplit(url)
    same = there.path.rstrip("/") == here.path.rstrip("/") and there.path != here.path
    # The query goes along with the parameters; behind a TLS proxy the scheme named is often wrong.
    return here._replace(path=there.path).geturl() if same and there.hostname == here.hostname else None
