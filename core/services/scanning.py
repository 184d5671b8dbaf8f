"""From a scanned or typed text to the guns of our catalogue that it names, and whether it may lead to a charge.

Nothing is opened or fetched: a code is a question to the catalogue. What the shield says of the answer, and why,
becomes a sentence here, so that all chats and the API say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from core.errors import Conflict, NotAllowed, NotFound, UserError
from core.geo import Point
from core.guncode import (
    GunCode,
    LooksLike,
    Names,
    Oddity,
    OwnLinks,
    evse_issuer,
    issuer_of,
    names_pile,
    names_station,
    parse,
)
from core.merging import gun_key
from core.ports import Clock, Database, StationIndex
from core.services.lookup import Lookup
from core.shield import DriverPosition, FoundGun, LastScan, Reason, Ruling, Verdict, has_last_four, judge
from core.station import ConnectorRef, Station
from core.wishes import Filters

MOST_CHOICES = 24
NEAR_M = 300
NEAR_STATIONS = 12
LEAST_NUMBER = 8  # what is shorter is a label, and some network far away has a gun of that number
LEAST_ENDING = 4  # fewer characters at the end of a number say nothing
_WORDS_MAX = 60  # of a name or host, in a sentence

# What stands behind each refusal, as the code of its sentence.
_DISGUISED, _DISAGREES = "scan_disguised", "scan_disagrees"
SENTENCES: Mapping[str, str] = {
    Oddity.PAYMENT_PAGE: "code_payment",
    Oddity.LOOKALIKE_HOST: "scan_lookalike",
    Oddity.SHORTENER: "code_short_link",
    Oddity.ACTIVE_CONTENT: "code_script",
    Oddity.USERINFO: _DISGUISED,
    Oddity.BACKSLASH: _DISGUISED,
    Oddity.PUNYCODE: _DISGUISED,
    Oddity.MIXED_SCRIPTS: _DISGUISED,
    Oddity.IP_ADDRESS: _DISGUISED,
    Oddity.ODD_PORT: _DISGUISED,
    Oddity.HIDDEN_CHARACTERS: _DISGUISED,
    Oddity.CONTRADICTION: _DISAGREES,
    Oddity.FOREIGN_ID: _DISAGREES,
    Reason.OTHER_ID: _DISAGREES,
    Reason.OTHER_OPERATOR: _DISAGREES,
    Reason.OTHER_NAMESPACE: _DISAGREES,
    Reason.TOO_FAR: "scan_too_far",
    Reason.TWO_CITIES: "scan_two_cities",
}
LISTED = "listed"  # the rule of a code that stands in an operator's list
# What is odd about a text that was not made up by whoever pasted it, once the operator lists it byte for byte.
VOUCHED_FOR = frozenset({Oddity.UNKNOWN_HOST, Oddity.IP_ADDRESS, Oddity.ODD_PORT, Oddity.CONTRADICTION})
_NO_LABEL = frozenset({LooksLike.EMPTY, LooksLike.TOO_LONG, LooksLike.LINK_CODE})
_MILDEST = (Verdict.PASS, Verdict.ASK_STATION, Verdict.ASK_LAST_FOUR, Verdict.REFUSE)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a text led to: one gun, or several to choose from, or none.

    `found` are all descriptions of them by all suppliers; `elsewhere` are guns of this very number that belong to
    another operator than the code says.
    """

    code: GunCode
    found: tuple[FoundGun, ...] = ()
    elsewhere: tuple[FoundGun, ...] = ()

    @property
    def guns(self) -> tuple[FoundGun, ...]:
        """The one gun, as each supplier tells it; empty where there are several to choose from."""
        return () if len(_one_each(self.found)) > 1 else self.found

    @property
    def choices(self) -> tuple[FoundGun, ...]:
        """One description of each of several guns; empty where there is one."""
        each = _one_each(self.found)
        return each[:MOST_CHOICES] if len(each) > 1 else ()

    def choose(self, ref: ConnectorRef, station_id: str = "") -> Resolved:
        """The same with the driver's choice made. Raises NotFound("no_such_gun") for what was not offered."""
        chosen = tuple(one for one in self.found if one.connector.ref == ref and station_id in {"", one.station.id})
        if not chosen:
            raise NotFound("no_such_gun")
        return replace(self, found=chosen)


@dataclass(frozen=True, slots=True)
class Decision:
    """The shield's ruling, and the description of the gun that it holds for.

    `choices` are what is left to choose from; `problem` is what to say and do, None when nothing stands against it.
    """

    ruling: Ruling
    gun: FoundGun | None
    problem: UserError | None
    choices: tuple[FoundGun, ...] = ()


class ScanningService:
    """`may_sell` tells by supplier id which operator ids a supplier may speak for (for EVSE ids "DEABC")."""

    def __init__(
        self,
        database: Database,
        index: StationIndex,
        clock: Clock,
        *,
        may_sell: Mapping[str, AbstractSet[str]] | None = None,
        own: OwnLinks | None = None,
    ) -> None:
        self.database, self.index, self.clock = database, index, clock
        self.may_sell, self.own = may_sell or {}, own

    def read(self, text: str) -> GunCode:
        """What a text says, before anything is looked up."""
        return parse(text, self.own)

    def guns_at(self, station_ids: Sequence[str]) -> list[FoundGun]:
        """The guns of these stations, as their suppliers tell them."""
        with self.database.read() as unit:
            return Lookup(unit, self._guns_of).guns(list(dict.fromkeys(station_ids)))

    def resolve(self, text: str, near: Point | None = None) -> Resolved:
        """The guns a text names. `near` is where the driver is: labels of a few characters mean a gun there.

        What an operator lists as printed on its guns stands before our rules. Where the text itself does not say
        whose it is, the list of one operator must not hide the gun of another: the driver chooses.
        """
        code = self.read(text)
        listed = self._listed(text, code)
        if listed and (not code.known or _states_its_owner(code)):
            return listed
        ruled = self._by_rules(code, near) if code.known else Resolved(code)
        if listed is None:
            return ruled
        mine = {gun.connector.ref for gun in listed.found}
        others = tuple(gun for gun in ruled.found if gun.connector.ref not in mine)
        if not others:
            return listed
        candidates = dict.fromkeys((*listed.code.candidates, *ruled.code.candidates))
        both = replace(ruled.code, text=listed.code.text, candidates=tuple(candidates))
        return Resolved(both, (*listed.found, *others))

    def _by_rules(self, code: GunCode, near: Point | None) -> Resolved:
        if near is not None and code.guess and len(code.short_code) < LEAST_NUMBER:
            labelled, found = self._beside(code, near)
            if found:
                return Resolved(labelled, tuple(found))
        with self.database.read() as unit:
            catalogue = Lookup(unit, self._guns_of)
            found = catalogue.first(code)
            elsewhere = [] if found else catalogue.same_number(code)
        if not found and near is not None:
            code, found = self._beside(code, near)
        return Resolved(code, tuple(found), tuple(elsewhere))

    def decide(self, resolved: Resolved, position: DriverPosition | None, last: LastScan | None = None) -> Decision:
        """May this lead to a charge? Of several suppliers the one with least against it."""
        at, code = self.clock.now(), resolved.code
        # A gun of that number at another operator is still no gun of this code, and the shield says so.
        told = resolved.found or resolved.elsewhere[:1] or (None,)
        rulings = [(judge(code, one, position, at, last=last), one) for one in told]
        rulings.sort(key=lambda pair: _MILDEST.index(pair[0].verdict))
        left = _one_each(one for ruling, one in rulings if one and ruling.verdict is not Verdict.REFUSE)
        ruling, gun = rulings[0]
        if len(left) > 1:
            which = Conflict("scan_which_gun", station=_words(left[0].station.name))
            return Decision(ruling, None, which, left[:MOST_CHOICES])
        return Decision(ruling, gun, problem(code, ruling, gun))

    # --- where to look --------------------------------------------------------------------------------------

    def _listed(self, text: str, code: GunCode) -> Resolved | None:
        """What operators' own lists say is printed on their guns, byte for byte, also where no rule can read it.

        Nothing that hides where it leads is looked up. A list speaks for its own operator alone.
        """
        if code.looks_like in _NO_LABEL or not VOUCHED_FOR.issuperset(code.oddities):
            return None
        with self.database.read() as unit:
            told = unit.catalogue.guns_with_text(list(dict.fromkeys((text, text.strip()))))
            guns = Lookup(unit, self._guns_of).guns(sorted({one.station_id for one in told})) if told else []
        named = {(one.station_id, one.ref) for one in told}
        listed = [gun for gun in guns if (gun.station.id, gun.connector.ref) in named]
        found = [gun for gun in listed if not (_states_its_owner(code) and _of_another(code, gun.connector.ref))]
        if not found:
            return None
        said = code if _states_its_owner(code) else replace(code, operator_id="", evse_id="")  # a guess
        candidates = tuple(dict.fromkeys(gun.connector.ref for gun in found))
        as_listed = replace(
            said,
            text=told[0].text,
            names=Names.GUN,
            rule=LISTED,
            candidates=candidates,
            oddities=(),
            guess=False,
            looks_like=None,
        )
        return Resolved(as_listed, tuple(found))

    def _beside(self, code: GunCode, near: Point) -> tuple[GunCode, list[FoundGun]]:
        """Guns around the driver that a label, a pile or a station's id names. The code then names just these."""
        around = self.index.nearby(near, radius_m=NEAR_M, filters=Filters(), at=self.clock.now(), limit=NEAR_STATIONS)
        found = [
            gun
            for hit in around.hits
            for station in (hit.station, *hit.others)
            for gun in self._guns_of(station)
            if _labelled(code, gun) or names_pile(code, gun.connector) or names_station(code, station)
        ]
        refs = tuple(dict.fromkeys(gun.connector.ref for gun in found))
        return (replace(code, candidates=(*code.candidates, *refs)) if refs else code), found

    def _guns_of(self, station: Station) -> list[FoundGun]:
        sells = self.may_sell.get(station.supplier_id)
        return [FoundGun(station, connector, sells) for connector in station.connectors]


def problem(code: GunCode, ruling: Ruling, gun: FoundGun | None) -> UserError | None:
    """What to tell the driver; None when nothing stands against it."""
    where = _words(gun.station.name) if gun else ""
    match ruling.verdict:
        case Verdict.PASS:
            return None
        case Verdict.ASK_STATION:
            return Conflict("scan_ask_station", station=where)
        case Verdict.ASK_LAST_FOUR:
            return Conflict(last_four_question(code, gun), station=where)
    sentence = next((SENTENCES[one] for one in _gravest_first(ruling.reasons)), "")
    if not sentence:
        looks = code.looks_like or LooksLike.TEXT
        return (
            NotFound("no_such_gun") if code.known else UserError(f"code_{looks.value}", host=_words(code.host_normal))
        )
    km = f"{(ruling.distance_m or 0) / 1000:.1f}"
    return NotAllowed(sentence, host=_words(code.host_normal), official=ruling.official, station=where, km=km)


def last_four_question(code: GunCode, gun: FoundGun | None) -> str:
    """On a gun whose number is shorter there is nothing to read: then the position alone can tell."""
    return "scan_ask_last_four" if gun is None or has_last_four(code, gun.connector) else "scan_ask_position"


def _gravest_first(reasons: Iterable[str]) -> list[str]:
    """In the order of the table; what it does not name has a sentence of its own."""
    order = list(SENTENCES)
    return sorted((one for one in reasons if one in SENTENCES), key=order.index)


def _one_each(found: Iterable[FoundGun]) -> tuple[FoundGun, ...]:
    """One description of each gun: suppliers may tell the same one."""
    seen: dict[str, FoundGun] = {}
    for gun in found:
        ref = gun.connector.ref
        key = gun_key(gun.station.supplier_id, ref.operator_id, ref.connector_id)
        # One EVSE id can have several plugs, which are several guns to the driver.
        plug = ref.connector_id.partition(":")[2]
        seen.setdefault(f"{key or gun.station.id + ref.connector_id}:{plug}", gun)
    return tuple(seen.values())


def _states_its_owner(code: GunCode) -> bool:
    """Whether it is in the text itself, and beyond doubt, whose gun it is."""
    return code.known and not code.guess and bool(code.operator_id or issuer_of(code.evse_id))


def _of_another(code: GunCode, ref: ConnectorRef) -> bool:
    """The gun is not the operator's that the code states."""
    if code.operator_id:
        return code.operator_id != ref.operator_id
    return issuer_of(code.evse_id) not in {ref.operator_id, evse_issuer(ref)}


def _labelled(code: GunCode, gun: FoundGun) -> bool:
    """A typed number is the gun's label, or the end of its number."""
    said = "".join(filter(str.isalnum, code.short_code)).upper()
    if not code.guess or not said:
        return False
    label, own = gun.connector.label, gun.connector.ref.connector_id
    ends = len(said) >= LEAST_ENDING and own.upper().endswith(said)
    return ends or "".join(filter(str.isalnum, label)).upper() == said


def _words(text: str) -> str:
    """Somebody else's words in our sentence: one short line."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= _WORDS_MAX else plain[: _WORDS_MAX - 1] + "…"
