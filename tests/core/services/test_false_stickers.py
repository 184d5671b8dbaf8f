"""The look-alike table through the product's own door: nothing false is ever accepted, real labels are not refused.

`-s` prints the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from core.geo import Point
from core.scan import ScanSource, ScanState
from core.services.guns import GunService
from core.shield import DriverPosition
from core.station import Connector, Station, station_key
from core.user import Channel, Identity
from tests.core.stickers import Sticker, real_labels, stickers
from tests.world import HERE, SUPPLIER, Listed, World, make_world

OFF_40_KM = Point(HERE.lat + 0.36, HERE.lng)
QUESTIONS = {ScanState.WHICH_GUN, ScanState.ASK_STATION, ScanState.ASK_LAST_FOUR}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    world.services.database.close()  # type: ignore[attr-defined]  # it is the SQL one


def listed(world: World, labels: Iterable[Sticker]) -> None:
    """All guns that these labels would lead to stand right here."""
    guns = tuple(Connector(ref) for ref in dict.fromkeys(label.gun for label in labels))
    hall = Station(station_key(SUPPLIER.id, "hall"), SUPPLIER.id, "hall", "Hall", HERE, guns)
    world.load(Listed([hall]))


def states(world: World, labels: Iterable[Sticker], *, at: Point = HERE) -> list[tuple[Sticker, ScanState]]:
    guns: GunService = world.services.guns
    lin = world.services.accounts.greet(Identity(Channel.TELEGRAM, "1"), "en").user.id
    told = []
    for label in labels:
        world.clock.advance(minutes=16)  # who is refused all the time has to wait
        position = DriverPosition(at, world.clock.now())
        told.append((label, guns.identify(lin, label.text, ScanSource.PHOTO, position=position).scan.state))
    return told


def show(title: str, told: list[tuple[Sticker, ScanState]]) -> None:
    print(f"\n{title:32}{'tried':>7}{'accepted':>10}{'asked':>7}{'refused':>9}")
    counted = Counter((label.kind, state) for label, state in told)
    for kind in dict.fromkeys(label.kind for label, _ in told):
        of_kind = {state: counted[kind, state] for state in ScanState}
        asked = sum(of_kind[state] for state in QUESTIONS)
        print(f"{kind:32}{sum(of_kind.values()):>7}{of_kind[ScanState.PASSED]:>10}{asked:>7}", end="")
        print(f"{of_kind[ScanState.REFUSED]:>9}")


def test_no_false_sticker_passes_the_door(world: World) -> None:
    table = list(stickers(seeds=1))
    listed(world, table)
    told = states(world, table)
    real = real_labels(2)
    listed(world, real)
    world.services.guns.scanning.may_sell = {SUPPLIER.id: {"MA9999999"}}
    told += [(one._replace(kind="another supplier's gun"), state) for one, state in states(world, real)]
    world.services.guns.scanning.may_sell = {}
    told += [(one._replace(kind="a gun 40 km away"), state) for one, state in states(world, real, at=OFF_40_KM)]
    show("false stickers at the door", told)
    assert [label.text for label, state in told if state is not ScanState.REFUSED] == []
    assert len(told) > 500


def test_real_labels_are_refused_less_than_twice_in_a_hundred(world: World) -> None:
    real = real_labels(12)
    listed(world, real)
    told = states(world, real)
    show("real labels at the door", told)
    refused = [label.text for label, state in told if state is ScanState.REFUSED]
    assert len(real) >= 300
    assert len(refused) / len(real) < 0.02, refused
