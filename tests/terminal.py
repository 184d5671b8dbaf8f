"""`kilowatch …` for tests: each command a process of its own that need not import everything first.

Imports are most of what a command costs, a second of computing. They are done once, in a process that does nothing
else; each command is forked from it. What `python -m cli …` needs beside that is tested where it is started so.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
ENDS_WITHIN_S = 120

_forked = multiprocessing.get_context("forkserver")
_forked.set_forkserver_preload(["bootstrap", "cli", "alembic.command", "tests.terminal"])


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def run_command(args: tuple[str, ...], env: Mapping[str, str]) -> Ended:
    """A command with this environment, to its end."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = _forked.Process(target=_command, args=(args, dict(env), str(out), str(err)))
        process.start()
        process.join(ENDS_WITHIN_S)
        if process.exitcode is None:
            process.kill()
            process.join()
        written = [one.read_text(encoding="utf-8") if one.exists() else "" for one in (out, err)]
        assert process.exitcode is not None
        return Ended(process.exitcode, *written)


def _command(args: tuple[str, ...], env: dict[str, str], out: str, err: str) -> None:
    import cli

    sys.stdout, sys.stderr = _onto(out, 1), _onto(err, 2)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    sys.argv = ["kilowatch", *args]
    cli.main()


def _onto(path: str, number: int) -> TextIO:
    """A file in the place of one of the three that every process has, for its own children too."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, number)
    os.close(file)
    return open(number, "w", encoding="utf-8", closefd=False)
