"""What every supplier that can charge promises, whatever it speaks. A test class per adapter, and one fixture.

The fixture `site` is the other side's own truth: its free guns, its clock and its books.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import pytest

from core.charging import ChargeRecord, ChargingState, Outcome
from core.ports import StartsCharging
from core.station import ConnectorRef


@dataclass(frozen=True)
class Booked:
    """A charge in the other side's books."""

    energy_kwh: Decimal
    total_cost: Decimal
    energy_cost: Decimal | None = None
    service_cost: Decimal | None = None


class ChargingSite(Protocol):
    def free_gun(self) -> ConnectorRef:
        """A gun at which a start will be accepted."""
        ...

    def new_seq(self) -> str: ...

    def pass_time(self, *, minutes: float) -> None:
        """Energy flows at started guns for so long."""
        ...

    def starts_at(self, ref: ConnectorRef) -> int:
        """How many charges the books have at this gun."""
        ...

    def booked(self, start_seq: str) -> Booked: ...

    def record(self, start_seq: str) -> ChargeRecord:
        """The supplier's statement as it has reached us, waited for."""
        ...

    def start_unanswered(self, ref: ConnectorRef) -> AbstractContextManager[None]:
        """Within the block a start works and its answer is lost."""
        ...

    def refuses(self, ref: ConnectorRef, reason: str) -> AbstractContextManager[None]:
        """Within the block a start at this gun is refused for that reason (one of core.charging.REASONS)."""
        ...


NO_GUN = "no-such-gun"


class ChargingContract:
    def test_accepted_is_not_charging_until_energy_flows(self, supplier: StartsCharging, site: ChargingSite) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        assert supplier.start(ref, start_seq=seq).outcome is Outcome.ACCEPTED
        update = supplier.session(seq)
        assert update is not None
        assert (update.start_seq, update.ref, update.state) == (seq, ref, ChargingState.STARTING)
        assert not update.energy_kwh
        site.pass_time(minutes=5)
        update = supplier.session(seq)
        assert update is not None
        assert update.state is ChargingState.CHARGING
        assert update.energy_kwh
        assert update.started_at

    def test_the_same_number_starts_once(self, supplier: StartsCharging, site: ChargingSite) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        before = site.starts_at(ref)
        first = supplier.start(ref, start_seq=seq)
        site.pass_time(minutes=1)
        assert supplier.start(ref, start_seq=seq) == first
        assert site.starts_at(ref) == before + 1

    def test_silence_is_unknown_and_the_gun_may_be_live(self, supplier: StartsCharging, site: ChargingSite) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        with site.start_unanswered(ref):
            assert supplier.start(ref, start_seq=seq).outcome is Outcome.UNKNOWN
        site.pass_time(minutes=1)
        update = supplier.session(seq)
        assert update is not None
        assert update.state is ChargingState.CHARGING

    def test_a_number_nobody_knows(self, supplier: StartsCharging, site: ChargingSite) -> None:
        assert supplier.session(site.new_seq()) is None

    @pytest.mark.parametrize("reason", ["gun_busy", "gun_fault", "gun_offline", "not_plugged_in", "other"])
    def test_a_refusal_says_why_and_starts_nothing(
        self, supplier: StartsCharging, site: ChargingSite, reason: str
    ) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        with site.refuses(ref, reason):
            reply = supplier.start(ref, start_seq=seq)
        assert (reply.outcome, reply.reason) == (Outcome.REJECTED, reason)
        assert supplier.session(seq) is None

    def test_a_gun_that_does_not_exist(self, supplier: StartsCharging, site: ChargingSite) -> None:
        strange = ConnectorRef(site.free_gun().operator_id, NO_GUN)
        reply = supplier.start(strange, start_seq=site.new_seq())
        assert (reply.outcome, reply.reason) == (Outcome.REJECTED, "no_such_gun")

    def test_stop_ends_it_and_the_record_adds_up_with_the_books(
        self, supplier: StartsCharging, site: ChargingSite
    ) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        supplier.start(ref, start_seq=seq)
        site.pass_time(minutes=20)
        assert supplier.stop(ref, start_seq=seq).outcome is Outcome.ACCEPTED
        site.pass_time(minutes=1)
        update = supplier.session(seq)
        assert update is not None
        assert update.state is ChargingState.ENDED
        again = supplier.stop(ref, start_seq=seq)
        assert (again.outcome, again.reason) == (Outcome.REJECTED, "already_ended")
        record, books = site.record(seq), site.booked(seq)
        assert (record.start_seq, record.ref) == (seq, ref)
        assert record.energy_kwh == books.energy_kwh > 0
        assert record.total_cost == books.total_cost > 0
        assert (record.energy_cost, record.service_cost) == (books.energy_cost, books.service_cost)
        assert update.energy_kwh == record.energy_kwh
        assert record.started_at < record.ended_at
        if record.periods:
            assert sum(period.energy_kwh for period in record.periods) == record.energy_kwh

    def test_a_stop_of_nothing(self, supplier: StartsCharging, site: ChargingSite) -> None:
        reply = supplier.stop(site.free_gun(), start_seq=site.new_seq())
        assert reply.outcome is Outcome.REJECTED
