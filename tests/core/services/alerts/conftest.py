"""A station that a driver watches, on a clock that is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from core.outbox import OutboxRow
from core.prices.watching import Rule
from core.station import ConnectorStatus, Station, StatusReport
from core.user import Channel, Identity
from core.watch import Area, NewAlert, StandingWatch, Way
from tests.world import SUPPLIER, World, make_world, tariff_of

FREE, CHARGING = ConnectorStatus.FREE, ConnectorStatus.CHARGING
LOTUS, BAMBOO = (22.5410, 114.0580), (22.5450, 114.0600)


@dataclass
class Watching:
    """`costs` is the supplier, `person` makes drivers, `alerts` is what their watches found."""

    world: World

    def person(self, name: str, channel: Channel = Channel.TELEGRAM, **profile: Any) -> str:
        with self.world.services.database.write() as unit:
            user, _ = unit.users.register(Identity(channel, name), "en", self.now)
            for field, value in profile.items():
                object.__setattr__(user, field, value)
            unit.users.save(user)
        return user.id

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def costs(
        self,
        price: str,
        name: str = "Lotus Road",
        *,
        evening: str | None = None,
        currency: str = "CNY",
        free: int | None = 0,
    ) -> list[NewAlert]:
        """The supplier says so of both guns; the alerts that came of it."""
        self.says(price, name, evening=evening, currency=currency, free=free)
        return self.follow()

    def says(
        self,
        price: str,
        name: str = "Lotus Road",
        *,
        evening: str | None = None,
        currency: str = "CNY",
        free: int | None = 0,
    ) -> None:
        # No two prices of a moment.
        self.world.clock.advance(seconds=1)
        station = next(
            (one for one in self.world.source.items if isinstance(one, Station) and one.name == name), None
        )
        if station is None:
            at = LOTUS if name == "Lotus Road" else BAMBOO
            station = self.world.station(
                name, *at, price=price, free=free, guns=2, evening=evening, currency=currency
            )
        tariff = tariff_of(price, "0", evening, currency)
        assert tariff is not None, "there is a price"
        states = [FREE if number < (free or 0) else CHARGING for number in range(2)]
        refs = [gun.ref for gun in station.connectors]
        with self.world.services.database.write() as unit:
            unit.catalogue.save_tariffs(SUPPLIER.id, [(ref, tariff) for ref in refs], self.now)
            if free is not None:
                told = [StatusReport(ref, state, self.now) for ref, state in zip(refs, states, strict=True)]
                unit.catalogue.save_statuses(SUPPLIER.id, told, self.now)

    def follow(self) -> list[NewAlert]:
        before = self._last()
        self.world.services.prices.boundaries()
        return self._since(before)

    def look(self) -> list[NewAlert]:
        before = self._last()
        while self.world.services.alerts.look():
            pass
        return self._since(before)

    def wait(self, **delta: float) -> list[NewAlert]:
        """Time passes, and the supplier says nothing; boundaries and pauses alone make alerts."""
        self.world.clock.advance(**delta)
        return self.follow() + self.look()

    def watch(
        self, user_id: str, amount: str = "0", rule: Rule = Rule.BELOW, name: str = "Lotus Road"
    ) -> StandingWatch:
        made = self.world.services.watches.watch_station(user_id, self.station(name), rule, Decimal(amount))
        return made.watch

    def watch_around(self, user_id: str, place: Area | Way, amount: str, rule: Rule = Rule.BELOW) -> StandingWatch:
        watches, wished = self.world.services.watches, Decimal(amount)
        if isinstance(place, Area):
            return watches.watch_area(user_id, place, rule, wished, currency="CNY", label="Home").watch
        return watches.watch_way(user_id, place, rule, wished, currency="CNY", label="To work").watch

    def station(self, name: str = "Lotus Road") -> str:
        return next(one.id for one in self.world.source.items if isinstance(one, Station) and one.name == name)

    def kept(self, watch: StandingWatch) -> StandingWatch:
        with self.world.services.database.read() as unit:
            found = unit.watches.get(watch.id)
        assert found is not None
        return found

    def rows(self) -> list[OutboxRow]:
        """All messages, oldest first."""
        rows = []
        with self.world.services.database.read() as unit:
            number = 1
            while (row := unit.outbox.get(number)) is not None:
                rows.append(row)
                number += 1
        return rows

    def _last(self) -> int:
        return max((one.id for one in self._stored()), default=0)

    def _since(self, last: int) -> list[NewAlert]:
        return [one.alert for one in self._stored() if one.id > last]

    def _stored(self) -> list[Any]:
        with self.world.services.database.read() as unit:
            watches = unit.watches.some(range(1, 50))
            return sorted(
                (one for watch in watches for one in unit.alerts.of_watch(watch.id, 50)), key=lambda one: one.id
            )


@pytest.fixture
def watching(tmp_path) -> Watching:
    made = Watching(make_world(tmp_path))
    made.costs("1.20")
    return made
