"""A catalogue with a supplier that says prices, a clock that is set, and the service that follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from core.ports import PriceVersion, UnitOfWork
from core.prices.ticks import Cause, Tick
from core.services.prices import PriceService, SeriesTick
from core.tariff import Tariff, time_of_use_tariff
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import LOTUS, NOON, gun, ref, save, station
from tests.world import SetClock

SHENZHEN: dict[str, Any] = {"time_zone": "Asia/Shanghai", "country": "CN"}


@dataclass
class Following:
    """Everything a test of prices does: `says` is the supplier, `ticks` what came of it."""

    database: SqlDatabase
    clock: SetClock
    ticks: list[Tick] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = PriceService(self.database, self.clock, self.on_ticks)

    def on_ticks(self, unit: UnitOfWork, ticks: Sequence[SeriesTick]) -> None:
        self.ticks += [one.tick for one in ticks]

    def says(self, tariff: Tariff, *guns: int, pushed: bool = False) -> None:
        told = [(ref(one), tariff) for one in guns or (1,)]
        with self.database.write() as unit:
            unit.catalogue.save_tariffs(LOTUS.id, told, self.clock.now(), pushed=pushed)

    def told(self) -> list[tuple[Decimal | None, Decimal | None]]:
        """Before and now, of all ticks since it was asked last."""
        told = [(one.old, one.new) for one in self.ticks]
        self.ticks.clear()
        return told

    def versions(self) -> list[str | None]:
        """The tariffs believed one after the other at the only group of guns."""
        return [one.tariff_id for one in self._versions()]

    def causes(self) -> list[Cause]:
        """What they are put down to."""
        return [one.cause for one in self._versions()]

    def _versions(self) -> list[PriceVersion]:
        with self.database.read() as unit:
            (series,) = unit.prices.series_of([station(1).id])
            return unit.prices.versions([series.id], series.began_at)[series.id]


@pytest.fixture
def following(database: SqlDatabase) -> Following:
    """Station 1 with guns 1 to 4, all alike."""
    save(database, station(1, *(gun(number) for number in range(1, 5)), **SHENZHEN))
    return Following(database, SetClock(NOON))


def evening(day: str, night: str) -> Tariff:
    """`night` from 22:00 to 07:00 in Shenzhen, where it is noon when the tests begin."""
    periods = ((time(7), Decimal(day), Decimal(0)), (time(22), Decimal(night), Decimal(0)))
    return time_of_use_tariff("CNY", "Asia/Shanghai", periods)
