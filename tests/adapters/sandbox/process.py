"""The real sandbox server, as a process of its own, and its levers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[3]
_READY_WITHIN_S = 120.0


class SandboxProcess:
    """Started on a free port, ready when this returns. `stop` ends it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "adapters.sandbox", "--port", str(port), "--data-dir", str(data_dir)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        self._http = requests.Session()
        self._http.trust_env = False
        self._wait_until_ready()

    def pull(self, lever: str, **wish: Any) -> requests.Response:
        reply = self.push(lever, wish)
        assert reply.status_code == 204, reply.text
        return reply

    def push(self, lever: str, wish: Any, **options: Any) -> requests.Response:
        return self._http.post(f"{self.url}/control/{lever}", **({"json": wish, "timeout": 10} | options))

    @contextmanager
    def misbehaving(self, kind: str, **more: Any) -> Iterator[None]:
        self.pull("fault", kind=kind, **({"seconds": 60} | more))
        try:
            yield
        finally:
            self.pull("fault", kind=None)

    def stop(self) -> None:
        self._http.close()
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(15)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "the sandbox ended before it was ready"
            try:
                if self._http.get(f"{self.url}/healthz", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.02)
        self.stop()
        raise AssertionError("the sandbox was not ready in time")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
