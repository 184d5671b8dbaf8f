"""Whether a gun of the catalogue is what a code names. One place for it: looking up and judging must agree."""

from __future__ import annotations

from core.guncode.code import GunCode, Names
from core.guncode.evse import evse_key, issuer_of, read_any_evse
from core.station import Connector, ConnectorRef, Station

# What is added to a pile's number to name its gun: "1", "01", "001", "_1", ":01".
GUN_CHARS = 4


def names_gun(code: GunCode, ref: ConnectorRef) -> bool:
    """The code names this very gun. One EVSE id can have several plugs."""
    return any(
        loose_key(bare_id(ref)) == loose_key(one)
        if isinstance(one, str)
        else ref.connector_id == one.connector_id and one.operator_id in {"", ref.operator_id}
        for one in code.candidates
    )


def names_pile(code: GunCode, gun: Connector) -> bool:
    """The gun is one of the pile's that the code names. A code that is sure of its gun names no other one."""
    pile = code.pile_id
    if not pile or (code.names is Names.GUN and not code.guess) or code.operator_id not in {"", gun.ref.operator_id}:
        return False
    more = len(gun.ref.connector_id) - len(pile)
    return gun.pile == pile or (gun.ref.connector_id.startswith(pile) and 0 <= more <= GUN_CHARS)


def names_station(code: GunCode, station: Station) -> bool:
    """The gun's station is the one that the code names, by an id that means the same everywhere."""
    return code.names is Names.STATION and loose_key(station.global_id or "") == loose_key(code.evse_id)


def bare_id(ref: ConnectorRef) -> str:
    """An EVSE id without the plug that suppliers' lists add to it."""
    return ref.connector_id.partition(":")[0]


def evse_issuer(ref: ConnectorRef) -> str:
    """Country and operator of a gun that is numbered by EVSE id; "" for others. Parties of OCPI have five letters."""
    own = bare_id(ref)
    numbered_so = len(ref.operator_id) == 5 and read_any_evse(own) is not Names.NOTHING
    return issuer_of(own) if numbered_so else ""


def loose_key(evse_id: str) -> str:
    """An EVSE id without any separator; they are for the eye. Where two guns should share it, the driver chooses."""
    return evse_key(evse_id).replace("*", "")
