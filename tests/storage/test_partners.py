"""Partners by their tokens, what they told us, and what we asked of guns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from core.ports import Command, Partner, PartnerObject, PartnerState
from core.station import ConnectorRef
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes

GUN = ConnectorRef("BEBEC", "BE*BEC*E1")
LAMP = Partner("lamp", "ocpi", PartnerState.PENDING, None, "hash-of-b", "{}", NOON)
START = Command("id-1", "lamp", "START_SESSION", "SEQ-1", GUN, NOON)


def test_a_partner_is_found_by_either_token(database: SqlDatabase) -> None:
    with database.write() as unit:
        assert unit.partners.get("lamp") is None
        unit.partners.save(LAMP)
        assert unit.partners.by_token("hash-of-b") == LAMP
    settled = replace(LAMP, state=PartnerState.REGISTERED, token_hash="hash-of-b", pending_token_hash=None)
    rotating = replace(settled, pending_token_hash="hash-of-d", document='{"a": 1}', updated_at=NOON + minutes(1))
    with database.write() as unit:
        unit.partners.save(rotating)
    with database.read() as unit:
        assert unit.partners.by_token("hash-of-b") == unit.partners.by_token("hash-of-d") == rotating
        assert unit.partners.by_token("another") is None


def test_no_two_partners_share_a_token(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.partners.save(LAMP)
    with pytest.raises(IntegrityError), database.write() as unit:
        unit.partners.save(replace(LAMP, id="other"))


def test_a_partner_that_leaves_takes_its_objects_along(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.partners.save(LAMP)
        for partner_id in ("lamp", "other"):
            unit.partner_objects.save(partner_id, "locations", [PartnerObject("A", "{}", NOON)])
        unit.partners.remove("lamp")
    with database.read() as unit:
        assert unit.partners.get("lamp") is None
        assert unit.partner_objects.all("lamp", "locations") == []
        assert len(unit.partner_objects.all("other", "locations")) == 1


def test_objects_are_replaced_by_key_and_found_by_mark(database: SqlDatabase) -> None:
    first, second = PartnerObject("A", "1", NOON, "seq"), PartnerObject("B", "2", NOON + minutes(1), "seq")
    with database.write() as unit:
        unit.partner_objects.save("lamp", "sessions", [PartnerObject("A", "0", None), second, first])
    with database.write() as unit:
        assert unit.partner_objects.marked("lamp", "sessions", "seq") == [second, first]
        assert unit.partner_objects.many("lamp", "sessions", ["A", "B", "C"]) == {"A": first, "B": second}
        assert unit.partner_objects.get("lamp", "locations", "A") is None
        assert unit.partner_objects.remove("lamp", "sessions", "A")
        assert not unit.partner_objects.remove("lamp", "sessions", "A")
    with database.read() as unit:
        assert unit.partner_objects.all("lamp", "sessions") == [second]


def test_objects_are_found_by_what_stands_in_them(database: SqlDatabase) -> None:
    with database.write() as unit:
        objects = [PartnerObject(key, f'{{"tariff_ids": ["{key}_1%"]}}', NOON) for key in ("Day", "Night")]
        unit.partner_objects.save("lamp", "locations", objects)
    with database.read() as unit:
        assert unit.partner_objects.containing("lamp", "locations", '"DAY_1%"') == objects[:1]
        assert unit.partner_objects.containing("lamp", "locations", '"Dayx1%"') == []
        assert unit.partner_objects.containing("other", "locations", '"Day_1%"') == []


def test_a_command_is_found_however_our_number_is_cased(database: SqlDatabase) -> None:
    with database.write() as unit:
        unit.commands.add(START)
        unit.commands.add(replace(START, id="id-2", command="STOP_SESSION"))
        unit.commands.note("id-1", "ACCEPTED", "")
    with database.write() as unit:
        accepted = replace(START, result="ACCEPTED")
        assert unit.commands.latest("lamp", "START_SESSION", "seq-1") == accepted
        assert unit.commands.latest("lamp", "START_SESSION", "SEQ-1") == accepted
        assert unit.commands.latest("other", "START_SESSION", "SEQ-1") is None
        unit.commands.note("id-1", "EVSE_OCCUPIED", "a car stands there", NOON + minutes(1))
        told = replace(START, result="EVSE_OCCUPIED", detail="a car stands there", answered_at=NOON + minutes(1))
        assert unit.commands.get("id-1") == told
        unit.commands.note("id-1", "ACCEPTED", "")  # the partner's own answer, noted too late
        assert unit.commands.get("id-1") == told
        assert unit.commands.get("nobody") is None


def test_commands_by_pages(database: SqlDatabase) -> None:
    asked = [replace(START, id=f"id-{n}", start_seq=f"SEQ-{n}", asked_at=NOON + minutes(n)) for n in range(5)]
    with database.write() as unit:
        for one in asked:
            unit.commands.add(one)
    with database.read() as unit:
        page = unit.commands.asked_between(
            "lamp", "START_SESSION", NOON + minutes(1), NOON + minutes(4), offset=1, limit=1
        )
    assert page == (asked[2:3], 3)
