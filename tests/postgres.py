"""A real PostgreSQL for the tests: the one of TEST_DATABASE_URL, or one that is started here and stopped again."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

START_WITHIN_S = 120
# A socket path longer than this is refused by the system.
LONGEST_SOCKET_PATH = 100

# Runs until our end of the input closes: on our word, and when this process dies in whatever way.
# SIGINT is PostgreSQL's "fast" stop.
_WATCH = '"$@" & cat; kill -INT $!; wait; rm -rf "$PWD"'

_numbers = itertools.count(1)


class NoPostgres(Exception):
    """Why there is no server here."""


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[URL]:
    """The URL of a server on which databases can be created. Raises NoPostgres.

    `durable` waits for the disk at each commit, as a server with money on it does; tests have no need of that.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given).set(drivername="postgresql")
        return
    binaries = _newest_binaries()
    account = _account()
    folder = Path(tempfile.mkdtemp(prefix="kwpg", dir=_short_temp()))
    process: subprocess.Popen[bytes] | None = None
    try:
        if account:
            shutil.chown(folder, account)
        process = _start(binaries, folder, account, durable=durable)
        url = URL.create("postgresql", username="kilowatch", database="postgres", query={"host": str(folder)})
        _wait_until_ready(url, folder)
        yield url
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def create_database(server: URL, template: str = "template1") -> URL:
    """A new database with a name nobody else has."""
    name = f"kilowatch_test_{os.getpid()}_{next(_numbers)}"
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return server.set(database=name)


def drop_database(server: URL, url: URL) -> None:
    _execute(server, f'DROP DATABASE "{url.database}" WITH (FORCE)')


def _execute(server: URL, statement: str) -> None:
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as db:
        db.execute(statement.encode())


def _newest_binaries() -> Path:
    """Where initdb and postgres are: Debian's folder first, it is the one that matches the packages."""
    debian = Path("/usr/lib/postgresql")
    versions = [one for one in debian.glob("*") if one.name.isdigit()] if debian.is_dir() else []
    places = [one / "bin" for one in sorted(versions, key=lambda one: -int(one.name))]
    if config := shutil.which("pg_config"):
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, timeout=10, check=False)
        places.append(Path(asked.stdout.strip()))
    if found := shutil.which("initdb"):
        places.append(Path(found).resolve().parent)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise NoPostgres("no PostgreSQL server binaries on this machine, and TEST_DATABASE_URL is not set")


def _account() -> str | None:
    """The server refuses to run as root: another account that this machine has. None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoPostgres("PostgreSQL does not run as root, and there is no account postgres or nobody")


def _short_temp() -> str | None:
    return "/tmp" if len(tempfile.gettempdir()) > LONGEST_SOCKET_PATH // 2 else None


def _start(binaries: Path, folder: Path, account: str | None, *, durable: bool) -> subprocess.Popen[bytes]:
    data = folder / "data"
    init = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "kilowatch",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "-N",
    ]
    made = subprocess.run(init, user=account, cwd=folder, capture_output=True, timeout=START_WITHIN_S, check=False)
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stderr.decode(errors='replace')}")
    disk = "on" if durable else "off"
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": disk,
        "synchronous_commit": disk,
        "full_page_writes": disk,
        "autovacuum": disk,
        "shared_buffers": "32MB",
        "max_connections": "60",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    # A session of its own: Ctrl-C reaches pytest only, which closes the input.
    watched = ["sh", "-c", _WATCH, "watch", str(binaries / "postgres"), "-D", str(data), *options]
    return subprocess.Popen(
        watched,
        user=account,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "server.log").open("wb"),
        start_new_session=True,
    )


def _wait_until_ready(url: URL, folder: Path) -> None:
    give_up = time.monotonic() + START_WITHIN_S
    while True:
        try:
            psycopg.connect(url.render_as_string(), connect_timeout=2).close()
        except psycopg.OperationalError:
            if time.monotonic() > give_up:
                log = (folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}") from None
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
