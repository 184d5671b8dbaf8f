"""The doorbell and the worker over a real Redis: ids as JSON, nothing lost when Redis is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from jobs.names import JOBS, QUEUE, SENDING, SWIFT, TIMEOUTS_S
from jobs.queue import RqQueue
from tests.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]


def test_every_job_has_a_function_and_a_time_limit() -> None:
    from importlib import import_module

    for path in JOBS.values():
        module, _, name = path.rpartition(".")
        assert callable(getattr(import_module(module), name))
    assert set(TIMEOUTS_S) == set(JOBS)


def test_what_is_stored_is_json_with_ids_and_no_description(redis_server: RedisServer) -> None:
    queue = RqQueue(redis_server.client)
    assert queue.enqueue("pull_statuses", "sandbox", "1700000000")
    job = queue.queues[QUEUE].jobs[0]
    stored = redis_server.client.hgetall(f"rq:job:{job.id}")
    assert stored[b"description"] == b"pull_statuses"
    assert b"sandbox" not in stored[b"description"]
    assert json.loads(_unpacked(stored[b"data"]))[2] == ["sandbox", "1700000000"]


def test_the_same_ring_is_the_same_job(redis_server: RedisServer) -> None:
    queue = RqQueue(redis_server.client)
    for ids in (("sandbox", "1700000000"), ("sandbox", "1700000000"), ("sandbox", "1700000060"), ("höhe 7", "1")):
        assert queue.enqueue("pull_statuses", *ids)
    assert set(queue.queues[QUEUE].job_ids) == {
        "pull_statuses-sandbox-1700000000",
        "pull_statuses-sandbox-1700000060",
        "pull_statuses-h_he_7-1",
    }


def test_a_batch_is_one_job_with_a_short_name(redis_server: RedisServer) -> None:
    queue = RqQueue(redis_server.client)
    for _ in range(2):
        assert queue.enqueue("deliver", *map(str, range(100)))
    assert queue.enqueue("deliver", *map(str, range(99)))
    names = set(queue.queues[SENDING].job_ids)
    assert len(names) == 2
    assert all(len(name) < 50 for name in names)


def test_what_must_not_wait_is_rung_for_elsewhere(redis_server: RedisServer) -> None:
    queue = RqQueue(redis_server.client)
    for job in ("deliver", "follow_sessions", "clean_up"):
        assert queue.enqueue(job, "1")
    waiting = {name: one.job_ids for name, one in queue.queues.items()}
    assert waiting == {SENDING: ["deliver-1"], SWIFT: ["follow_sessions-1"], QUEUE: ["clean_up-1"]}


def test_a_worker_for_a_queue_nobody_rings_is_a_mistake() -> None:
    env = {**os.environ, "SUPPLIERS_FILE": ""}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.worker", "kilowatch-swfit"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "kilowatch-swfit" in done.stderr


def _unpacked(data: bytes) -> bytes:
    import zlib

    return zlib.decompress(data)


def test_a_bell_nobody_hears_is_not_an_error() -> None:
    away = Redis.from_url("unix:///nowhere/redis.sock", socket_connect_timeout=0.2)
    assert RqQueue(away).enqueue("clean_up") is False


@pytest.mark.process
def test_a_real_worker_does_a_real_job(redis_server: RedisServer, tmp_path: Path) -> None:
    env = {
        **os.environ,
        "KILOWATCH_HOME": str(tmp_path),
        "REDIS_URL": redis_server.url,
        "SUPPLIERS_FILE": str(_no_suppliers(tmp_path)),
    }
    RqQueue(redis_server.client).enqueue("clean_up")
    worker = subprocess.Popen(
        [sys.executable, "-m", "jobs.worker"], cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 120
        while redis_server.client.llen(f"rq:queue:{QUEUE}") or _working(redis_server):
            assert worker.poll() is None, worker.stderr.read() if worker.stderr else ""
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        worker.terminate()
        _, errors = worker.communicate(timeout=60)
    assert "cleaned up" in errors
    assert not redis_server.client.zcard(f"rq:failed:{QUEUE}")


def _working(server: RedisServer) -> bool:
    return bool(server.client.zcard(f"rq:wip:{QUEUE}") or server.client.llen(f"rq:queue:{QUEUE}:intermediate"))


def _no_suppliers(folder: Path) -> Path:
    path = folder / "suppliers.toml"
    path.write_text("", encoding="utf-8")
    return path


@pytest.mark.process
def test_web_and_worker_do_not_import_aiogram() -> None:
    """It costs seconds and 170 MB, and only the Telegram process needs it."""
    code = "import sys, bootstrap, web, jobs.worker, jobs.clock, cli; sys.exit('aiogram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
