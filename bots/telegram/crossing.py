"""The bridge from asyncio to the blocking core: few threads, and a deadline for the one who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
DEADLINE_S = 8.0


class Crossing:
    """`await run_core(fn, *args)` runs it in a thread. TimeoutError after the deadline; the thread itself goes on."""

    def __init__(self, threads: int = THREADS, deadline_s: float = DEADLINE_S) -> None:
        self.deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="core")

    async def __call__(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        work = asyncio.get_running_loop().run_in_executor(self._threads, partial(fn, *args, **kwargs))
        return await asyncio.wait_for(work, self.deadline_s)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
