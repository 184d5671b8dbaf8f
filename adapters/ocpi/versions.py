"""What differs between OCPI 2.1.1, 2.2.1 and 2.3.0, in one table. Everything else speaks 2.2.1.

Objects of a partner are completed on the way in (`inward`), ours are cut to the version on the way out (`token_of`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rules:
    """One edition of the protocol, where it differs."""

    number: str
    encodes_tokens: bool  # the token stands in Base64 in the header
    has_roles: bool  # parties in credentials as a list, endpoints with a role
    token_type: str  # of a driver who starts from an app
    names_connectors: bool  # a start names the connector and carries our reference
    patches_tariffs: bool
    objects_name_party: bool


VERSIONS = {
    one.number: one
    for one in (
        Rules("2.1.1", False, False, "OTHER", False, True, False),
        Rules("2.2.1", True, True, "APP_USER", True, False, True),
        Rules("2.3.0", True, True, "APP_USER", True, False, True),
    )
}
# The first of these that a partner has is taken.
PREFERRED = ("2.2.1", "2.3.0", "2.1.1")

# What we serve, with our role in it. 2.1.1 knows no roles: its modules are the same.
SERVED = {
    "credentials": "RECEIVER",
    "locations": "RECEIVER",
    "tariffs": "RECEIVER",
    "sessions": "RECEIVER",
    "cdrs": "RECEIVER",
    "tokens": "SENDER",
    "commands": "SENDER",
}


@dataclass(frozen=True, slots=True)
class Party:
    """One company on a platform."""

    country_code: str
    party_id: str
    role: str = "CPO"
    name: str = ""

    @property
    def key(self) -> str:
        return (self.country_code + self.party_id).upper()


def parties_of(credentials: Mapping[str, Any]) -> tuple[Party, ...]:
    """The parties behind credentials of any version."""
    roles = credentials.get("roles")
    listed = roles if isinstance(roles, list) else [credentials]
    return tuple(
        Party(
            str(one["country_code"])[:2].upper(),
            str(one["party_id"])[:3].upper(),
            str(one.get("role") or "CPO").upper()[:10],
            str((one.get("business_details") or {}).get("name") or "")[:100],
        )
        for one in listed
        if isinstance(one, Mapping) and one.get("country_code") and one.get("party_id")
    )


def credentials_of(rules: Rules, token: str, versions_url: str, us: Party) -> dict[str, Any]:
    """Our credentials as this version writes them."""
    business = {"name": us.name}
    if not rules.has_roles:
        party = {"party_id": us.party_id, "country_code": us.country_code, "business_details": business}
        return {"token": token, "url": versions_url, **party}
    role = {
        "role": "EMSP",
        "party_id": us.party_id,
        "country_code": us.country_code,
        "business_details": business,
    }
    return {"token": token, "url": versions_url, "roles": [role]}


def inward(thing: dict[str, Any], parties: tuple[Party, ...]) -> dict[str, Any]:
    """An object with its party in it. 2.1.1 leaves it out: a platform is one party there."""
    if (thing.get("country_code") and thing.get("party_id")) or not parties:
        return thing
    return thing | {"country_code": parties[0].country_code, "party_id": parties[0].party_id}


def token_of(rules: Rules, us: Party, uid: str, issued_at: str) -> dict[str, Any]:
    """A token of ours: one per start, so that a session which names nothing else still names the start."""
    token = {
        "uid": uid,
        "type": rules.token_type,
        "issuer": us.name,
        "valid": True,
        "whitelist": "NEVER",  # each start is ours to allow
        "last_updated": issued_at,
    }
    if not rules.has_roles:
        return token | {"auth_id": uid}  # by which sessions and records name it
    contract = f"{us.country_code}-{us.party_id}-C{'0' * 8}"
    return token | {"country_code": us.country_code, "party_id": us.party_id, "contract_id": contract}
