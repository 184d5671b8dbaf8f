"""Drivers who want the same at the same moment, through the door that every chat uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.errors import UserError
from core.guncode import gun_payload
from core.scan import ScanSource
from core.session import SessionState
from core.user import Channel
from tests.bots.driving import Driving, yuan
from tests.world import World


@dataclass
class Contest:
    """A world with one operator and two drivers who have money."""

    world: World
    driving: Driving = field(init=False)
    lin: str = field(init=False)
    wei: str = field(init=False)

    def __post_init__(self) -> None:
        self.driving = Driving(self.world)
        self.lin = self.driving.user_id(Channel.TELEGRAM, "1001")
        self.wei = self.driving.user_id(Channel.WECHAT, "wei")
        for who in (self.lin, self.wei):
            self.driving.tops_up(who, "500")

    def offered(self, who: str, gun: int = 0) -> str:
        """The id of a quote, as a scan of that gun's code leads to it."""
        services = self.world.services
        if services.wallet.wallets(who)[0].available < yuan(100):
            self.driving.tops_up(who, "500")
        services.whereabouts.here(who, self.world.here)
        scan = services.guns.identify(who, gun_payload(self.driving.guns[gun]), ScanSource.PHOTO).scan
        return services.guns.offer(who, scan.id, Decimal(10)).quote.id

    def two_at_one_gun(self) -> tuple[int, list[str]]:
        """Both say yes at once: how many charges there are, and what the others were told. Then it is all undone."""
        wishes = [(who, self.offered(who)) for who in (self.lin, self.wei)]
        return self._ended(self._at_once(wishes))

    def taps(self, count: int) -> tuple[int, list[str]]:
        """One driver taps one button so often at once."""
        quote_id = self.offered(self.lin)
        return self._ended(self._at_once([(self.lin, quote_id)] * count))

    def _at_once(self, wishes: Sequence[tuple[str, str]]) -> list[Any]:
        together = threading.Barrier(len(wishes))
        charging = self.world.services.charging

        def tap(who: str, quote_id: str) -> Any:
            together.wait(20)
            try:
                return charging.start(who, quote_id, f"quote:{quote_id}")
            except UserError as refusal:
                return refusal

        return _all_at_once([lambda wish=wish: tap(*wish) for wish in wishes])

    def _ended(self, answers: list[Any]) -> tuple[int, list[str]]:
        refused = [one.code for one in answers if isinstance(one, UserError)]
        sessions = {one.id: one for one in answers if not isinstance(one, UserError)}
        held = sum(self._held(who) for who in (self.lin, self.wei))
        assert held == sum(one.quote.hold.amount_minor for one in sessions.values())
        starts = len(self.driving.supplier.charges)
        self.driving.runs_jobs()
        assert len(self.driving.supplier.charges) - starts == len(sessions)
        for session in sessions.values():
            self.world.clock.advance(seconds=30)
            ended = self.driving.ends(session)
            assert ended.state is SessionState.SETTLED
        assert all(self._held(who) == 0 for who in (self.lin, self.wei))
        return len(sessions), refused

    def _held(self, who: str) -> int:
        return sum(one.held.amount_minor for one in self.world.services.wallet.wallets(who))

    def check(self) -> None:
        with self.world.services.database.read() as unit:
            assert list(unit.ledger.breaches(self.world.clock.now())) == []


def _all_at_once(work: Sequence[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(lambda one: one(), work))
