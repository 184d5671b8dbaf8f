"""The session machine in small, searched to the end: every order of events that a supplier and a network can bring.

One gun, energy in whole units that cost one each, a hold of two, a wallet of four. The moves are `core.session.MOVES`
and the money is `core.settlement`, or what a test plants in their place. The supplier may be honest: it loses,
delays and repeats, but what it says is true when it says it. Or it lies: about states, energy and prices.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from core.session import LIVE, MOVES, Event, SessionState
from core.settlement import Settlement, adjust, settle

S, E = SessionState, Event
HOLD, WALLET, MOST_UNITS = 2, 4, 3


class Gun(StrEnum):
    """The truth, which we never see."""

    IDLE = "idle"
    UNDER_WAY = "under way"  # the start is on the network
    ASKED = "asked"  # the start has reached it: it may begin at any moment
    RUNNING = "running"
    ENDED = "ended"
    NEVER = "never"  # whatever reaches it now, it does not begin


class Answer(StrEnum):
    UNKNOWN = "no such session"
    CHARGES = "it charges"
    ENDED = "it has ended"
    ENDED_EMPTY = "it has ended, with nothing"


@dataclass(frozen=True, slots=True)
class Paper:
    """A record on its way. It may arrive, arrive again, or be lost."""

    id: str
    units: int
    total: int
    credit_of: str = ""


@dataclass(frozen=True, slots=True)
class World:
    state: SessionState = S.HELD
    held: bool = True
    paid: int = 0  # by the driver
    borne: int = 0  # by us
    owed: int = 0  # to the supplier
    seen: int = 0  # units, as last told
    unknowns: int = 0  # "no such session", one after the other
    gun: Gun = Gun.IDLE
    units: int = 0  # delivered, in truth
    papers: frozenset[Paper] = frozenset()
    issued: int = 0
    booked: frozenset[str] = frozenset()
    applied: Paper | None = None
    told: bool = False  # a record of it has arrived


@dataclass(frozen=True, slots=True)
class Rules:
    """What is searched: the real thing, or with a bug planted."""

    moves: Mapping[Event, Mapping[SessionState, SessionState]] = field(default_factory=lambda: MOVES)
    settle: Callable[..., Settlement] = settle
    remembers_records: bool = True
    honest: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    states: int
    ends: int
    seconds: float
    wrong: str  # "" when everything holds
    trace: tuple[str, ...]  # the shortest way there

    def __str__(self) -> str:
        found = f"{self.states} states, {self.ends} end states, {self.seconds:.2f} s"
        return f"{found}; {self.wrong}: {' > '.join(self.trace)}" if self.wrong else f"{found}, all is well"


def search(rules: Rules) -> Report:
    """Breadth first, so that the first wrong state has the shortest trace."""
    began = time.perf_counter()
    start = World()
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    waiting, ends = deque([start]), 0
    while waiting:
        world = waiting.popleft()
        after = [(label, one) for label, one in _next(world, rules) if one != world]
        wrong = _always(world) or (_when_honest(world, bool(after)) if rules.honest else "")
        if world.held and not after:
            wrong = "money is held for ever"
        if wrong:
            return Report(len(came_from), ends, time.perf_counter() - began, wrong, _trace(came_from, world))
        ends += not after
        for label, one in after:
            if one not in came_from:
                came_from[one] = world, label
                waiting.append(one)
    return Report(len(came_from), ends, time.perf_counter() - began, "", ())


def _trace(came_from: Mapping[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    steps = []
    while (step := came_from[world]) is not None:
        world, label = step
        steps.append(label)
    return tuple(reversed(steps))


# --- what must be true ----------------------------------------------------------------------------------------


def _always(world: World) -> str:
    if world.paid > HOLD:
        return "the driver pays beyond the hold"
    if not 0 <= world.paid <= WALLET:
        return "the wallet is below zero"
    if world.held != (world.state in LIVE):
        return "the hold and the state do not go together"
    if world.owed != world.paid + world.borne:
        return "the books do not balance"
    if world.applied is not None and world.owed != world.applied.total:
        return "the supplier is owed other than its record says"
    return ""


def _when_honest(world: World, goes_on: bool) -> str:
    if world.told and world.state in (S.SETTLED, S.REVIEW):
        if world.paid != min(world.units, HOLD):
            return "delivered and told, and not billed to the driver"
        if world.borne != max(world.units - HOLD, 0):
            return "a loss beyond the overrun"
    if goes_on:
        return ""
    if world.units == 0 and (world.paid or world.borne):
        return "charged, and nothing was delivered"
    if not world.told and world.paid > min(world.units, HOLD):
        return "charged more than was delivered"
    return ""


# --- what can happen ------------------------------------------------------------------------------------------


def _next(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    yield from _we_act(world, rules)
    yield from _the_gun_acts(world, rules)
    yield from _papers_arrive(world, rules)
    for answer in _answers(world, rules):
        yield f"the supplier says: {answer}", _heard(world, rules, answer)


def _we_act(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    if world.state is S.HELD:
        yield "the driver calls it off", _moved(world, rules, E.NOT_SENT)
        sent = _moved(world, rules, E.START_SENT)
        asked = replace(sent, gun=Gun.ASKED)
        yield "start sent and accepted", asked
        yield "start sent, its answer is lost", _moved(asked, rules, E.START_SILENT)
        yield "start lost on its way", _moved(sent, rules, E.START_SILENT)
        yield "start delayed", _moved(replace(sent, gun=Gun.UNDER_WAY), rules, E.START_SILENT)
        yield "start refused", _moved(replace(sent, gun=Gun.NEVER), rules, E.START_REFUSED)
        if not rules.honest:
            yield "start refused, and done", _moved(asked, rules, E.START_REFUSED)
    if world.state is S.STARTING:
        yield "the sender dies, or nothing is seen of it", _moved(world, rules, E.START_SILENT)
    if world.state in (S.CHARGING, S.STOP_UNKNOWN):
        stopping = _moved(world, rules, E.STOP_ASKED)
        yield "stop sent and done", replace(stopping, gun=Gun.ENDED if world.gun is Gun.RUNNING else world.gun)
        yield "stop lost", _moved(stopping, rules, E.STOP_SILENT)
    if world.state is S.STOPPING:
        yield "the stop is not answered", _moved(world, rules, E.STOP_SILENT)
    if world.state is S.START_UNKNOWN:
        yield "nobody answers for a day", _provisional(world, rules, E.NO_ANSWER, 0)
    if world.state is S.AWAIT_RECORD:
        yield "no record for two days", _provisional(world, rules, E.NO_RECORD, world.seen)
    if world.state in LIVE - {S.HELD, S.AWAIT_RECORD}:
        yield "three days have passed", _provisional(world, rules, E.NO_RECORD, world.seen)
    if world.state is S.PROVISIONAL and not world.papers:
        yield "thirty days have passed", _moved(world, rules, E.FORGOTTEN)


def _the_gun_acts(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    # An honest command does not travel for longer than the minute between two "no such session".
    if world.gun is Gun.UNDER_WAY and not (rules.honest and world.unknowns == 2):
        yield "the delayed start arrives", replace(world, gun=Gun.ASKED)
    if world.gun is Gun.ASKED:
        yield "energy flows", replace(world, gun=Gun.RUNNING)
        yield "the gun gives up", replace(world, gun=Gun.NEVER)
    if world.gun is Gun.RUNNING:
        if world.units < MOST_UNITS:
            yield "a unit is delivered", replace(world, units=world.units + 1)
        yield "the charge ends", replace(world, gun=Gun.ENDED)
    if world.gun is Gun.ENDED and world.issued == 0:
        yield "the record is written", _issued(world, Paper("R1", world.units, world.units))
        if not rules.honest:
            yield "a dear record is written", _issued(world, Paper("R1", world.units, MOST_UNITS))
            yield "a big record is written", _issued(world, Paper("R1", MOST_UNITS, MOST_UNITS))
    if world.issued == 1 and world.gun is Gun.ENDED:
        first = Paper("R1", world.units, world.units)
        yield "a credit is written", _issued(world, replace(first, id="C1", credit_of="R1"))
        if not rules.honest:
            yield "a second record is written", _issued(world, Paper("R2", world.units, MOST_UNITS))
    if world.issued == 2 and world.gun is Gun.ENDED and rules.honest:
        yield "a new record is written", _issued(world, Paper("R3", world.units, world.units))


def _issued(world: World, paper: Paper) -> World:
    return replace(world, papers=world.papers | {paper}, issued=world.issued + 1)


_SEEN = LIVE - {S.HELD, S.STARTING, S.START_UNKNOWN}


def _answers(world: World, rules: Rules) -> list[Answer]:
    if world.state not in LIVE - {S.HELD}:
        return []
    if not rules.honest:
        return list(Answer)
    match world.gun:
        # One that has been seen to charge may be forgotten for a while: two of their systems that do not agree.
        case Gun.RUNNING:
            return [Answer.CHARGES, *([Answer.UNKNOWN] if world.state in _SEEN else [])]
        case Gun.ENDED:
            return [Answer.ENDED if world.units else Answer.ENDED_EMPTY]
        # An order that was accepted is known from then on.
        case Gun.ASKED:
            return []
        case _:
            return [Answer.UNKNOWN]


def _heard(world: World, rules: Rules, answer: Answer) -> World:
    """As core.services.charging.following does it."""
    match answer:
        case Answer.UNKNOWN:
            # Counted where it says something; the table has the last word.
            counted = replace(world, unknowns=min(world.unknowns + 1, 2))
            return _moved(counted, rules, E.NEVER_STARTED) if counted.unknowns == 2 else counted
        case Answer.CHARGES:
            return replace(_moved(world, rules, E.CHARGES), seen=_metered(world), unknowns=0)
        case Answer.ENDED_EMPTY if world.state in (S.STARTING, S.START_UNKNOWN):
            event = E.START_REFUSED if world.state is S.STARTING else E.NEVER_STARTED
            return _moved(world, rules, event)
        case _:
            return replace(_moved(world, rules, E.ENDED), seen=_metered(world), unknowns=0)


def _metered(world: World) -> int:
    return max(world.seen, world.units)


# --- what we make of it ---------------------------------------------------------------------------------------


def _moved(world: World, rules: Rules, event: Event) -> World:
    to = rules.moves[event].get(world.state)
    if to is None:
        return world
    return replace(world, state=to, held=world.held and to is not S.START_FAILED)


def _provisional(world: World, rules: Rules, event: Event, units: int) -> World:
    moved = _moved(world, rules, event)
    if moved.state is world.state:
        return world
    paid = min(units, HOLD)
    return replace(moved, held=False, paid=paid, owed=paid)


def _papers_arrive(world: World, rules: Rules) -> Iterator[tuple[str, World]]:
    for paper in sorted(world.papers, key=lambda one: one.id):
        yield f"{paper.id} arrives", _booked(world, rules, paper)
        yield f"{paper.id} is lost", replace(world, papers=world.papers - {paper})


def _booked(world: World, rules: Rules, paper: Paper) -> World:
    """As core.services.charging.settling does it."""
    if paper.id in world.booked and rules.remembers_records:
        return world
    if paper.credit_of:
        return _taken_back(world, rules, paper)
    kept = replace(world, booked=world.booked | {paper.id}, told=True)
    if world.state in LIVE:
        done = rules.settle(HOLD, paper.total, paper.units)
        event = E.RECORD_IN_DOUBT if done.doubt else E.RECORD
        moved = replace(kept, state=rules.moves[event][world.state], held=False)
        return replace(
            moved, paid=done.captured, borne=done.overrun, owed=done.captured + done.overrun, applied=paper
        )
    if not rules.remembers_records and world.state is S.SETTLED:  # the bug: on top of what is booked
        return replace(kept, owed=world.owed + paper.total, paid=world.paid + paper.total)
    if world.state in rules.moves[E.RECORD]:
        change = adjust(HOLD, world.paid, world.borne, WALLET - world.paid, paper.total, paper.units)
        event = E.RECORD_IN_DOUBT if change.doubt else E.RECORD
        return replace(
            kept,
            state=rules.moves[event][world.state],
            paid=world.paid + change.from_user,
            borne=world.borne + change.overrun,
            owed=world.owed + change.from_user + change.overrun,
            applied=paper,
        )
    if world.state is S.START_FAILED and paper.total:
        return replace(kept, state=rules.moves[E.RECORD_IN_DOUBT][world.state])
    return kept


def _taken_back(world: World, rules: Rules, paper: Paper) -> World:
    if world.applied is None or world.applied.id != paper.credit_of:
        return world  # an orphan until its record comes; it is tried again
    to = rules.moves[E.CREDIT].get(world.state)
    if to is None:
        return world
    kept = replace(world, booked=world.booked | {paper.id}, told=False)
    return replace(kept, state=to, paid=0, borne=0, owed=0, applied=None)
