"""Hands photos to warm worker processes, and lives on whatever happens to those.

A worker that hangs, crashes, runs out of memory or talks nonsense is killed, and the next photo finds a new one. It
knows none of our settings: its environment is empty but for what Python needs to start.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from adapters.qr.formats import kind_of
from adapters.qr.wire import MAX_REPLY, TAKEN, Broken, receive, send
from core.errors import NotReady, UserError

WORKERS = 2
# By the clock on the wall, for machines under load; by CPU time the worker stops itself much earlier (worker.py).
START_S = 60.0
ANSWER_S = 30.0
WAIT_FOR_A_WORKER_S = 20.0

# What a worker may say about a photo, and what the person hears then.
_PROBLEMS = {"too_big", "unreadable", "out_of_memory"}
# A QR code holds 7,089 digits at most.
_LONGEST_CODE = 7_089
_LONGEST_STAGE = 40
_ROOT = Path(__file__).resolve().parents[2]

log = logging.getLogger(__name__)


class _Worker:
    """One process at the other end of a socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        env = {
            "PYTHONPATH": str(_ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            # One thread: the caller has a pool of processes, and idle threads of numpy count as memory.
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            # Memory is kept from photo to photo: getting it anew costs as much time as opening the file.
            "MALLOC_TRIM_THRESHOLD_": "67108864",
            "MALLOC_MMAP_THRESHOLD_": "33554432",
            **{name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ},
        }
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603  our own module, and the number of a socket
                [sys.executable, "-P", "-m", "adapters.qr.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                env=env,
            )
        self._socket = ours
        try:
            self.decoders = self._reply(START_S)["decoders"]
        except BaseException:
            self.kill()
            raise

    def alive(self) -> bool:
        return self.process.poll() is None

    def read(self, kind: str, image: bytes) -> dict[str, Any]:
        """What the worker has to say. `NotTaken` when it died before it had the photo, else `Broken`."""
        deadline = time.monotonic() + ANSWER_S
        try:
            send(self._socket, kind.encode() + b"\n" + image, deadline)
            receive(self._socket, len(TAKEN), deadline)
        except Broken as problem:
            raise NotTaken(str(problem)) from problem
        return self._reply(ANSWER_S)

    def _reply(self, within_s: float) -> dict[str, Any]:
        try:
            reply = json.loads(receive(self._socket, MAX_REPLY, time.monotonic() + within_s))
        except ValueError as problem:
            raise Broken("nonsense") from problem
        if not isinstance(reply, dict):
            raise Broken("nonsense")
        return reply

    def kill(self) -> None:
        self._socket.close()
        self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """After a fork this is somebody else's child."""
        self._socket.close()
        self.process.returncode = 0


class NotTaken(Broken):
    """The worker was gone before it had the whole photo: another one may try."""


class Pool:
    """At most `size` workers, started when first needed. Safe to use from many threads."""

    def __init__(self, size: int = WORKERS) -> None:
        self._places = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._told = False

    def read(self, image: bytes) -> list[str]:
        kind = kind_of(image)
        if not self._places.acquire(timeout=WAIT_FOR_A_WORKER_S):
            raise NotReady("photos_waiting")
        try:
            return self._read(kind, image)
        except Broken as problem:
            log.warning("photo worker lost", extra={"why": str(problem), "kind": kind, "bytes": len(image)})
            raise UserError("photo_unreadable") from problem
        finally:
            self._places.release()

    def _read(self, kind: str, image: bytes) -> list[str]:
        try:
            reply = self._ask(kind, image)
        except NotTaken:
            reply = self._ask(kind, image)
        problem = reply.get("problem")
        if problem:
            log.info("photo refused", extra={"problem": problem, "kind": kind, "bytes": len(image)})
            raise UserError("photo_unreadable" if problem == "unreadable" else "photo_too_big")
        codes: list[str] = reply["codes"]
        # The stage and the count, never the text: a gun's code leads to where somebody is.
        told = {name: reply.get(name) for name in ("stage", "cpu_ms")}
        log.info("photo read", extra={**told, "codes": len(codes), "kind": kind, "bytes": len(image)})
        return codes

    def _ask(self, kind: str, image: bytes) -> dict[str, Any]:
        worker = self._take()
        try:
            reply = _checked(worker.read(kind, image))
        except BaseException:  # also when the caller is stopped: half an answer must not wait for the next one
            worker.kill()
            raise
        if reply.get("problem") == "out_of_memory":
            worker.kill()
        else:
            with self._lock:
                self._idle.append(worker)
        return reply

    def _take(self) -> _Worker:
        """The worker used last, which is the warmest; a new one when there is none."""
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                break
            if worker.alive():
                return worker
            worker.kill()
        try:
            worker = _Worker()
        except (Broken, OSError, KeyError) as problem:
            log.exception("photo worker does not start")
            raise NotReady("photos_waiting") from problem
        self._tell(worker)
        return worker

    def _tell(self, worker: _Worker) -> None:
        if "zbar" not in worker.decoders and not self._told:
            self._told = True
            log.warning("libzbar0 is not installed: gun codes are read by zxing-cpp alone")

    def pids(self) -> list[int]:
        """The processes that wait for a photo now."""
        with self._lock:
            return [worker.process.pid for worker in self._idle]

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def forget(self) -> None:
        for worker in self._idle:
            worker.forget()


def _checked(reply: dict[str, Any]) -> dict[str, Any]:
    """A worker that was taken over by a photo may say anything: only what fits is passed on."""
    if "problem" in reply:
        if reply["problem"] not in _PROBLEMS:
            raise Broken("unknown problem")
        return reply
    codes, stage = reply.get("codes"), reply.get("stage")
    if not isinstance(codes, list) or not all(_is_text(one, _LONGEST_CODE) for one in codes):
        raise Broken("no codes")
    if not _is_text(stage, _LONGEST_STAGE) or not isinstance(reply.get("cpu_ms"), float):
        raise Broken("no account of the work")
    return reply


def _is_text(one: object, most: int) -> bool:
    """Whether it is a text of sane length that can be stored and sent on: half a surrogate pair could not."""
    return isinstance(one, str) and len(one) <= most and not any("\ud800" <= letter <= "\udfff" for letter in one)


_pool = Pool()


def _after_fork() -> None:
    """The child of a fork must not talk into its parent's sockets."""
    global _pool
    _pool.forget()
    _pool = Pool()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(lambda: _pool.close())


def read_codes(image: bytes) -> list[str]:
    """The texts of all QR codes in the picture, none twice; empty when there is none to be read.

    UserError `not_a_photo`, `heic_photo`, `photo_too_big` or `photo_unreadable` says what the person can do.
    """
    return _pool.read(image)
