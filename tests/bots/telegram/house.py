"""The dispatcher as a process has it, for tests that put one into theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiogram import Dispatcher

from adapters.qr import read_codes
from bots.telegram.crossing import Crossing
from bots.telegram.dispatcher import build_dispatcher
from bots.telegram.scan import ReadsCodes
from core.services import Services


@contextmanager
def house(services: Services, read_codes: ReadsCodes = read_codes) -> Iterator[Dispatcher]:
    """All features over these services. aiogram has a router in one dispatcher only: afterwards it is free again."""
    run_core = Crossing(deadline_s=120.0)  # no test of how fast the machine is
    dispatcher = build_dispatcher(services, run_core, read_codes)
    try:
        yield dispatcher
    finally:
        for router in dispatcher.sub_routers:
            router._parent_router = None
        run_core.close()
