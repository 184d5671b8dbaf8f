"""`run`, `doctor`, `migrate`: the processes of the product."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import click

from cli.base import commands, python_path, with_settings


@commands.command()
@with_settings
def run(bootstrap: Any, settings: Any) -> None:
    """Start everything on this machine and print the address. Ctrl-C stops all."""
    from jobs import redis_server, supervisor
    from jobs.names import SENDING, SWIFT

    database = bootstrap.open_database(settings)
    env = {**os.environ, "PYTHONPATH": python_path(bootstrap), "KILOWATCH_HOME": str(settings.home)}
    env.setdefault("BIND", "127.0.0.1")  # a machine without secrets is nobody else's business
    processes: dict[str, list[str]] = {}
    if settings.redis_url is None:
        if redis_server.redis_binary() is None:
            click.echo(
                "No redis-server here: going on without a worker, the clock does its work. `make setup` says more."
            )
        else:
            socket = settings.redis_socket
            socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            processes["redis"] = supervisor.python("jobs.redis_server", str(socket), str(settings.home))
            env["REDIS_URL"] = f"unix://{socket}"
    if settings.payments.sandbox or any(one.kind == "sandbox" for one in settings.suppliers):
        data_dir = settings.home / "sandbox"
        processes["sandbox"] = supervisor.python(
            "adapters.sandbox",
            *("--port", str(settings.sandbox_port)),
            *("--data-dir", str(data_dir)),
            *("--push-to", f"{settings.local_url}/evcs/v1"),
        )
    processes["web"] = supervisor.python("web")
    if "REDIS_URL" in env:
        processes["worker"] = supervisor.python("jobs.worker")
        processes["swift"] = supervisor.python("jobs.worker", SWIFT)
        processes["sender"] = supervisor.python("jobs.worker", SENDING)
    processes["clock"] = supervisor.python("jobs.clock")
    if settings.telegram_bot_token:
        processes["telegram"] = supervisor.python("bots.telegram")

    def announce() -> None:
        ready = supervisor.answers(f"{settings.local_url}/readyz", supervisor.READY_WITHIN_S)
        _wait_for_prices(database, {one.id for one in settings.suppliers if one.kind == "sandbox"})
        state = "Kilowatch is ready" if ready else "Kilowatch runs, but finds no stations yet: see /readyz"
        click.echo(f"\n  {state}: {settings.local_url}/?lat=22.5410&lng=114.0580\n")

    sys.exit(supervisor.supervise(processes, env, announce))


def _wait_for_prices(database: Any, suppliers: set[str]) -> None:
    """On the very first start the prices come a few seconds after the stations; a list without them looks broken."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with database.read() as unit:
            priced = {one.supplier.id for one in unit.catalogue.suppliers() if "tariffs" in one.last_success_at}
        if suppliers <= priced:
            return
        time.sleep(0.2)


@commands.command()
@with_settings
def doctor(bootstrap: Any, settings: Any) -> None:
    """Say in one line each what is missing or unreachable. Exit status 1 when something needed is."""
    from core.services.doctor import examine

    bad = False
    for finding in examine(bootstrap.probes(settings)):
        mark = {True: "ok  ", False: "FAIL", None: "--  "}[finding.ok]
        click.echo(f"{mark} {finding.name}: {finding.text}")
        bad = bad or finding.ok is False
    sys.exit(1 if bad else 0)


@commands.command()
@with_settings
def migrate(bootstrap: Any, settings: Any) -> None:
    """Bring the database to what this version expects."""
    bootstrap.open_database(settings)
    click.echo("The database is up to date.")
