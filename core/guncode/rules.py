"""The codes of operators as one table: the form of the text, whose host it is, and how the ids are taken from it.

Ids are taken from the raw text, byte for byte. An operator's new form is a new row here and a generator in its test.
Where the operator's id is not known the code is a guess: any operator's gun of that number is found, and the driver
confirms the station.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.guncode.code import Candidate, Names, Oddity
from core.guncode.evse import decoded, evse_key, read_any_evse
from core.guncode.web import params, segments
from core.station import ConnectorRef

TELD = "395815801"
STARCHARGE = "313744932"
YKC = "MA1MY0GF9"
SOUTH_GRID = "MA5DT8Q54"
CAMSNETEC = "MA59J8YL8"

_ID = r"[0-9A-Za-z_.\-]{1,64}"


@dataclass(frozen=True, slots=True)
class Ids:
    """What a rule took from a text. `kept` is the part of the tail that may be stored, None for all of it."""

    names: Names = Names.GUN
    operator_id: str = ""
    connector_id: str = ""
    pile_id: str = ""
    evse_id: str = ""
    short_code: str = ""
    candidates: tuple[Candidate, ...] = ()
    rest: str = ""
    oddities: tuple[Oddity, ...] = ()
    guess: bool = False
    once_only: bool = False
    kept: str | None = None


Take = Callable[["Rule", re.Match[str]], Ids | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """`form` is of the whole text, or of all that follows the host where there are `hosts`."""

    name: str
    form: re.Pattern[str]
    take: Take
    source: str  # where the form was seen
    hosts: frozenset[str] = frozenset()
    operator_id: str = ""
    issuers: frozenset[str] = frozenset()  # operator codes of the EVSE ids this host may carry; empty: any


# --- how ids are taken --------------------------------------------------------------------------------------


def _gun(rule: Rule, found: re.Match[str]) -> Ids:
    """The id as it stands."""
    own = found["id"]
    return Ids(
        operator_id=rule.operator_id,
        connector_id=own,
        candidates=(ConnectorRef(rule.operator_id, own),),
        guess=not rule.operator_id,
    )


def _pile(rule: Rule, found: re.Match[str]) -> Ids:
    return Ids(Names.PILE, operator_id=rule.operator_id, pile_id=found["id"], guess=not rule.operator_id)


def _hlht(_: Rule, found: re.Match[str]) -> Ids:
    ref = ConnectorRef(found["operator"], found["id"])
    return Ids(
        operator_id=ref.operator_id, connector_id=ref.connector_id, candidates=(ref,), rest=found["rest"] or ""
    )


def starcharge_connector(short: str) -> str:
    """StarCharge's 26-character number for the one on its labels; "" where its rule says nothing."""
    if len(short) == 11 and short.endswith("000"):  # the end of a whole number, as one label printer cuts it
        short = short[:8]
    elif len(short) == 11 and short[8] == "0":
        short = short[:8] + short[9:]
    if not (short.isascii() and short.isdecimal()):
        return ""
    if len(short) == 8:
        return "11" + "0" * 13 + short + "000"
    return "12" + "0" * 13 + short[:8] + "0" + short[8:] if len(short) == 10 else ""


def _starcharge(rule: Rule, found: re.Match[str]) -> Ids:
    short = found["id"]
    connector = starcharge_connector(short) or short
    return Ids(
        operator_id=STARCHARGE,
        connector_id=connector,
        short_code=short,
        candidates=(ConnectorRef(STARCHARGE, connector),),
    )


def _starcharge_number(_: Rule, found: re.Match[str]) -> Ids:
    """Bare digits: StarCharge's by its own instruction, but others print such numbers too."""
    short = found["id"]
    connector = starcharge_connector(short) or short
    candidates = dict.fromkeys((ConnectorRef(STARCHARGE, connector), ConnectorRef("", short)))
    return Ids(connector_id=connector, short_code=short, candidates=tuple(candidates), guess=True)


def _ykc(rule: Rule, found: re.Match[str]) -> Ids:
    number = found["id"]
    if len(number) == 14 and number.isdecimal():  # a pile's number in its own protocol
        return Ids(Names.PILE, operator_id=YKC, pile_id=number)
    pile = number[:14] if len(number) == 16 and number.isdecimal() else ""
    return Ids(operator_id=YKC, connector_id=number, pile_id=pile, candidates=(ConnectorRef(YKC, number),))


def _state_grid(_: Rule, found: re.Match[str]) -> Ids:
    """Device and gun. Makers count guns from 0 or from 1, so only the very number is looked for; else we ask."""
    device, gun = found["device"], found["gun"]
    if not gun:
        return Ids(Names.PILE, pile_id=device, guess=True)
    forms = dict.fromkeys((device + gun, device + gun[-2:]))
    candidates = tuple(ConnectorRef("", form) for form in forms)
    return Ids(connector_id=device + gun, pile_id=device, short_code=gun, candidates=candidates, guess=True)


def _xiaoju(_: Rule, found: re.Match[str]) -> Ids:
    ref = ConnectorRef(found["operator"], found["id"])
    return Ids(operator_id=ref.operator_id, connector_id=ref.connector_id, candidates=(ref,))


def _south_grid(_: Rule, found: re.Match[str]) -> Ids | None:
    told = dict(params(found["query"]))
    pile, gun, whole = (told.get(name, "") for name in ("pileNo", "gunNo", "qrcode"))
    if not re.fullmatch(_ID, pile) or not re.fullmatch(r"[0-9]{1,3}", gun):
        return None
    own = f"{pile}_{gun}"
    odd = () if not whole or whole == pile + gun.rjust(2, "0") else (Oddity.CONTRADICTION,)
    ref = ConnectorRef(SOUTH_GRID, own)
    return Ids(
        operator_id=SOUTH_GRID, connector_id=own, pile_id=pile, short_code=gun, candidates=(ref,), oddities=odd
    )


def _camsnetec(_: Rule, found: re.Match[str]) -> Ids:
    # One system cuts a character more off, as it does for StarCharge, whose host is one longer.
    own = found["id"]
    forms = (own, own[1:]) if len(own) > 4 else (own,)
    candidates = tuple(ConnectorRef(CAMSNETEC, form) for form in forms)
    return Ids(operator_id=CAMSNETEC, connector_id=own, candidates=candidates, guess=True)


def evse_ids(
    printed: str, names: Names, *, guess: bool = False, once_only: bool = False, kept: str | None = None
) -> Ids:
    """What an EVSE id gives, however it was carried."""
    return Ids(names, evse_id=printed, candidates=(evse_key(printed),), guess=guess, once_only=once_only, kept=kept)


def evse_in_query(tail: str) -> Ids | None:
    """The parameter named `evseid`, in any spelling. Everything beside it may be good only once and is dropped."""
    told = params(tail)
    for name, value in told:
        if re.sub(r"[_-]", "", name).casefold() == "evseid":
            printed = decoded(value)
            names = read_any_evse(printed)
            if names is not Names.NOTHING:
                path = re.split(r"[?#]", tail, maxsplit=1)[0]
                kept = f"{path}?{name}={value}"
                secret = any(_ONCE.fullmatch(other) for other, _ in told)
                return evse_ids(printed, names, once_only=secret, kept=kept)
    return None


# What the one-time part of dynamic codes is called, and what ages with it.
_ONCE = re.compile(
    r"(?i)otp|totp|one.?time.*|token|nonce|sig(?:nature)?|hash|pin|code|pass(?:word)?|ts?|time(?:stamp)?|exp.*"
)


def evse_in_path(tail: str, *, any_form: bool) -> Ids | None:
    """A part of the path: the last one on hosts known for that, elsewhere only with separators."""
    parts = segments(tail)
    for at in range(len(parts) - 1, -1, -1):
        printed = decoded(parts[at])
        names = read_any_evse(printed) if any_form or "*" in printed else Names.NOTHING
        if names is not Names.NOTHING:
            kept = "/" + "/".join(parts[: at + 1])
            after = len(parts) > at + 1 or any(_ONCE.fullmatch(name) for name, _ in params(tail))
            return evse_ids(printed, names, once_only=after, kept=kept)
    return None


def _query_evse(_: Rule, found: re.Match[str]) -> Ids | None:
    return evse_in_query(found[0])


def _path_evse(_: Rule, found: re.Match[str]) -> Ids | None:
    return evse_in_path(found[0], any_form=True)


# --- the table ----------------------------------------------------------------------------------------------


def _rule(
    name: str, form: str, take: Take, source: str, *, hosts: str = "", operator_id: str = "", issuers: str = ""
) -> Rule:
    return Rule(
        name, re.compile(form), take, source, frozenset(hosts.split()), operator_id, frozenset(issuers.split())
    )


_QUERY = r"[^#]*\?[^#]{0,1000}(?:#.*)?"
_ANY = r"(?:[/?].*)?"

RULES: tuple[Rule, ...] = (
    # --- China ---
    # The dot before the operator is the last one before the slash: numbers may hold dots.
    _rule("hlht", r"(?i:hlht)://(?P<id>[!-.0-~]{1,64})\.(?P<operator>[0-9A-Za-z]{9})(?:/(?P<rest>.*))?", _hlht,
          "T/CEC 102; TELD, XPeng, pile makers' firmware; the slash is missing on some"),
    _rule("starcharge", r"/(?:#/|r#)(?P<id>[0-9]{8}|[0-9]{10}|[0-9]{11}|(?i:TI|ME)[0-9A-Za-z]{1,30})", _starcharge,
          "StarCharge's instruction and its app's own rule; 11 digits from one label printer",
          hosts="qrcode.starcharge.com", operator_id=STARCHARGE),
    _rule("starcharge", r"(?P<id>[0-9]{8}|[0-9]{10}|(?:TI|ME|ti|me)[0-9]{4,30})", _starcharge_number,
          "StarCharge's instruction: what has 8 or 10 digits is StarCharge's"),
    _rule("ykc", r"/MPAGE/index\.html\?(?:[^#]*&)?pNum=(?P<id>[0-9A-Za-z]{1,32})(?:[&#].*)?", _ykc,
          "chargers' firmware; the number's length is not documented: 14 digits of pile and 2 of gun in its protocol",
          hosts="www.ykccn.com ykccn.com", operator_id=YKC),
    _rule("sgcc", r"/IntentServe/index\.html\?(?:M&)?qrcode=gwwl(?:://|//:)[0-9A-Za-z]{4}:[0-9.]{1,12}:[0-9]:"
          r"(?P<device>[0-9A-Za-z_\-]{1,40}):[0-9A-Fa-f]{12}(?::(?P<gun>[0-9]{1,4}))?", _state_grid,
          "State Grid: a printing script and two gateways; two count guns from 0, two from 1",
          hosts="cdn-evone-oss.echargenet.com"),
    _rule("xiaoju", rf"/epower/static/resources/xcxconf/XIAOJU\.(?P<operator>[0-9A-Za-z]{{9}})\.(?P<id>{_ID})",
          _xiaoju, "inferred from the shape of public codes", hosts="epower.xiaojukeji.com"),
    _rule("csg", r"/ast/api/v0\.1/guns/qrcode(?P<query>\?[^#]{1,400})", _south_grid,
          "South Grid: a generator of test codes; its numbers are pile_gun",
          hosts="www.wodeev.com wodeev.com", operator_id=SOUTH_GRID),
    _rule("gongniu", rf"/car\.html\?(?:[^#]*&)?qRCode=(?P<id>{_ID})(?:[&#].*)?", _gun, "public code",
          hosts="evse.gongniu.cn"),
    _rule("towercharge", rf"/towercharge/open\?(?:[^#]*&)?equipmentid=(?P<id>{_ID})(?:[&#].*)?", _pile,
          "China Tower in Anhui: public code; names the pile", hosts="www.ahttcd.cn"),
    _rule("nengjia", rf"/?\?(?:[^#]*&)?scanid=(?P<id>{_ID})(?:[&#].*)?", _gun, "chargers' firmware",
          hosts="wechat.xiangnengnengjia.com"),
    _rule("camsnetec", rf"/#/(?P<id>{_ID})", _camsnetec,
          "an app's sample; one system takes the text from character 32 on",
          hosts="qrcode.camsnetec.com", operator_id=CAMSNETEC),
    # --- elsewhere ---
    _rule("intercharge", _QUERY, _query_evse, "Hubject's help pages; Ionity and others", hosts="m.intercharge.eu"),
    _rule("elli", _QUERY, _query_evse, "a mapping app's list", hosts="charge.elli.eco"),
    _rule("lidl", _QUERY, _query_evse, "a mapping app's list; ids FR*LDL", hosts="e-mobility.lidl.de", issuers="LDL"),
    _rule("smatrics", _QUERY, _query_evse, "a mapping app's list", hosts="smatrics.com www.smatrics.com"),
    _rule("aral", _QUERY, _query_evse, "a mapping app's list; ids DE*BPE", hosts="www.aral-pulse.de aral-pulse.de",
          issuers="BPE"),
    _rule("beenergised", _QUERY, _query_evse, "a platform of many operators, Kaufland among them",
          hosts="community.beenergised.cloud"),
    _rule("enercity", _ANY, _path_evse, "a mapping app's list", hosts="laden.enercity.de"),
    _rule("chargedrive", _ANY, _path_evse, "a mapping app's list", hosts="pay.chargedrive.com"),
    _rule("oncharge", _ANY, _path_evse, "a mapping app's list", hosts="qr.on-charge.com"),
    _rule("chargepoint-services", _ANY, _path_evse, "a mapping app's list; printed without a scheme",
          hosts="www.chargepoint-services.com chargepoint-services.com"),
)  # fmt: skip
