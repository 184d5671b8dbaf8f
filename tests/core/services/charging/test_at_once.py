"""Everybody at once on one session: pushes, questions, a stop, the bill, the same bill, another one, a credit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from core.session import SessionState
from tests.core.services.charging.garage import Garage, yuan

S = SessionState


def test_everybody_at_once(either: Garage) -> None:
    session = either.start()
    either.pass_time(minutes=5, step_s=100)
    either.supplier.stop(session.ref, start_seq=session.start_seq)
    either.clock.advance(seconds=5)
    charge = either.supplier.charges[session.start_seq]
    record, live = either.supplier.record_of(charge), either.supplier.live(charge)
    second = replace(record, record_id="R2")
    credit = replace(record, record_id="C1", credit_of=record.record_id, total_cost=-record.total_cost)
    for one in (record, second, credit):
        with either.database.write() as unit:
            unit.records.add_record("fake", one, either.clock.now())
    work: list[Callable[[], object]] = [
        lambda: either.charging.apply("fake", live),
        lambda: either.charging.follow(session.id),
        lambda: either.charging.stop(session.user_id, session.id),
        lambda: either.charging.book_record("fake", record),
        lambda: either.charging.book_record("fake", record),
        lambda: either.charging.book_record("fake", second),
        lambda: either.charging.book_record("fake", credit),
        either.charging.book_unbooked,
    ]
    together = threading.Barrier(len(work))

    def at_once(one: Callable[[], object]) -> None:
        together.wait(10)
        one()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(at_once, work))
    either.run_jobs()
    # Whatever came first: one of the two bills stands, and the other was doubted or taken back.
    ended = either.session(session.id)
    assert (ended.state, ended.charged) == (S.SETTLED, yuan(record.total_cost))
    with either.database.read() as unit:
        live_record = unit.bookings.live(session.id)
    assert live_record is not None
    assert live_record.record_id in {"R2", record.record_id}
    assert either.free() == yuan(100) - yuan(record.total_cost)
