"""The peer, our web and our commands as real processes on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.terminal import run_command

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PEER_PYTHON = ROOT / ".venv-ocpi-peer" / "bin" / "python"
READY_WITHIN_S = 120.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(
    command: list[str], ready_url: str, cwd: Path, log: Path, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, from the moment it answers at `ready_url` to the end of the block. It leads a group of its own."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=cwd, stdout=out, stderr=out, env={**os.environ, **env}, start_new_session=True
        )
        try:
            wait_until(lambda: process.poll() is not None or answers(ready_url), f"{command} to be ready")
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(15)


@contextmanager
def peer_cpo(folder: Path) -> Iterator[str]:
    """The independent operator; yields its address."""
    if not PEER_PYTHON.exists():
        pytest.skip("the peer has no Python of its own: `make setup-dev` makes .venv-ocpi-peer")
    port = free_port()
    command = [str(PEER_PYTHON), "-m", "uvicorn", "peer_cpo:app", "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/state", HERE, folder / "peer.log", {"PEER_PORT": str(port)}):
        yield url


@contextmanager
def our_web(folder: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    url = f"http://127.0.0.1:{env['PORT']}/healthz"
    with running([sys.executable, "-m", "web"], url, ROOT, folder / "web.log", env) as process:
        yield process


def kilowatch(env: Mapping[str, str], *args: str, ok: bool = True) -> str:
    """A command of ours, to its end; returns what it printed."""
    done = run_command(args, {**os.environ, **env})
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5, proxies={"http": ""}).ok
    except requests.ConnectionError:
        return False


def wait_until(done: Callable[[], bool], what: str, within_s: float = READY_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
