"""`replay prices`: a recorded price history through the gate, history, ticks and watches of the product."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from cli.base import commands, words

_KEYS = ("series", "station_id", "zone_id", "connector_id", "location_id", "id")
_TIMES = ("time", "time_local", "timestamp", "datetime", "observed_at", "at")
_UNIT = r"(?:_(?P<currency>[a-z]{3}))?(?:_(?:per_)?kwh)?"
_TOTAL = re.compile(rf"(?:total_)?price{_UNIT}")
_PART = re.compile(rf"(?:e|s|energy|electricity|service)_price{_UNIT}")
_Reading = tuple[str, datetime, Decimal]
_LARGEST = 12  # digits before the point; more is no price in any currency


@click.group()
def replay() -> None:
    """Run a record of the past through the rules of today."""


commands.add_command(replay)


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column is what. A price in parts is their sum."""

    key: int | None
    time: int
    prices: tuple[int, ...]
    currency: str

    @classmethod
    def of(cls, header: list[str]) -> Columns:
        names = [name.strip().lower().lstrip("\ufeff") for name in header]
        time_column = next((names.index(name) for name in _TIMES if name in names), None)
        totals = {n: found for n, name in enumerate(names) if (found := _TOTAL.fullmatch(name))}
        prices = totals or {n: found for n, name in enumerate(names) if (found := _PART.fullmatch(name))}
        if time_column is None or not prices:
            raise click.ClickException(f"no column with a time and a price among: {', '.join(names[:20])}")
        currencies = {found["currency"].upper() for found in prices.values() if found["currency"]}
        return cls(
            key=next((names.index(name) for name in _KEYS if name in names), None),
            time=time_column,
            prices=tuple(prices),
            currency=currencies.pop() if len(currencies) == 1 else "",
        )


@replay.command("prices")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One document.")
@click.option("--currency", help="Of the prices.  [default: as the columns say]")
@click.option("--tz", "zone_name", help="Clock of the place.  [default: that of the times, else UTC]")
@click.option("--inject", type=click.IntRange(1, 1000), metavar="N", help="Put N changes of each kind into it, too.")
@click.option("--seed", type=int, default=7, show_default=True, help="Of --inject.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Draw one series as a PNG.")
@click.option("--series", "named", help="The one to draw.  [default: the first]")
@click.option("--days", type=click.Choice(["1", "7", "30", "90"]), default="7", show_default=True, help="To draw.")
@click.option("--lang", help="Of the picture: zh-CN or en.")
def prices(
    file: Path,
    as_json: bool,
    currency: str | None,
    zone_name: str | None,
    inject: int | None,
    seed: int,
    picture: Path | None,
    named: str | None,
    days: str,
    lang: str | None,
) -> None:
    """What would have been told, had drivers watched the hourly prices of FILE (CSV, also .gz).

    One line per series and hour: a time, a price per kWh (or its parts, which are added), and a name of the series.
    Changes and drops are counted before the gate. Alerts are counted from four weeks on.
    """
    from core.prices.injecting import injected
    from core.prices.replaying import Replay

    started = time.monotonic()
    with _open(file) as text:
        rows = csv.reader(text)
        columns = Columns.of(next(rows, []))
        readings = _Readings(rows, columns, _zone(zone_name))
        run: Replay | None = None
        kept: dict[str, list[tuple[datetime, Decimal]]] = {}
        for key, at, price in _watched(readings):
            if run is None:
                currency = (columns.currency if currency is None else currency).upper()
                run = Replay(currency, readings.zone or at.tzinfo or UTC)
            try:
                run.take(key, at, price)
            except ValueError as error:
                raise click.ClickException(f"line {readings.line}, {key}: {error}") from error
            if inject:
                kept.setdefault(key, []).append((at, price))
    if run is None:
        raise click.ClickException("no line with a time and a price")
    if not run.currency:
        click.echo(
            "No currency in the columns: bounds of a unit like the euro or the yuan. See --currency.", err=True
        )
    report = {"file": file.name, "currency": run.currency or None, **run.report(), "skipped": readings.skipped}
    if inject:
        report["injected"] = injected(kept, run.currency, run.zone, trials=inject, seed=seed)
    if picture is not None:
        picture.write_bytes(_drawn(run, named, int(days), lang))
    report["seconds"] = round(time.monotonic() - started, 1)
    click.echo(json.dumps(report, indent=2) if as_json else _text(report))


def _drawn(run: Any, named: str | None, days: int, lang: str | None) -> bytes:
    """A series until its last reading, as a driver would see it."""
    from bots.chart import chart

    key = named if named is not None else next(iter(run.series))
    if key not in run.series:
        raise click.UsageError(f"no series {key}; there are: {', '.join(list(run.series)[:20])}")
    one = run.series[key]
    return chart(
        one.price.history, name=key, currency=run.currency or "CNY", at=one.last_at, days=days, say=words(lang)
    )


class _Readings:
    """(series, moment, price) line by line. Lines without a time or a price are counted and passed over."""

    def __init__(self, rows: Any, columns: Columns, zone: tzinfo | None) -> None:
        self.rows, self.columns, self.zone = rows, columns, zone
        self.line, self.skipped = 1, 0

    def __iter__(self) -> Iterator[_Reading]:
        columns = self.columns
        for row in self.rows:
            self.line += 1
            try:
                at = datetime.fromisoformat(row[columns.time])
                price = sum((Decimal(row[n]) for n in columns.prices), Decimal(0))
                key = row[columns.key] if columns.key is not None else ""
            except (IndexError, ValueError, InvalidOperation):
                self.skipped += 1
                continue
            if not price.is_finite() or price.adjusted() > _LARGEST:
                self.skipped += 1
                continue
            yield key, at if at.tzinfo is not None else at.replace(tzinfo=self.zone or UTC), price


@contextmanager
def _open(file: Path) -> Iterator[TextIO]:
    try:
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rt", encoding="utf-8", newline="") as text:
            yield text
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{file.name} cannot be read: {error}") from error


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.UsageError(f"no time zone {name}") from error


def _watched(readings: Iterable[_Reading]) -> Iterator[_Reading]:
    """With a bar on stderr, for a person at a terminal."""
    from tqdm import tqdm

    yield from tqdm(readings, unit=" rows", delay=1, disable=not sys.stderr.isatty(), leave=False)


def _text(report: dict[str, Any]) -> str:
    gate = report["gate"]
    reasons = ", ".join(f"{name} {count}" for name, count in gate["reasons"].items())
    lines = [
        f"{report['file']}: {report['series']} series, {report['readings']} readings, "
        f"{report['skipped']} lines skipped",
        f"{report['changes']} changes; {report['drops']} drops, {report['drops_5pct']} of 5 % or more, "
        f"{report['drops_30pct']} of 30 % or more",
        f"held by the gate: {gate['held']}"
        + (f" ({reasons})" if reasons else "")
        + f", confirmed {gate['confirmed']}",
        f"from four weeks on, {report['judged_series_days']} series × days:",
        f"  {'rule':<12}{'alerts':>8}{'per day':>9}{'held 1 h':>10}{'lower in 24 h':>15}{'lower next day':>16}",
    ]
    for rule, alerts in report["alerts"].items():
        truth = report["truth"][rule]
        lines.append(
            f"  {rule:<12}{alerts:>8}{_number(report['alerts_per_series_day'][rule], 4):>9}"
            f"{_number(truth['holds_1h'], 3):>10}{_number(truth['lower_24h'], 3):>15}"
            f"{_number(truth['lower_next_day'], 3):>16}"
        )
    lines.append(f"alerts of ours about absurd prices: {report['absurd_alerts']}")
    if "injected" in report:
        lines.append(
            f"  {'put into it':<20}{'changes':>8}{'told':>6}{'recall':>8}{'delay h':>9}"
            f"{'alerts each':>13}{'false alarms':>14}"
        )
        for kind, one in report["injected"].items():
            lines.append(
                f"  {kind:<20}{one['trials']:>8}{_number(one['told'], 0):>6}{_number(one['recall'], 3):>8}"
                f"{_number(one['delay_h'], 1):>9}{_number(one['alerts_per_change'], 2):>13}{one['false_alarms']:>14}"
            )
    return "\n".join(lines)


def _number(value: float | None, places: int) -> str:
    return "–" if value is None else f"{value:.{places}f}"
