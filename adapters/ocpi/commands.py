"""Starting and stopping: what is sent, what the partner answers, and what it knows of our number.

An accepted command was understood, nothing more; the gun's own answer comes later to the callback, and only a
session says that something charges. One token per start: a session that names nothing else still names its token.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from adapters.checks import Refused
from adapters.http import COMMAND, NotAsked
from adapters.ocpi.client import OcpiClient, below
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.envelope import UNKNOWN_LOCATION, OcpiRefused, many_of, one_of, stamp
from adapters.ocpi.holding import LOCATIONS, SESSIONS, Holding, held_object
from adapters.ocpi.house import House
from adapters.ocpi.messages import key_of, objects, refs_of, texts_of
from adapters.ocpi.partners import Connection
from adapters.ocpi.reported import START, STOP, Reported
from adapters.ocpi.sessions import reply_of
from adapters.ocpi.tokens import new_token
from adapters.ocpi.versions import inward, token_of
from adapters.text import ID_CHARS, clean
from core.charging import CommandReply, Outcome, SessionUpdate
from core.errors import SupplierUnavailable
from core.ports import Command
from core.station import ConnectorRef

LONGEST_NUMBER = 36  # of a token's uid and of an authorisation reference
_LOOK_BACK = timedelta(minutes=5)  # partners' clocks differ from ours
NOT_SENT = "NOT_SENT"  # noted of a command that never left us: its number is still free
_ENDED = frozenset(("COMPLETED", "INVALID"))


class Commands:
    """Commands to the guns of one partner."""

    def __init__(
        self, config: OcpiConfig, house: House, holding: Holding, client: OcpiClient, connection: Connection
    ) -> None:
        self.config, self.house, self.holding = config, house, holding
        self.client, self.connection = client, connection
        self.reported = Reported(holding, config.us)

    def start(self, ref: ConnectorRef, start_seq: str) -> CommandReply:
        if len(start_seq) > LONGEST_NUMBER:
            raise ValueError(f"a number of ours has at most {LONGEST_NUMBER} characters here")
        place = self._place(ref)
        if place is None:
            return CommandReply(Outcome.REJECTED, "no_such_gun")
        command = Command(new_token(), self.config.supplier_id, START, start_seq, ref, self.house.clock.now())
        if (before := self._added_once(command)) is not None:
            return reply_of(before.result, before.detail, is_final=before.answered_at is not None)
        if self.config.pushes_tokens:
            self.push_token(start_seq)
        location_id, evse_uid, connector_id = place
        rules = self.connection.rules
        body = {
            "token": token_of(rules, self.config.us, start_seq, stamp(command.asked_at)),
            "location_id": location_id,
            "evse_uid": evse_uid,
        }
        if rules.names_connectors:
            body |= {"connector_id": connector_id, "authorization_reference": start_seq}
        return self._send(command, body)

    def stop(self, ref: ConnectorRef, start_seq: str) -> CommandReply:
        held = self._held_session(start_seq)
        if held is None:
            try:
                self._pull_sessions(start_seq)
            except SupplierUnavailable as error:
                return CommandReply(Outcome.UNKNOWN, "not_sent", error.detail)
            held = self._held_session(start_seq)
        if held is None:
            return CommandReply(Outcome.REJECTED, "no_such_session")
        if held.get("status") in _ENDED:
            return CommandReply(Outcome.REJECTED, "already_ended")
        command = Command(new_token(), self.config.supplier_id, STOP, start_seq, ref, self.house.clock.now())
        with self.house.database.write() as unit:
            unit.commands.add(command)
        return self._send(command, {"session_id": clean(held.get("id"), ID_CHARS)})

    def session(self, start_seq: str) -> SessionUpdate | None:
        """Asks the partner's list, then tells the newest word of it and of the pushes."""
        self._pull_sessions(start_seq)
        held = self._held_session(start_seq)
        return self.reported.session(held) if held else None

    def push_token(self, start_seq: str) -> None:
        """Best effort: a start that needs it and does not find it is refused by the partner."""
        us, endpoint = self.config.us, self.connection.endpoint("tokens", "RECEIVER")
        if endpoint:
            token = token_of(self.connection.rules, us, start_seq, stamp(self.house.clock.now()))
            address = below(endpoint, us.country_code, us.party_id, start_seq)
            try:
                self.client.call("PUT", address, COMMAND, body=token, module="tokens")
            except (OcpiRefused, SupplierUnavailable):
                return

    def _added_once(self, command: Command) -> Command | None:
        """The start that was sent under this number before; None when there was none and this one is kept."""
        with self.house.database.write() as unit:
            unit.partners.get(self.config.supplier_id)  # held until the end: two starts at once follow each other
            before = unit.commands.latest(command.partner_id, command.command, command.start_seq)
            if before is not None and before.result != NOT_SENT:
                return before
            unit.commands.add(command)
        return None

    def _send(self, command: Command, body: dict[str, Any]) -> CommandReply:
        """Silence and nonsense are UNKNOWN: the gun may be live."""
        version = self.connection.version
        body["response_url"] = self.house.address(self.connection, version, "commands", command.command, command.id)
        try:
            data = self.client.call(
                "POST", below(self._endpoint(), command.command), COMMAND, body=body, module="commands"
            ).data
            answer = one_of(data)
        except OcpiRefused as refusal:
            return self._refused(command, refusal)
        except NotAsked as error:
            self._note(command, NOT_SENT, error.detail)
            return CommandReply(Outcome.UNKNOWN, "not_sent", error.detail)
        except SupplierUnavailable as error:
            return CommandReply(Outcome.UNKNOWN, detail=error.detail)
        word, detail = clean(answer.get("result"), 40).upper(), texts_of(many_of(answer.get("message")))
        self._note(command, word, detail)
        return reply_of(word, detail, is_final=False)

    def _refused(self, command: Command, refusal: OcpiRefused) -> CommandReply:
        """A mistake of ours is a no. A failure of theirs, or half an answer, says nothing."""
        if not (refusal.http_status >= 400 or 2000 <= refusal.status_code < 3000):
            return CommandReply(Outcome.UNKNOWN, detail=refusal.message)
        self._note(command, "REJECTED", refusal.message)
        reason = "no_such_gun" if refusal.status_code == UNKNOWN_LOCATION else "other"
        return CommandReply(Outcome.REJECTED, reason, str(refusal))

    def _note(self, command: Command, word: str, detail: str) -> None:
        with self.house.database.write() as unit:
            unit.commands.note(command.id, word, detail)

    def _endpoint(self) -> str:
        """Some partners take commands and forget to list them: then they are where their siblings are."""
        if told := self.connection.endpoint("commands", "RECEIVER"):
            return told
        for one in self.connection.endpoints:
            stem, slash, last = one.url.rstrip("/").rpartition("/")
            if slash and last.lower() == one.module and one.module in ("sessions", "locations", "tokens"):
                return f"{stem}/commands"
        raise NotAsked(self.config.name, "commands", "the partner does not offer them")

    def _place(self, ref: ConnectorRef) -> tuple[str, str, str] | None:
        """Location, EVSE and connector as the partner calls them."""
        with self.house.database.read() as unit:
            ids = unit.catalogue.station_ids(self.config.supplier_id, [ref])
            keys = [station.external_id for station in unit.catalogue.stations(ids)]
        for key, location in self.holding.many(LOCATIONS, keys).items():
            for evse in objects(location.get("evses")):
                with suppress(Refused):  # an EVSE that cannot be read has no guns of ours
                    for plug, one in refs_of(evse, key, ref.operator_id):
                        if one == ref:
                            names = (location.get("id"), evse.get("uid"), plug.get("id"))
                            location_id, evse_uid, connector_id = (clean(name, ID_CHARS) for name in names)
                            return location_id, evse_uid, connector_id
        return None

    def _held_session(self, start_seq: str) -> dict[str, Any] | None:
        return next(iter(self.holding.marked(SESSIONS, start_seq)), None)

    def _pull_sessions(self, start_seq: str) -> None:
        """Keep what the partner's list says since our start. Raises SupplierUnavailable."""
        with self.house.database.read() as unit:
            start = unit.commands.latest(self.config.supplier_id, START, start_seq)
        endpoint = self.connection.endpoint(SESSIONS, "SENDER")
        if start is None or not endpoint:
            return
        since = stamp(start.asked_at - _LOOK_BACK)
        for page in self.client.pages(SESSIONS, endpoint, {"date_from": since}):
            for item in page:
                if isinstance(item, dict) and item.get("id"):
                    self.keep_session(inward(item, self.connection.parties))

    def keep_session(self, thing: dict[str, Any]) -> None:
        start = self.reported.start_of(thing)
        if start is None:
            return
        with self.house.database.write() as unit:
            held = unit.partner_objects.get(self.config.supplier_id, SESSIONS, key_of(thing))
            new = held_object(key_of(thing), thing, start.start_seq)
            if held is None or not held.updated_at or not new.updated_at or new.updated_at >= held.updated_at:
                unit.partner_objects.save(self.config.supplier_id, SESSIONS, [new])
