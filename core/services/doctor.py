"""The doctor: one line for each thing the product leans on, and what to do when it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """Something to look at. `look` returns what is fine, or raises what is not; `Absent` is neither."""

    name: str
    look: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` is None for what is not set up and not needed."""

    name: str
    ok: bool | None
    text: str


class Absent(Exception):
    """Not configured, and the product runs without it."""


def examine(probes: Iterable[Probe]) -> Iterator[Finding]:
    """Look at everything, each in its turn; one failure stops nothing."""
    for probe in probes:
        try:
            yield Finding(probe.name, True, probe.look())
        except Absent as absent:
            yield Finding(probe.name, None, str(absent))
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the line
            text = " ".join(str(error).split())[:200] or type(error).__name__
            yield Finding(probe.name, False, text)
