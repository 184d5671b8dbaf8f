"""`books`: whether the money adds up, for the people who run it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from cli.base import commands, with_settings


@commands.command()
@click.option("--json", "as_json", is_flag=True)
@with_settings
def books(bootstrap: Any, settings: Any, as_json: bool) -> None:
    """Check every invariant of the money and show each account. Exit status 1 on a breach."""
    from core.clock import SystemClock
    from core.services.books import BooksService

    report = BooksService(bootstrap.open_database(settings), SystemClock()).check()
    if as_json:
        click.echo(json.dumps(_document(report), ensure_ascii=False, indent=2))
    else:
        _print(report)
    sys.exit(1 if report.breaches else 0)


def _document(report: Any) -> dict[str, Any]:
    return {
        "at": report.at.isoformat(),
        "balanced": not report.breaches,
        "breaches": [{"invariant": one.invariant, "detail": one.detail} for one in report.breaches],
        "accounts": [
            {"account": account.id, "amount_minor": balance, "currency": account.currency}
            for account, balance in report.accounts
        ],
        "halts": [{"name": one.name, "reason": one.reason, "who": one.who} for one in report.halts],
    }


def _print(report: Any) -> None:
    from core.money import Money

    wide = max((len(account.id) for account, _ in report.accounts), default=0)
    for account, balance in report.accounts:
        click.echo(f"{account.id:<{wide}}  {Money(balance, account.currency).decimal:>14} {account.currency}")
    if not report.accounts:
        click.echo("No money has moved yet.")
    for one in report.breaches:
        click.echo(f"BREACH {one.invariant}: {one.detail}")
    for halt in report.halts:
        click.echo(f"No charge can be started ({halt.name}, {halt.who}): {halt.reason}")
    if not report.breaches:
        click.echo("The books balance: I1 to I10 hold.")
