"""`parse`: one text through the table of rules, then the forms that belong to nobody, then what it looks like."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from core.guncode import hosts
from core.guncode.code import GunCode, LooksLike, Names, Oddity
from core.guncode.evse import evse_in, is_contract_id, issuer_of, read_bare_evse, read_evse
from core.guncode.hosts import OfficialHosts
from core.guncode.own import LINK_PAYLOAD, OwnLinks, read_payload
from core.guncode.rules import RULES, Ids, Rule, evse_ids, evse_in_path, evse_in_query
from core.guncode.web import Address, params, scheme_of, segments, take_apart
from core.station import ConnectorRef

# No label comes near it; the largest QR code holds 7,089 digits.
MOST_CHARS = 2_048
_EDGES = "\ufeff\u200b\x00"
_TELEGRAM = frozenset({"t.me", "telegram.me", "telegram.dog", "telegram.org"})
_NUMBER = re.compile(r"(?=[^0-9]*[0-9])[0-9A-Za-z_\-.*:]{2,64}")
_SPACED_NUMBER = re.compile(r"[0-9A-Za-z]{1,20}(?:[ \u00a0][0-9A-Za-z]{1,20}){1,7}")
_EVSE_KEYS = frozenset({"evseid", "evse"})

_WEB_RULES: Mapping[str, tuple[Rule, ...]] = {
    host: tuple(rule for rule in RULES if host in rule.hosts) for every in RULES for host in every.hosts
}
_TEXT_RULES = tuple(rule for rule in RULES if not rule.hosts)
_HOST_OF = {rule.operator_id: min(rule.hosts) for rule in RULES if rule.operator_id and rule.hosts}
_HOST_OF_ISSUER = {issuer: min(rule.hosts) for rule in RULES for issuer in rule.issuers}

# What starts like this is something else, and what that is.
_BEGINNINGS = (
    ("wifi:", LooksLike.WIFI),
    ("begin:vcard", LooksLike.CONTACT),
    ("mecard:", LooksLike.CONTACT),
    ("mailto:", LooksLike.CONTACT),
    ("matmsg:", LooksLike.CONTACT),
    ("tel:", LooksLike.PHONE),
    ("sms:", LooksLike.PHONE),
    ("smsto:", LooksLike.PHONE),
    ("geo:", LooksLike.MAP_POINT),
)


def parse(text: str, own: OwnLinks | None = None) -> GunCode:
    """What the text of a code names. Never raises; `own` tells where our own links lead."""
    if len(text) > MOST_CHARS:
        return GunCode(text[:MOST_CHARS], Names.NOTHING, looks_like=LooksLike.TOO_LONG)
    bare = text.strip().strip(_EDGES).strip()
    if not bare:
        return GunCode(bare, Names.NOTHING, looks_like=LooksLike.EMPTY)
    hidden = (Oddity.HIDDEN_CHARACTERS,) if _hides(bare) else ()
    if hosts.PAYMENT_TEXTS.match(bare):
        return _nothing(bare, LooksLike.PAYMENT, (Oddity.PAYMENT_PAGE, *hidden))
    scheme = scheme_of(bare)
    if scheme in hosts.ACTIVE_SCHEMES:
        return _nothing(bare, LooksLike.SCRIPT, (Oddity.ACTIVE_CONTENT, *hidden))
    if scheme in hosts.PAYMENT_SCHEMES:
        return _nothing(bare, LooksLike.PAYMENT, (Oddity.PAYMENT_PAGE, *hidden))
    for rule in _TEXT_RULES:
        if (found := rule.form.fullmatch(bare)) and (ids := rule.take(rule, found)):
            return _code(bare, rule.name, ids, hidden)
    address = take_apart(bare)
    if address is not None:
        return _of_address(bare, address, hidden, own or OwnLinks())
    return _of_text(bare, hidden)


def official_host(operator_id: str, evse_id: str = "") -> str:
    """The host on this operator's labels; "" where its labels carry none that we know."""
    return _HOST_OF.get(operator_id) or _HOST_OF_ISSUER.get(issuer_of(evse_id)[2:]) or ""


# --- web addresses ------------------------------------------------------------------------------------------


def _of_address(bare: str, address: Address, hidden: Iterable[Oddity], own: OwnLinks) -> GunCode:
    if address.scheme == "tg" or address.host.lower() in _TELEGRAM:
        found = _telegram(bare, address, hidden, own)
        if found:
            return found
    if not address.is_web and address.scheme != "tg":
        return _nothing(bare, LooksLike.OTHER_APP, hidden)
    odd, official = _odd_host(address, own)
    odd += hidden
    name, ids = _ids_in(address, own)
    if ids is None:
        looks = _looks_of_page(address, odd)
        return _nothing(_without_userinfo(bare, address), looks, odd, address, official)
    kept = bare if ids.kept is None else f"{address.scheme}://{address.host}{ids.kept}"
    return _code(_without_userinfo(kept, address), name, ids, odd, address, official)


def _odd_host(address: Address, own: OwnLinks) -> tuple[list[Oddity], str]:
    if address.host_normal in own.pages and address.host.isascii() and not address.userinfo:
        return [], ""
    return hosts.oddities_of(address, _official(own.pages))


@lru_cache(maxsize=8)
def _official(pages: frozenset[str]) -> OfficialHosts:
    """All hosts that are what they seem; `pages` are ours."""
    return OfficialHosts({*_WEB_RULES, *_TELEGRAM, *pages})


def _ids_in(address: Address, own: OwnLinks) -> tuple[str, Ids | None]:
    """The operator's own form on its own host, then ours, then an EVSE id wherever it stands."""
    for rule in _WEB_RULES.get(address.host.lower(), ()):
        if (found := rule.form.fullmatch(address.tail)) and (ids := rule.take(rule, found)):
            return rule.name, _of_host(rule, ids)
    gun = next((value for key, value in params(address.tail) if key == "gun"), "")
    if ref := read_payload(gun):
        return "own", _own(ref)
    if ids := evse_in_query(address.tail) or evse_in_path(address.tail, any_form=False):
        return "evse", ids
    inside = evse_in(address.tail.replace("%2A", "*").replace("%2a", "*"))
    if inside:
        return "evse", evse_ids(inside[0], Names.GUN, guess=True, once_only=True, kept=f"/{inside[0]}")
    return "", None


def _of_host(rule: Rule, ids: Ids) -> Ids:
    """Whether a host may carry an id of this issuer."""
    if not rule.issuers or issuer_of(ids.evse_id)[2:] in rule.issuers:
        return ids
    return replace(ids, oddities=(*ids.oddities, Oddity.FOREIGN_ID))


def _telegram(bare: str, address: Address, hidden: Iterable[Oddity], own: OwnLinks) -> GunCode | None:
    """One of our links to the bot; None for any other."""
    told = dict(params(address.tail))
    bot = told.get("domain", "") if address.scheme == "tg" else next(iter(segments(address.tail)), "")
    payload = told.get("start", "")
    if LINK_PAYLOAD.fullmatch(payload):
        # Whoever has the code can link the account: it is not kept.
        return _nothing(bare.replace(payload, ""), LooksLike.LINK_CODE, hidden, address)
    ref = read_payload(payload)
    if ref is None:
        return None
    odd = list(hidden)
    if address.userinfo:
        odd.append(Oddity.USERINFO)
    official = ""
    if own.bots and bot.lower() not in own.bots:
        odd.append(Oddity.LOOKALIKE_HOST)
        official = f"t.me/{min(own.bots)}"
    return _code(_without_userinfo(bare, address), "own", _own(ref), odd, address, official)


def _own(ref: ConnectorRef) -> Ids:
    return Ids(operator_id=ref.operator_id, connector_id=ref.connector_id, candidates=(ref,))


def _looks_of_page(address: Address, odd: Iterable[Oddity]) -> LooksLike:
    if Oddity.PAYMENT_PAGE in odd:
        return LooksLike.PAYMENT
    if Oddity.SHORTENER in odd:
        return LooksLike.SHORT_LINK
    known = address.host_normal in _WEB_RULES and Oddity.USERINFO not in odd
    return LooksLike.OPERATOR_PAGE if known else LooksLike.WEB_PAGE


def _without_userinfo(text: str, address: Address) -> str:
    """A name and password in an address are somebody's secret; that they were there is noted."""
    return f"{address.scheme}://{address.host}{address.tail}" if address.userinfo else text


# --- other texts --------------------------------------------------------------------------------------------


def _of_text(bare: str, hidden: Iterable[Oddity]) -> GunCode:
    if LINK_PAYLOAD.fullmatch(bare):
        return _nothing("", LooksLike.LINK_CODE, hidden)
    if ref := read_payload(bare):
        return _code(bare, "own", _own(ref), hidden)
    if bare[0] == "{":
        return _of_json(bare, hidden)
    if is_contract_id(bare):
        return _nothing(bare, LooksLike.CONTRACT_ID, hidden)
    for read, guess in ((read_evse, False), (read_bare_evse, True)):
        if (names := read(bare)) is not Names.NOTHING:
            return _code(bare, "evse", evse_ids(bare, names, guess=guess), hidden)
    lowered = bare[:20].casefold()
    for beginning, looks in _BEGINNINGS:
        if lowered.startswith(beginning):
            return _nothing(bare, looks, hidden)
    if _NUMBER.fullmatch(bare):
        return _code(bare, "number", _number(bare), hidden)
    if inside := evse_in(bare):
        return _code(bare, "evse", evse_ids(inside[0], Names.GUN, guess=True), hidden)
    if _SPACED_NUMBER.fullmatch(bare) and sum(map(str.isdecimal, bare)) >= 4:
        # Typed in groups, as it is printed.
        return replace(parse("".join(bare.split())), text=bare, oddities=tuple(hidden))
    return _nothing(bare, LooksLike.OTHER_APP if "://" in bare[:40] else LooksLike.TEXT, hidden)


def _number(printed: str) -> Ids:
    """A number typed from the gun, or a code that is nothing but one: whose it is has to be seen."""
    return Ids(connector_id=printed, short_code=printed, candidates=(ConnectorRef("", printed),), guess=True)


def _of_json(bare: str, hidden: Iterable[Oddity]) -> GunCode:
    try:
        # Numbers stay as they are written: an id is no number.
        told = json.loads(bare, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return _nothing(bare, LooksLike.JSON, hidden)
    plain = {key: value.strip() for key, value in told.items() if isinstance(value, str)}
    ids = _json_evse(plain) or _json_connector(plain) or _json_sap(plain)
    return _code(bare, "json", ids, hidden) if ids else _nothing(bare, LooksLike.JSON, hidden)


def _json_evse(told: Mapping[str, str]) -> Ids | None:
    for key, value in told.items():
        if re.sub(r"[_-]", "", key).casefold() in _EVSE_KEYS:
            for read, guess in ((read_evse, False), (read_bare_evse, True)):
                if (names := read(value)) is not Names.NOTHING:
                    return evse_ids(value, names, guess=guess)
    return None


def _json_connector(told: Mapping[str, str]) -> Ids | None:
    """The words of T/CEC 102 as an object."""
    folded = {key.casefold(): value for key, value in told.items()}
    own, operator = folded.get("connectorid", ""), folded.get("operatorid", "")
    if not own or not operator:
        return None
    return Ids(operator_id=operator, connector_id=own, candidates=(ConnectorRef(operator, own),))


def _json_sap(told: Mapping[str, str]) -> Ids | None:
    """SAP e-mobility: {"tenantSubDomain", "tenantName", "endpoint", "chargingStationID", "connectorID"}."""
    pile, gun = told.get("chargingStationID", ""), told.get("connectorID", "")
    if not pile:
        return None
    if not gun:
        return Ids(Names.PILE, pile_id=pile, guess=True)
    forms = (f"{pile}:{gun}", f"{pile}*{gun}", f"{pile}-{gun}", f"{pile}_{gun}")
    candidates = tuple(ConnectorRef("", form) for form in forms)
    return Ids(connector_id=forms[0], pile_id=pile, short_code=gun, candidates=candidates, guess=True)


# --- shared -------------------------------------------------------------------------------------------------


def _hides(text: str) -> bool:
    """Characters nobody sees. Line ends are seen."""
    return not text.isprintable() and any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and c not in "\r\n\t" for c in text
    )


def _nothing(
    text: str, looks: LooksLike, odd: Iterable[Oddity], address: Address | None = None, official: str = ""
) -> GunCode:
    host, normal = (address.host, address.host_normal) if address else ("", "")
    return GunCode(
        text,
        Names.NOTHING,
        host=host,
        host_normal=normal,
        oddities=tuple(dict.fromkeys(odd)),
        official=official,
        looks_like=looks,
    )


def _code(
    text: str, rule: str, ids: Ids, odd: Iterable[Oddity], address: Address | None = None, official: str = ""
) -> GunCode:
    host, normal = (address.host, address.host_normal) if address else ("", "")
    return GunCode(
        text=text,
        names=ids.names,
        rule=rule,
        operator_id=ids.operator_id,
        connector_id=ids.connector_id,
        pile_id=ids.pile_id,
        evse_id=ids.evse_id,
        short_code=ids.short_code,
        candidates=ids.candidates,
        rest=ids.rest,
        host=host,
        host_normal=normal,
        oddities=tuple(dict.fromkeys([*odd, *ids.oddities])),
        official=official,
        guess=ids.guess,
        once_only=ids.once_only,
    )
