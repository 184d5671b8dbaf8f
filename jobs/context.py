"""The services of this process, set once when a worker or the clock starts."""

from __future__ import annotations

from core.services import Services

_services: Services | None = None


def use(services: Services) -> None:
    global _services
    _services = services


def services() -> Services:
    if _services is None:
        raise RuntimeError("jobs run in a process that has called jobs.context.use()")
    return _services
