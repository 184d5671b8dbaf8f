"""The shield: false stickers never lead to a charge, real ones do, and the driver is asked where it is not clear."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.geo import Datum, Point
from core.guncode import RULES, GunCode, Oddity, parse
from core.shield import (
    DriverPosition,
    FoundGun,
    LastScan,
    Reason,
    Ruling,
    Verdict,
    judge,
    last_four_fit,
    travel_kmh,
)
from core.station import Connector, ConnectorRef, Station
from tests.core.guncode_labels import WRITERS, Seeded, real_codes

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HERE = Point(22.5410, 114.0580)
STARCHARGE = ConnectorRef("313744932", "11000000000000010050638000")
LIDL = ConnectorRef("DELDL", "DE*LDL*E00001")


def gun(ref: ConnectorRef, *, label: str = "", may_sell: set[str] | None = None, **station: object) -> FoundGun:
    connector = Connector(ref, label=label)
    place = Station("s1", "partner", "1", "Lotus Hill", HERE, (connector,), **station)  # type: ignore[arg-type]  # any field
    return FoundGun(place, connector, may_sell)


def off(metres: float, *, age: timedelta = timedelta(), accuracy_m: float | None = 10.0) -> DriverPosition:
    """A driver so far north of the gun."""
    return DriverPosition(Point(HERE.lat + metres / 110_770, HERE.lng, accuracy_m=accuracy_m), NOW - age)


def rule(code: GunCode | str, found: FoundGun | None, where: DriverPosition | None, **more: object) -> Ruling:
    code = parse(code) if isinstance(code, str) else code
    return judge(code, found, where, NOW, **more)  # type: ignore[arg-type]  # last and limits


def named_by(text: str) -> ConnectorRef:
    """A gun in the catalogue that this code names, so that only the rest of the code can speak against it."""
    first = parse(text).candidates[0] if parse(text).candidates else STARCHARGE
    if isinstance(first, str):
        return ConnectorRef(first[:5], first)
    return first if first.operator_id else ConnectorRef("MA0000000", first.connector_id)


# --- where the driver stands --------------------------------------------------------------------------------

CODE = "https://qrcode.starcharge.com/#/10050638"


@pytest.mark.parametrize(
    ("where", "verdict", "reasons"),
    [
        (off(0), Verdict.PASS, ()),
        (off(190), Verdict.PASS, ()),
        (off(210), Verdict.ASK_STATION, (Reason.FARTHER_OFF,)),
        (off(1_950), Verdict.ASK_STATION, (Reason.FARTHER_OFF,)),
        (off(2_050), Verdict.REFUSE, (Reason.TOO_FAR,)),
        (off(2_050, accuracy_m=100), Verdict.ASK_STATION, (Reason.FARTHER_OFF,)),
        (off(40_000), Verdict.REFUSE, (Reason.TOO_FAR,)),
        (off(0, accuracy_m=None), Verdict.PASS, ()),
        (off(50, accuracy_m=900), Verdict.ASK_STATION, (Reason.COARSE_POSITION,)),
        (off(0, accuracy_m=5_000), Verdict.ASK_LAST_FOUR, (Reason.COARSE_POSITION,)),
        (off(0, accuracy_m=math.nan), Verdict.ASK_LAST_FOUR, (Reason.COARSE_POSITION,)),
        (off(0, age=timedelta(minutes=10)), Verdict.PASS, ()),
        (off(0, age=timedelta(minutes=11)), Verdict.ASK_LAST_FOUR, (Reason.OLD_POSITION,)),
        (off(40_000, age=timedelta(minutes=11)), Verdict.ASK_LAST_FOUR, (Reason.OLD_POSITION,)),
        (off(0, age=-timedelta(minutes=30)), Verdict.ASK_LAST_FOUR, (Reason.OLD_POSITION,)),
        (None, Verdict.ASK_LAST_FOUR, (Reason.NO_POSITION,)),
    ],
)
def test_where_the_driver_stands(where: DriverPosition | None, verdict: Verdict, reasons: tuple[Reason, ...]) -> None:
    ruling = rule(CODE, gun(STARCHARGE), where)
    assert (ruling.verdict, ruling.reasons) == (verdict, reasons)
    if where and ruling.distance_m is not None:
        assert ruling.distance_m == pytest.approx((where.point.lat - HERE.lat) * 110_770, abs=20)


def test_the_datum_of_the_position_counts() -> None:
    """The same numbers in two datums are half a kilometre apart in Shenzhen."""
    shifted = HERE.to(Datum.GCJ02)
    assert rule(CODE, gun(STARCHARGE), DriverPosition(shifted, NOW)).verdict is Verdict.PASS
    misread = DriverPosition(Point(shifted.lat, shifted.lng), NOW)
    assert rule(CODE, gun(STARCHARGE), misread).verdict is Verdict.ASK_STATION


# --- whose gun it is ----------------------------------------------------------------------------------------


def test_a_gun_nobody_knows_is_refused() -> None:
    assert rule(CODE, None, off(0)) == Ruling(Verdict.REFUSE, (Reason.UNKNOWN_GUN,), official="qrcode.starcharge.com")


def test_host_operator_and_id_must_agree() -> None:
    other_operator = gun(ConnectorRef("395815801", STARCHARGE.connector_id))
    assert rule(CODE, other_operator, off(0)).reasons == (Reason.OTHER_ID, Reason.OTHER_OPERATOR)
    other_gun = gun(ConnectorRef("313744932", "11000000000000010050639000"))
    assert rule(CODE, other_gun, off(0)).reasons == (Reason.OTHER_ID,)
    foreign = rule("https://e-mobility.lidl.de/qr?evseid=DE*EBW*E1", gun(ConnectorRef("DEEBW", "DE*EBW*E1")), off(0))
    assert (foreign.verdict, foreign.reasons) == (Verdict.REFUSE, (Oddity.FOREIGN_ID,))
    assert rule("https://e-mobility.lidl.de/qr?evseid=DE*LDL*E00001", gun(LIDL), off(0)).verdict is Verdict.PASS


def test_a_supplier_speaks_for_its_own_operators_only() -> None:
    hlht = f"hlht://{STARCHARGE.connector_id}.{STARCHARGE.operator_id}/"
    assert rule(hlht, gun(STARCHARGE, may_sell={"313744932"}), off(0)).verdict is Verdict.PASS
    rogue = rule(hlht, gun(STARCHARGE, may_sell={"MA0000000"}), off(0))
    assert (rogue.verdict, rogue.reasons) == (Verdict.REFUSE, (Reason.OTHER_NAMESPACE,))
    # An OCPI party that lists somebody else's EVSE id under its own name.
    taken = ConnectorRef("DEXXX", "DE*LDL*E00001")
    assert rule("DE*LDL*E00001", gun(taken, may_sell={"DEXXX"}), off(0)).reasons == (Reason.OTHER_NAMESPACE,)
    assert rule("DE*LDL*E00001", gun(taken, may_sell={"DEXXX", "DELDL"}), off(0)).verdict is Verdict.PASS
    unsaid = rule("DE*LDL*E00001", gun(taken), off(0))
    assert (unsaid.verdict, unsaid.reasons) == (Verdict.ASK_STATION, (Reason.PLATFORM,))


def test_a_guess_is_confirmed_by_the_station() -> None:
    assert rule("10050638", gun(STARCHARGE), off(0)).reasons == (Reason.GUESS,)
    assert rule("10050638", gun(STARCHARGE), off(40_000)).verdict is Verdict.REFUSE
    assert rule("10050638", gun(STARCHARGE), None).verdict is Verdict.ASK_LAST_FOUR


def test_a_pile_leads_to_its_own_guns_only() -> None:
    pile = "http://www.ykccn.com/MPAGE/index.html?pNum=32010600208123"
    assert rule(pile, gun(ConnectorRef("MA1MY0GF9", "3201060020812302")), off(0)).verdict is Verdict.PASS
    longer = ConnectorRef("MA1MY0GF9", "3201060020812302999")  # of a pile whose number begins alike
    for ref in (longer, ConnectorRef("MA1MY0GF9", "3201060020812402"), ConnectorRef("395815801", "3201060020812302")):
        assert rule(pile, gun(ref), off(0)).verdict is Verdict.REFUSE
    sure = "https://www.wodeev.com/ast/api/v0.1/guns/qrcode?pileNo=8801&gunNo=1&qrcode=880101"
    assert rule(sure, gun(ConnectorRef("MA5DT8Q54", "8801_2")), off(0)).reasons == (Reason.OTHER_ID,)


def test_one_evse_id_may_have_several_plugs() -> None:
    for connector_id in ("DE*LDL*E00001:2", "DELDLE00001", "DE*LDL*E0000*1"):
        assert rule("DE*LDL*E00001", gun(ConnectorRef("DELDL", connector_id)), off(0)).verdict is Verdict.PASS


# --- the last four characters -------------------------------------------------------------------------------


def test_the_last_four_characters() -> None:
    code, found = parse(CODE), gun(STARCHARGE, label="A-0717")
    for typed in ("8000", "0638", " 0 6 3 8 ", "0717", "0717\n"):
        assert last_four_fit(typed, code, found.connector), typed
    for typed in ("", "000", "0639", "38000", "717", "１２３４"):
        assert not last_four_fit(typed, code, found.connector), typed
    plug = gun(ConnectorRef("DELDL", "DE*LDL*E0a1B:2")).connector
    assert last_four_fit("0A1b", parse("DE*LDL*E0A1B"), plug)


# --- one account, two cities --------------------------------------------------------------------------------

BEIJING = Point(39.9042, 116.4074)


@pytest.mark.parametrize(
    ("ago", "where", "verdict"),
    [
        (timedelta(minutes=20), off(0), Verdict.REFUSE),
        (timedelta(minutes=20), None, Verdict.REFUSE),  # the gun itself is in the other city
        (timedelta(), off(0), Verdict.REFUSE),
        (-timedelta(hours=1), off(0), Verdict.REFUSE),
        (timedelta(hours=5), off(0), Verdict.ASK_LAST_FOUR),  # a plane, perhaps
        (timedelta(hours=9), off(0), Verdict.PASS),
    ],
)
def test_one_account_in_two_cities(ago: timedelta, where: DriverPosition | None, verdict: Verdict) -> None:
    ruling = rule(CODE, gun(STARCHARGE), where, last=LastScan(BEIJING, NOW - ago))
    assert ruling.verdict is verdict
    if verdict is Verdict.REFUSE:
        assert ruling.reasons == (Reason.TWO_CITIES,)


def test_within_one_city_nobody_is_too_fast() -> None:
    near = LastScan(Point(22.80, 114.20), NOW)
    assert travel_kmh(near, HERE, NOW) == 0
    assert travel_kmh(None, HERE, NOW) == 0
    assert travel_kmh(LastScan(BEIJING, NOW - timedelta(hours=10)), HERE, NOW) == pytest.approx(194, abs=3)


# --- the look-alike table -----------------------------------------------------------------------------------

TWINS = {"a": "а", "c": "с", "e": "е", "o": "о", "p": "р", "i": "і", "s": "ѕ", "h": "һ", "y": "у", "x": "х", "n": "п"}
SHAPES = {"o": "0", "l": "1", "i": "1", "m": "rn", "w": "vv", "e": "3", "s": "5", "a": "á", "g": "ɡ"}
HOSTS = sorted({(host, rule.name) for rule in RULES for host in rule.hosts})


def lookalikes(host: str) -> Iterator[str]:
    """What somebody registers, or writes before an @, to be taken for this host."""
    name = host.split(".")[-2]
    at = host.rindex(name)
    for number, letter in enumerate(name):
        for other in filter(None, (TWINS.get(letter), SHAPES.get(letter))):
            yield host[: at + number] + other + host[at + number + 1 :]
    if len(name) > 5:  # a slip in a shorter one makes another name: an unknown host, which is asked about
        for number in range(1, len(name) - 1):
            head, tail = host[: at + number], host[at + number :]
            yield head + tail[1:]
            yield head + tail[0] + tail
            if tail[0] != tail[1]:
                yield head + tail[1] + tail[0] + tail[2:]
    yield f"{host}.pay-ev.top"
    yield f"{host.replace('.', '-')}.top"
    yield f"{name}-pay.com"
    yield f"{name}.shop"
    yield f"www.{name}.{host}.evil.example"
    yield f"{host}@evil.example"
    yield f"{host}:8443@evil.example"
    yield f"user@{host}"
    yield f"{host}\\@evil.example"
    yield f"evil.example\\{host}"
    yield f"{host}:8443"
    yield "".join(chr(ord(letter) + 0xFEE0) if letter.isalnum() else letter for letter in host)
    yield host[:at] + (name[0] + "\u0430" + name[1:]).encode("idna").decode() + host[at + len(name) :]
    yield host[:2] + "\u200b" + host[2:]


def stickers() -> Iterator[tuple[str, ConnectorRef]]:
    """False stickers, each with the gun that it would lead to if it were believed."""
    for host, name in HOSTS:
        for seed in range(3):
            true = WRITERS[name](Seeded(seed)).text
            if host in true:
                for false in lookalikes(host):
                    yield true.replace(host, false, 1), named_by(true)
    evse, gun_of = "DE*LDL*E00001", LIDL
    for head in ("https://bit.ly", "https://t.cn", "https://qrco.de", "https://dwz.cn"):
        yield f"{head}/?evseid={evse}", gun_of
    for head in ("https://paypal.me/lidl", "https://qr.alipay.com/fkx", "https://payapp.weixin.qq.com/qr/AQ"):
        yield f"{head}?evseid={evse}", gun_of
    for head in ("https://buy.stripe.com/x", "https://wx.tenpay.com/x", "https://revolut.me/x"):
        yield f"{head}/{evse}", gun_of
    yield f"weixin://wxpay/bizpayurl?pr={evse}", gun_of
    yield f"alipays://platformapi/startapp?evseid={evse}", gun_of
    yield f"javascript:location='https://e-mobility.lidl.de/qr?evseid={evse}'", gun_of
    yield f"JaVaScript:https://e-mobility.lidl.de/qr?evseid={evse}", gun_of
    yield f"\tdata:text/html,{evse}", gun_of
    for ip in ("10.0.0.1", "2130706433", "0x7f.1", "[::1]"):
        yield f"https://{ip}/qr?evseid={evse}", gun_of
    for other in ("DE*EBW*E1", "FR*BPE*E1"):  # another operator's id on Lidl's host
        yield f"https://e-mobility.lidl.de/qr?evseid={other}", ConnectorRef(other.replace("*", "")[:5], other)
    yield "https://www.aral-pulse.de/webshop/details?evseid=DE*LDL*E00001", gun_of
    yield "hlht://11000000000000010050638000.395815801/", STARCHARGE  # StarCharge's number as TELD's


def test_no_false_sticker_is_accepted() -> None:
    table = list(stickers())
    rulings = [(text, rule(text, gun(ref), off(0))) for text, ref in table]
    accepted = [text for text, ruling in rulings if ruling.verdict is Verdict.PASS]
    assert accepted == []
    asked = [text for text, ruling in rulings if ruling.verdict is not Verdict.REFUSE]
    assert asked == []
    assert len(table) > 1_000


@pytest.mark.parametrize(
    "host",
    ["enercharge.at", "echargenetwork.com", "chargenet.lk", "stationcharge.fr", "chargepoint.com", "ionity.eu"],
)
def test_operators_with_similar_names_imitate_nobody(host: str) -> None:
    code = parse(f"https://{host}/qr?evseid=DE*LDL*E00001")
    assert code.oddities == (Oddity.UNKNOWN_HOST,)
    assert rule(code, gun(LIDL), off(0)).verdict is Verdict.ASK_STATION


def test_the_official_host_is_named() -> None:
    for text in (
        "https://qrcode.stаrcharge.com/#/10050638",
        "https://qrcode.starcharqe.com/#/10050638",
        "https://qrcode.starcharge.com.pay-ev.top/#/10050638",
        "https://qrcode.starcharge.com@evil.example/#/10050638",
    ):
        assert rule(text, gun(STARCHARGE), off(0)).official == "qrcode.starcharge.com", text
    strange = rule("https://qr.unheard-of.example/?evseid=DE*LDL*E00001", gun(LIDL), off(0))
    assert (strange.verdict, strange.reasons) == (Verdict.ASK_STATION, (Reason.UNKNOWN_HOST,))
    assert strange.official == "e-mobility.lidl.de"


def test_guns_far_away_and_in_other_namespaces_are_never_accepted() -> None:
    for text in real_codes(6):
        found = gun(named_by(text), may_sell={"MA9999999"})
        assert rule(text, found, off(0)).verdict is Verdict.REFUSE, text
        assert rule(text, gun(named_by(text)), off(40_000)).verdict is Verdict.REFUSE, text
        assert rule(text, None, off(0)).verdict is Verdict.REFUSE, text


def test_real_labels_beside_the_driver_are_not_refused() -> None:
    codes = [text for text in real_codes() if parse(text).names == "gun"]
    refused = [text for text in codes if rule(text, gun(named_by(text)), off(0)).verdict is Verdict.REFUSE]
    assert len(codes) >= 300
    assert len(refused) / len(codes) < 0.02, refused
