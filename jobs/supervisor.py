"""Everything on one machine: starts the processes of the product, names their logs, stops all together."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from collections.abc import Callable, Mapping

import requests
from honcho.manager import Manager

READY_WITHIN_S = 60.0


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


def answers(url: str, within_s: float) -> bool:
    """Whether this address answers 200 within the time; asked at least once."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            if requests.get(url, timeout=2).status_code == 200:
                return True
        except requests.RequestException:
            pass
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.2)
