"""One place, many suppliers: which descriptions of stations mean the same place, and why we think so.

Pure rules. `study` learns what holds for whole suppliers (a wrong datum, counts that count something else),
`matches` finds the pairs, `gather` makes places of them. docs/decisions/0007 says why it is done this way.
"""

from core.merging.descriptions import Description, describe, gun_key, id_key
from core.merging.match import MATCH_WITHIN_M, Evidence, Method, Splits, matches
from core.merging.places import Link, Part, gather
from core.merging.study import Lessons, WrongDatum, study
from core.merging.vicinity import close_pairs

__all__ = [
    "MATCH_WITHIN_M",
    "Description",
    "Evidence",
    "Lessons",
    "Link",
    "Method",
    "Part",
    "Splits",
    "WrongDatum",
    "close_pairs",
    "describe",
    "gather",
    "gun_key",
    "id_key",
    "matches",
    "study",
]
