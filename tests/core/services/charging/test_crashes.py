"""Killed at every commit and every call of a start, a stop, a settlement: the end is that of an undisturbed run."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.outbox import MessageClass, OutboxState
from core.services.notify import tell
from core.session import SessionState
from tests.core.services.charging.garage import Garage, quick_database
from tests.crash import KILLED, Fuse, Fused, FusedDatabase, Killed, in_a_process, matrix

S = SessionState


@dataclass(frozen=True)
class End:
    """What is left in the end."""

    state: SessionState
    free: int
    held: int
    charged: int | None
    owed: int
    starts: int
    said: tuple[str, ...]  # about money


Act = Callable[[Garage, str], None]


class Play:
    """One scenario: prepared, acted under the fuse, and finished by a new process on the same database."""

    def __init__(self, template: Path, folder: Path, prepare: Callable[[Garage], str], act: Act, finish: Act) -> None:
        self.template, self.folder = template, folder
        self.prepare, self.act, self.finish = prepare, act, finish
        self.runs = 0
        self.loses_starts = False

    def __call__(self, fuse: Fuse) -> End:
        self.runs += 1
        path = self.folder / f"run-{self.runs}.sqlite3"
        shutil.copy(self.template, path)
        database = quick_database(path)
        first = Garage(database, tell=tell)
        first.supplier.swallows_starts = self.loses_starts
        subject = self.prepare(first)
        if fuse.exits:
            self._act_in_a_process(first, subject, path, fuse)
        else:
            with suppress(Killed):
                self.act(_fused(first, FusedDatabase(database, fuse), fuse), subject)
        second = Garage(database, clock=first.clock, supplier=first.supplier, tell=tell, fresh=False)
        self.finish(second, subject)
        second.check()
        end = _end(second, subject)
        database.close()
        return end

    def _act_in_a_process(self, first: Garage, subject: str, path: Path, fuse: Fuse) -> None:
        """The supplier is outside: what it has done by the moment of death is kept in a file beside the database."""
        books = path.with_suffix(".books")
        first.database.engine.dispose()  # type: ignore[attr-defined]  # no connection goes through a fork

        def work() -> None:
            own = quick_database(path)

            def keep() -> None:
                books.write_bytes(pickle.dumps((first.supplier.charges, first.supplier.starts)))

            self.act(_fused(first, FusedDatabase(own, fuse), fuse, keep), subject)

        assert in_a_process(work) == KILLED
        if books.exists():
            first.supplier.charges, first.supplier.starts = pickle.loads(books.read_bytes())


def _fused(first: Garage, database: FusedDatabase, fuse: Fuse, heard: Callable[[], None] = lambda: None) -> Garage:
    supplier: Any = Fused(first.supplier, fuse, heard)
    doomed = Garage(first.database, clock=first.clock, supplier=first.supplier, tell=tell, fresh=False)
    doomed.rewire(database, supplier)
    return doomed


def _end(garage: Garage, quote_id: str) -> End:
    with garage.database.read() as unit:
        session = unit.sessions.by_client_key(garage.lin, "tap")
        assert session is not None
        rows = unit.outbox.in_states(list(OutboxState), 100)
        owed = sum(balance for account, balance in unit.ledger.accounts() if account.id.startswith("supplier:"))
    said = sorted(row.dedupe_key.split(":", 2)[2] for row in rows if row.klass is MessageClass.MONEY)
    wallet = garage.wallet()
    return End(
        state=session.state,
        free=wallet.available.amount_minor,
        held=wallet.held.amount_minor,
        charged=session.charged.amount_minor if session.charged else None,
        owed=owed,
        starts=len(garage.supplier.starts),
        said=tuple(one.split(":")[0] for one in said),
    )


# --- the scenarios --------------------------------------------------------------------------------------------


def quoted(garage: Garage) -> str:
    return garage.quote().id


def say_yes(garage: Garage, quote_id: str) -> None:
    garage.charging.start(garage.lin, quote_id, "tap")
    garage.work_outbox()
    garage.clock.advance(seconds=20)
    garage.run_jobs()


def charge_to_the_end(garage: Garage, quote_id: str) -> None:
    """The driver's app repeats what was not answered; the rest is for the jobs."""
    session = garage.charging.start(garage.lin, quote_id, "tap")
    garage.pass_time(minutes=4, step_s=30)
    finish_charging(garage, session.id)


def charging(garage: Garage) -> str:
    quote_id = quoted(garage)
    garage.charging.start(garage.lin, quote_id, "tap")
    garage.work_outbox()
    garage.pass_time(minutes=2)
    return quote_id


def stop(garage: Garage, quote_id: str) -> None:
    garage.charging.stop(garage.lin, _session(garage).id)
    garage.work_outbox()
    garage.clock.advance(seconds=20)
    garage.run_jobs()


def stop_to_the_end(garage: Garage, quote_id: str) -> None:
    finish_charging(garage, _session(garage).id)


def finish_charging(garage: Garage, session_id: str) -> None:
    """The same energy in every run, however long it took: the supplier's record says so."""
    if garage.session(session_id).state in (S.CHARGING, S.STARTING, S.STOPPING, S.STOP_UNKNOWN):
        garage.charging.stop(garage.lin, session_id)
    garage.pass_time(minutes=4, step_s=30)
    session = garage.session(session_id)
    if session.start_seq in garage.supplier.charges:
        garage.pushes_record(session, **_SAME)


_SAME: dict[str, Any] = {"energy_kwh": Decimal(5), "total_cost": Decimal("7.50")}


def ended(garage: Garage) -> str:
    quote_id = charging(garage)
    garage.charging.stop(garage.lin, _session(garage).id)
    garage.pass_time(minutes=1)
    assert _session(garage).state is S.AWAIT_RECORD
    return quote_id


def forgotten(garage: Garage) -> str:
    """Settled without a record already."""
    quote_id = ended(garage)
    garage.clock.advance(hours=49)
    garage.run_jobs()
    assert _session(garage).state is S.PROVISIONAL
    return quote_id


def bill(garage: Garage, quote_id: str) -> None:
    garage.pushes_record(_session(garage), **_SAME)


def taken_back(garage: Garage) -> str:
    quote_id = ended(garage)
    bill(garage, quote_id)
    return quote_id


def take_back(garage: Garage, quote_id: str) -> None:
    seq = _session(garage).start_seq
    garage.pushes_record(_session(garage), record_id="C1", credit_of=seq, total_cost=Decimal("-7.50"))


def _session(garage: Garage) -> Any:
    with garage.database.read() as unit:
        return unit.sessions.by_client_key(garage.lin, "tap")


SCENARIOS: dict[str, tuple[Callable[[Garage], str], Act, Act, End]] = {
    "start": (quoted, say_yes, charge_to_the_end, End(S.SETTLED, 9250, 0, 750, 750, 1, ("receipt",))),
    "stop": (charging, stop, stop_to_the_end, End(S.SETTLED, 9250, 0, 750, 750, 1, ("receipt",))),
    "settle": (ended, bill, bill, End(S.SETTLED, 9250, 0, 750, 750, 1, ("receipt",))),
    "late record": (
        forgotten, bill, bill, End(S.SETTLED, 9250, 0, 750, 750, 1, ("receipt", "settled_without_record")),
    ),
    "credit": (
        taken_back, take_back, take_back, End(S.CREDITED, 10000, 0, 0, 0, 1, ("charge_credited", "receipt")),
    ),
}  # fmt: skip
# Died before the supplier heard of it: never sent again blindly, so it is the end of a start that was lost.
LOST = End(S.START_FAILED, 10000, 0, None, 0, 0, ("start_failed",))


def play(name: str, sqlite_url: str, tmp_path: Path) -> tuple[Play, End]:
    prepare, act, finish, expected = SCENARIOS[name]
    template = Path(sqlite_url.removeprefix("sqlite:///"))
    return Play(template, tmp_path, prepare, act, finish), expected


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_point(name: str, sqlite_url: str, tmp_path: Path) -> None:
    scenario, expected = play(name, sqlite_url, tmp_path)
    ends = dict(matrix(scenario))
    print(f"{name}: {len(ends) - 1} points")
    lost = {point for point, end in ends.items() if end == LOST}
    assert {point: end for point, end in ends.items() if end not in (expected, LOST)} == {}
    assert len(ends) > 4
    if name == "start":
        # Between the claim and the call, and at no other point.
        assert [point.partition(". ")[2] for point in sorted(lost)] == [
            "after the commit of Starting._claim",
            "before the call of start",
        ]
        scenario.loses_starts = True
        assert replace(scenario(Fuse()), starts=0) == LOST
    else:
        assert lost == set()


@pytest.mark.process
@pytest.mark.parametrize("name", ["start", "stop", "settle"])
def test_killed_for_real(name: str, sqlite_url: str, tmp_path: Path) -> None:
    """A few of the same points with a process that really ends."""
    scenario, expected = play(name, sqlite_url, tmp_path)
    counting = Fuse()
    scenario(counting)
    for number in range(1, len(counting.points) + 1, 3):
        end = scenario(Fuse(number, exits=True))
        assert end in (expected, LOST), counting.points[number - 1]
