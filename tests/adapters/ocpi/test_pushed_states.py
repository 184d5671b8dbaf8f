"""States pushed by the hundred: the newest stands, a mistake is its maker's, and what was answered is on the disk."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.ocpi import tokens
from adapters.ocpi.desk_push import states_of
from adapters.ocpi.holding import LOCATIONS
from adapters.ocpi.location_book import Change, Changed, LocationBook, Overtaken
from adapters.ocpi.partners import Partners
from adapters.ocpi.sealed import Sealer
from adapters.ocpi.shapes import PushRefused
from core.clock import SystemClock
from core.station import ConnectorStatus, station_key
from storage.engine import open_engine
from storage.unit_of_work import SqlDatabase
from tests.adapters.ocpi.conftest import OUR_TOKEN, SECRET, Caller, OurSide, our_side
from tests.adapters.ocpi.partner import NOON, location, stamp
from tests.adapters.ocpi.processes import free_port, our_web
from tests.world import SetClock

PUSHERS = 8
WORDS = {
    "AVAILABLE": ConnectorStatus.FREE,
    "CHARGING": ConnectorStatus.CHARGING,
    "RESERVED": ConnectorStatus.RESERVED,
}


class TickingClock(SetClock):
    """Each look is a little later than the one before, as with any real clock."""

    def __init__(self) -> None:
        super().__init__(NOON)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            self.time += timedelta(microseconds=1)
            return self.time


@pytest.fixture
def ours(database_url: str) -> Iterator[OurSide]:
    with our_side(database_url, TickingClock()) as one:
        one.knows()
        yield one


def gun(ours: OurSide, name: str = "A") -> ConnectorStatus:
    station = ours.station(f"BEBEC:{name}")
    assert station is not None
    return station.connectors[0].status


def test_many_pushes_of_one_evse_end_with_the_newest(ours: OurSide) -> None:
    caller = Caller(ours.web.test_client())
    caller("PUT", "locations/BE/BEC/A", location("A"))
    told = [(minute, random.Random(minute).choice(list(WORDS))) for minute in range(1, 61)]
    random.Random(7).shuffle(told)

    def push(one: tuple[int, str]) -> None:
        body = {"status": one[1], "last_updated": stamp(one[0])}
        Caller(ours.web.test_client())("PATCH", "locations/BE/BEC/A/A-1", body)

    with ThreadPoolExecutor(PUSHERS) as pool:
        list(pool.map(push, told))
    newest = max(told)[1]
    held = caller("GET", "locations/BE/BEC/A/A-1")
    assert (held["status"], held["last_updated"]) == (newest, stamp(60))
    assert gun(ours) is WORDS[newest]


def test_a_state_that_came_during_a_change_of_the_place_stands(ours: OurSide) -> None:
    """The second half of a push that changes more comes after later pushes, and is older than they are."""
    caller = Caller(ours.web.test_client())
    caller("PUT", "locations/BE/BEC/A", location("A"))
    book = LocationBook(ours.database, ours.desk, ours.clock)
    floor = {"evses": location("A")["evses"], "name": "Another name", "last_updated": stamp(1)}
    changed = book.change(Change("cpo", "BEBEC:A", lambda held: {**(held or {}), **floor}))
    caller("PATCH", "locations/BE/BEC/A/A-1", {"status": "CHARGING", "last_updated": stamp(2)})
    late = states_of("BEBEC:A", changed.after, "A-1", changed.at)
    assert [one.status for one in late] == [ConnectorStatus.FREE]
    ours.desk.statuses("cpo", late)
    assert gun(ours) is ConnectorStatus.CHARGING


# --- one batch ------------------------------------------------------------------------------------------------


class Batch:
    """Pushes that are written together: they come while the first of them is held up."""

    def __init__(self, ours: OurSide) -> None:
        self.ours = ours
        self.book = LocationBook(ours.database, ours.desk, ours.clock)
        self._begun, self._go = threading.Event(), threading.Event()

    def __call__(self, changes: list[Change]) -> list[Future[Changed]]:
        with ThreadPoolExecutor(len(changes) + 1) as pool:
            first = pool.submit(self.book.change, Change("cpo", "BEBEC:FIRST", self._wait))
            assert self._begun.wait(20)
            calls = [pool.submit(self.book.change, one) for one in changes]
            while self.book.waiting() < len(changes):
                assert not first.done()
            self._go.set()
        return calls

    def _wait(self, _: dict[str, Any] | None) -> dict[str, Any]:
        self._begun.set()
        assert self._go.wait(20)
        raise Overtaken


def to_status(name: str, word: str, fail: Callable[[], None] = lambda: None) -> Change:
    key = f"BEBEC:{name}"

    def make(held: dict[str, Any] | None) -> dict[str, Any]:
        fail()
        assert held is not None
        first, second = held["evses"]
        return {**held, "evses": [{**first, "status": word}, second]}

    return Change("cpo", key, make, lambda _, after, at: states_of(key, after, f"{name}-1", at))


def _raises(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [PushRefused("not so"), Overtaken(), ZeroDivisionError("a bug of ours")])
def test_a_bad_push_fails_alone(ours: OurSide, error: Exception) -> None:
    caller = Caller(ours.web.test_client())
    for name in "ABC":
        caller("PUT", f"locations/BE/BEC/{name}", location(name))
    calls = Batch(ours)(
        [to_status("A", "CHARGING"), to_status("B", "CHARGING", _raises(error)), to_status("C", "RESERVED")]
    )
    assert [calls[0].result().is_told, calls[2].result().is_told] == [True, True]
    with pytest.raises(type(error)):
        calls[1].result()
    assert [gun(ours, name) for name in "ABC"] == [
        ConnectorStatus.CHARGING,
        ConnectorStatus.FREE,
        ConnectorStatus.RESERVED,
    ]
    held = [caller("GET", f"locations/BE/BEC/{name}/{name}-1")["status"] for name in "ABC"]
    assert held == ["CHARGING", "AVAILABLE", "RESERVED"]


def test_of_two_pushes_of_one_evse_in_one_batch_the_second_is_told(ours: OurSide) -> None:
    Caller(ours.web.test_client())("PUT", "locations/BE/BEC/A", location("A"))
    calls = Batch(ours)([to_status("A", "CHARGING"), to_status("A", "RESERVED")])
    done = [call.result() for call in calls]
    second = next(one for one in done if one.before is not None and one.before["evses"][0]["status"] != "AVAILABLE")
    assert gun(ours) is WORDS[second.after["evses"][0]["status"]]


# --- who may push ---------------------------------------------------------------------------------------------


def test_a_token_that_another_process_revokes_is_dead_within_a_second(ours: OurSide) -> None:
    caller = Caller(ours.web.test_client())
    caller("PUT", "locations/BE/BEC/A", location("A"))
    elsewhere = Partners(ours.database, Sealer(SECRET), ours.clock)
    elsewhere.remove("cpo")
    ours.clock.advance(seconds=1)
    caller("PATCH", "locations/BE/BEC/A/A-1", {"status": "CHARGING", "last_updated": stamp(1)}, code=2000, status=401)


@pytest.mark.parametrize("path", ["", "versions"])
def test_what_is_about_tokens_knows_it_at_once(ours: OurSide, path: str) -> None:
    caller = Caller(ours.web.test_client())
    caller("GET", "locations/BE/BEC/A", code=2003, status=404)
    Partners(ours.database, Sealer(SECRET), ours.clock).remove("cpo")
    url = "/ocpi/versions" if path else "/ocpi/2.2.1"
    assert caller.client.get(url, headers=caller.headers).status_code == 401


def test_a_token_revoked_here_is_dead_at_once(ours: OurSide) -> None:
    caller = Caller(ours.web.test_client())
    caller("PUT", "locations/BE/BEC/A", location("A"))
    ours.partners.remove("cpo")
    caller("PATCH", "locations/BE/BEC/A/A-1", {"status": "CHARGING", "last_updated": stamp(1)}, code=2000, status=401)


# --- a crash --------------------------------------------------------------------------------------------------

PLACES = 40
SUPPLIERS = """
[cpo]
kind = "ocpi"
name = "Example CPO"
our_country = "DE"
our_party = "KWT"
our_name = "Kilowatch"
"""


@pytest.mark.process
def test_what_was_answered_before_a_crash_is_there_after_it(database_url: str, tmp_path: Path) -> None:
    """The process is killed in the middle of pushes. Each answered one, or a later one, is in both tables."""
    _prepare(database_url)
    (tmp_path / "suppliers.toml").write_text(SUPPLIERS)
    port = free_port()
    env = {
        "DATABASE_URL": database_url,
        "KILOWATCH_HOME": str(tmp_path),
        "SECRET_KEY": SECRET,
        "SUPPLIERS_FILE": str(tmp_path / "suppliers.toml"),
        "PORT": str(port),
        "BIND": "127.0.0.1",
        "LOG_LEVEL": "ERROR",
    }
    sent: dict[str, int] = {}
    answered: dict[str, int] = {}
    enough = threading.Event()

    def push(number: int) -> None:
        """One place each, again and again; the minute counts the pushes."""
        name = f"P{number}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            for minute in range(1, 100_000):
                sent[name] = minute
                if not _pushed(connection, name, minute):
                    return
                answered[name] = minute
                if min(answered.get(f"P{n}", 0) for n in range(PLACES)) > 2:
                    enough.set()
        except (OSError, http.client.HTTPException):
            return

    with our_web(tmp_path, env) as web, ThreadPoolExecutor(PLACES) as pool:
        pushing = [pool.submit(push, number) for number in range(PLACES)]
        all_answered = enough.wait(60)
        os.killpg(web.pid, signal.SIGKILL)
    assert all_answered
    for one in pushing:
        one.result()
    database = SqlDatabase(open_engine(database_url))
    stored = {name: _stored(database, name) for name in sent}
    database.close()
    for name, (minute, word, status) in stored.items():
        assert answered[name] <= minute <= sent[name]
        assert word == _word(minute)
        assert status is WORDS[word]


def _prepare(database_url: str) -> None:
    """A partner as after registration, and its places."""
    with our_side(database_url, SetClock(SystemClock().now())) as ours:
        ours.knows()
        for number in range(PLACES):
            Caller(ours.web.test_client())("PUT", f"locations/BE/BEC/P{number}", location(f"P{number}"))


def _pushed(connection: http.client.HTTPConnection, name: str, minute: int) -> bool:
    body = json.dumps({"status": _word(minute), "last_updated": stamp(minute)})
    headers = {"Authorization": tokens.header(OUR_TOKEN, encoded=True), "Content-Type": "application/json"}
    connection.request("PATCH", f"/ocpi/2.2.1/locations/BE/BEC/{name}/{name}-1", body, headers)
    answer = connection.getresponse()
    return answer.status == 200 and json.loads(answer.read())["status_code"] == 1000


def _word(minute: int) -> str:
    return list(WORDS)[minute % len(WORDS)]


def _stored(database: SqlDatabase, name: str) -> tuple[int, str, ConnectorStatus]:
    """The minute and the word in what the partner told us, and the state of the gun."""
    with database.read() as unit:
        held = unit.partner_objects.get("cpo", LOCATIONS, f"BEBEC:{name}")
        (station,) = unit.catalogue.stations([station_key("cpo", f"BEBEC:{name}")])
    assert held is not None
    evse = json.loads(held.document)["evses"][0]
    minute = (datetime.fromisoformat(evse["last_updated"]) - NOON) // timedelta(minutes=1)
    return minute, evse["status"], station.connectors[0].status
