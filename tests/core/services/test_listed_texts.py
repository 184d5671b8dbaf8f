"""What operators list as printed on their guns: it leads there before any rule of ours, and hides nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.geo import Point
from core.guncode import LooksLike, parse
from core.services.scanning import VOUCHED_FOR, Resolved, ScanningService
from core.shield import DriverPosition, Reason, Verdict
from core.station import Connector, ConnectorRef, Station
from storage.index import InMemoryStationIndex
from storage.unit_of_work import SqlDatabase
from tests.core.guncode_labels import WRITERS, Drawn
from tests.storage.samples import BAMBOO, LOTUS, NOON, save, station
from tests.world import SetClock

HERE = Point(22.5400, 114.0500)
FAR = Point(22.9000, 114.0500)
BESIDE = DriverPosition(HERE, NOON)
MINE, TELD = "MA0000001", "395815801"
STRANGE = "https://qr.unheard-of.example/p/77?x=A%2fb"
EACH = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def gun(connector_id: str, *texts: str, operator_id: str = MINE, **more: Any) -> Connector:
    return Connector(ConnectorRef(operator_id, connector_id), qr_texts=texts, **more)


def at(name: str, *guns: Connector, point: Point = HERE, **more: Any) -> Station:
    return station(name, *guns, name=name, point=point, **more)


@pytest.fixture
def scanning(database: SqlDatabase) -> ScanningService:
    clock = SetClock(NOON)
    index = InMemoryStationIndex(database, clock)
    index.refresh()
    return ScanningService(database, index, clock)


def named(resolved: Resolved) -> list[str]:
    return sorted(one.connector.ref.connector_id for one in resolved.found)


def verdict(scanning: ScanningService, text: str) -> Verdict:
    return scanning.decide(scanning.resolve(text, HERE), BESIDE).ruling.verdict


def speakable(text: str) -> bool:
    code = parse(text)
    return VOUCHED_FOR.issuperset(code.oddities) and code.looks_like not in {LooksLike.EMPTY, LooksLike.LINK_CODE}


ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60).filter(str.isprintable)


@EACH
@given(st.data())
def test_a_listed_text_always_leads_to_its_gun(
    database: SqlDatabase, scanning: ScanningService, data: st.DataObject
) -> None:
    """Labels of every rule with other numbers than the gun's, and any text at all."""
    drawn = Drawn(data.draw)
    labels = [WRITERS[drawn.pick(sorted(WRITERS))](drawn).text.strip() for _ in range(12)]
    texts = [one for one in dict.fromkeys((*labels, *data.draw(st.lists(ANY_TEXT, max_size=12)))) if speakable(one)]
    guns = [gun(f"listed-{n}", one, operator_id=owner(one)) for n, one in enumerate(texts)]
    save(database, at("Listed", *guns))
    for number, text in enumerate(texts):
        resolved = scanning.resolve(text)
        assert f"listed-{number}" in named(resolved), text
        assert resolved.code.text == text
        ruling = scanning.decide(resolved.choose(guns[number].ref), BESIDE).ruling
        assert ruling.verdict in {Verdict.PASS, Verdict.ASK_STATION}, (text, ruling)
        assert not set(ruling.reasons) - {Reason.PLATFORM, Reason.GUESS}, (text, ruling)


def owner(text: str) -> str:
    """Who may list this text: whom it names itself."""
    code = parse(text)
    issuer = code.evse_id[:2] + code.evse_id[3:6] if code.evse_id[2:3] in {"*", "-"} else ""
    return code.operator_id or issuer.upper() or MINE  # a label may be in small letters, an operator's id is not


def test_it_stands_before_our_rules_and_needs_none(database: SqlDatabase, scanning: ScanningService) -> None:
    words, hlht = "扫码充电 A区-07", "hlht://3702030162102.395815801/"
    save(
        database,
        at("Teld Park", gun("3702030162102", operator_id=TELD), gun("9", hlht, operator_id=TELD)),
        at("Strange", gun("1", STRANGE, words)),
    )
    assert named(scanning.resolve(hlht)) == ["9"]
    assert named(scanning.resolve("hlht://3702030162102.395815801")) == ["3702030162102"]
    for text in (STRANGE, words, f" {words}\n"):
        resolved = scanning.resolve(text)
        assert (named(resolved), resolved.code.known, resolved.code.rule) == (["1"], True, "listed")
        assert scanning.decide(resolved, BESIDE).problem is None
        assert scanning.decide(resolved, DriverPosition(FAR, NOON)).ruling.reasons == (Reason.TOO_FAR,)
        assert scanning.decide(resolved, None).ruling.verdict is Verdict.ASK_LAST_FOUR
    for other in (STRANGE.replace("2f", "2F"), STRANGE + "/", STRANGE.replace("https", "http"), words[:-1]):
        assert scanning.resolve(other).found == (), other


def test_one_text_on_several_guns_asks_which(database: SqlDatabase, scanning: ScanningService) -> None:
    save(database, at("Double", gun("1", STRANGE), gun("2", STRANGE), gun("3")))
    decided = scanning.decide(scanning.resolve(STRANGE), BESIDE)
    assert [one.connector.ref.connector_id for one in decided.choices] == ["1", "2"]
    assert decided.problem is not None
    assert decided.problem.code == "scan_which_gun"


@pytest.mark.parametrize(
    "text",
    [
        "javascript:location='https://qr.unheard-of.example'",
        "https://qrcode.stаrcharge.com/#/10050638",
        "https://qrcode.starcharge.com@evil.example/#/10050638",
        "https://paypal.me/charge",
        "weixin://wxpay/bizpayurl?pr=1",
        "https://bit.ly/3charge",
        "https://qr.unheard-of.exam\u200bple/1",
    ],
)
def test_a_dangerous_text_stays_refused_whoever_lists_it(
    database: SqlDatabase, scanning: ScanningService, text: str
) -> None:
    save(database, at("Rogue", gun("1", text)))
    assert verdict(scanning, text) is Verdict.REFUSE


def test_a_list_speaks_for_its_own_operator_alone(database: SqlDatabase, scanning: ScanningService) -> None:
    hlht, evse, typed = "hlht://3702030162102.395815801/", "DE*ABC*E1234", "3702030162102"
    save(
        database,
        at("Teld Park", gun("3702030162102", operator_id=TELD), gun("DE*ABC*E1234", operator_id="DEABC")),
        at("Rogue", gun("rogue", hlht, evse, typed), supplier=BAMBOO),
    )
    assert named(scanning.resolve(hlht)) == ["3702030162102"]
    assert named(scanning.resolve(evse)) == ["DE*ABC*E1234"]
    assert verdict(scanning, hlht) is Verdict.PASS
    # A bare number does not say whose it is: the driver does.
    decided = scanning.decide(scanning.resolve(typed, HERE), BESIDE)
    assert {one.connector.ref.connector_id for one in decided.choices} == {"3702030162102", "rogue"}


def test_a_rogue_far_away_takes_no_number_from_the_gun_here(database: SqlDatabase, scanning: ScanningService) -> None:
    save(
        database,
        at("Teld Park", gun("3702030162102", operator_id=TELD, label="07")),
        at("Rogue", gun("rogue", "3702030162102", "07"), point=FAR, supplier=BAMBOO),
    )
    scanning.index.refresh()
    for typed in ("3702030162102", "07"):
        decided = scanning.decide(scanning.resolve(typed, HERE), BESIDE)
        assert decided.gun is not None, typed
        assert decided.gun.connector.ref.connector_id == "3702030162102"
        assert decided.ruling.reasons == (Reason.GUESS,)


def test_who_may_not_sell_the_gun_is_refused(database: SqlDatabase, scanning: ScanningService) -> None:
    save(database, at("Taken", gun("1", STRANGE)))
    scanning.may_sell = {LOTUS.id: {TELD}}
    ruling = scanning.decide(scanning.resolve(STRANGE), BESIDE).ruling
    assert (ruling.verdict, ruling.reasons) == (Verdict.REFUSE, (Reason.OTHER_NAMESPACE,))


def test_texts_change_and_go_with_their_station(database: SqlDatabase, scanning: ScanningService) -> None:
    first = at("Here", gun("1", "text one", "text two"), gun("2", "text two"))
    with database.write() as unit:
        unit.catalogue.save_supplier(LOTUS)
        assert unit.catalogue.save_stations([first], NOON).added == [first.id]
        assert unit.catalogue.save_stations([first], NOON).unchanged == 1
    assert named(scanning.resolve("text two")) == ["1", "2"]
    second = replace(first, connectors=(gun("1", "text three"), gun("2")))
    with database.write() as unit:
        assert unit.catalogue.save_stations([second], NOON + timedelta(minutes=1)).changed == [first.id]
    assert [named(scanning.resolve(f"text {n}")) for n in ("one", "two", "three")] == [[], [], ["1"]]
    with database.write() as unit:
        unit.catalogue.remove(LOTUS.id, ["Here"], NOON + timedelta(minutes=2))
        assert unit.catalogue.guns_with_text(["text three"]) == []
    with database.write() as unit:
        assert unit.catalogue.save_stations([second], NOON + timedelta(minutes=3)).added == [first.id]
    assert named(scanning.resolve("text three")) == ["1"]


def test_what_is_printed_is_part_of_what_a_list_says(database: SqlDatabase) -> None:
    plain, printed = at("Plain", gun("1")), at("Plain", gun("1", "text"))
    save(database, plain)
    with database.write() as unit:
        assert unit.catalogue.save_stations([plain], NOON).unchanged == 1
        assert unit.catalogue.save_stations([printed], NOON).changed == [plain.id]
        assert unit.catalogue.save_stations([plain], NOON).changed == [plain.id]
        assert unit.catalogue.guns_with_text(["text"]) == []


def test_the_longest_text_has_room(database: SqlDatabase, scanning: ScanningService) -> None:
    """PostgreSQL keeps no more than 2,704 bytes in an index."""
    longest = "".join(chr(0x1F300 + n % 700) for n in range(500))
    save(database, at("Long", gun("g" * 64, longest)))
    assert named(scanning.resolve(longest)) == ["g" * 64]
