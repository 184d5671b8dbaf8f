"""Random lives of two drivers at a supplier that misbehaves, over the real service and a real database.

The rules are guided: what a rule needs is there before it is tried. After each step every invariant of the ledger is
asked, and our books are held against the supplier's own (I11).
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.errors import UserError
from core.session import BUSY, LIVE, ChargingSession, SessionState
from tests.core.services.charging.garage import Garage, quick_database, yuan
from tests.crash import Fuse, Fused, FusedDatabase, Killed

S = SessionState
SWITCHES = ("swallows_starts", "loses_answers", "never_begins", "refuses_stops")


class ChargingMachine(RuleBasedStateMachine):
    template: ClassVar[Path]  # a migrated, empty SQLite database

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kilowatch-"))
        shutil.copy(self.template, self.folder / "books.sqlite3")
        self.database = quick_database(self.folder / "books.sqlite3")
        self.garage = Garage(self.database)
        self.garage.top_up(self.garage.wei, "60")
        self.ids: list[str] = []
        self.lied: set[str] = set()  # sessions of which the supplier has said something untrue
        self.billed: set[str] = set()  # sessions whose true record has reached us

    # --- what is there ----------------------------------------------------------------------------------------

    def sessions(self) -> list[ChargingSession]:
        return [self.garage.session(one) for one in getattr(self, "ids", [])]

    def in_states(self, *states: SessionState) -> list[ChargingSession]:
        return [one for one in self.sessions() if one.state in states]

    def at_the_supplier(self, *, ended: bool) -> list[ChargingSession]:
        """Sessions that the supplier has in its books, by whether the charge has ended there."""
        now = self.garage.clock.now()
        charges = self.garage.supplier.charges
        known = [one for one in self.sessions() if one.start_seq in charges]
        return [one for one in known if bool(charges[one.start_seq].ended_at(now)) is ended]

    def truth(self, session: ChargingSession) -> Decimal:
        charge = self.garage.supplier.charges.get(session.start_seq)
        return charge.cost(self.garage.clock.now()) if charge else Decimal(0)

    # --- drivers ----------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.in_states(*BUSY)) < 2)
    @rule(gun=st.integers(0, 2), kwh=st.sampled_from(["2", "10", "20"]), grows=st.booleans(), wei=st.booleans())
    def say_yes(self, gun: int, kwh: str, grows: bool, wei: bool) -> None:
        who = self.garage.wei if wei else self.garage.lin
        self.garage.sync()
        with suppress(UserError):  # busy, no money, three failed starts: all of them may be
            session = self.garage.say_yes(gun=gun, kwh=kwh, user_id=who, grow_to="50" if grows else "")
            self.ids.append(session.id)

    @precondition(lambda self: self.in_states(*BUSY))
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.in_states(*BUSY)))
        self.garage.charging.stop(session.user_id, session.id)

    # --- time and jobs ----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 20, 70, 300, 1200]))
    def pass_time(self, seconds: int) -> None:
        self.garage.clock.advance(seconds=seconds)
        self.garage.run_jobs()

    @precondition(lambda self: self.in_states(*LIVE, S.PROVISIONAL))
    @rule(hours=st.sampled_from([2, 25, 49, 72]))
    def pass_days(self, hours: int) -> None:
        self.garage.pass_time(hours=hours, step_s=7200)

    @rule()
    def run_jobs(self) -> None:
        self.garage.run_jobs()

    @precondition(lambda self: self.in_states(*LIVE))
    @rule(point=st.integers(1, 12))
    def die_at_work(self, point: int) -> None:
        """A process is killed somewhere in the jobs. Another does its work later."""
        fuse = Fuse(point)
        supplier: Any = Fused(self.garage.supplier, fuse)
        self.garage.rewire(FusedDatabase(self.database, fuse), supplier)
        with suppress(Killed):
            self.garage.run_jobs()
        self.garage.rewire(self.database, self.garage.supplier)

    # --- the supplier -----------------------------------------------------------------------------------------

    @rule(switch=st.sampled_from(SWITCHES), on=st.booleans())
    def misbehave(self, switch: str, on: bool) -> None:
        setattr(self.garage.supplier, switch, on)

    @rule(reason=st.sampled_from(["", "", "gun_fault"]))
    def refuse_starts(self, reason: str) -> None:
        self.garage.supplier.refuses_starts = reason

    @precondition(lambda self: self.at_the_supplier(ended=False) or self.at_the_supplier(ended=True))
    @rule(data=st.data())
    def push_state(self, data: st.DataObject) -> None:
        known = [*self.at_the_supplier(ended=False), *self.at_the_supplier(ended=True)]
        self.garage.pushes_state(data.draw(st.sampled_from(known)))

    @precondition(lambda self: self.at_the_supplier(ended=False))
    @rule(data=st.data())
    def the_car_is_unplugged(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.at_the_supplier(ended=False)))
        self.garage.supplier.charges[session.start_seq].stopped_at = self.garage.clock.now()

    @precondition(lambda self: self.at_the_supplier(ended=True))
    @rule(data=st.data())
    def push_record(self, data: st.DataObject) -> None:
        """True, and perhaps not for the first time."""
        session = data.draw(st.sampled_from(self.at_the_supplier(ended=True)))
        assert self.garage.pushes_record(session) is not None
        self.billed.add(session.id)

    @precondition(lambda self: self.at_the_supplier(ended=True))
    @rule(data=st.data(), more=st.sampled_from(["0.50", "5", "100"]))
    def push_a_dear_record(self, data: st.DataObject, more: str) -> None:
        session = data.draw(st.sampled_from(self.at_the_supplier(ended=True)))
        self.lied.add(session.id)
        total = self.truth(session) + Decimal(more)
        number = f"dear-{session.start_seq}"
        # A second one of the same number and another amount is no record but a conflict.
        booked = self.garage.pushes_record(session, record_id=number, total_cost=total)
        assert booked is not None

    @precondition(lambda self: self.billed)
    @rule(data=st.data())
    def push_a_credit(self, data: st.DataObject) -> None:
        session = self.garage.session(data.draw(st.sampled_from(sorted(self.billed))))
        self.lied.add(session.id)  # it was true, and is taken back all the same
        total = -self.truth(session)
        number = f"credit-{session.start_seq}"
        self.garage.pushes_record(session, record_id=number, credit_of=session.start_seq, total_cost=total)

    # --- what must be true at any time ------------------------------------------------------------------------

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "garage"):
            self.garage.check()

    @invariant()
    def our_books_fit_theirs(self) -> None:
        """I11. What is delivered and told is charged, as far as the hold goes; what is not delivered is not."""
        for session in self.sessions():
            delivered = self.truth(session)
            charged = session.charged or yuan(0)
            if session.id in self.lied:
                continue
            if session.state is S.START_FAILED:
                assert delivered == 0, f"{session.id} failed to start, and {delivered} were delivered"
            if session.state is S.SETTLED:
                assert charged == yuan(delivered), f"{session.id}: {charged} for {delivered}"
                with self.database.read() as unit:
                    assert unit.bookings.live(session.id) is not None
            assert charged <= yuan(delivered) or session.state is S.REVIEW

    def teardown(self) -> None:
        """Everybody behaves again. In the end no money is held, and everything delivered is paid."""
        if not hasattr(self, "garage"):
            return
        supplier = self.garage.supplier
        supplier.refuses_starts = ""
        for switch in SWITCHES:
            setattr(supplier, switch, False)
        self.garage.pass_time(minutes=4, step_s=30)
        for session in self.in_states(*BUSY):
            self.garage.charging.stop(session.user_id, session.id)
        self.garage.pass_time(minutes=8, step_s=60)
        for session in self.at_the_supplier(ended=True):
            self.garage.pushes_record(session)
        self.garage.pass_time(hours=74, step_s=7200)
        self.the_books_are_right()
        self.our_books_fit_theirs()
        assert self.in_states(*LIVE) == []
        for session in self.at_the_supplier(ended=True):
            if session.id not in self.lied and self.truth(session):
                assert session.state in (S.SETTLED, S.REVIEW), session
        self.database.close()
        shutil.rmtree(self.folder)
