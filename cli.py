"""`kilowatch …`: the product for people at a terminal. Every command works without Redis or running processes."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click

from core.errors import ConfigurationError, KilowatchError, UserError
from core.geo import Datum

# click would take -23.55 for an option.
NEGATIVE_NUMBERS = {"ignore_unknown_options": True}


def main() -> None:
    """The console entry point: problems become one sentence and an exit status, never a traceback."""
    try:
        commands(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except click.Abort:
        sys.exit(130)
    except ConfigurationError as error:
        for problem_line in error.problems:
            click.echo(f"kilowatch: {problem_line}", err=True)
        sys.exit(2)
    except UserError as error:
        from bots.wording import phrases

        click.echo(f"kilowatch: {phrases.error(_say(None), error)}", err=True)
        sys.exit(1)
    except KilowatchError as error:
        click.echo(f"kilowatch: {error}", err=True)
        sys.exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Find the right charging gun now. Uses the database of `make run` unless DATABASE_URL says otherwise."""


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the settings, with quiet logs: its output is for a person or a script."""

    @wraps(command)
    def inner(*args: Any, **values: Any) -> Any:
        bootstrap = importlib.import_module("bootstrap")
        env = {**os.environ}
        env.setdefault("LOG_LEVEL", "WARNING")
        settings = bootstrap.settings_from_env(env)
        bootstrap.set_up_logging(settings)
        return command(bootstrap, settings, *args, **values)

    return inner


def _say(language: str | None) -> Any:
    from bots.wording import wording

    return wording(language or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")


# --- running ------------------------------------------------------------------------------------------------


@commands.command()
@with_settings
def run(bootstrap: Any, settings: Any) -> None:
    """Start everything on this machine and print the address. Ctrl-C stops all."""
    from jobs import redis_server, supervisor

    database = bootstrap.open_database(settings)
    env = {**os.environ, "PYTHONPATH": _python_path(bootstrap), "KILOWATCH_HOME": str(settings.home)}
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
    if any(one.kind == "sandbox" for one in settings.suppliers):
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


def _python_path(bootstrap: Any) -> str:
    return os.pathsep.join(filter(None, [str(bootstrap.ROOT), os.environ.get("PYTHONPATH", "")]))


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


# --- searching ----------------------------------------------------------------------------------------------


@commands.command(context_settings=NEGATIVE_NUMBERS)
@click.argument("lat", type=float)
@click.argument("lng", type=float)
@click.option("--datum", default="wgs84", help="Of the coordinates, in and out: wgs84, gcj02, bd09.")
@click.option("--kwh", help="Energy of this charge.  [default: 30]")
@click.option("--mode", help="cheap, balanced or hurry.  [default: balanced]")
@click.option("--sort", help="recommended, price, distance, free or power.  [default: recommended]")
@click.option("--radius-m", help="Look this far; otherwise the circle grows until something is found.")
@click.option("--plug", multiple=True, help="Any of these plugs, e.g. ccs2, gbt_dc; repeatable.")
@click.option("--min-power-kw", help="At least this much power.")
@click.option("--price-cap", help="At most this much for my charge, in local currency.")
@click.option("--operator", multiple=True, help="Any of these operators; repeatable.")
@click.option("--free-now", is_flag=True, help="With a gun that is free now.")
@click.option("--open-now", is_flag=True, help="Known to be open now.")
@click.option("--free-parking", is_flag=True, help="Known to have free parking.")
@click.option("--facility", multiple=True, help="All of these, e.g. toilet; repeatable.")
@click.option("--limit", default="5", show_default=True, help="How many rows.")
@click.option("--cursor", help="`next` of the page before.")
@click.option("--lang", help="zh-CN or en.")
@click.option("--json", "as_json", is_flag=True, help="The same answer as GET /api/v1/stations.")
@with_settings
def near(bootstrap: Any, settings: Any, lang: str | None, as_json: bool, **asked: Any) -> None:
    """The best stations for a charge around LAT LNG (degrees, latitude first)."""
    from bots.miniapp import shapes
    from bots.miniapp.query import StationsQuery

    say = _say(lang)
    query = StationsQuery.read({name: value for name, value in asked.items() if value not in (None, (), False)})
    services = bootstrap.build_services(settings)
    place = query.where(services.finder, say.language)
    found = services.finder.near(place.point, query.to_wishes(), limit=query.limit, offset=query.offset)
    at = services.clock.now()
    if as_json:
        click.echo(json.dumps(shapes.station_list(found, query, say, at), ensure_ascii=False, indent=2))
        return
    for number, one in enumerate(found.offers, query.offset + 1):
        _print_offer(say, one, number, query.kwh, at)
    from bots.wording import phrases

    for line in [*phrases.summary(say, found), *phrases.silent(say, found, at), *found.credits]:
        click.echo(line)


def _print_offer(say: Any, one: Any, number: int, kwh: Any, at: Any) -> None:
    from bots.wording import phrases

    head = " · ".join(filter(None, [one.station.name, one.station.operator_name, say.distance(one.distance_m)]))
    price = [phrases.price(say, one, kwh), phrases.parts(say, one.quote) if one.quote else ""]
    price += [phrases.next_change(say, one, at), phrases.price_age(say, one, at)]
    click.echo(f"{number}. {head}")
    click.echo("   " + " · ".join(filter(None, price)))
    power = max((gun.power_kw for gun in one.connectors if gun.power_kw), default=None)
    facts = [phrases.guns(say, one, at), say("{n} kW", n=say.number(power)) if power else ""]
    facts += [phrases.hours(say, one, at), phrases.parking(say, one)]
    click.echo("   " + " · ".join(filter(None, facts)))
    click.echo(f"   → {phrases.reason(say, one)}\n")


# --- the catalogue ------------------------------------------------------------------------------------------


@commands.command("import")
@click.argument("kind")
@click.argument("source")
@click.option("--datum", type=click.Choice([datum.value for datum in Datum]), help="Override the source's datum.")
@click.option("--supplier", help="File the stations under this supplier id.")
@click.option("--tariffs", help="ocpi-json: the tariff list that goes with the locations.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_settings
def import_(
    bootstrap: Any,
    settings: Any,
    kind: str,
    source: str,
    datum: str | None,
    supplier: str | None,
    tariffs: str | None,
    as_json: bool,
) -> None:
    """Import stations of a KIND from a FILE or URL.

    Kinds: ocm, irve, bnetza, uk-ncr, ocpi-json, urbanev, st-evcdp, charged.
    """
    from adapters.registers import open_importer

    opened = open_importer(
        kind,
        source,
        datum=Datum(datum) if datum else None,
        supplier_id=supplier,
        tariffs=tariffs,
        api_key=settings.ocm_api_key,
    )
    _, catalogue = bootstrap.command_services(settings)
    with _progress() as progress:
        report = catalogue.load(opened, doubt_shrinking=False, progress=progress)
    if report.added or report.changed or report.removed:
        bootstrap.merging(settings).run_all()
    _print_report(report, as_json)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A bar on the terminal for anything longer than two seconds; nothing when nobody watches."""
    from tqdm import tqdm

    with tqdm(unit=" rows", delay=2, disable=not sys.stderr.isatty(), leave=False) as bar:
        yield lambda rows: bar.update(rows - bar.n) and None


def _print_report(report: Any, as_json: bool) -> None:
    values = {name: getattr(report, name) for name in report.__slots__}
    if as_json:
        click.echo(json.dumps(values))
        return
    click.echo(
        f"{report.supplier_id}: {report.rows} rows in, {report.stations} stations"
        f" ({report.added} added, {report.changed} changed, {report.unchanged} unchanged, {report.removed} removed),"
        f" {report.quarantined} quarantined, {report.seconds:.1f} s"
    )
    if report.frozen:
        click.echo(
            f"{report.supplier_id} is frozen, nothing was taken: {report.frozen} (see `kilowatch supplier list`)"
        )
    elif report.vanished:
        click.echo(f"{report.vanished} stations were missing from the list; too many to be believed, nothing removed")


@commands.command()
@click.argument("supplier", required=False)
@with_settings
def sync(bootstrap: Any, settings: Any, supplier: str | None) -> None:
    """Pull stations, states and prices from all live suppliers, or from one."""
    from core.clock import SystemClock
    from core.ports import PublishesTariffs, ReportsStatus

    sources = bootstrap.live_suppliers(settings, bootstrap.open_database(settings), SystemClock())
    if supplier is not None and supplier not in sources:
        raise click.ClickException(f"no supplier {supplier}; there are: {', '.join(sources) or 'none'}")
    _, catalogue = bootstrap.command_services(settings)
    with _sandbox_for(settings):
        for supplier_id, source in sources.items():
            if supplier in (None, supplier_id):
                with _progress() as progress:
                    _print_report(catalogue.load(source, doubt_shrinking=True, progress=progress), False)
                if isinstance(source, PublishesTariffs):
                    click.echo(f"{supplier_id}: prices of {catalogue.pull_prices(source)} stations")
                if isinstance(source, ReportsStatus):
                    click.echo(f"{supplier_id}: states of {catalogue.pull_statuses(source)} stations")
    bootstrap.merging(settings).run_all()


@contextmanager
def _sandbox_for(settings: Any) -> Iterator[None]:
    """The sandbox supplier for the length of a command, when no `make run` has it up."""
    from jobs import supervisor

    port = settings.sandbox_port
    health = f"http://127.0.0.1:{port}/healthz"
    wanted = any(one.kind == "sandbox" and f":{port}" in one.config.base_url for one in settings.suppliers)
    if not wanted or supervisor.answers(health, within_s=0.0):
        yield
        return
    data_dir = settings.home / "sandbox"
    process = subprocess.Popen(  # noqa: S603 - our own module
        supervisor.python("adapters.sandbox", "--port", str(port), "--data-dir", str(data_dir)),
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": _python_path(importlib.import_module("bootstrap"))},
    )
    try:
        supervisor.answers(health, within_s=20.0)
        yield
    finally:
        process.terminate()
        process.wait(10)


@commands.command()
@click.argument("supplier", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True)
@with_settings
def quarantine(bootstrap: Any, settings: Any, supplier: str | None, limit: int, as_json: bool) -> None:
    """List what suppliers and files sent that we refuse to use, with the reason."""
    with bootstrap.open_database(settings).read() as unit:
        rows = unit.catalogue.quarantined(supplier, limit)
    for row in rows:
        if as_json:
            values = {name: getattr(row, name) for name in row.__slots__}
            click.echo(json.dumps(values, default=lambda moment: moment.isoformat(), ensure_ascii=False))
        else:
            seen = row.last_seen_at.strftime("%Y-%m-%d %H:%M")
            detail = f" ({row.detail})" if row.detail else ""
            click.echo(f"{seen}  {row.supplier_id}  {row.external_id or '-'}  {row.reason}{detail}  ×{row.times}")
            click.echo(f"    {' '.join(row.raw.split())[: _width() - 4]}")
    if not rows and not as_json:
        click.echo("Nothing is in quarantine.")


@commands.command()
@click.option("--place", "place_id", help="Only the place that this station belongs to.")
@click.option("--split", nargs=2, metavar="A B", help="These two stations are not one place; never join them again.")
@click.option("--join", nargs=2, metavar="A B", help="Take back that these two were split.")
@click.option("--who", envvar="USER", default="somebody", help="Your name.  [default: of this account]")
@click.option("--json", "as_json", is_flag=True, help="One document with `places` and `findings`.")
@with_settings
def merges(
    bootstrap: Any,
    settings: Any,
    place_id: str | None,
    split: tuple[str, str] | None,
    join: tuple[str, str] | None,
    who: str,
    as_json: bool,
) -> None:
    """Places that several suppliers describe, why we think so, and suppliers whose points are in a wrong datum."""
    from core.services import merge_report

    merging = bootstrap.merging(settings)
    if split is not None:
        merging.split(*split, who=who)
    if join is not None and not merging.unsplit(*join):
        raise click.ClickException(f"{' and '.join(join)} have not been split")
    if (split or join) and merging.run_all() is None:
        click.echo("Noted. The merging that is at work right now will do it with its next run.", err=True)
    places, findings = merging.places(place_id), merging.findings()
    if as_json:
        click.echo(json.dumps(merge_report.document(places, findings), ensure_ascii=False, indent=2))
        return
    for line in merge_report.lines(places, findings):
        click.echo(line)


@commands.group()
def supplier() -> None:
    """How the suppliers do, and whether their word is taken."""


def _steward(bootstrap: Any, settings: Any) -> Any:
    from core.clock import SystemClock
    from core.services.steward import Steward

    return Steward(bootstrap.open_database(settings), SystemClock())


@supplier.command("list")
@click.option("--json", "as_json", is_flag=True)
@with_settings
def list_suppliers(bootstrap: Any, settings: Any, as_json: bool) -> None:
    """State, stations, guns, how long ago each kind of pull went well, the last error, and why one is frozen."""
    rows = _steward(bootstrap, settings).suppliers()
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(f"{row.supplier_id}  {row.name}  {row.state}  {row.stations} stations, {row.guns} guns")
        if row.ages:
            ages = (f"{asked} {_age(age.total_seconds())} ago" for asked, age in row.ages.items())
            click.echo(f"    {', '.join(ages)}")
        if row.freeze:
            since = row.freeze.frozen_at.strftime("%Y-%m-%d %H:%M")
            click.echo(f"    frozen by {row.freeze.who} at {since}: {row.freeze.reason}")
        if row.last_error:
            click.echo(f"    {row.last_error_at:%Y-%m-%d %H:%M} {row.last_error}"[: _width()])
    if not rows:
        click.echo("No supplier has been heard of yet.")


def _age(seconds: float) -> str:
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s"


@supplier.command()
@click.argument("supplier_id")
@click.option("--why", required=True, help="For whoever looks at it later.")
@click.option("--who", envvar="USER", default="somebody", help="Your name.  [default: of this account]")
@with_settings
def freeze(bootstrap: Any, settings: Any, supplier_id: str, why: str, who: str) -> None:
    """Take nothing more from SUPPLIER_ID: what we hold of it stays as it is."""
    done = _steward(bootstrap, settings).freeze(supplier_id, why, who)
    click.echo(f"{supplier_id} is frozen." if done else f"{supplier_id} was frozen already; the first reason stands.")


@supplier.command()
@click.argument("supplier_id")
@click.option("--who", envvar="USER", default="somebody", help="Your name.  [default: of this account]")
@with_settings
def thaw(bootstrap: Any, settings: Any, supplier_id: str, who: str) -> None:
    """Take the word of SUPPLIER_ID again. Its next full list is believed, however it looks."""
    done = _steward(bootstrap, settings).thaw(supplier_id, who)
    click.echo(f"{supplier_id} is thawed; its next list is believed." if done else f"{supplier_id} is not frozen.")


@commands.command("bill")
@click.argument("tariff")
@click.argument("cdr")
@click.option("--tz", "zone", help="Time zone of the station.  [default: where the record says it lies]")
@click.option("--version", type=click.Choice(["2.1.1", "2.2.1", "2.3.0"]), help="Of OCPI.  [default: told by shape]")
@click.option("--json", "as_json", is_flag=True, help="Exact decimals as text; null where it is not known.")
def bill_(tariff: str, cdr: str, zone: str | None, version: str | None, as_json: bool) -> None:
    """Make an OCPI charge record again from its tariff and compare. TARIFF may be - for the one in the record.

    The difference is what the record asks beyond the tariff.
    """
    from adapters.ocpi.bills import recomputed

    found = recomputed(tariff, cdr, zone=zone, version=version)
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else found.to_text())


@commands.group()
def ocpi() -> None:
    """Connect with OCPI partners: a rare act, done by hand."""


@ocpi.command()
@click.argument("supplier_id")
@click.option("--versions-url", required=True, help="The partner's versions address.")
@click.option("--token", help="The token the partner gave us. Without it: invite the partner to register with us.")
@click.option("--version", type=click.Choice(["2.1.1", "2.2.1", "2.3.0"]), help="Of OCPI.  [default: the best]")
@click.option("--our-url", help="Where the partner reaches us.  [default: PUBLIC_URL]")
@with_settings
def register(
    bootstrap: Any,
    settings: Any,
    supplier_id: str,
    versions_url: str,
    token: str | None,
    version: str | None,
    our_url: str | None,
) -> None:
    """Exchange tokens with a partner of the suppliers file. It calls us meanwhile, so the web must be running."""
    handshake = _handshake(bootstrap, settings, supplier_id, our_url)
    if token is None:
        invitation = handshake.invite(versions_url)
        click.echo(f"{handshake.config.name} registers at {handshake.our_versions} with this token:\n{invitation}")
        return
    found = handshake.register(versions_url, token, version)
    parties = ", ".join(one.key for one in found.parties)
    modules = ", ".join(sorted({one.module for one in found.endpoints}))
    click.echo(f"Registered with {handshake.config.name} ({parties}), OCPI {found.version}: {modules}")


@ocpi.command()
@click.argument("supplier_id")
@with_settings
def rotate(bootstrap: Any, settings: Any, supplier_id: str) -> None:
    """New tokens in both directions; the old ones end with it."""
    handshake = _handshake(bootstrap, settings, supplier_id, None)
    handshake.rotate()
    click.echo(f"{handshake.config.name} and we have new tokens.")


@ocpi.command()
@click.argument("supplier_id")
@with_settings
def unregister(bootstrap: Any, settings: Any, supplier_id: str) -> None:
    """End the connection; what the partner told us of its stations stays until it is old."""
    handshake = _handshake(bootstrap, settings, supplier_id, None)
    said = handshake.unregister()
    click.echo(f"{handshake.config.name} {said}; the tokens of both sides are gone here.")


def _handshake(bootstrap: Any, settings: Any, supplier_id: str, our_url: str | None) -> Any:
    from adapters.ocpi.handshake import Handshake
    from core.clock import SystemClock

    partners = bootstrap.ocpi_partners(settings)
    if supplier_id not in partners:
        named = ", ".join(partners) or "none"
        raise click.ClickException(f"no OCPI supplier {supplier_id} in the suppliers file; there are: {named}")
    database = bootstrap.open_database(settings)
    handshake = Handshake(
        partners[supplier_id], bootstrap.ocpi_house(settings, database, SystemClock()), our_url or ""
    )
    if not (our_url or settings.public_url or handshake.is_known):
        raise click.ClickException("the partner must reach us: set PUBLIC_URL, or say --our-url")
    return handshake


@commands.command("wechat-menu")
@with_settings
def wechat_menu(bootstrap: Any, settings: Any) -> None:
    """Publish the menu of the WeChat official account. Phones show it within a few minutes."""
    from bots.wechat import menu

    menu.publish(bootstrap.wechat_api(settings), settings.public_url)
    click.echo("The menu is published.")


def _width() -> int:
    return max(shutil.get_terminal_size().columns, 40)


if __name__ == "__main__":
    main()
