"""`near`, `import`, `sync`, `quarantine`, `merges`: stations for people at a terminal."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from cli.base import NEGATIVE_NUMBERS, commands, python_path, width, with_settings, words
from core.geo import Datum


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

    say = words(lang)
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
        env={**os.environ, "PYTHONPATH": python_path(importlib.import_module("bootstrap"))},
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
            click.echo(f"    {' '.join(row.raw.split())[: width() - 4]}")
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
