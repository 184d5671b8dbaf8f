"""`backup`, `restore`: the whole database into a file, and back into an empty place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cli.base import commands, with_settings


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_settings
def backup(bootstrap: Any, settings: Any, file: Path) -> None:
    """Copy the database to FILE while everything runs. FILE must not be there yet."""
    from storage.backup import back_up

    size = back_up(settings.database_url, file)
    click.echo(f"{file}: {size / 1e6:.1f} MB. The secrets are not in it: keep those elsewhere.")


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_settings
def restore(bootstrap: Any, settings: Any, file: Path) -> None:
    """Fill an empty database (DATABASE_URL) from FILE, and check the books. Exit status 1 on a breach."""
    from core.clock import SystemClock
    from core.services.books import BooksService
    from storage.backup import restore as restored

    restored(settings.database_url, file)
    report = BooksService(bootstrap.open_database(settings), SystemClock()).check()
    for one in report.breaches:
        click.echo(f"BREACH {one.invariant}: {one.detail}")
    if report.breaches:
        sys.exit(1)
    click.echo(
        f"Restored. {len(report.accounts)} accounts, the books balance. Now: docs/operations.md, “After a restore”."
    )
