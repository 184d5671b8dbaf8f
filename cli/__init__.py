"""`kilowatch …`: the product for people at a terminal. Every command works without Redis or running processes."""

from __future__ import annotations

import sys

import click

from cli import (
    backups,
    bills,
    cases,
    chats,
    messages,
    money,
    reconcile,
    replay,
    running,
    scan,
    scans,
    stations,
    suppliers,
)
from cli.base import commands, words
from core.errors import ConfigurationError, KilowatchError, UserError
from storage.errors import StorageUnavailable

__all__ = [
    "backups",
    "bills",
    "cases",
    "chats",
    "commands",
    "main",
    "messages",
    "money",
    "reconcile",
    "replay",
    "running",
    "scan",
    "scans",
    "stations",
    "suppliers",
]


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
    except StorageUnavailable as error:
        click.echo(f"kilowatch: {error} (see `kilowatch doctor`)", err=True)
        sys.exit(1)
    except UserError as error:
        from bots.wording import phrases

        click.echo(f"kilowatch: {phrases.error(words(None), error)}", err=True)
        sys.exit(1)
    except KilowatchError as error:
        click.echo(f"kilowatch: {error}", err=True)
        sys.exit(1)
