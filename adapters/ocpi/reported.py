"""Sessions and charge records that a partner reports: whose they are, at which gun, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.checks import Refused
from adapters.ocpi.holding import LOCATIONS, Holding
from adapters.ocpi.messages import key_of, objects, party_of
from adapters.ocpi.sessions import gun_of, marks_of, read_record, read_session
from adapters.ocpi.versions import Party
from adapters.text import ID_CHARS, clean
from core.charging import ChargeRecord, SessionUpdate
from core.ports import Command
from core.station import ConnectorRef

START, STOP = "START_SESSION", "STOP_SESSION"


class Reported:
    """Reads what one partner says of charging; keeps it in its own words."""

    def __init__(self, holding: Holding, us: Party) -> None:
        self.holding, self.us = holding, us

    def start_of(self, thing: Mapping[str, Any]) -> Command | None:
        """Our start that a session or record belongs to."""
        with self.holding.database.read() as unit:
            for mark in marks_of(thing):
                if found := unit.commands.latest(self.holding.supplier_id, START, mark):
                    return found
        return None

    def session(self, thing: Mapping[str, Any]) -> SessionUpdate | None:
        """None for a session that is not ours: nobody here started it."""
        start = self.start_of(thing)
        if start is None:
            return None
        return read_session(thing, start.start_seq, self._gun(thing, start), self.holding.clock.now())

    def record(self, thing: Mapping[str, Any]) -> ChargeRecord:
        """A record of somebody else's session has no number of ours. Raises Refused."""
        if not key_of(thing):
            raise Refused("missing_id")
        start = self.start_of(thing)
        return read_record(thing, start.start_seq if start else "", self._gun(thing, start))

    def _gun(self, thing: Mapping[str, Any], start: Command | None) -> ConnectorRef:
        """Where it says it was; our own start knows the gun where that says nothing."""
        # 2.1.1 carries the whole location, with the one EVSE that was used.
        place = thing.get("cdr_location") or thing.get("location") or {}
        place = place if isinstance(place, Mapping) else {}
        evse = next(iter(objects(place.get("evses"))), {})
        location_id = clean(thing.get("location_id") or place.get("id"), ID_CHARS)
        evse_uid = clean(thing.get("evse_uid") or place.get("evse_uid") or evse.get("uid"), ID_CHARS)
        connector_id = clean(thing.get("connector_id") or place.get("connector_id"), 40)
        evse_id = clean(place.get("evse_id") or evse.get("evse_id"), ID_CHARS)
        if not location_id and start is not None:
            return start.ref
        party = party_of(thing)
        key = f"{party}:{location_id}".upper()
        held = self.holding.get(LOCATIONS, key)
        if start is not None and (held is None or not evse_uid):
            return start.ref
        return gun_of(held, key, party, evse_uid, connector_id, evse_id)
