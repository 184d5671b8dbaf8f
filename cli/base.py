"""What every command is made of: the group, and the settings it is given."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

# click would take -23.55 for an option.
NEGATIVE_NUMBERS = {"ignore_unknown_options": True}


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


def words(language: str | None) -> Any:
    from bots.wording import wording

    return wording(language or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")


def python_path(bootstrap: Any) -> str:
    return os.pathsep.join(filter(None, [str(bootstrap.ROOT), os.environ.get("PYTHONPATH", "")]))


def printable(text: str) -> str:
    """A stranger's words for a terminal: what would move its cursor or hide a word is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def on_one_line(text: str) -> str:
    """Such words, cut at the edge of the terminal."""
    line = printable(text)
    return line if len(line) <= width() else line[: width() - 1] + "…"


def width() -> int:
    return max(shutil.get_terminal_size().columns, 40)
