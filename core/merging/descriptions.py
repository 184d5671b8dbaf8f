"""What matching looks at: one supplier's description of a station, its words and ids brought to a common form."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from core.geo import Datum
from core.station import Plug, Station

# Words that nearly every name has; they would make all names alike.
_EVERYWHERE = re.compile(
    r"充电站|充电桩|充电场|停车场|停车库|停车|新能源|汽车|快充|超充|有限公司|股份"
    r"|\b(?:ev|electric|vehicles?|charging|chargers?|charge ?points?|stations?|points?|car ?parks?|parking|hub)\b"
    r"|\b(?:borne|bornes|station de recharge|recharge|ladestation|ladesäule|ladepark)\b"
)
# What sources write where they do not know the operator.
_NOBODY = frozenset(
    {"", "unknown", "unknownoperator", "businessowneratlocation", "none", "na", "other", "其他", "未知"}
)
_EVSE = re.compile(r"[A-Z]{2}[A-Z0-9]{3}E[A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Description:
    """A station as one supplier tells it, in the forms that are compared. Empty means: not known."""

    id: str
    supplier_id: str
    lat: float
    lng: float
    datum: Datum  # that the supplier is believed to write
    name: str
    address: str
    operator: str
    operator_id: str
    global_key: str
    gun_keys: frozenset[str]
    plugs: frozenset[Plug]
    guns: int


def describe(station: Station) -> Description:
    """The station in comparable form."""
    operator = _letters(station.operator_name)
    operator = "" if operator in _NOBODY else operator
    plugs = frozenset(gun.plug for gun in station.connectors) - {Plug.UNKNOWN, Plug.OTHER}
    return Description(
        id=station.id,
        supplier_id=station.supplier_id,
        lat=station.point.lat,
        lng=station.point.lng,
        datum=station.source_datum,
        name=_telling_name(station, operator),
        address=_text(station.address),
        operator=operator,
        operator_id=station.operator_id.upper() if operator else "",
        global_key=id_key(station.global_id or ""),
        gun_keys=frozenset(filter(None, (gun_key(station.supplier_id, gun.ref.operator_id, gun.ref.connector_id)
                                         for gun in station.connectors))),
        plugs=plugs if any(gun.plug not in (Plug.UNKNOWN, Plug.OTHER) for gun in station.connectors) else frozenset(),
        guns=station.guns,
    )  # fmt: skip


def without_shared_gun_ids(descriptions: Iterable[Description]) -> list[Description]:
    """An id that one supplier gives to guns of two stations identifies neither: it is left out everywhere."""
    every = list(descriptions)
    used = Counter((one.supplier_id, key) for one in every for key in one.gun_keys)
    doubtful = {key for (_, key), times in used.items() if times > 1}
    if not doubtful:
        return every
    return [replace(one, gun_keys=one.gun_keys - doubtful) if one.gun_keys & doubtful else one for one in every]


def _telling_name(station: Station, operator: str) -> str:
    """The name, unless it was made up from the id, the operator or the address because there was none."""
    words = station.name.split()
    if not words or words[-1] == station.external_id:
        return ""
    name = _text(station.name)
    if name == _text(station.address):
        return ""
    # The operator counts on its own; within a name it would make all stations of a brand alike.
    bare = name.replace(_text(station.operator_name), " ") if operator else name
    return " ".join(bare.split())


def gun_key(supplier_id: str, operator_id: str, connector_id: str) -> str:
    """A gun's id that means the same at every supplier; "" for numbers that only count within one list."""
    if not operator_id or operator_id == supplier_id:
        return ""
    own = id_key(connector_id.partition(":")[0])
    return own if _EVSE.fullmatch(own) else f"{id_key(operator_id)}:{id_key(connector_id)}"


def id_key(text: str) -> str:
    """An id in the form in which ids are compared: separators and case differ from source to source."""
    return re.sub(r"[*\s-]", "", text).upper()


@lru_cache(maxsize=100_000)
def _text(text: str) -> str:
    """Case, width and punctuation folded, common words taken out."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _EVERYWHERE.sub(" ", "".join(c if c.isalnum() else " " for c in folded))
    return " ".join(words.split())


def _letters(text: str) -> str:
    return _text(text).replace(" ", "")


# --- likeness -----------------------------------------------------------------------------------------------


def likeness(one: str, other: str) -> float | None:
    """How alike two texts are, 0 to 1; None when one is missing or they are in different scripts."""
    if not one or not other or _is_latin(one) != _is_latin(other):
        return None
    if one == other:
        return 1.0
    first, second = _pairs_of_letters(one), _pairs_of_letters(other)
    common = sum((first & second).values())
    sizes = first.total(), second.total()
    alike = 2 * common / sum(sizes)
    # "深圳湾公园" within a longer text is as good as the whole; a very short one may be within anything.
    within = 0.9 * common / min(sizes) if min(sizes) >= 4 else 0.0
    return max(alike, within) * _numbers_agree(one, other)


def _numbers_agree(one: str, other: str) -> float:
    """Gate 1 and gate 2, house 12 and house 14 are different places, however alike the rest is."""
    first, second = set(re.findall(r"\d+", one)), set(re.findall(r"\d+", other))
    return 0.3 if first and second and first.isdisjoint(second) else 1.0


@lru_cache(maxsize=100_000)
def _pairs_of_letters(text: str) -> Counter[str]:
    padded = f" {text} "
    return Counter(padded[n : n + 2] for n in range(len(padded) - 1))


@lru_cache(maxsize=100_000)
def _is_latin(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return not letters or sum(c < "\u0250" for c in letters) * 2 >= len(letters)


def same_operator(one: Description, other: Description) -> bool | None:
    """Whether the brands are one; None when either does not name its brand."""
    if not one.operator or not other.operator:
        return None
    if one.operator_id and one.operator_id == other.operator_id:
        return True
    short, long = sorted((one.operator, other.operator), key=len)
    if short == long or (len(short) >= 3 and short in long):
        return True
    return (likeness(one.operator, other.operator) or 0.0) >= 0.7
