"""What the text in a gun's QR code means: `parse(text)` names the gun, pile or station, and what is odd about it.

Text in, a `GunCode` out: nothing is ever opened or fetched, no text raises. The rules of operators are data
(`rules.py`), EVSE ids are read in `evse.py`, web addresses are taken apart in `web.py` and held against the official
hosts in `hosts.py`; `own.py` writes and reads our links, `matching.py` holds a code against a gun. Whether to act on
a code is `core.shield`'s to say.
"""

from core.guncode.code import Candidate, GunCode, LooksLike, Names, Oddity
from core.guncode.evse import evse_key, issuer_of
from core.guncode.matching import evse_issuer, loose_key, names_gun, names_pile, names_station
from core.guncode.own import OwnLinks, gun_payload, write_hlht
from core.guncode.parsing import MOST_CHARS, official_host, parse
from core.guncode.rules import RULES, starcharge_connector

__all__ = [
    "MOST_CHARS",
    "RULES",
    "Candidate",
    "GunCode",
    "LooksLike",
    "Names",
    "Oddity",
    "OwnLinks",
    "evse_issuer",
    "evse_key",
    "gun_payload",
    "issuer_of",
    "loose_key",
    "names_gun",
    "names_pile",
    "names_station",
    "official_host",
    "parse",
    "starcharge_connector",
    "write_hlht",
]
