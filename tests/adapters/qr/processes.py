"""What another process has used so far."""

from __future__ import annotations

import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Linux has a clock for the CPU time of each process, numbered by its pid (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_of(pid: int, what: str) -> int:
    """VmHWM (the most it ever held) or VmPeak (the most it ever asked for), in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise ValueError(what)
