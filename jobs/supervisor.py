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


class Together(Manager):  # type: ignore[misc]  # honcho has no types
    """Honcho's manager, which remembers who ended unasked, and whom a Ctrl-C in its first moment does not confuse."""

    def __init__(self) -> None:
        super().__init__()
        self.unasked: dict[str, int] = {}  # exit statuses of those that ended before anybody was told to
        self._stop_asked = False

    def terminate(self) -> None:
        if not self._terminating and not self._stop_asked:
            ended = {name: one.get("returncode") for name, one in self._processes.items()}
            self.unasked = {name: status for name, status in ended.items() if status is not None}
        self._stop_asked = True
        # Before all have reported their numbers there is nobody to send a signal to: `loop` comes back to it.
        if self._all_started():
            super().terminate()

    def _any_stopped(self) -> bool:
        return self._stop_asked or bool(super()._any_stopped())


def supervise(commands: Mapping[str, list[str]], env: Mapping[str, str], announce: Callable[[], None]) -> int:
    """Run all until one ends or a signal comes, then stop the rest. Returns the exit status.

    `announce` runs beside them, to say when the product is ready.
    """
    manager = Together()
    for name, command in commands.items():
        manager.add_process(name, "exec " + shlex.join(command), env=dict(env))
    threading.Thread(target=announce, daemon=True).start()
    manager.loop()
    if manager.returncode in (130, 143):
        return 0
    for name, status in manager.unasked.items():
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        sys.stdout.write(f"\n  {name} {how}, so everything was stopped. Its last lines are above.\n\n")
    return 1


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
