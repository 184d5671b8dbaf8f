"""A real Redis for tests: the binary the product would use, on a socket of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.redis_server import redis_binary, redis_command


@dataclass
class RedisServer:
    """One server process; `kill` is a power cut, `start` brings it back with what was on its disk, if it `keeps`."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    keeps: bool = True

    @property
    def socket(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def client(self) -> Redis:
        return Redis.from_url(self.url, socket_timeout=2)

    def start(self) -> RedisServer:
        binary = redis_binary()
        if binary is None:
            pytest.skip("no redis-server on this machine: `make setup` installs one")
        command = redis_command(binary, self.socket, self.folder)
        if not self.keeps:
            command[command.index("--appendonly") + 1] = "no"
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                if self.client.ping():
                    return self
            except (RedisError, OSError):
                time.sleep(0.02)
        raise RuntimeError("the test Redis did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A started server in a folder with a short path (socket paths end at 107 bytes)."""
    server = RedisServer(Path(tempfile.mkdtemp(prefix="kw-redis-"))).start()
    yield server
    server.kill()
    shutil.rmtree(server.folder, ignore_errors=True)
