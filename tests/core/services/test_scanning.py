"""From a text to the guns of a real catalogue, on both engines, and what is said of it in both languages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bots.wording import phrases, wording
from core.errors import NotFound
from core.geo import Point
from core.guncode import LooksLike, Oddity, gun_payload, parse
from core.services.scanning import SENTENCES, Resolved, ScanningService
from core.shield import DriverPosition, LastScan, Reason, Verdict
from core.station import Connector, ConnectorRef, Station, Supplier
from storage.index import InMemoryStationIndex
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import BAMBOO, LOTUS, NOON, save, station
from tests.world import SetClock

HERE = Point(22.5400, 114.0500, accuracy_m=10)
FAR = Point(22.9000, 114.0500)
TELD, YKC, STARCHARGE = "395815801", "MA1MY0GF9", "313744932"


def gun(operator_id: str, connector_id: str, **more: Any) -> Connector:
    return Connector(ConnectorRef(operator_id, connector_id), **more)


def at(name: str, *guns: Connector, point: Point = HERE, supplier: Supplier = LOTUS, **more: Any) -> Station:
    return station(name, *guns, name=name, point=Point(point.lat, point.lng), supplier=supplier, **more)


CATALOGUE = (
    at("Teld Park", gun(TELD, "3702030162102", label="A01"), gun(TELD, "3702030162103", label="A02")),
    at("Star Court", gun(STARCHARGE, "11000000000000010050638000"), gun(STARCHARGE, "12000000000000010120815001")),
    at("Cloud Yard", *(gun(YKC, f"320106002081230{n}", pile="Pile 7") for n in (1, 2)), gun(YKC, "3201060020812401")),
    at("Hof", gun("DEABC", "DE*ABC*E12*34", label="07"), gun("DEABC", "DE*ABC*E99:1"), gun("DEABC", "DE*ABC*E99:2")),
    at("Laden", gun("49839", "+49*839*012*3456"), point=FAR),
    at("Pool", gun("FRVOL", "FRVOLE1"), gun("FRVOL", "FRVOLE2"), global_id="FRVOLP77", supplier=BAMBOO),
    at("Device", *(gun("MA0000001", f"37020100010{n}") for n in (1, 2))),
)  # fmt: skip


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOON)


@pytest.fixture
def index(database: SqlDatabase, clock: SetClock) -> InMemoryStationIndex:
    save(database, *CATALOGUE)
    index = InMemoryStationIndex(database, clock)
    index.refresh()
    return index


@pytest.fixture
def scanning(database: SqlDatabase, index: InMemoryStationIndex, clock: SetClock) -> ScanningService:
    return ScanningService(database, index, clock)


def named(resolved: Resolved) -> list[str]:
    return sorted(one.connector.ref.connector_id for one in resolved.found)


@pytest.mark.parametrize(
    ("text", "guns"),
    [
        ("hlht://3702030162102.395815801/", ["3702030162102"]),
        ("https://qrcode.starcharge.com/#/10050638", ["11000000000000010050638000"]),
        ("1012 0815 01", ["12000000000000010120815001"]),
        ("http://www.ykccn.com/MPAGE/index.html?pNum=3201060020812302", ["3201060020812302"]),
        ("https://m.intercharge.eu/qr?evseid=DE%2AABC%2AE12%2A34", ["DE*ABC*E12*34"]),
        ("DEABCE1234", ["DE*ABC*E12*34"]),
        ("de*abc*e1234", ["DE*ABC*E12*34"]),
        ("DE-ABC-E1234", ["DE*ABC*E12*34"]),
        ("+49*839*0123456", ["+49*839*012*3456"]),
        ("FR*VOL*E1", ["FRVOLE1"]),
        ("3702030162103", ["3702030162103"]),
        (gun_payload(ConnectorRef(TELD, "3702030162102")), ["3702030162102"]),
        ('{"OperatorID": "395815801", "ConnectorID": "3702030162102"}', ["3702030162102"]),
    ],
)
def test_a_code_leads_to_its_gun(scanning: ScanningService, text: str, guns: list[str]) -> None:
    resolved = scanning.resolve(text)
    assert named(resolved) == guns
    assert len(resolved.guns) == 1
    assert resolved.choices == ()


@pytest.mark.parametrize(
    ("text", "guns"),
    [
        ("http://www.ykccn.com/MPAGE/index.html?pNum=32010600208123", ["3201060020812301", "3201060020812302"]),
        ("DE*ABC*E99", ["DE*ABC*E99:1", "DE*ABC*E99:2"]),
        # A gun that this maker counts otherwise: all of the device are offered, none is taken for it.
        ("https://cdn-evone-oss.echargenet.com/IntentServe/index.html?M&qrcode=gwwl//:1031:1.0.0:3:3702010001"
         ":FFFFFFFFFFFF:000", ["370201000101", "370201000102"]),
    ],
)  # fmt: skip
def test_several_guns_are_chosen_from(scanning: ScanningService, text: str, guns: list[str]) -> None:
    resolved = scanning.resolve(text)
    assert [one.connector.ref.connector_id for one in resolved.choices] == guns
    decided = scanning.decide(resolved, DriverPosition(HERE, NOON))
    assert (decided.problem.code if decided.problem else "") == "scan_which_gun"
    assert decided.choices == resolved.choices
    second = resolved.choices[1].connector.ref
    chosen = resolved.choose(second)
    assert [one.connector.ref for one in chosen.guns] == [second]
    assert scanning.decide(chosen, DriverPosition(HERE, NOON)).ruling.verdict in {Verdict.PASS, Verdict.ASK_STATION}
    with pytest.raises(NotFound, match="no_such_gun"):
        resolved.choose(ConnectorRef(TELD, "3702030162102"))


def test_a_pile_number_that_half_the_catalogue_begins_with_means_the_pile_here(
    scanning: ScanningService, index: InMemoryStationIndex, database: SqlDatabase
) -> None:
    text = "https://www.ahttcd.cn/towercharge/open?equipmentid=5"
    save(database, at("Tower", gun("MA0000002", "501"), gun("MA0000002", "502")))
    assert named(scanning.resolve(text)) == ["501", "502"]
    save(database, at("Row", *(gun("MA0000003", f"5{n:04d}") for n in range(600)), point=FAR))
    index.refresh()
    assert scanning.resolve(text).found == ()
    assert named(scanning.resolve(text, near=HERE)) == ["501", "502"]


def test_what_stands_on_a_gun_means_the_gun_beside_the_driver(scanning: ScanningService) -> None:
    assert scanning.resolve("07").found == ()
    beside = scanning.resolve("07", near=HERE)
    assert named(beside) == ["DE*ABC*E12*34"]
    assert scanning.decide(beside, DriverPosition(HERE, NOON)).ruling.verdict is Verdict.ASK_STATION
    assert named(scanning.resolve("2103", near=HERE)) == ["3702030162103"]
    assert scanning.resolve("07", near=FAR).found == ()
    assert named(scanning.resolve("FR*VOL*P77", near=HERE)) == ["FRVOLE1", "FRVOLE2"]


def test_a_label_means_the_gun_here_and_not_one_of_that_number_far_away(
    scanning: ScanningService, database: SqlDatabase
) -> None:
    save(database, at("Tiny Net", gun("XXTNY", "07"), point=FAR))
    assert named(scanning.resolve("07", near=HERE)) == ["DE*ABC*E12*34"]
    assert named(scanning.resolve("07")) == ["07"]
    assert scanning.decide(scanning.resolve("07"), DriverPosition(HERE, NOON)).ruling.verdict is Verdict.REFUSE


def test_case_counts_in_an_operators_number(scanning: ScanningService, database: SqlDatabase) -> None:
    save(database, at("Mixed", gun("MA27YQ0R4", "32010600208123D1")))
    assert named(scanning.resolve("hlht://32010600208123D1.MA27YQ0R4/")) == ["32010600208123D1"]
    assert scanning.resolve("hlht://32010600208123d1.MA27YQ0R4/").found == ()


def test_a_removed_station_has_no_guns(scanning: ScanningService, database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.catalogue.remove(LOTUS.id, ["Teld Park"], NOON + timedelta(minutes=1))
    assert scanning.resolve("hlht://3702030162102.395815801/").found == ()


def test_the_same_number_of_another_operator_is_another_gun(scanning: ScanningService) -> None:
    resolved = scanning.resolve("hlht://3702030162102.313744932/")
    assert resolved.found == ()
    assert len(resolved.elsewhere) == 1
    decided = scanning.decide(resolved, DriverPosition(HERE, NOON))
    assert decided.ruling.verdict is Verdict.REFUSE
    assert Reason.OTHER_OPERATOR in decided.ruling.reasons
    assert decided.problem is not None
    assert decided.problem.code == "scan_disagrees"


def test_of_two_suppliers_the_one_that_may_sell_the_gun(
    database: SqlDatabase, index: InMemoryStationIndex, clock: SetClock
) -> None:
    save(database, at("Copy of Teld Park", gun(TELD, "3702030162102"), supplier=BAMBOO))
    declared = {LOTUS.id: {TELD}, BAMBOO.id: {"MA9999999"}}
    scanning = ScanningService(database, index, clock, may_sell=declared)
    resolved = scanning.resolve("hlht://3702030162102.395815801/")
    assert len(resolved.guns) == 2
    decided = scanning.decide(resolved, DriverPosition(HERE, NOON))
    assert decided.ruling.verdict is Verdict.PASS
    assert decided.gun is not None
    assert decided.gun.station.supplier_id == LOTUS.id
    only_the_rogue = ScanningService(database, index, clock, may_sell={LOTUS.id: set(), BAMBOO.id: {"MA9999999"}})
    assert only_the_rogue.decide(resolved_by(only_the_rogue), DriverPosition(HERE, NOON)).gun is not None
    assert only_the_rogue.decide(resolved_by(only_the_rogue), DriverPosition(HERE, NOON)).problem is not None


def resolved_by(scanning: ScanningService) -> Resolved:
    return scanning.resolve("hlht://3702030162102.395815801/")


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [
        ("hlht://3702030162102.395815801/", HERE, ""),
        ("hlht://3702030162102.395815801/", FAR, "scan_too_far"),
        ("hlht://3702030162102.395815801/", None, "scan_ask_last_four"),
        ("3702030162102", HERE, "scan_ask_station"),
        ("hlht://9999.395815801/", HERE, "no_such_gun"),
        ("https://qrcode.stаrcharge.com/#/10050638", HERE, "scan_lookalike"),
        ("https://qrcode.starcharge.com@evil.example/#/10050638", HERE, "scan_lookalike"),
        ("https://10.0.0.1/?evseid=DE*ABC*E1234", HERE, "scan_disguised"),
        ("weixin://wxpay/bizpayurl?pr=1", HERE, "code_payment"),
        ("https://bit.ly/?evseid=DE*ABC*E1234", HERE, "code_short_link"),
        ("javascript:alert(1)", HERE, "code_script"),
        ("https://e-mobility.lidl.de/qr?evseid=DE*ABC*E1234", HERE, "scan_disagrees"),
        ("https://news.example/", HERE, "code_web_page"),
        ("", HERE, "code_empty"),
    ],
)
def test_what_is_said(scanning: ScanningService, text: str, where: Point | None, code: str) -> None:
    resolved = scanning.resolve(text)
    decided = scanning.decide(resolved, DriverPosition(where, NOON) if where else None)
    assert (decided.problem.code if decided.problem else "") == code
    for language in ("en", "zh-CN"):
        if decided.problem:
            sentence = phrases.error(wording(language), decided.problem)
            assert "{" not in sentence
            assert sentence != phrases.trouble(wording(language))
    if code == "scan_lookalike" and decided.problem:
        assert decided.problem.params["official"] == "qrcode.starcharge.com"
    if code == "scan_too_far" and decided.problem:
        assert (decided.problem.params["station"], decided.problem.params["km"]) == ("Teld Park", "39.9")


def test_one_account_in_two_cities(scanning: ScanningService) -> None:
    beijing = LastScan(Point(39.9042, 116.4074), NOON - timedelta(minutes=30))
    resolved = scanning.resolve("hlht://3702030162102.395815801/")
    decided = scanning.decide(resolved, DriverPosition(HERE, NOON), beijing)
    assert decided.problem is not None
    assert decided.problem.code == "scan_two_cities"


def test_everything_that_can_be_said_has_its_sentence() -> None:
    asked = {Oddity.UNKNOWN_HOST}
    assert {*Oddity} - asked <= set(SENTENCES)
    assert set(SENTENCES.values()) <= set(phrases._ERRORS)
    assert {f"code_{looks.value}" for looks in LooksLike} <= set(phrases._ERRORS)


def test_names_of_strangers_are_cut_and_cleaned(scanning: ScanningService, database: SqlDatabase) -> None:
    save(database, at("Evil", gun(TELD, "777"), point=FAR, supplier=BAMBOO))
    with database.write() as unit:
        (told,) = unit.catalogue.stations(unit.catalogue.stations_with(["777"]))
        rude = Station(**{name: getattr(told, name) for name in told.__slots__} | {"name": "a\n\u202e" + "b" * 500})
        unit.catalogue.save_stations([rude], NOON)
    decided = scanning.decide(scanning.resolve("hlht://777.395815801/"), DriverPosition(HERE, NOON))
    assert decided.problem is not None
    name = str(decided.problem.params["station"])
    assert name.isprintable()
    assert len(name) == 60


def test_looking_up_what_begins_alike_is_exact(scanning: ScanningService, database: SqlDatabase) -> None:
    """Byte by byte on both engines: a language's order would leave stars out."""
    many = [gun("DEABC", f"DE*ABC*E5{n:03d}") for n in range(40)] + [
        gun("DEABC", "DE*ABC*E5*1"),
        gun("DEABC", "de*abc*e6"),
    ]
    save(database, at("Row", *many))
    with database.read() as unit:
        assert unit.catalogue.connector_ids("DE*ABC*E5*", 10) == ["DE*ABC*E5*1"]
        assert unit.catalogue.connector_ids("DE*ABC*E50", 3) == ["DE*ABC*E5000", "DE*ABC*E5001", "DE*ABC*E5002"]
        assert unit.catalogue.connector_ids("DE*ABC*E6", 3) == []
    assert named(scanning.resolve("DEABCE51")) == ["DE*ABC*E5*1"]
    assert parse("DEABCE51").candidates == ("DEABCE51",)
