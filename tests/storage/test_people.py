"""Whole persons on both engines: joining, cars, logins, codes, what they are tied by, export and forgetting."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest

from core.ledger import topped_up
from core.money import Money
from core.ports import LinkCode, Login, LoginKind, SavedAnswer, Tie, TieKind
from core.station import Plug
from core.user import Car, Channel, ConsentPurpose, Identity, User
from storage import personal
from storage.tables import identities, kept_searches, metadata
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes, rows

LIN = Identity(Channel.TELEGRAM, "471100815")
LIN_TOO = Identity(Channel.WECHAT, "oLin-Canary_0001")
WEI = Identity(Channel.WECHAT, "oWei-Canary_0002")
HISTORY = ConsentPurpose.POSITION_HISTORY
LEAF = Car("", "Leaf", Plug.CHADEMO, Decimal(40), Decimal(32), usual=True)
LOGIN = Login("a" * 64, "", LoginKind.TELEGRAM, NOON, NOON, NOON + timedelta(days=30))


def person(database: SqlDatabase, identity: Identity) -> User:
    with database.write() as unit:
        return unit.users.register(identity, "zh-CN", NOON)[0]


def code_of(user_id: str, code_hash: str = "c" * 64) -> LinkCode:
    return LinkCode(code_hash, user_id, Channel.TELEGRAM, "Lin", NOON, NOON + minutes(10))


def test_joined_accounts_are_one_person(database: SqlDatabase) -> None:
    lin, too, third = (person(database, one) for one in (LIN, LIN_TOO, WEI))
    with database.write() as unit:
        unit.people.save_cars(too.id, [LEAF])
        unit.logins.add(replace(LOGIN, user_id=too.id))
        unit.people.merge(too.id, third.id, NOON)
    with database.write() as unit:
        unit.people.save_cars(lin.id, [replace(LEAF, name="ID.4")])
        unit.people.merge(third.id, lin.id, NOON)
    with database.read() as unit:
        everybody = [lin.id, *sorted((too.id, third.id))]
        assert unit.people.same_person(too.id) == unit.people.same_person(lin.id) == everybody
        assert {unit.people.current(one) for one in everybody} == {lin.id}
        for identity in (LIN, LIN_TOO, WEI):
            found = unit.users.by_identity(identity)
            assert found is not None
            assert found.id == lin.id
        assert set(unit.people.identities(too.id)) == {LIN, LIN_TOO, WEI}
        assert [(car.name, car.usual) for car in unit.people.cars(lin.id)] == [("ID.4", True), ("Leaf", False)]
        login = unit.logins.get(LOGIN.token_hash)
        assert login is not None
        assert login.user_id == lin.id


def test_joining_carries_no_consent_over(database: SqlDatabase) -> None:
    lin, too = person(database, LIN), person(database, LIN_TOO)
    with database.write() as unit:
        unit.users.grant_consent(too.id, HISTORY, 1, NOON)
        unit.users.keep_search(too.id, (22.5, 114.0), NOON)
        unit.people.merge(too.id, lin.id, NOON)
        assert not unit.users.has_consent(lin.id, HISTORY)
        unit.users.withdraw_consent(lin.id, HISTORY, NOON)
    assert rows(database, kept_searches) == []


def test_an_identity_leaves_for_an_account_of_its_own(database: SqlDatabase) -> None:
    lin = person(database, LIN)
    with database.write() as unit:
        assert unit.people.add_identity(LIN_TOO, lin.id, NOON)
        assert not unit.people.add_identity(LIN_TOO, "somebody", NOON)
        fresh = unit.people.new_account(lin.id, NOON)
        unit.people.move_identity(LIN_TOO, fresh.id, NOON)
    with database.read() as unit:
        assert unit.users.by_identity(LIN_TOO) == fresh
        assert (fresh.language, unit.people.identities(lin.id)) == ("zh-CN", [LIN])


def test_exactly_one_car_is_the_usual_one(database: SqlDatabase) -> None:
    lin = person(database, LIN)
    with database.write() as unit:
        unit.people.save_cars(lin.id, [LEAF, replace(LEAF, name="Van", usual=False)])
        (leaf, van) = unit.people.cars(lin.id)
        assert (leaf.usual, van.usual, leaf.battery_kwh) == (True, False, Decimal(40))
        unit.people.save_cars(lin.id, [replace(van, usual=True)])
        assert unit.people.cars(lin.id) == [replace(van, usual=True)]
        with pytest.raises(ValueError, match="usual"):
            unit.people.save_cars(lin.id, [replace(van, usual=False)])
        unit.people.save_cars(lin.id, [])
        assert unit.people.cars(lin.id) == []


# --- logins, codes, answers -------------------------------------------------------------------------------------


def test_a_login_ends_alone_or_with_all(database: SqlDatabase) -> None:
    lin = person(database, LIN)
    with database.write() as unit:
        for letter in "abc":
            unit.logins.add(replace(LOGIN, token_hash=letter * 64, user_id=lin.id))
        unit.logins.touch("a" * 64, NOON + minutes(61), NOON + timedelta(days=31))
        assert unit.logins.revoke("b" * 64, NOON)
        assert not unit.logins.revoke("b" * 64, NOON)
    with database.read() as unit:
        assert unit.logins.get("b" * 64) is None
        touched = unit.logins.get("a" * 64)
        assert touched is not None
        assert (touched.used_at, touched.expires_at) == (NOON + minutes(61), NOON + timedelta(days=31))
    with database.write() as unit:
        assert unit.logins.revoke_all(lin.id, NOON) == 2
        assert unit.logins.of_user(lin.id) == []
        assert unit.logins.purge(NOON + minutes(1)) == 3


def test_a_code_is_used_once_whoever_comes_at_the_same_moment(database: SqlDatabase) -> None:
    lin = person(database, LIN)
    with database.write() as unit:
        unit.link_codes.add(code_of(lin.id, "d" * 64))
        unit.link_codes.add(code_of(lin.id))
        assert unit.link_codes.get("d" * 64) is None  # a newer code ends the older one
    together = Barrier(4)

    def use(_: int) -> bool:
        together.wait(30)
        with database.write() as unit:
            assert unit.link_codes.get("c" * 64) is not None
            return unit.link_codes.use("c" * 64, NOON)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [False, False, False, True]
    with database.write() as unit:
        assert unit.link_codes.get("c" * 64) == replace(code_of(lin.id), used_at=NOON)
        unit.link_codes.note_try(lin.id, NOON)
        unit.link_codes.note_try(lin.id, NOON + minutes(61))
        assert unit.link_codes.tries(lin.id, NOON + minutes(1)) == 1
        assert unit.link_codes.purge(NOON + minutes(30)) == 2


def test_the_first_answer_to_a_key_stays(database: SqlDatabase) -> None:
    working, given = SavedAnswer("h", 0, ""), SavedAnswer("h", 201, '{"id": 1}')
    with database.write() as unit:
        assert unit.idempotency.keep("lin", "topups", "k", working, NOON)
        assert not unit.idempotency.keep("lin", "topups", "k", given, NOON)
        assert not unit.idempotency.answer("lin", "topups", "k", replace(given, request_hash="other"))
        assert unit.idempotency.answer("lin", "topups", "k", given)
        assert not unit.idempotency.answer("lin", "topups", "k", replace(given, body="another"))
        assert unit.idempotency.get("lin", "topups", "k") == given
        assert unit.idempotency.get("wei", "topups", "k") is None
        assert unit.idempotency.purge(NOON + minutes(1)) == 1


# --- money, export, forgetting ----------------------------------------------------------------------------------


def test_what_a_person_is_tied_by(database: SqlDatabase) -> None:
    lin, wei = person(database, LIN), person(database, WEI)
    with database.write() as unit:
        unit.ledger.post(topped_up("sandbox", "t1", lin.id, Money(5000, "CNY")), NOON)
    with database.read() as unit:
        assert unit.people.ties([lin.id, wei.id]) == [Tie(TieKind.MONEY, Money(5000, "CNY"))]
        assert unit.people.ties([wei.id]) == []
        assert unit.people.strays(10) == []
    with database.write() as unit:
        unit.people.merge(lin.id, wei.id, NOON)
        (stray,) = unit.people.strays(10)
    assert (stray.user_id, stray.owner, stray.amount) == (lin.id, wei.id, Money(5000, "CNY"))


def test_every_table_is_either_kept_for_a_person_or_without_people() -> None:
    kept = {table.name for table in personal.KEPT}
    assert kept & personal.WITHOUT_PEOPLE == set()
    assert kept | personal.WITHOUT_PEOPLE == set(metadata.tables)
    assert {table.name for table in metadata.tables.values() if "user_id" in table.columns} <= kept


def test_an_export_is_json_with_everything_and_no_secret(database: SqlDatabase) -> None:
    lin, wei = person(database, LIN), person(database, WEI)
    with database.write() as unit:
        unit.people.save_cars(lin.id, [LEAF])
        unit.users.grant_consent(lin.id, HISTORY, 1, NOON)
        unit.users.keep_search(lin.id, (22.54, 114.05), NOON)
        unit.logins.add(replace(LOGIN, user_id=lin.id))
        unit.link_codes.add(code_of(lin.id))
        unit.inbox.add("telegram", "1", LIN.external_id, '{"text": "hello"}', NOON)
        unit.ledger.post(topped_up("sandbox", "t1", lin.id, Money(5000, "CNY")), NOON)
        unit.ledger.post(topped_up("sandbox", "t2", wei.id, Money(7000, "CNY")), NOON)
    with database.read() as unit:
        doc = json.loads(json.dumps(unit.people.export([lin.id])))
    assert set(doc) == {table.name for table in personal.KEPT}
    assert doc["cars"][0]["battery_kwh"] == "40"
    (identity,) = doc["identities"]
    assert (identity["external_id"], identity["linked_at"]) == (LIN.external_id, "2026-11-23T04:00:00Z")
    assert doc["inbox"][0]["body"] == {"text": "hello"}
    assert [(one["id"], one["amount"]) for one in doc["transfers"]] == [("topup:sandbox:t1", 5000)]
    assert [one["balance"] for one in doc["accounts"]] == [5000]
    text = json.dumps(doc)
    assert "a" * 64 not in text
    assert "c" * 64 not in text
    assert wei.id not in text


def test_a_person_who_goes_leaves_an_id_that_leads_to_nobody(database: SqlDatabase) -> None:
    lin, wei = person(database, LIN), person(database, WEI)
    with database.write() as unit:
        unit.people.add_identity(LIN_TOO, lin.id, NOON)
        unit.people.save_cars(lin.id, [LEAF])
        unit.users.save(replace(lin, time_zone="Asia/Shanghai", stopped=False))
        unit.logins.add(replace(LOGIN, user_id=lin.id))
        unit.link_codes.add(code_of(lin.id))
        unit.inbox.add("telegram", "1", LIN.external_id, "{}", NOON)
        unit.inbox.add("wechat", "2", LIN_TOO.external_id, "sealed", NOON)
        unit.inbox.add("wechat", "3", WEI.external_id, "sealed", NOON)
        unit.inbox.add("telegram", "4", "-100200300", json.dumps({"from": {"id": int(LIN.external_id)}}), NOON)
        (dead,) = [one for one in unit.inbox.claim("telegram", limit=9, lease_s=60, at=NOON) if one.key == "4"]
        unit.inbox.failed(dead.id, NOON, "broken", retry_in_s=1, max_attempts=1)
        names = [LIN.external_id, LIN_TOO.external_id]
        assert unit.people.traces(names).keys() == {"identities", "inbox"}
    with database.write() as unit:
        unit.people.forget([lin.id], NOON + minutes(5))
    with database.read() as unit:
        assert unit.people.traces([*names, "Leaf"]) == {}
        gone = unit.users.get(lin.id)
        assert gone is not None
        assert (gone.deleted_at, gone.time_zone, gone.reachable) == (NOON + minutes(5), "", False)
        assert unit.users.by_identity(LIN) is None
        assert unit.logins.get(LOGIN.token_hash) is None
        assert unit.inbox.reply("wechat", "3") is not None
        assert unit.inbox.reply("wechat", "2") is None
        # The message that asked for it is still being worked: its answer must find its way.
        assert unit.inbox.reply("telegram", "1") is not None
        assert unit.users.by_identity(WEI) == wei
    assert [row.user_id for row in rows(database, identities)] == [wei.id]


def test_traces_are_whole_names(database: SqlDatabase) -> None:
    person(database, Identity(Channel.TELEGRAM, "123456"))
    with database.read() as unit:
        assert unit.people.traces(["123456"]) == {"identities": 1}
        assert unit.people.traces(["2345"]) == {}
        assert unit.people.traces(["%"]) == {}
        assert unit.people.traces([]) == {}
