"""The worker processes: used again, replaced when they die or misbehave, bounded; the caller lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.qr import read_codes
from adapters.qr.pool import Pool, _checked
from adapters.qr.wire import Broken
from core.errors import UserError
from tests.adapters.qr.codes import code, finder_tile, photo_of, saved
from tests.adapters.qr.processes import cpu_s, memory_of

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[3]
LABEL = "hlht://1101081234567.395815801/"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(size=1)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def photo() -> bytes:
    return saved(photo_of(code(LABEL)))


def eventually(true: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_is_started_when_needed_and_used_again(photo: bytes) -> None:
    pool = Pool(size=1)
    try:
        assert pool.pids() == []
        assert pool.read(photo) == [LABEL]
        first = pool.pids()
        assert len(first) == 1
        assert first != [os.getpid()]
        assert pool.read(photo) == [LABEL]
        assert pool.pids() == first
    finally:
        pool.close()
    assert not Path(f"/proc/{first[0]}").exists()


def test_the_public_call_reads_in_another_process(photo: bytes) -> None:
    assert read_codes(photo) == [LABEL]


def test_what_is_no_photo_starts_nothing() -> None:
    pool = Pool(size=1)
    with pytest.raises(UserError, match="not_a_photo"):
        pool.read(b"hello")
    assert pool.pids() == []


def test_a_worker_killed_while_idle_is_replaced_unnoticed(pool: Pool, photo: bytes) -> None:
    assert pool.read(photo) == [LABEL]
    (victim,) = pool.pids()
    os.kill(victim, signal.SIGKILL)
    assert pool.read(photo) == [LABEL]
    assert pool.pids() != [victim]


def test_a_worker_killed_in_the_middle_is_an_error_for_one_and_nobody_else(pool: Pool, photo: bytes) -> None:
    assert pool.read(photo) == [LABEL]
    (victim,) = pool.pids()
    before = cpu_s(victim)
    problems: list[UserError] = []

    def ask() -> None:
        try:
            pool.read(saved(finder_tile(1600), "PNG"))
        except UserError as problem:
            problems.append(problem)

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: cpu_s(victim) > before + 0.1)  # it is at work
    os.kill(victim, signal.SIGKILL)
    asking.join(30)
    assert [problem.code for problem in problems] == ["photo_unreadable"]
    assert pool.read(photo) == [LABEL]
    assert victim not in pool.pids()


def test_many_callers_share_two_workers(photo: bytes) -> None:
    pool = Pool(size=2)
    labels = [f"https://example.com/gun/{n}" for n in range(24)]
    photos = [saved(photo_of(code(label), seed=n)) for n, label in enumerate(labels)]
    try:
        with ThreadPoolExecutor(12) as threads:
            assert list(threads.map(pool.read, photos)) == [[label] for label in labels]
        assert 1 <= len(pool.pids()) <= 2
    finally:
        pool.close()


def test_a_worker_knows_nothing_of_ours(pool: Pool, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123456:secret")
    fresh = Pool(size=1)
    try:
        assert fresh.read(photo) == [LABEL]
        (pid,) = fresh.pids()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"PYTHONPATH" in environment
        assert b"secret" not in environment
    finally:
        fresh.close()


def test_a_worker_has_limits(pool: Pool, photo: bytes) -> None:
    assert pool.read(photo) == [LABEL]
    (pid,) = pool.pids()
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max core file size        0 " in limits
    assert "Max file size             0 " in limits
    assert "Max address space         unlimited" not in limits
    assert memory_of(pid, "VmHWM") < 300_000_000


def test_a_worker_ends_with_its_parent(photo: bytes, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo)
    program = (
        "import sys, os, pathlib; from adapters.qr.pool import Pool; pool = Pool(1);"
        "print(pool.read(pathlib.Path(sys.argv[1]).read_bytes()), pool.pids()[0], flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    said, _, pid = done.stdout.strip().rpartition(" ")
    assert said == f"['{LABEL}']"
    eventually(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(int(pid)))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_caller_loads_no_decoder() -> None:
    """Web and bot processes stay small: the libraries live in the worker."""
    program = "import sys, adapters.qr; print([name for name in ('PIL', 'numpy', 'zxingcpp') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_forked_child_starts_a_worker_of_its_own(photo: bytes) -> None:
    """As the queue's worker does for each job."""
    assert read_codes(photo) == [LABEL]
    child = os.fork()
    if child == 0:
        os._exit(0 if read_codes(photo) == [LABEL] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert read_codes(photo) == [LABEL]


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"codes": "gun", "stage": "as it is", "cpu_ms": 1.0},
        {"codes": [1], "stage": "as it is", "cpu_ms": 1.0},
        {"codes": ["\ud800"], "stage": "as it is", "cpu_ms": 1.0},
        {"codes": ["x" * 8000], "stage": "as it is", "cpu_ms": 1.0},
        {"codes": [], "stage": "a line for the log " * 10, "cpu_ms": 1.0},
        {"codes": [], "stage": "", "cpu_ms": "1"},
        {"problem": "you must pay"},
    ],
)
def test_what_a_worker_says_is_not_trusted(reply: dict[str, object]) -> None:
    with pytest.raises(Broken):
        _checked(reply)


def test_what_a_good_worker_says_is_passed_on() -> None:
    for reply in ({"codes": [LABEL, "充电"], "stage": "as it is", "cpu_ms": 1.0}, {"problem": "too_big"}):
        assert _checked(reply) == reply


def test_without_libzbar_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    class NoZbar:
        decoders = ("zxing",)

    pool = Pool(size=1)
    pool._tell(NoZbar())  # type: ignore[arg-type]  # all that is looked at is what it can do
    pool._tell(NoZbar())  # type: ignore[arg-type]  # the same
    assert [record.getMessage() for record in caplog.records].count(
        "libzbar0 is not installed: gun codes are read by zxing-cpp alone"
    ) == 1


def test_the_log_tells_the_stage_and_nothing_of_the_text(
    pool: Pool, photo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="adapters.qr.pool")
    assert pool.read(photo) == [LABEL]
    (record,) = [record for record in caplog.records if record.getMessage() == "photo read"]
    assert (record.__dict__["stage"], record.__dict__["codes"]) == ("as it is", 1)
    assert LABEL not in str(record.__dict__)
