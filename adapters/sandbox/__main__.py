"""`python -m adapters.sandbox --port N --data-dir DIR`: the sandbox operator's server and the payment provider's, on
loopback only.

Ready as soon as GET /healthz answers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from flask import Flask
from gunicorn.app.base import BaseApplication

from adapters.sandbox import city
from adapters.sandbox.books import Books
from adapters.sandbox.charging import Charging, Ticker
from adapters.sandbox.faults import ChargingFaults
from adapters.sandbox.ocpi_customer import PREFIX as OCPI_PREFIX
from adapters.sandbox.ocpi_customer import OcpiCourier, Registration
from adapters.sandbox.operator import Operator
from adapters.sandbox.payments import routes as payments
from adapters.sandbox.pushes import CecCourier
from adapters.sandbox.queue import PushQueue, Queues
from adapters.sandbox.server import Sandbox, create_app
from core.clock import SystemClock

# One process, because the levers and tokens live in its memory. Silent requests each hold a thread.
_THREADS = 32
_TICK_S = 0.1


# misc: gunicorn has no types, so its base class is Any to mypy.
class SandboxServer(BaseApplication):  # type: ignore[misc]
    def __init__(self, port: int, data_dir: Path, seed: int, push_to: str) -> None:
        self._port, self._data_dir, self._seed, self._push_to = port, data_dir, seed, push_to
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": _THREADS,
            "keepalive": 30,
            "graceful_timeout": 4,
            "loglevel": "warning",
            "proc_name": "kilowatch-sandbox",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """In the worker, so that its threads live where the requests are answered."""
        books, faults = Books(self._data_dir / "books.sqlite"), ChargingFaults()
        operator = Operator(city.build(self._seed), books, SystemClock().now)
        cec, registration = CecCourier(self._push_to), Registration(operator)
        ocpi = OcpiCourier(operator, registration)
        queues = Queues(PushQueue(cec, books, faults), PushQueue(ocpi, books, faults), OCPI_PREFIX)
        charging = Charging(operator, faults, queues)
        queues.cec.start()
        queues.ocpi.start()
        Ticker(charging.tick, _TICK_S).start()
        counter = payments.PaymentCounter(self._data_dir)
        counter.start()
        app = create_app(Sandbox(operator, charging, cec, registration, ocpi, queues))
        app.register_blueprint(payments.blueprint(counter))
        return app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m adapters.sandbox", description="The sandbox operator's server.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=city.SEED)
    parser.add_argument("--push-to", default="", help="where the customer takes pushes, e.g. http://…/evcs/v1")
    given = parser.parse_args()
    SandboxServer(given.port, given.data_dir, given.seed, given.push_to).run()


if __name__ == "__main__":
    main()
