"""`reconcile`: our books against suppliers', payment providers' and themselves, now."""

from __future__ import annotations

import json
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import click

from cli.base import commands, with_settings
from cli.cases import amount


@commands.command()
@click.option("--supplier", help="Only this supplier.")
@click.option("--channel", help="Only this way of payment.")
@click.option("--day", metavar="YYYY-MM-DD", help="Of China's calendar, and the two before it.  [default: yesterday]")
@click.option("--statement", type=amount, help="What the supplier says we owe, like 1234.50; with --supplier.")
@click.option("--currency", default="CNY", show_default=True, help="Of the statement.")
@click.option("--json", "as_json", is_flag=True)
@with_settings
def reconcile(
    bootstrap: Any,
    settings: Any,
    supplier: str | None,
    channel: str | None,
    day: str | None,
    statement: Decimal | None,
    currency: str,
    as_json: bool,
) -> None:
    """Compare our books with those of others and say what differs. Mends nothing. Exit status 1 on a difference."""
    from core.services.cases.desk import exactly

    try:
        of_day = date.fromisoformat(day) if day else None
    except ValueError:
        raise click.BadParameter("write the day like 2026-11-22", param_hint="--day") from None
    if statement is not None and not supplier:
        raise click.UsageError("--statement is a supplier's: name it with --supplier")
    service = bootstrap.build_services(settings, stations=False).reconciliation
    wanted = [f"supplier:{supplier}"] * bool(supplier) + [f"psp:{channel}"] * bool(channel)
    if unknown := [one for one in wanted if one not in service.scopes()]:
        raise click.BadParameter(f"{unknown[0]} is nobody to compare with; there are: {', '.join(service.scopes())}")
    stated = exactly(statement, currency) if statement is not None else None
    scopes = wanted or service.scopes()
    reports = [service.run(one, of_day, stated if one == f"supplier:{supplier}" else None) for one in scopes]
    if as_json:
        click.echo(json.dumps([_document(one) for one in reports], ensure_ascii=False, indent=2))
    else:
        for one in reports:
            _print(one)
    sys.exit(1 if any(one.differences for one in reports) else 0)


def _document(report: Any) -> dict[str, Any]:
    return {
        "scope": report.run.scope,
        "day": report.run.day.isoformat(),
        "at": report.run.at.isoformat(),
        **json.loads(report.run.document),
    }


def _print(report: Any) -> None:
    from core.money import Money

    def sums(side: Any) -> str:
        return ", ".join(f"{Money(minor, currency).decimal} {currency}" for currency, minor in sorted(side.items()))

    words = f"{report.run.scope} on {report.run.day}: {report.compared} compared"
    if report.ours or report.theirs:
        words += f", ours {sums(report.ours) or 0}, theirs {sums(report.theirs) or 0}"
    click.echo(words + (", nothing differs" if not report.differences else ""))
    for one, first in report.differences:
        age = report.run.at - first
        about = f" ({one.about.decimal} {one.about.currency})" if one.about else ""
        since = f"{age.days} days" if age.days else "new" if not age else f"{int(age.total_seconds() // 3600)} h"
        click.echo(f"  {one.what} {one.subject}{about}, {since}: {one.detail}")
    if not report.whole:
        click.echo("  Somebody was silent: this is only a part.")
