"""Registering with a partner, rotating the tokens, and leaving: what a person does by hand, rarely.

During our open POST the partner calls our versions with the new token before it answers. So that token is stored
first, and nothing is locked while the partner is called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.ocpi.client import HANDSHAKE, OcpiClient
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.envelope import OcpiRefused, many_of, one_of
from adapters.ocpi.house import House
from adapters.ocpi.origins import allowed, origin_of
from adapters.ocpi.partners import Connection, Endpoint, Known
from adapters.ocpi.tokens import new_token
from adapters.ocpi.versions import PREFERRED, VERSIONS, Rules, credentials_of, parties_of
from core.errors import KilowatchError, SupplierUnavailable
from core.ports import PartnerState


class HandshakeFailed(KilowatchError):
    """It did not work; the text tells the person at the terminal why, and what to do."""


class NoCommonVersion(HandshakeFailed):
    pass


class MissingEndpoints(HandshakeFailed):
    pass


class Handshake:
    """One partner's registration. `our_url` is where it reaches us; "" stands for our public address."""

    def __init__(self, config: OcpiConfig, house: House, our_url: str = "") -> None:
        self.config, self.house, self.our_url = config, house, our_url.rstrip("/")
        self.partners = house.partners

    @property
    def is_known(self) -> bool:
        return self.partners.get(self.config.supplier_id) is not None

    @property
    def our_versions(self) -> str:
        return self.house.address(Connection(our_url=self.our_url), "versions")

    def invite(self, versions_url: str) -> str:
        """Let the partner register with us; returns the token to hand over. Its origin is fixed now."""
        if (known := self.partners.get(self.config.supplier_id)) and known.state is PartnerState.REGISTERED:
            raise HandshakeFailed(f"{self.config.name} is registered already; rotate the tokens or unregister first")
        token = new_token()
        self.partners.invite(
            self.config.supplier_id, token, Connection(origins=self._origins(versions_url), our_url=self.our_url)
        )
        return token

    def register(self, versions_url: str, token_a: str, wanted: str | None = None) -> Connection:
        """Raises HandshakeFailed."""
        if (known := self.partners.get(self.config.supplier_id)) and known.state is PartnerState.REGISTERED:
            raise HandshakeFailed(f"{self.config.name} is registered already; rotate the tokens or unregister first")
        encodes = VERSIONS[wanted or PREFERRED[0]].encodes_tokens
        client = self._client(
            token_a, self.config.encodes if self.config.encodes is not None else encodes, versions_url
        )
        with _explained(self.config.name):
            found = discover(client, versions_url, wanted, self._origins(versions_url))
        found = replace(found, our_url=self.our_url)
        if not found.endpoint("credentials", "RECEIVER") and not found.endpoint("credentials", "SENDER"):
            raise MissingEndpoints(f"{self.config.name} has no credentials endpoint we may call in {found.version}")
        token_b = new_token()
        self.partners.await_answer(self.config.supplier_id, token_b, found)
        try:
            return self._exchange(client, "POST", found, token_b)
        except (HandshakeFailed, SupplierUnavailable):
            self.partners.remove(self.config.supplier_id)
            raise

    def rotate(self) -> Connection:
        """New tokens in both directions. Raises HandshakeFailed or SupplierUnavailable."""
        known = self._registered()
        client = self._client_of(known)
        token = new_token()
        self.partners.also_accept(self.config.supplier_id, token)
        try:
            return self._exchange(client, "PUT", known.connection, token)
        except HandshakeFailed:
            self.partners.keep_old(self.config.supplier_id)
            raise
        # After silence both stay good: the partner may have taken the new one.

    def unregister(self) -> str:
        """Tell the partner and forget it; returns what the partner said to it. Raises SupplierUnavailable."""
        known = self._registered()
        said = "said goodbye"
        try:
            self._client_of(known).call("DELETE", _credentials(known.connection), HANDSHAKE)
        except OcpiRefused as refusal:
            # It does not know us, or no longer: then there is nothing to end there.
            said = f"answered {refusal}"
        self.partners.remove(self.config.supplier_id)
        return said

    def _exchange(self, client: OcpiClient, method: str, known: Connection, token: str) -> Connection:
        body = credentials_of(known.rules, token, self.house.address(known, "versions"), self.config.us)
        with _explained(self.config.name):
            theirs = one_of(client.call(method, _credentials(known), HANDSHAKE, body=body).data)
        given = theirs.get("token")
        if not isinstance(given, str) or not given.strip():
            raise HandshakeFailed(f"{self.config.name} answered without a token")
        settled = replace(
            known,
            sealed_token=self.partners.sealer.seal(given.strip()),
            encodes=client.encodes,
            parties=parties_of(theirs) or known.parties,
        )
        self.partners.settle(self.config.supplier_id, token, settled)
        return settled

    def _registered(self) -> Known:
        known = self.partners.get(self.config.supplier_id)
        if known is None or known.state is not PartnerState.REGISTERED:
            raise HandshakeFailed(f"{self.config.name} is not registered: `kilowatch ocpi register` does that")
        return known

    def _origins(self, versions_url: str) -> tuple[str, ...]:
        if not (own := origin_of(versions_url)):
            raise HandshakeFailed(f"{versions_url!r} is no http(s) address")
        return (own, *self.config.further_origins)

    def _client(self, token: str, encodes: bool, versions_url: str) -> OcpiClient:
        return OcpiClient(self.house.open_http(self.config.name, self._origins(versions_url)), token, encodes=encodes)

    def _client_of(self, known: Known) -> OcpiClient:
        one = known.connection
        http = self.house.open_http(self.config.name, one.origins)
        return OcpiClient(http, self.partners.token(one), encodes=one.encodes)


def discover(client: OcpiClient, versions_url: str, wanted: str | None, origins: tuple[str, ...]) -> Connection:
    """The partner's version that suits us and its endpoints. Raises OcpiRefused, HandshakeFailed."""
    offered = {
        str(one.get("version")): str(one.get("url"))
        for one in many_of(client.try_both_forms(versions_url))
        if isinstance(one, dict)
    }
    version = next((one for one in ([wanted] if wanted else PREFERRED) if one in offered), None)
    if version is None:
        raise NoCommonVersion(f"{client.name} offers {', '.join(sorted(offered)) or 'nothing'}, not {_asked(wanted)}")
    details = one_of(client.get(offered[version]).data)
    return Connection(
        version=version,
        versions_url=versions_url,
        encodes=client.encodes,
        endpoints=_endpoints(VERSIONS[version], details, origins),
        origins=origins,
    )


def _endpoints(rules: Rules, details: dict[str, Any], origins: tuple[str, ...]) -> tuple[Endpoint, ...]:
    """Those we may call. A foreign origin is left out here, so that no token ever goes there."""
    found = [
        Endpoint(
            str(one.get("identifier") or "").lower(),
            str(one.get("role") or "").upper() if rules.has_roles else "",
            str(one.get("url") or ""),
        )
        for one in many_of(details.get("endpoints"))
        if isinstance(one, dict)
    ]
    return tuple(one for one in found if allowed(one.url, origins))


def _credentials(known: Connection) -> str:
    """The specification calls the role of this module meaningless; partners write either."""
    return known.endpoint("credentials", "RECEIVER") or known.endpoint("credentials", "SENDER")


def _asked(wanted: str | None) -> str:
    return wanted or " or ".join(PREFERRED)


class _explained:
    """A refusal during the handshake, as a sentence for the person who started it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OcpiRefused):
            return
        if error.unauthorised:
            raise HandshakeFailed(f"{self.name} does not accept the token ({error})") from None
        if error.http_status == 405:
            raise HandshakeFailed(f"{self.name} says we are registered there already ({error})") from None
        raise HandshakeFailed(f"{self.name} refused: {error}") from None
