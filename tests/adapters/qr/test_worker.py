"""The limits of a worker, made smaller so that they are reached soon."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.qr.wire import MAX_REPLY, TAKEN, Broken, receive, send
from tests.adapters.qr.codes import code, finder_tile, png_of_zeros, saved

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def worker(**limits: float) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    ours, theirs = socket.socketpair()
    program = (
        "import json, sys; from adapters.qr import worker; worker.__dict__.update(json.loads(sys.argv[2]));"
        "worker.main(int(sys.argv[1]))"
    )
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(theirs.fileno()), json.dumps(limits)],
            cwd=ROOT,
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.DEVNULL,
        )
    try:
        with ours:
            assert "zxing" in answer(ours)["decoders"]
            yield ours, process
    finally:
        process.kill()
        process.wait()


def answer(ours: socket.socket) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(receive(ours, MAX_REPLY, time.monotonic() + 60))
    return reply


def ask(ours: socket.socket, image: bytes, kind: str = "PNG") -> dict[str, Any]:
    send(ours, kind.encode() + b"\n" + image, time.monotonic() + 60)
    assert receive(ours, 10, time.monotonic() + 60) == TAKEN
    return answer(ours)


def test_a_picture_that_does_not_fit_into_memory() -> None:
    with worker(MEMORY_BYTES=300_000_000) as (ours, _):
        assert ask(ours, png_of_zeros(7_700, 7_700, bits=8, colour=6)) == {"problem": "out_of_memory"}


def test_time_ends_the_cascade_between_two_stages() -> None:
    with worker(CPU_S=0.05) as (ours, process):
        reply = ask(ours, saved(finder_tile(900), "PNG"))
        assert reply["codes"] == []
        assert 50 < reply["cpu_ms"] < 600
        assert ask(ours, saved(code("gun"), "PNG"))["codes"] == ["gun"]
        assert process.poll() is None


def test_a_step_without_end_is_ended_by_the_kernel() -> None:
    with worker(HARD_CPU_S=0.3) as (ours, process):
        with pytest.raises(Broken):
            ask(ours, saved(finder_tile(1600), "PNG"))
        assert process.wait(20) < 0


def test_the_limit_of_time_is_for_each_photo_not_for_all() -> None:
    with worker(CPU_S=0.2, HARD_CPU_S=0.8) as (ours, _):
        photo = saved(finder_tile(500), "PNG")
        assert sum(ask(ours, photo)["cpu_ms"] for _ in range(5)) > 800


def test_a_worker_that_nobody_needs_ends() -> None:
    with worker(IDLE_S=0.5) as (_, process):
        assert process.wait(30) == 0
