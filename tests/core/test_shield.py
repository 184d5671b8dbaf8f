"""The shield: false stickers never lead to a charge, real ones do, and the driver is asked where it is not clear."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from core.geo import Datum, Point
from core.guncode import GunCode, Oddity, parse
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
from tests.core.guncode_labels import real_codes
from tests.core.stickers import LIDL, STARCHARGE, gun_of, stickers

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HERE = Point(22.5410, 114.0580)


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


@pytest.mark.parametrize(
    "sticker",
    [
        '{"chargingStationID": "8801", "connectorID": "4711"}',
        "https://cdn-evone-oss.echargenet.com/IntentServe/index.html?M&qrcode=gwwl//:1031:1.0.0:3:8801:FFFFFFFFFFFF:4711",
    ],
)
def test_what_a_sticker_says_to_be_printed_on_the_gun_proves_nothing(sticker: str) -> None:
    """Pasted on gun …4711, it names the gun at which another car waits."""
    code, elsewhere = parse(sticker), gun(ConnectorRef("MA5DT8Q54", "880102"))
    assert rule(sticker, elsewhere, None).verdict is Verdict.ASK_LAST_FOUR
    assert not last_four_fit("4711", code, elsewhere.connector)
    assert last_four_fit("0102", code, elsewhere.connector)


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


def test_no_false_sticker_is_accepted() -> None:
    table = list(stickers())
    rulings = [(text, rule(text, gun(ref), off(0))) for _, text, ref in table]
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
        found = gun(gun_of(text), may_sell={"MA9999999"})
        assert rule(text, found, off(0)).verdict is Verdict.REFUSE, text
        assert rule(text, gun(gun_of(text)), off(40_000)).verdict is Verdict.REFUSE, text
        assert rule(text, None, off(0)).verdict is Verdict.REFUSE, text


def test_real_labels_beside_the_driver_are_not_refused() -> None:
    codes = [text for text in real_codes() if parse(text).names == "gun"]
    refused = [text for text in codes if rule(text, gun(gun_of(text)), off(0)).verdict is Verdict.REFUSE]
    assert len(codes) >= 300
    assert len(refused) / len(codes) < 0.02, refused
