"""Six processes do money at random for a minute, one of them killed every two seconds; then all books are compared.

The web process that takes the calls of supplier and provider is one of the six; both misbehave all the time.
Afterwards the rest is worked off by a process whose clock is moved on, and nothing may be left over or differ: our
invariants I1 to I10, and I11 against the books of the sandbox supplier and of the sandbox provider.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

import bootstrap
from core.clock import SystemClock
from core.money import round_once
from core.payments import Topup
from core.ports import BookingState
from core.services import Services
from core.session import LIVE, SessionState
from tests.adapters.ocpi.processes import ROOT, answers, free_port, kilowatch, wait_until
from tests.soak.hammer import deliver

SECONDS = float(os.environ.get("HAMMER_SECONDS", "60"))
# What comes after takes one minute and a half on a machine that has nothing else to do.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(SECONDS + 600)]

KILL_EVERY_S = 2.0
HANDS = 5
FAULTS: list[dict[str, Any]] = [
    {"fault": "start_refused", "fail_reason": 3},
    {"fault": "start_never"},
    {"fault": "start_fails"},
    {"fault": "start_silent", "seconds": 12},
    {"fault": "stop_refused", "fail_reason": 2},
    {"fault": "stop_silent"},
    {"fault": "zero_energy"},
    {"fault": "record_late", "delay_s": 5},
    {"fault": "record_twice"},
    {"fault": "push_lost"},
    {"fault": "push_twice"},
    {"fault": "push_out_of_order"},
]
PAYMENT_FAULTS = [
    "notice_never",
    "notice_late",
    "notice_twice",
    "notice_repeated",
    "slow",
    "broken",
    "cut",
    "refund_slow",
]


class MovedClock:
    """The time of this machine, moved on by a test."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return SystemClock().now() + MovedClock.ahead


class Child:
    """A process that is killed without a word, and started again."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path) -> None:
        self.command, self.env, self.log = command, env, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env={**os.environ, **self.env}, stdout=out, stderr=out, start_new_session=True
            )

    def kill(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@pytest.fixture
def env(tmp_path: Path, database_url: str) -> Iterator[dict[str, str]]:
    """The settings of all processes, with a sandbox that runs."""
    port = two_free_ports()
    settings = {
        "KILOWATCH_HOME": str(tmp_path),
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "BIND": "127.0.0.1",
        "LOG_LEVEL": "ERROR",
        "SECRET_KEY": "a secret of this test only, and long enough",
    }
    sandbox = [sys.executable, "-m", "adapters.sandbox", "--port", str(port + 1)]
    sandbox += ["--data-dir", str(tmp_path / "sandbox"), "--push-to", f"http://127.0.0.1:{port}/evcs/v1"]
    with (tmp_path / "sandbox.log").open("wb") as out:
        running = subprocess.Popen(sandbox, cwd=ROOT, stdout=out, stderr=out)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port + 1}/healthz"), "the sandbox")
        yield settings
    finally:
        running.terminate()
        running.wait(30)


def two_free_ports() -> int:
    """A free port whose neighbour is free too: there the product looks for its sandbox."""
    while True:
        port = free_port()
        if port < 60_000 and not answers(f"http://127.0.0.1:{port + 1}/"):
            return port


def test_the_hammer(env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lever = Levers(int(env["PORT"]) + 1)
    lever.pull("cars", kwh=0.08, power_kw=120)
    lever.pull("pushes", every_s=2, retry_s=15)
    kilowatch(env, "sync")
    logs = [tmp_path / f"hand{number}.log" for number in range(HANDS)]
    children = [Child([sys.executable, "-m", "web"], env, tmp_path / "web.log")]
    children += [
        Child([sys.executable, "-m", "tests.soak.hammer", str(number), str(log)], env, tmp_path / f"err{number}.log")
        for number, log in enumerate(logs)
    ]
    kills = hammer(children, logs, lever)
    services = finish(env, children[0], lever, monkeypatch)

    done = Counter(line for log in logs for line in log.read_text().splitlines())
    with services.database.read() as unit:
        breaches = list(unit.ledger.breaches(MovedClock().now()))
        transfers = unit.ledger.db.exec_driver_sql("SELECT count(*) FROM transfers").scalar_one()  # type: ignore[attr-defined]  # of SQL
    states = Counter(one["state"] for one in sessions(services))
    figures = {"operations": sum(done.values()), "transfers": transfers, "kills": kills, "sessions": dict(states)}
    print(json.dumps(figures | {"done": dict(done.most_common())}, indent=1))
    assert breaches == []
    assert not crashes(tmp_path)
    assert {"top_up ok", "charge ok", "refund ok", "stop ok"} <= set(done), done
    assert states[SessionState.SETTLED.value] > 0
    assert not set(states) & {state.value for state in LIVE}
    assert compared_with_the_supplier(services, tmp_path) > 0
    assert compared_with_the_provider(services, lever) > 0


class Levers:
    """What makes the sandbox misbehave."""

    def __init__(self, port: int) -> None:
        self.base, self.http = f"http://127.0.0.1:{port}", requests.Session()
        self.http.trust_env = False

    def pull(self, lever: str, **wish: Any) -> None:
        reply = self.http.post(f"{self.base}/control/{lever}", json=wish, timeout=10)
        assert reply.status_code == 204, reply.text

    def payment(self, **wish: Any) -> None:
        reply = self.http.post(f"{self.base}/pay/control/faults", json=wish, timeout=10)
        assert reply.status_code == 204, reply.text

    def payments(self) -> Any:
        return self.http.get(f"{self.base}/pay/control/books", timeout=10).json()

    def clear(self) -> None:
        self.pull("charging", fault=None)
        self.payment(fault=None)


def hammer(children: list[Child], logs: list[Path], lever: Levers) -> int:
    """Everything runs, one after the other is killed, faults come and go."""
    chance = random.Random(7)
    try:
        for child in children:
            child.start()
        # A hand needs some seconds to import the product; the minute begins when all of them work.
        wait_until(lambda: all(log.exists() for log in logs), "all hands to work")
        return for_a_minute(children, lever, chance)
    finally:
        for child in children:
            child.kill()


def for_a_minute(children: list[Child], lever: Levers, chance: random.Random) -> int:
    kills, faulty, began, last_kill, last_fault = 0, False, time.monotonic(), time.monotonic(), 0.0
    while time.monotonic() - began < SECONDS:
        now = time.monotonic()
        if now - last_kill >= KILL_EVERY_S:
            # The web process less often: a supplier gives up telling us after four tries.
            victim = children[0] if chance.random() < 0.1 else chance.choice(children[1:])
            victim.kill()
            victim.start()
            kills, last_kill = kills + 1, now
        if now - last_fault >= 3:
            lever.clear()
            # Every other time all is well for a while: else no charge would ever come to its end.
            if faulty := not faulty:
                lever.pull("charging", **chance.choice(FAULTS))
                lever.payment(fault=chance.choice(PAYMENT_FAULTS), delay_s=2)
            last_fault = now
        time.sleep(0.05)
    return kills


def finish(env: dict[str, str], web: Child, lever: Levers, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Work off what is left, with nobody misbehaving, and let the deadlines pass."""
    lever.clear()
    web.start()
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    # Taken back afterwards: the run on the next engine would work off everything eighty hours late, unanswered.
    monkeypatch.setattr(MovedClock, "ahead", timedelta(0))
    monkeypatch.setattr(bootstrap, "SystemClock", MovedClock)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{env['PORT']}/healthz"), "the web")
        services = bootstrap.build_services(bootstrap.settings_from_env(), stations=False)
        # What the supplier still has to say it says within its four tries.
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            work(services)
            time.sleep(0.5)
        # The provider refuses questions from the future, so it is asked about everything now.
        ask_about_orders(services)
        # What it never says is settled by the clock: a minute between two questions, two days for a record.
        for hours in (0.05, 0.1, 0.5, 25, 49, 50, 73, 80):
            MovedClock.ahead = timedelta(hours=hours)
            for _ in range(3):
                work(services)
        return services
    finally:
        web.kill()


def ask_about_orders(services: Services) -> None:
    """Ask the provider about each order that may still be paid, until it has answered: as the clock would, sooner."""
    waiting, unanswered = waiting_orders(services), 0
    give_up = time.monotonic() + 90
    while waiting and time.monotonic() < give_up:
        waiting = [one for one in waiting if not answered(services, one)]
        unanswered += len(waiting)
        time.sleep(0.5 if waiting else 0)
    print("questions about orders without an answer:", unanswered)
    assert not waiting, "the provider does not answer for its orders: nothing can be said of the books"


def waiting_orders(services: Services) -> list[Topup]:
    """Top-ups of which we do not know yet that they are paid."""
    with services.database.read() as unit:
        asked = "SELECT id FROM topups WHERE state IN ('created', 'pending')"
        ids = unit.ledger.db.exec_driver_sql(asked).scalars().all()  # type: ignore[attr-defined]  # of SQL
        return [order for one in ids if (order := unit.payments.topup(one)) is not None]


def answered(services: Services, before: Topup) -> bool:
    """Whether the provider says something about this order now. An answer is counted, silence is not."""
    now = services.wallet.look_at_topup(before.id)
    return now is not None and (now.state is not before.state or now.looks > before.looks)


def work(services: Services) -> None:
    deliver(services, 200)
    while services.notices.work("sandbox"):
        pass
    services.charging.follow_due()
    services.charging.book_unbooked()
    topups, refunds = services.wallet.due()
    for topup_id in topups:
        services.wallet.look_at_topup(topup_id)
    for refund_id in refunds:
        services.wallet.look_at_refund(refund_id)
    deliver(services, 200)


def sessions(services: Services) -> list[dict[str, Any]]:
    with services.database.read() as unit:
        rows = unit.ledger.db.exec_driver_sql("SELECT * FROM charging_sessions")  # type: ignore[attr-defined]  # of SQL
        return [dict(row) for row in rows.mappings()]


def crashes(folder: Path) -> str:
    """What the hands said before they died of something else than a kill."""
    return "".join(one.read_text() for one in folder.glob("err*.log") if "Traceback" in one.read_text())


def compared_with_the_supplier(services: Services, folder: Path) -> int:
    """I11: what the supplier delivered and billed is what its drivers and we paid; how many records there were."""
    ours = {one["start_seq"]: one for one in sessions(services)}
    with sqlite3.connect(folder / "sandbox" / "books.sqlite") as db:
        bills = {seq: Decimal(total) for seq, total in db.execute("SELECT start_seq, total_yuan FROM records")}
        delivered = {seq: Decimal(kwh) for seq, kwh in db.execute("SELECT start_seq, energy_kwh FROM sessions")}
        heard = {
            json.loads(message)["StartChargeSeq"]
            for (message,) in db.execute(
                "SELECT message FROM pushes WHERE interface = 'notification_charge_order_info' AND outcome = 'Ret 0'"
            )
        }
    assert set(bills) <= set(ours), "the supplier billed what we never asked for"
    with services.database.read() as unit:
        for seq, total in bills.items():
            session = ours[seq]
            booking = unit.bookings.get(session["supplier_id"], seq)
            owed = round_once(total, "CNY")
            if booking is None:
                # The supplier gave up telling us: settled by the meter, and found when books are compared.
                assert seq not in heard, f"the bill of {seq} was acknowledged and never booked"
                assert (session["charged"] or 0) <= owed.amount_minor
                continue
            assert booking.total == owed
            if booking.state is BookingState.APPLIED:
                assert booking.from_user + booking.borne == owed
                assert booking.from_user.amount_minor == session["charged"]
            else:
                # The driver was told that nothing started: it is not theirs to pay.
                assert (session["state"], session["charged"] or 0) in {
                    (SessionState.REVIEW.value, 0),
                    (SessionState.START_FAILED.value, 0),
                }
    for seq, session in ours.items():
        if not delivered.get(seq):
            assert not session["charged"], f"{seq}: nothing was delivered, and the driver paid"
    assert len(heard) > len(bills) / 2, "hardly any bill ever reached us"
    return len(heard)


def compared_with_the_provider(services: Services, lever: Levers) -> int:
    """What drivers paid at the provider is in their wallets, what it gave back has left them."""
    theirs = lever.payments()
    with services.database.read() as unit:
        rows = unit.ledger.db.exec_driver_sql("SELECT * FROM topups").mappings()  # type: ignore[attr-defined]  # of SQL
        ours = {row["id"]: dict(row) for row in rows}
        rows = unit.ledger.db.exec_driver_sql("SELECT id, state, amount FROM refunds")  # type: ignore[attr-defined]  # of SQL
        refunds = {row.id: (row.state, row.amount) for row in rows}
    paid = {one["order_id"]: one["amount_minor"] for one in theirs["orders"] if one["state"] == "paid"}
    booked = {id_: one["amount"] for id_, one in ours.items() if one["state"] == "paid"}
    odd = {id_ for id_, _ in booked.items() ^ paid.items()}
    by_them = {one["order_id"]: one for one in theirs["orders"]}
    assert booked == paid, [(ours.get(id_), by_them.get(id_), notices_about(services, id_)) for id_ in odd]
    given_back = {one["refund_id"]: one["amount_minor"] for one in theirs["refunds"] if one["state"] == "paid"}
    assert {id_: amount for id_, (state, amount) in refunds.items() if state == "done"} == given_back
    return len(paid)


def notices_about(services: Services, topup_id: str) -> list[dict[str, Any]]:
    """What came of the provider's notices about an order."""
    with services.database.read() as unit:
        rows = unit.ledger.db.exec_driver_sql("SELECT * FROM inbox").mappings()  # type: ignore[attr-defined]  # of SQL
        return [dict(row) for row in rows if row["lane"] == topup_id]
