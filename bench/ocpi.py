"""A full OCPI pull into the database, and states pushed to our receiver, beside parsing the same bytes.

    python -m bench.ocpi [--n 100000] [--pushes 3000] [--json]

The floor is `json.loads` of the same pages in the same run. SQLite always; PostgreSQL where its server is installed.
Each engine is measured in a process of its own, so that the memory peak is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.house import House
from adapters.ocpi.partners import Connection, Endpoint, Partners
from adapters.ocpi.sealed import Sealer
from adapters.ocpi.supplier import OcpiSupplier
from adapters.ocpi.versions import Party
from bench.cpo import PAGE, location, page
from core.clock import SystemClock
from core.services.catalogue import CatalogueService
from storage.engine import open_engine
from storage.migrate import upgrade
from storage.redis_stream import NoChangeStream
from storage.unit_of_work import SqlDatabase

SECRET = "a secret of this run only, and long enough"
TOKEN = "bench-token"
US = Party("CN", "KWT", "EMSP", "Kilowatch")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], ready: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(
        [sys.executable, "-m", *command], env={**os.environ, **(env or {})}, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if requests.get(ready, timeout=5).status_code == 200:
                    break
            except requests.RequestException:
                time.sleep(0.1)
        yield running
    finally:
        running.terminate()
        running.wait(30)


def floor_s(n: int) -> float:
    """CPU seconds of parsing all pages with the standard library."""
    pages = [page([location(k) for k in range(at, min(at + PAGE, n))]) for at in range(0, n, PAGE)]
    start = time.process_time()
    for body in pages:
        json.loads(body)
    return time.process_time() - start


def connect(database: SqlDatabase, base: str) -> House:
    """A partner as after registration."""
    clock = SystemClock()
    house = House(database, Partners(database, Sealer(SECRET), clock), clock, "")
    connection = Connection(
        versions_url=f"{base}/versions",
        sealed_token=Sealer(SECRET).seal("their-token"),
        endpoints=tuple(Endpoint(name, "SENDER", f"{base}/{name}") for name in ("locations", "tariffs")),
        origins=(base,),
        parties=(Party("DE", "BEN", "CPO", "Bench"),),
    )
    house.partners.settle("bench", TOKEN, connection)
    return house


def pull(url: str, cpo: str) -> dict[str, Any]:
    """In this process: one full pull, and the same again."""
    upgrade(url)
    database = SqlDatabase(open_engine(url))
    source = OcpiSupplier(OcpiConfig("bench", "Bench", US), connect(database, cpo))
    service = CatalogueService(database, NoChangeStream(), SystemClock())
    figures: dict[str, Any] = {}
    for name in ("pull", "again"):
        wall, cpu = time.monotonic(), time.process_time()
        report = service.load(source, doubt_shrinking=True)
        figures |= {f"{name}_s": time.monotonic() - wall, f"{name}_cpu_s": time.process_time() - cpu}
    figures["stations"], figures["changed_again"] = report.stations, report.added + report.changed
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def pushes(url: str, n: int, count: int, folder: Path) -> dict[str, float]:
    """States pushed over many connections through the real web process, as fast as it takes them; median of three."""
    suppliers = folder / "suppliers.toml"
    suppliers.write_text(
        '[bench]\nkind = "ocpi"\nname = "Bench"\nour_country = "CN"\nour_party = "KWT"\nour_name = "Kilowatch"\n'
    )
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    env = {
        "DATABASE_URL": url,
        "KILOWATCH_HOME": str(folder),
        "SECRET_KEY": SECRET,
        "SUPPLIERS_FILE": str(suppliers),
        "PORT": str(port),
        "PUBLIC_URL": base,
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "bench.pusher", str(port)]
    rest = [str(count), str(n), TOKEN]
    with process(["web"], f"{base}/readyz", env) as web:
        runs = []
        for turn in range(3):
            done = subprocess.run([*command, str(turn * count), *rest], check=True, capture_output=True)
            runs.append(json.loads(done.stdout))
        peak_mb = peak_of_children_mb(web.pid)
    typical = sorted(runs, key=lambda one: one["seconds"])[1]
    return {
        "pushes_per_s": count / typical["seconds"],
        "pushes_p99_ms": typical["p99_ms"],
        "pushes_failed": sum(one["failed"] for one in runs),
        "web_peak_mb": peak_mb,
    }


def peak_of_children_mb(pid: int) -> float:
    """The largest peak among the processes that this one started (gunicorn's worker); 0 where there is no /proc."""
    peaks = [0.0]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            status = Path(f"/proc/{child}/status").read_text()
            peaks += [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return max(peaks)


def engines(folder: Path) -> Iterator[tuple[str, str]]:
    yield "sqlite", f"sqlite:///{folder / 'bench.sqlite3'}"
    from tests import postgres

    try:
        with postgres.running_server(durable=True) as server:
            url = postgres.create_database(server)
            yield "postgresql", url.render_as_string(hide_password=False)
    except postgres.NoPostgres as reason:
        print(f"postgresql: skipped, {reason}", file=sys.stderr)


def run(n: int, count: int) -> dict[str, Any]:
    floor = floor_s(n)
    figures: dict[str, Any] = {"n": n, "json_loads_cpu_s": round(floor, 2)}
    port = free_port()
    cpo = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        process(["bench.cpo", str(port), str(n)], f"{cpo}/tariffs"),
    ):
        for name, url in engines(Path(folder)):
            command = [sys.executable, "-m", "bench.ocpi", "--pull", url, cpo]
            measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            measured |= pushes(url, n, count, Path(folder))
            measured["objects_per_s"] = n / measured["pull_s"]
            measured["cpu_to_json_loads"] = measured["pull_cpu_s"] / floor
            figures[name] = {key: round(value, 1) for key, value in measured.items()}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--pushes", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pull", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    figures = pull(*given.pull) if given.pull else run(given.n, given.pushes)
    print(json.dumps(figures) if given.json or given.pull else json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
