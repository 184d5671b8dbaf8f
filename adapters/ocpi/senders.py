"""What partners ask of us: our tokens and whether one may charge now; and the guns' answers to our commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.ocpi.calls import Answer, Call
from adapters.ocpi.envelope import CLIENT_ERROR, UNKNOWN_TOKEN, many_of, stamp
from adapters.ocpi.holding import SESSIONS
from adapters.ocpi.messages import texts_of
from adapters.ocpi.reported import START, STOP
from adapters.ocpi.sessions import reply_of
from adapters.ocpi.shapes import PushRefused, unknown
from adapters.ocpi.versions import token_of
from adapters.text import clean
from core.charging import ChargingState, Outcome, SessionUpdate
from core.ports import Command

# One token per start, and a start is answered within minutes: older tokens open nothing.
TOKENS_LIVE = timedelta(days=1)
_ENDED = frozenset(("COMPLETED", "INVALID"))


def get_tokens(call: Call) -> Answer:
    """The tokens of our starts with this partner, oldest first."""
    if call.parts:
        raise PushRefused("no such path", CLIENT_ERROR, 404)
    offset, limit = call.page()
    since = max(call.moment("date_from") or datetime.min.replace(tzinfo=UTC), _oldest(call))
    until = call.moment("date_to") or call.house.clock.now() + timedelta(seconds=1)
    with call.house.database.read() as unit:
        page, total = unit.commands.asked_between(call.supplier_id, START, since, until, offset=offset, limit=limit)
    headers = {"X-Total-Count": str(total), "X-Limit": str(limit)}
    if offset + len(page) < total:
        headers["Link"] = call.next_link(offset + len(page), limit)
    return Answer([_token(call, one) for one in page], headers=headers)


def authorize(call: Call) -> Answer:
    """May this token charge? The money was held before the start, so our own recent start is the yes."""
    if len(call.parts) != 2 or call.parts[1].lower() != "authorize":
        raise PushRefused("no such path", CLIENT_ERROR, 404)
    call.optional_thing()
    with call.house.database.read() as unit:
        start = unit.commands.latest(call.supplier_id, START, call.parts[0])
    if start is None:
        raise unknown("this token", UNKNOWN_TOKEN)
    answer: dict[str, Any] = {"allowed": _allowed(call, start), "token": _token(call, start)}
    if call.rules.names_connectors:
        answer["authorization_reference"] = start.start_seq
    return Answer(answer)


def _allowed(call: Call, start: Command) -> str:
    if start.asked_at < _oldest(call):
        return "EXPIRED"
    if any(one.get("status") in _ENDED for one in call.holding.marked(SESSIONS, start.start_seq)):
        return "EXPIRED"
    reply = reply_of(start.result, start.detail, is_final=start.answered_at is not None)
    return "NOT_ALLOWED" if reply.outcome is Outcome.REJECTED else "ALLOWED"


def _token(call: Call, start: Command) -> dict[str, Any]:
    return token_of(call.rules, call.config.us, start.start_seq, stamp(start.asked_at))


def _oldest(call: Call) -> datetime:
    return call.house.clock.now() - TOKENS_LIVE


def command_result(call: Call) -> Answer:
    """The gun's answer, on an address only this partner and we know. Bare in 2.2.1, in an envelope at some."""
    if len(call.parts) != 2:
        raise PushRefused("no such path", CLIENT_ERROR, 404)
    with call.house.database.read() as unit:
        command = unit.commands.get(call.parts[1])
    if command is None or command.partner_id != call.supplier_id or command.command != call.parts[0].upper():
        raise unknown("this command", CLIENT_ERROR)
    body = call.thing()
    inner = next((one for one in many_of(body.get("data")) if isinstance(one, dict)), body)
    word = clean(inner.get("result"), 40).upper()
    if not word:
        raise PushRefused("the answer has no result")
    detail, at = texts_of(inner.get("message")), call.house.clock.now()
    with call.house.database.write() as unit:
        unit.commands.note(command.id, word, detail, at)
    state = _state(command, word)
    # A session that we have seen says more than the gun's answer to its start, which may come after it.
    is_late = command.command == START and call.holding.marked(SESSIONS, command.start_seq)
    if state is not None and not is_late:
        call.desk.session(call.supplier_id, SessionUpdate(command.start_seq, command.ref, state, at))
    return Answer()


def _state(command: Command, word: str) -> ChargingState | None:
    """What the answer says of the session. A refused stop says nothing: it is asked for again."""
    outcome = reply_of(word, "", is_final=True).outcome
    if command.command == STOP:
        return ChargingState.STOPPING if outcome is Outcome.ACCEPTED else None
    # After TIMEOUT or FAILED a session was seen to start all the same: UNKNOWN, not INVALID.
    return {
        Outcome.ACCEPTED: ChargingState.STARTING,
        Outcome.REJECTED: ChargingState.INVALID,
        Outcome.UNKNOWN: ChargingState.UNKNOWN,
    }[outcome]
