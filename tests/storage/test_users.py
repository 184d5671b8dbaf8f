"""People, on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from threading import Barrier

import pytest

from core.station import Facility, Plug
from core.user import Channel, ConsentPurpose, Identity, User
from core.wishes import Filters, Mode
from storage.tables import consents, identities, kept_searches, users
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes, rows

LIN = Identity(Channel.TELEGRAM, "4711")
WEI = Identity(Channel.WECHAT, "4711")
HISTORY = ConsentPurpose.POSITION_HISTORY


def register(database: SqlDatabase, identity: Identity = LIN) -> User:
    with database.write() as unit:
        return unit.users.register(identity, "zh-CN", NOON)[0]


def test_registering_twice_is_registering_once(database: SqlDatabase) -> None:
    with database.write() as unit:
        lin, new = unit.users.register(LIN, "zh-CN", NOON)
    assert new
    assert (lin.language, lin.created_at) == ("zh-CN", NOON)
    with database.write() as unit:
        assert unit.users.register(LIN, "en", NOON + minutes(1)) == (lin, False)
    wei = register(database, WEI)
    assert wei.id != lin.id
    with database.read() as unit:
        assert unit.users.by_identity(LIN) == lin == unit.users.get(lin.id)
        assert unit.users.by_identity(Identity(Channel.TELEGRAM, "Chen")) is None
        assert unit.users.get("Chen") is None


def test_many_at_once_are_one_person(database: SqlDatabase) -> None:
    together = Barrier(8)

    def meet(_: int) -> tuple[User, bool]:
        together.wait(30)
        with database.write() as unit:
            return unit.users.register(LIN, "en", NOON)

    with ThreadPoolExecutor(8) as pool:
        met = list(pool.map(meet, range(8)))
    assert len({user.id for user, _ in met}) == 1
    assert sum(new for _, new in met) == 1
    assert (len(rows(database, users)), len(rows(database, identities))) == (1, 1)


def test_what_a_person_told_us_is_kept_exactly(database: SqlDatabase) -> None:
    lin = register(database)
    told = replace(
        lin,
        language="en",
        energy_kwh=Decimal("42.50"),
        mode=Mode.HURRY,
        filters=Filters(
            plugs=frozenset({Plug.GBT_DC, Plug.CCS2}),
            min_power_kw=Decimal("60.0"),
            price_cap=Decimal("35.5"),
            operators=frozenset({"莲花"}),
            free_now=True,
            open_now=True,
            free_parking=True,
            facilities=frozenset({Facility.WIFI}),
        ),
        asked=frozenset({"energy", "hurry"}),
        reachable=False,
        stopped=True,
    )
    with database.write() as unit:
        unit.users.save(told)
    with database.read() as unit:
        assert unit.users.get(lin.id) == told
    with pytest.raises(LookupError), database.write() as unit:
        unit.users.save(replace(told, id="Chen"))


def test_changes_at_once_are_not_lost(database: SqlDatabase) -> None:
    lin = register(database)

    def eat(_: int) -> None:
        for _ in range(10):
            with database.write() as unit:
                known = unit.users.get(lin.id)
                assert known is not None
                unit.users.save(replace(known, energy_kwh=known.energy_kwh + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(eat, range(4)))
    with database.read() as unit:
        after = unit.users.get(lin.id)
    assert after is not None
    assert after.energy_kwh == lin.energy_kwh + 40


def test_searches_are_kept_only_with_consent(database: SqlDatabase) -> None:
    lin, wei = register(database), register(database, WEI)
    cell = (22.54, 114.06)
    with pytest.raises(ValueError, match="not agreed"), database.write() as unit:
        unit.users.keep_search(lin.id, cell, NOON)
    for one in (lin, wei):
        with database.write() as unit:
            unit.users.grant_consent(one.id, HISTORY, 1, NOON)
            unit.users.grant_consent(one.id, HISTORY, 1, NOON + minutes(1))
            unit.users.keep_search(one.id, cell, NOON)
            unit.users.keep_search(one.id, cell, NOON + minutes(2))
    with database.write() as unit:
        assert unit.users.has_consent(lin.id, HISTORY)
        unit.users.withdraw_consent(lin.id, HISTORY, NOON + minutes(3))
        assert not unit.users.has_consent(lin.id, HISTORY)
        assert unit.users.has_consent(wei.id, HISTORY)
    with pytest.raises(ValueError, match="not agreed"), database.write() as unit:
        unit.users.keep_search(lin.id, cell, NOON + minutes(4))
    kept = [(row.user_id, row.cell_lat, row.cell_lng, row.searched_at) for row in rows(database, kept_searches)]
    assert kept == [(wei.id, *cell, NOON), (wei.id, *cell, NOON + minutes(2))]
    with database.write() as unit:
        assert unit.users.forget_searches(NOON + minutes(1)) == 1
    assert len(rows(database, kept_searches)) == 1


def test_the_history_of_consents_stays(database: SqlDatabase) -> None:
    lin = register(database)
    with database.write() as unit:
        unit.users.grant_consent(lin.id, HISTORY, 1, NOON)
        unit.users.grant_consent(lin.id, HISTORY, 2, NOON + minutes(1))
        unit.users.keep_search(lin.id, (1.0, 2.0), NOON)
        unit.users.withdraw_consent(lin.id, HISTORY, NOON + minutes(2))
        unit.users.withdraw_consent(lin.id, HISTORY, NOON + minutes(3))
        unit.users.grant_consent(lin.id, HISTORY, 2, NOON + minutes(4))
    assert [(row.version, row.granted_at, row.withdrawn_at) for row in rows(database, consents)] == [
        (1, NOON, NOON + minutes(1)),
        (2, NOON + minutes(1), NOON + minutes(2)),
        (2, NOON + minutes(4), None),
    ]
