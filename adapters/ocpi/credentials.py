"""Our side of the credentials module: partners register with us, change their token or endpoints, and leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.ocpi.calls import Answer, Call
from adapters.ocpi.client import OcpiClient
from adapters.ocpi.envelope import CANNOT_CALL_BACK, CLIENT_ERROR, MISSING_ENDPOINTS, NO_COMMON_VERSION, OcpiRefused
from adapters.ocpi.handshake import NoCommonVersion, discover
from adapters.ocpi.origins import allowed
from adapters.ocpi.partners import Connection
from adapters.ocpi.shapes import PushRefused
from adapters.ocpi.tokens import new_token
from adapters.ocpi.versions import credentials_of, parties_of
from core.errors import SupplierUnavailable
from core.ports import PartnerState


def get_credentials(call: Call) -> Answer:
    """Ours as they stand; the token is the caller's own, we only keep its SHA-256."""
    return Answer(_ours(call, call.token))


def post_credentials(call: Call) -> Answer:
    if call.known.state is not PartnerState.INVITED:
        raise PushRefused("you are registered already; use PUT", CLIENT_ERROR, 405)
    return _exchanged(call)


def put_credentials(call: Call) -> Answer:
    _registered(call)
    return _exchanged(call)


def delete_credentials(call: Call) -> Answer:
    _registered(call)
    call.house.partners.remove(call.supplier_id)
    return Answer()


def _registered(call: Call) -> None:
    if call.known.state is not PartnerState.REGISTERED:
        raise PushRefused("you are not registered; use POST", CLIENT_ERROR, 405)


def _exchanged(call: Call) -> Answer:
    """Call the partner's versions with its new token, then give it a new one of ours. Nothing is locked meanwhile."""
    theirs = call.thing()
    token, url = theirs.get("token"), theirs.get("url")
    parties = parties_of(theirs)
    if not isinstance(token, str) or not token.strip() or not isinstance(url, str) or not parties:
        raise PushRefused("credentials need token, url, country_code and party_id")
    found = _called_back(call, token.strip(), url)
    settled = replace(
        found,
        sealed_token=call.house.partners.sealer.seal(token.strip()),
        parties=parties,
        newest_pulled=call.connection.newest_pulled,
        our_url=call.connection.our_url,
    )
    new = new_token()
    call.house.partners.settle(call.supplier_id, new, settled)
    return Answer(_ours(call, new))


def _called_back(call: Call, token: str, url: str) -> Connection:
    origins = call.connection.origins
    if not allowed(url, origins):
        # Fixed when the partner was invited: a stolen token cannot turn us towards another place.
        raise PushRefused("your versions address is not at the origin agreed on", CANNOT_CALL_BACK, 400)
    encodes = call.config.encodes if call.config.encodes is not None else call.rules.encodes_tokens
    client = OcpiClient(call.house.open_http(call.config.name, origins), token, encodes=encodes)
    try:
        found = discover(client, url, call.rules.number, origins)
    except NoCommonVersion as error:
        raise PushRefused(str(error), NO_COMMON_VERSION, 400) from None
    except (OcpiRefused, SupplierUnavailable) as error:
        raise PushRefused(f"your versions cannot be read: {error}", CANNOT_CALL_BACK, 400) from None
    if not found.endpoints:
        raise PushRefused("no endpoint of yours is at an origin agreed on", MISSING_ENDPOINTS, 400)
    return found


def _ours(call: Call, token: str) -> dict[str, Any]:
    return credentials_of(call.rules, token, call.house.address(call.connection, "versions"), call.config.us)
