"""The outbox at work: what stands there is done once, and what comes of it decides what is next.

The doorbell (RQ) brings a row to a worker at once. Nothing hangs on it: a sweeper looks every few seconds for what is
due, rings again, and does the work itself when nobody comes.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from core.outbox import (
    LEASE,
    MAX_ATTEMPTS,
    Fate,
    MessageClass,
    OutboxRow,
    OutboxState,
    Result,
    may_be_repeated,
    retry_after,
)
from core.ports import Clock, Database, JobQueue, UnitOfWork
from core.services.accounts import chat_gone
from core.services.notify import way_after
from core.user import Channel, Identity

DELIVER = "deliver"  # the job
ENDED_BADLY = (OutboxState.DEAD, OutboxState.UNCERTAIN)
KEPT_FOR = timedelta(days=35)  # longer than any session can still change, so that nothing is said again
SWEPT_AT_ONCE = 200
RUNG_AT_ONCE = 100  # messages in one job
SWEEP_LEASE_S = 5.0  # short: two at once do no harm, and a killed one must not hold up the others
COMES_WITHIN = timedelta(seconds=3)  # after that long a ring was not heard, or the worker has its hands full
SWEEP_THREADS = 4
CHANNELS_OF_CHATS = {
    "telegram": Channel.TELEGRAM,
    "wechat": Channel.WECHAT,
    "wechat_template": Channel.WECHAT,
    "wechat_leave": Channel.WECHAT,
}

Handler = Callable[[OutboxRow], Result]


@runtime_checkable
class Prepares(Protocol):
    """A handler that first has to find out what there is to say.

    That comes before the row is claimed: a process that dies meanwhile leaves no doubt behind.
    """

    def prepare(self, row: OutboxRow) -> Handler:
        """What is left to be done with the row once it is claimed. It may have changed until then."""
        ...


log = logging.getLogger(__name__)


class OutboxService:
    """Delivers rows by their kind's handler. A handler may be called twice for one row, at different times.

    `handlers` is looked at when a row is worked, so that services that need this one can add theirs later.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: JobQueue,
        handlers: Mapping[str, Handler],
        *,
        lease: timedelta = LEASE,
    ) -> None:
        self.database, self.clock, self.queue, self.handlers = database, clock, queue, handlers
        self.lease = lease

    def ring(self, *row_ids: int | None) -> None:
        """Have these rows worked now; None is for what was written before. After the commit, never inside it."""
        for batch in _batches([row_id for row_id in row_ids if row_id is not None]):
            # A Redis that is away costs half a second; once is enough.
            if not self.queue.enqueue(DELIVER, *map(str, batch)):
                return

    def deliver_all(self, row_ids: Iterable[int], within_s: float) -> int:
        """Work these rows, one after the other, as far as the time goes: the sweeper comes back for the others, and
        for those whose turn it is not. Returns how many were worked."""
        deadline = time.monotonic() + within_s
        worked = 0
        for row_id in row_ids:
            if time.monotonic() > deadline:
                break
            worked += self.deliver(row_id)
        return worked

    def deliver(self, row_id: int) -> bool:
        """Work one row, if it is due and nobody has it. Running it again changes nothing."""
        with self.database.read() as unit:
            ready = unit.outbox.ready(row_id, self.clock.now())
        if ready is None:
            return False
        handler, token = self._prepared(ready), secrets.token_urlsafe(9)
        with self.database.write() as unit:
            row = unit.outbox.claim(row_id, token, self.clock.now(), self.lease)
        if row is None:
            return False
        result = self._handled(row, handler)
        with self.database.write() as unit:
            kept = self._keep(unit, row, result)
        if not kept:
            log.warning("too late: another has the row", extra={"outbox_id": row.id, "fate": result.fate})
        return True

    def _prepared(self, row: OutboxRow) -> Handler | None:
        handler = self.handlers.get(row.kind)
        if not isinstance(handler, Prepares) or row.state is not OutboxState.PENDING:
            return handler
        try:
            return handler.prepare(row)
        except Exception as error:
            log.exception("an outbox row could not be prepared", extra={"outbox_id": row.id, "kind": row.kind})
            failed = Result(Fate.NOT_SENT, error=type(error).__name__)
            return lambda _: failed

    @staticmethod
    def _handled(row: OutboxRow, handler: Handler | None) -> Result:
        if handler is None:
            return Result(Fate.NOT_SENT, error=f"nobody here does {row.kind!r}")
        try:
            return handler(row)
        except Exception as error:
            # How far it came nobody knows.
            log.exception("an outbox row failed", extra={"outbox_id": row.id, "kind": row.kind})
            return Result(Fate.UNCERTAIN, error=type(error).__name__)

    # --- what came of it ------------------------------------------------------------------------------------

    def _keep(self, unit: UnitOfWork, row: OutboxRow, result: Result) -> bool:
        now = self.clock.now()
        if result.pause_channel and row.channel and result.retry_after is not None:
            unit.outbox.pause(row.channel, now + result.retry_after)
        match result.fate:
            case Fate.SENT:
                return _finish(unit, row, OutboxState.SENT, now, result)
            case Fate.POINTLESS:
                return _finish(unit, row, OutboxState.EXPIRED, now, result)
            case Fate.REFUSED:
                return self._give_up(unit, row, now, result)
            case Fate.LATER:
                return unit.outbox.finish(
                    row.id,
                    row.token,
                    OutboxState.PENDING,
                    now,
                    next_at=now + (result.retry_after or retry_after(1)),
                    counted=False,
                    error=result.error,
                )
            case Fate.UNCERTAIN if not may_be_repeated(row, now):
                return _finish(unit, row, OutboxState.UNCERTAIN, now, result)
            case Fate.NOT_SENT | Fate.UNCERTAIN:
                return self._again(unit, row, now, result)
        return self._elsewhere(unit, row, now, result)

    def _again(self, unit: UnitOfWork, row: OutboxRow, now: datetime, result: Result) -> bool:
        doubtful = result.fate is Fate.UNCERTAIN
        if row.attempts >= MAX_ATTEMPTS:
            return self._give_up(unit, row, now, result, doubtful=doubtful)
        return unit.outbox.finish(
            row.id,
            row.token,
            OutboxState.PENDING,
            now,
            next_at=now + (result.retry_after or retry_after(row.attempts)),
            doubtful=doubtful,
            error=result.error,
        )

    def _elsewhere(self, unit: UnitOfWork, row: OutboxRow, now: datetime, result: Result) -> bool:
        """This chat is closed: another of the person's takes it over, if there is one."""
        if result.fate is Fate.GONE and row.channel in CHANNELS_OF_CHATS:
            chat_gone(unit, Identity(CHANNELS_OF_CHATS[row.channel], row.address), now)
        if result.window_closed and row.channel in CHANNELS_OF_CHATS:
            unit.chats.window_closed(Identity(CHANNELS_OF_CHATS[row.channel], row.address), now)
        reach = unit.chats.reach(row.user_id) if row.user_id else None
        way = way_after(reach, row.channel, row.address, now, row.klass) if reach is not None else None
        if way is None or row.attempts >= MAX_ATTEMPTS:
            if row.klass is MessageClass.ALERT:
                # Held: it is shown when they write, if it is still true then.
                log.info("an alert is held", extra={"outbox_id": row.id, "error": result.error})
                return _finish(unit, row, OutboxState.EXPIRED, now, result)
            if result.fate is Fate.ELSEWHERE and result.retry_after is not None:
                # No other way, but this one opens again.
                return self._again(unit, row, now, result)
            return self._give_up(unit, row, now, result)
        return unit.outbox.redirect(row.id, row.token, *way, now, f"{row.channel}: {result.error}")

    def _give_up(
        self, unit: UnitOfWork, row: OutboxRow, now: datetime, result: Result, *, doubtful: bool = False
    ) -> bool:
        log.error("gave up an outbox row", extra={"outbox_id": row.id, "kind": row.kind, "error": result.error})
        return _finish(unit, row, OutboxState.DEAD, now, result, doubtful=doubtful)

    # --- the people who run it ------------------------------------------------------------------------------

    def ended_badly(self, limit: int = 50) -> list[OutboxRow]:
        """Dead and uncertain rows, newest first."""
        with self.database.read() as unit:
            return unit.outbox.in_states(ENDED_BADLY, limit)

    def retry(self, row_id: int, who: str, why: str) -> bool:
        """Try a dead or uncertain row anew. False when it is neither."""
        if not self._decide(row_id, OutboxState.PENDING, f"tried again by {who}: {why}"):
            return False
        self.ring(row_id)
        return True

    def drop(self, row_id: int, who: str, why: str) -> bool:
        """Close a dead or uncertain row: it need not be done any more. False when it is neither."""
        return self._decide(row_id, OutboxState.EXPIRED, f"dropped by {who}: {why}")

    def _decide(self, row_id: int, to: OutboxState, note: str) -> bool:
        with self.database.write() as unit:
            row = unit.outbox.get(row_id)
            if row is None:
                return False
            # The old error stays readable beside the decision.
            note = f"{note} (was {row.state}: {row.error})"[:500]
            decided = unit.outbox.decide(row_id, ENDED_BADLY, to, self.clock.now(), note) is not None
        if decided:
            log.warning("an outbox row was decided", extra={"outbox_id": row_id, "note": note})
        return decided

    def pauses(self) -> dict[str, datetime]:
        """Until when which channels rest."""
        with self.database.read() as unit:
            return unit.outbox.paused(self.clock.now())

    def counts(self) -> dict[tuple[str, str], int]:
        """How many rows there are by (class, state)."""
        with self.database.read() as unit:
            return dict(unit.outbox.counts())

    def purge(self) -> int:
        with self.database.write() as unit:
            return unit.outbox.purge(self.clock.now() - KEPT_FOR)


class Sweeper:
    """Looks for what is due. One at a time by a lease; two would only ring twice.

    Orders and messages have threads of their own: a chat platform that hangs does not hold up the start of a charge.
    """

    def __init__(
        self, outbox: OutboxService, *, threads: int = SWEEP_THREADS, lease_s: float = SWEEP_LEASE_S
    ) -> None:
        self.outbox, self.database, self.clock = outbox, outbox.database, outbox.clock
        self._threads, self._lease_s = threads, lease_s
        self._pools = {
            orders: ThreadPoolExecutor(threads, thread_name_prefix="orders" if orders else "messages")
            for orders in (True, False)
        }
        self._rung: dict[int, datetime] = {}

    def sweep(self, within_s: float) -> int:
        """Ring for everything that is due, or work it here when nobody hears; returns how many rows were due.

        Begins nothing new after `within_s`, and does not wait longer for what it has begun.
        """
        now = self.clock.now()
        with self.database.read() as unit:
            due = {orders: unit.outbox.due(now, SWEPT_AT_ONCE, orders=orders) for orders in self._pools}
        every = [row_id for rows in due.values() for row_id in rows]
        self._rung = {row_id: self._rung[row_id] for row_id in every if row_id in self._rung}
        waiting = {row_id for row_id in every if now - self._rung.get(row_id, now - COMES_WITHIN) >= COMES_WITHIN}
        if not waiting:
            return len(every)
        with self.database.write() as unit:
            mine = unit.ticks.lease(SWEEP, now, self._lease_s)
        if mine:
            try:
                left = set(waiting)
                for orders, rows in due.items():
                    left -= self._ring([row_id for row_id in rows if row_id in waiting], now, alone=orders)
                self._work({orders: [one for one in rows if one in left] for orders, rows in due.items()}, within_s)
            finally:
                with self.database.write() as unit:
                    unit.ticks.release(SWEEP, now)
        return len(every)

    def _ring(self, row_ids: Sequence[int], now: datetime, *, alone: bool) -> set[int]:
        """Those that are rung for, `alone` each by a job of its own: no order waits behind another. The others have
        to be worked here: the bell is broken, or it was rung before and nobody came."""
        rung: set[int] = set()
        for batch in _batches(
            [row_id for row_id in row_ids if row_id not in self._rung], 1 if alone else RUNG_AT_ONCE
        ):
            if not self.outbox.queue.enqueue(DELIVER, *map(str, batch)):
                break
            rung.update(batch)
        self._rung.update(dict.fromkeys(rung, now))
        return rung

    def _work(self, rows: Mapping[bool, list[int]], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        begun: list[Future[None]] = []
        for orders, row_ids in rows.items():
            remaining = iter(row_ids)
            for _ in range(min(self._threads, len(row_ids))):
                begun.append(self._pools[orders].submit(self._work_off, remaining, deadline))
        wait(begun, timeout=within_s)

    def _work_off(self, row_ids: Iterator[int], deadline: float) -> None:
        """One thread's share: whichever row is next, until there is none or the time is over."""
        while time.monotonic() < deadline and (row_id := next(row_ids, None)) is not None:
            try:
                self.outbox.deliver(row_id)
            except Exception:
                log.exception("an outbox row could not be worked", extra={"outbox_id": row_id})

    def close(self) -> None:
        """Waits for what is at work."""
        for pool in self._pools.values():
            pool.shutdown(wait=True)


SWEEP = "sweep_outbox"  # the lease


def _batches(row_ids: Sequence[int], size: int = RUNG_AT_ONCE) -> Iterator[Sequence[int]]:
    """One job for each of these."""
    for first in range(0, len(row_ids), size):
        yield row_ids[first : first + size]


def _finish(
    unit: UnitOfWork, row: OutboxRow, state: OutboxState, now: datetime, result: Result, *, doubtful: bool = False
) -> bool:
    return unit.outbox.finish(
        row.id, row.token, state, now, doubtful=doubtful, sent_ref=result.sent_ref, error=result.error
    )
