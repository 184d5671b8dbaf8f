"""What partners push: locations, tariffs, sessions and charge records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from adapters.checks import Refused
from adapters.ocpi.calls import Answer, Call
from adapters.ocpi.client import below
from adapters.ocpi.desk_push import states_of
from adapters.ocpi.envelope import CLIENT_ERROR, INVALID
from adapters.ocpi.holding import CDRS, LOCATIONS, SESSIONS, TARIFFS
from adapters.ocpi.location_book import Change, Overtaken
from adapters.ocpi.messages import key_of
from adapters.ocpi.reported import Reported
from adapters.ocpi.shapes import (
    PushRefused,
    UnknownLocation,
    checked,
    is_older,
    part,
    patched,
    same_id,
    unknown,
    with_part,
)
from adapters.ocpi.versions import inward
from adapters.text import ID_CHARS
from core.ports import RecordVerdict
from core.station import StatusReport

OLDER = Answer(message="older than what we hold; ignored")
# Guns that are gone or not there yet: such a change concerns the place, not only a state.
_NO_GUN = ("PLANNED", "REMOVED")


def _key(call: Call, depth: tuple[int, ...]) -> str:
    """The key of the object in the path. Raises PushRefused for a path of another length or another party."""
    if len(call.parts) not in depth or any(len(one) > ID_CHARS or not one for one in call.parts):
        raise PushRefused("no such path", CLIENT_ERROR, 404)
    return f"{call.own_party()}:{call.parts[2]}".upper()


# --- locations ------------------------------------------------------------------------------------------------


def get_location(call: Call) -> Answer:
    key = _key(call, (3, 4, 5))
    found = call.holding.get(LOCATIONS, key)
    for part_id, (listed, id_name, _) in zip(call.parts[3:], _PARTS, strict=False):
        found = part(found, listed, id_name, part_id)
    if found is None:
        raise unknown("this object")
    return Answer(found)


def put_location(call: Call) -> Answer:
    thing = call.thing()
    if len(call.parts) > 3:
        return _change_part(call, lambda kind, before: _replaced(kind, before, thing), thing)
    key = _key(call, (3,))
    thing = _addressed(call, thing, "location", "id", call.parts[2])
    return _store_whole(call, key, lambda _: thing, vouched=True)


def patch_location(call: Call) -> Answer:
    change = call.thing()
    if len(call.parts) > 3:
        return _change_part(call, lambda kind, before: _merged(kind, before, change), change)
    key = _key(call, (3,))
    if not same_id(change.get("id"), call.parts[2]):
        raise PushRefused("the id of the body is not that of the address")

    def merge(held: dict[str, Any] | None) -> dict[str, Any]:
        if held is None:
            raise UnknownLocation
        return patched(held, change)

    return _store_whole(call, key, merge, vouched="evses" in change)


def _store_whole(
    call: Call, key: str, change: Callable[[dict[str, Any] | None], dict[str, Any]], *, vouched: bool
) -> Answer:
    def make(held: dict[str, Any] | None) -> dict[str, Any]:
        new = change(held)
        if is_older(new, held):
            raise Overtaken
        return new

    try:
        changed = call.book.change(Change(call.supplier_id, key, make))
    except Overtaken:
        return OLDER
    except UnknownLocation:
        call.holding.want(key, call.parts[2])
        raise
    trouble = call.push.location(key, changed.after, changed.at, vouched=vouched)
    return Answer(code=INVALID, message=trouble, http_status=400) if trouble else Answer()


# (list, name of the id, kind) of the parts of a location, from the outside inwards
_PARTS = (("evses", "uid", "evse"), ("connectors", "id", "connector"))
_PartChange = Callable[[str, dict[str, Any] | None], dict[str, Any]]


def _change_part(call: Call, change: _PartChange, body: dict[str, Any]) -> Answer:
    """Replace or merge one EVSE or connector. Its parents must be known; their dates rise with it."""
    key = _key(call, (4, 5))
    if not same_id(body.get("uid" if len(call.parts) == 4 else "id"), call.parts[-1]):
        raise PushRefused("the id of the body is not that of the address")
    evse_id = call.parts[3]

    def new_evse(evse: dict[str, Any] | None) -> dict[str, Any]:
        if len(call.parts) == 4:
            return change("evse", evse)
        if evse is None:
            raise unknown("this EVSE")
        return with_part(evse, "connectors", "id", call.parts[4], lambda one: change("connector", one))

    def make(held: dict[str, Any] | None) -> dict[str, Any]:
        if held is None:
            raise UnknownLocation
        return with_part(held, "evses", "uid", evse_id, new_evse)

    def states(before: dict[str, Any], after: dict[str, Any], at: datetime) -> list[StatusReport] | None:
        was, now = part(before, "evses", "uid", evse_id), part(after, "evses", "uid", evse_id)
        return states_of(key, after, evse_id, at) if _only_state(was, now) else None

    try:
        changed = call.book.change(Change(call.supplier_id, key, make, states))
    except Overtaken:
        return OLDER
    except UnknownLocation:
        call.holding.want(key, call.parts[2])
        raise
    if not changed.is_told:
        call.push.location(key, changed.after, changed.at, vouched=False)
        call.push.states(key, changed.after, evse_id, changed.at)
    return Answer()


def _only_state(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    """Whether nothing but the state of an EVSE changed, and it stays a gun: by far the most frequent push."""
    if before is None or after is None or before.get("status") in _NO_GUN or after.get("status") in _NO_GUN:
        return False
    names = before.keys() | after.keys()
    return all(before.get(one) == after.get(one) for one in names - {"status", "last_updated", "status_schedule"})


def _replaced(kind: str, before: dict[str, Any] | None, thing: dict[str, Any]) -> dict[str, Any]:
    checked(kind, thing)
    if is_older(thing, before):
        raise Overtaken
    return thing


def _merged(kind: str, before: dict[str, Any] | None, change: dict[str, Any]) -> dict[str, Any]:
    if before is None:
        raise unknown(f"this {'EVSE' if kind == 'evse' else kind}")
    new = patched(before, change)
    if is_older(change, before):
        raise Overtaken
    return new


def _addressed(call: Call, thing: dict[str, Any], kind: str, id_name: str, named: str) -> dict[str, Any]:
    """A whole object, checked, with the party of the address where it leaves that out."""
    if not same_id(thing.get(id_name), named):
        raise PushRefused("the id of the body is not that of the address")
    whole = {"country_code": call.parts[0].upper(), "party_id": call.parts[1].upper(), **thing}
    if (str(whole["country_code"]) + str(whole["party_id"])).upper() != call.own_party():
        raise PushRefused("the party of the body is not that of the address")
    checked(kind, whole)
    return whole


# --- tariffs --------------------------------------------------------------------------------------------------


def get_tariff(call: Call) -> Answer:
    found = call.holding.get(TARIFFS, _key(call, (3,)))
    if found is None:
        raise unknown("this tariff", CLIENT_ERROR)
    return Answer(found)


def put_tariff(call: Call) -> Answer:
    key = _key(call, (3,))
    thing = _addressed(call, call.thing(), "tariff", "id", call.parts[2])
    return _store_tariff(call, key, lambda _: thing)


def patch_tariff(call: Call) -> Answer:
    key, change = _key(call, (3,)), call.thing()

    def merge(held: dict[str, Any] | None) -> dict[str, Any]:
        if held is None:
            raise unknown("this tariff", CLIENT_ERROR)
        return patched(held, change)

    return _store_tariff(call, key, merge)


def _store_tariff(call: Call, key: str, change: Callable[[dict[str, Any] | None], dict[str, Any]]) -> Answer:
    holding = call.holding
    with call.house.database.write() as unit:
        held = holding.locked(unit, TARIFFS, key)
        new = change(held)
        if is_older(new, held):
            return OLDER
        holding.save(unit, TARIFFS, key, new)
    call.push.tariff(call.own_party(), call.parts[2])
    return Answer()


def delete_tariff(call: Call) -> Answer:
    """The prices made of it grow old where they stand: nobody says what holds instead."""
    key = _key(call, (3,))
    with call.house.database.write() as unit:
        if not unit.partner_objects.remove(call.supplier_id, TARIFFS, key):
            raise unknown("this tariff", CLIENT_ERROR)
    return Answer()


# --- sessions -------------------------------------------------------------------------------------------------


def get_session(call: Call) -> Answer:
    found = call.holding.get(SESSIONS, _key(call, (3,)))
    if found is None:
        raise unknown("this session", CLIENT_ERROR)
    return Answer(found)


def put_session(call: Call) -> Answer:
    key = _key(call, (3,))
    thing = _addressed(call, call.thing(), "session", "id", call.parts[2])
    return _store_session(call, key, lambda _: thing)


def patch_session(call: Call) -> Answer:
    key, change = _key(call, (3,)), call.thing()

    def merge(held: dict[str, Any] | None) -> dict[str, Any]:
        if held is None:
            raise unknown("this session", CLIENT_ERROR)
        return patched(held, change, appended="charging_periods")

    return _store_session(call, key, merge)


def _store_session(call: Call, key: str, change: Callable[[dict[str, Any] | None], dict[str, Any]]) -> Answer:
    holding = call.holding
    reported = Reported(holding, call.config.us)
    known = holding.get(SESSIONS, key)
    start = reported.start_of({**(known or {}), **call.thing()})
    with call.house.database.write() as unit:
        held = holding.locked(unit, SESSIONS, key)
        new = change(held)
        if is_older(new, held):
            return OLDER
        holding.save(unit, SESSIONS, key, new, start.start_seq if start else "")
    update = reported.session(new)
    if update is not None:
        call.desk.session(call.supplier_id, update)
    return Answer()


# --- charge records -------------------------------------------------------------------------------------------


def get_record(call: Call) -> Answer:
    found = call.holding.get(CDRS, _key(call, (3,)))
    if found is None:
        raise unknown("this CDR", CLIENT_ERROR)
    return Answer(found)


def post_record(call: Call) -> Answer:
    """Kept for ever; the same one again is welcome and changes nothing."""
    if call.parts:
        raise PushRefused("no such path", CLIENT_ERROR, 404)
    thing = inward(call.thing(), call.connection.parties)
    checked("cdr", thing)
    country, party = str(thing.get("country_code") or ""), str(thing.get("party_id") or "")
    if not call.connection.owns(country, party):
        raise PushRefused("this CDR is not of a party of yours")
    try:
        record = Reported(call.holding, call.config.us).record(thing)
    except Refused as refusal:
        raise PushRefused(f"{refusal.reason}: {refusal.detail}") from None
    verdict = call.desk.record(call.supplier_id, record)
    if verdict is RecordVerdict.CONFLICT:
        raise PushRefused("this id is held with another body; records are corrected by credit records")
    key = key_of(thing)
    if verdict is RecordVerdict.NEW or call.holding.get(CDRS, key) is None:
        with call.house.database.write() as unit:
            call.holding.save(unit, CDRS, key, thing, record.start_seq)
    address = below(call.house.address(call.connection, call.rules.number, CDRS), country, party, str(thing["id"]))
    return Answer(headers={"Location": address}, http_status=201 if verdict is RecordVerdict.NEW else 200)
