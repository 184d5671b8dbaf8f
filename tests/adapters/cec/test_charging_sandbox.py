"""Our T/CEC client and callbacks against the sandbox process, in every dialect: commands, pushes, bills, checks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.cec.dialects import DIALECTS
from adapters.cec.supplier import CecSupplier
from adapters.sandbox import city as sandbox_city
from adapters.sandbox.city import City
from adapters.sandbox.life import CHINA
from core.charging import ChargingState, Outcome
from core.station import ConnectorStatus, Station
from core.tariff import Dimension
from tests.adapters.cec.customer import Customer
from tests.adapters.sandbox.guest import BEFORE_EIGHT
from tests.adapters.sandbox.process import SandboxProcess
from tests.contracts.charging import ChargingContract
from tests.contracts.supplier import listed, priced, reported

pytestmark = pytest.mark.process

BILL = "notification_charge_order_info"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """One of its own: cars stay at its guns."""
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    yield process
    process.stop()


@pytest.fixture(scope="module")
def city() -> City:
    return sandbox_city.build()


@pytest.fixture
def dialect() -> str:
    return "cec-2016"


@pytest.fixture
def site(sandbox: SandboxProcess, city: City, tmp_path: Path, dialect: str) -> Iterator[Customer]:
    customer = Customer(sandbox, city, tmp_path, dialect)
    with customer.listening():
        yield customer


@pytest.fixture
def supplier(site: Customer) -> CecSupplier:
    return site.supplier


@pytest.mark.parametrize("dialect", DIALECTS)
class TestEveryDialect(ChargingContract):
    def test_field_by_field(self, site: Customer, supplier: CecSupplier, dialect: str) -> None:
        """Everything that is said of one charge, asked for and pushed, against the sandbox's own books."""
        ref, seq = site.free_gun(), site.new_seq()
        assert supplier.check(ref).outcome is Outcome.ACCEPTED
        assert supplier.start(ref, start_seq=seq, gun_code_rest="rest").outcome is Outcome.ACCEPTED
        site.pass_time(minutes=20)
        asked = supplier.session(seq)
        assert asked is not None
        # 60 kW from two seconds after the start
        assert (asked.ref, asked.state, asked.energy_kwh) == (ref, ChargingState.CHARGING, Decimal("19.97"))
        assert asked.power_kw == Decimal(60)
        assert asked.soc_percent in {Decimal("26.0"), Decimal("25.99")}  # hmcs tells hundredths
        assert asked.started_at == BEFORE_EIGHT + timedelta(seconds=2)
        assert asked.currency == "CNY"
        pushed = site.wait_for(lambda: told if (told := site.told(seq)) and told.energy_kwh else None)
        same = ("ref", "state", "energy_kwh", "power_kw", "soc_percent", "started_at", "cost", "currency")
        assert [getattr(pushed, name) for name in same] == [getattr(asked, name) for name in same]

        place, gun = site.city.gun_of[ref.connector_id]
        night, morning = (one for one in place.prices(gun) if one.start in {"000000", "080000"})
        supplier.stop(ref, start_seq=seq)
        site.pass_time(minutes=1)
        record, books = site.record(seq), site.booked(seq)
        assert (record.record_id, record.start_seq, record.ref, record.currency) == (seq, seq, ref, "CNY")
        assert record.started_at == BEFORE_EIGHT + timedelta(seconds=2)
        assert record.ended_at == BEFORE_EIGHT + timedelta(minutes=20, seconds=1)
        assert (record.energy_kwh, record.total_cost) == (books.energy_kwh, books.total_cost)
        assert (record.energy_cost, record.service_cost) == (books.energy_cost, books.service_cost)
        assert record.stop_reason == "platform"
        assert [(one.start, one.energy_price, one.service_price) for one in record.periods] == [
            (record.started_at, night.energy, night.service),
            (BEFORE_EIGHT + timedelta(minutes=10), morning.energy, morning.service),
        ]
        for one in record.periods:
            assert one.energy_cost == round(one.energy_kwh * (one.energy_price or 0), 2)
            assert one.service_cost == round(one.energy_kwh * (one.service_price or 0), 2)
        final = site.wait_for(
            lambda: told if (told := site.told(seq)) and told.state is ChargingState.ENDED else None
        )
        assert final.ref == ref
        for interface in ("notification_start_charge_result", "notification_equip_charge_status",
                          "notification_stop_charge_result"):  # fmt: skip
            [(outcome, answer), *_] = site.pushes(interface, seq)
            assert (outcome, answer["SuccStat"], answer["StartChargeSeq"]) == ("Ret 0", 0, seq)
        bills = site.wait_for(lambda: site.pushes(BILL, seq) or None)
        assert bills == [("Ret 0", {"StartChargeSeq": seq, "ConnectorID": ref.connector_id, "ConfirmResult": 0})]

    def test_stations_states_and_prices(self, site: Customer, supplier: CecSupplier, dialect: str) -> None:
        stations = {one.external_id: one for one in listed(supplier)}
        assert len(stations) == len(site.city.places)
        for place in site.city.places:
            station = stations[place.id]
            assert station.name == place.name
            assert station.public is (place.status == sandbox_city.IN_USE and place.kind == sandbox_city.PUBLIC)
            assert station.hours.always is (place.hours in {"00:00-24:00", "24小时"})
            assert abs(station.point.lat - float(place.lat)) < 0.01  # same place, other datum
            assert {gun.ref.connector_id: gun.power_kw for gun in station.connectors} == {
                gun.id: gun.power_kw for gun in place.guns
            }
        some = sorted(stations)[:60]
        reports = reported(supplier, some)
        assert {ref.connector_id for ref in reports} == {g.id for one in some for g in site.city.place_of[one].guns}
        assert all(report.status is not ConnectorStatus.UNKNOWN for report in reports.values())
        self._prices(site, supplier, list(stations.values())[::20])

    def _prices(self, site: Customer, supplier: CecSupplier, stations: list[Station]) -> None:
        tariffs = priced(supplier, [gun.ref for station in stations for gun in station.connectors])
        listed_prices = supplier.tariffs()
        assert bool(listed_prices) is (site.config.dialect.name == "starcharge")
        noon = datetime(2026, 11, 23, 12, 30, tzinfo=CHINA)
        for station in stations:
            place = site.city.place_of[station.external_id]
            for gun in station.connectors:
                truth = next(one for one in place.guns if one.id == gun.ref.connector_id)
                period = [one for one in place.prices(truth) if one.start <= "123000"][-1]
                price = tariffs[gun.ref].prices_at(noon)[Dimension.ENERGY]
                assert (price.price, price.service) == (period.energy + period.service, period.service)
                if listed_prices and truth == next(place.guns):
                    assert gun.tariff_id == tariffs[gun.ref].id

    def test_the_daily_check(self, site: Customer, supplier: CecSupplier, dialect: str) -> None:
        seqs = []
        for _ in range(2):
            ref, seq = site.free_gun(), site.new_seq()
            supplier.start(ref, start_seq=seq)
            seqs.append((ref, seq))
        site.pass_time(minutes=10)
        for ref, seq in seqs:
            supplier.stop(ref, start_seq=seq)
        ref, unknown = site.free_gun(), site.new_seq()
        with site.fault("record_never", ref):
            supplier.start(ref, start_seq=unknown)
            site.pass_time(minutes=10)
            supplier.stop(ref, start_seq=unknown)
            site.pass_time(minutes=1)
            assert supplier.session(unknown) is not None
        for _, seq in seqs:
            site.record(seq)
        site.sandbox.pull("check", day=f"{BEFORE_EIGHT:%Y-%m-%d}")
        [(outcome, answer)] = site.wait_for(lambda: site.pushes("check_charge_orders", unknown) or None)
        disputed = {one["StartChargeSeq"]: one for one in answer["DisputeOrders"]}
        assert outcome == "Ret 0"
        assert disputed[unknown]["DisputeReason"] == 1
        assert Decimal(str(disputed[unknown]["TotalMoney"])) == site.booked(unknown).total_cost
        assert not disputed.keys() & {seq for _, seq in seqs}


class TestFaults:
    """What goes wrong on the way, and what we know afterwards."""

    def charged(self, site: Customer, supplier: CecSupplier, fault: str, **more: object) -> str:
        """One charge of twenty minutes under a fault; its number."""
        ref, seq = site.free_gun(), site.new_seq()
        with site.fault(fault, ref, **more):
            assert supplier.start(ref, start_seq=seq).outcome is Outcome.ACCEPTED
            for _ in range(4):
                site.pass_time(minutes=5)
                supplier.session(seq)
            supplier.stop(ref, start_seq=seq)
            site.pass_time(minutes=1)
            supplier.session(seq)
            site.wait_for(lambda: site.pushes("notification_stop_charge_result", seq) or None)
            if not fault.startswith("record_never"):
                site.wait_for(lambda: site.records(seq) or None)
        return seq

    def test_a_bill_twice_is_one(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "record_twice")
        site.wait_for(lambda: len(site.pushes(BILL, seq)) == 2 or None)
        assert [answer["ConfirmResult"] for _, answer in site.pushes(BILL, seq)] == [0, 0]
        assert len(site.records(seq)) == 1

    def test_another_bill_is_disputed_and_the_first_stands(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "record_different")
        site.wait_for(lambda: len(site.pushes(BILL, seq)) == 2 or None)
        assert [answer["ConfirmResult"] for _, answer in site.pushes(BILL, seq)] == [0, 1]
        [record] = site.records(seq)
        assert record.total_cost == site.booked(seq).total_cost

    def test_wrong_totals_are_disputed(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "wrong_totals")
        [(_, answer)] = site.wait_for(lambda: site.pushes(BILL, seq) or None)
        assert answer["ConfirmResult"] == 1
        assert site.record(seq).total_cost == site.booked(seq).total_cost + 10

    def test_lost_pushes_leave_the_bill(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "push_lost")
        assert {outcome for outcome, _ in site.pushes("notification_equip_charge_status", seq)} == {"lost"}
        assert site.told(seq) is None
        assert site.record(seq).energy_kwh == site.booked(seq).energy_kwh

    def test_the_same_bytes_twice_are_answered_the_same(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "push_twice")
        assert {outcome for outcome, _ in site.pushes("notification_equip_charge_status", seq)} == {"Ret 0"}
        assert len(site.records(seq)) == 1

    def test_out_of_order_the_last_word_is_the_end(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "push_out_of_order")
        told = site.wait_for(lambda: told if (told := site.told(seq)) and told.state is ChargingState.ENDED else None)
        assert told.start_seq == seq

    def test_zero_energy(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "zero_energy")
        record = site.record(seq)
        assert (record.energy_kwh, record.total_cost) == (Decimal(0), Decimal(0))

    def test_a_broken_gun_ends_it_with_what_flowed(self, site: Customer, supplier: CecSupplier) -> None:
        seq = self.charged(site, supplier, "gun_breaks", after_kwh=3)
        record = site.record(seq)
        assert (record.energy_kwh, record.stop_reason) == (Decimal(3), "gun_fault")

    def test_a_late_answer_is_an_answer(self, site: Customer, supplier: CecSupplier) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        with site.fault("start_late", ref, delay_s="0.3"):
            assert supplier.start(ref, start_seq=seq).outcome is Outcome.ACCEPTED

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            ("auth_unplugged", "not_plugged_in"),
            ("auth_gun_fault", "gun_fault"),
            ("auth_silent", "not_sent"),
            ("auth_broken", "not_sent"),
        ],
    )
    def test_a_gun_that_is_not_found_fit_is_not_started(
        self, site: Customer, supplier: CecSupplier, fault: str, reason: str
    ) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        before = site.starts_at(ref)
        with site.fault(fault, ref, seconds="0.1"):
            reply = supplier.start(ref, start_seq=seq)
        assert (reply.outcome, reply.reason) == (Outcome.REJECTED, reason)
        assert supplier.session(seq) is None
        assert site.starts_at(ref) == before

    def test_a_stop_that_is_refused_or_not_answered(self, site: Customer, supplier: CecSupplier) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        supplier.start(ref, start_seq=seq)
        site.pass_time(minutes=5)
        with site.fault("stop_refused", ref):
            reply = supplier.stop(ref, start_seq=seq)
            assert (reply.outcome, reply.reason) == (Outcome.REJECTED, "gun_offline")
        with site.fault("stop_silent", ref, seconds="0.1"):
            assert supplier.stop(ref, start_seq=seq).outcome is Outcome.UNKNOWN
        site.pass_time(minutes=1)
        update = supplier.session(seq)
        assert update is not None
        assert update.state is ChargingState.ENDED

    def test_accepted_and_never_started(self, site: Customer, supplier: CecSupplier) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        with site.fault("start_never", ref):
            assert supplier.start(ref, start_seq=seq).outcome is Outcome.ACCEPTED
            site.pass_time(minutes=60)
            update = supplier.session(seq)
        assert update is not None
        assert (update.state, update.energy_kwh) == (ChargingState.STARTING, Decimal(0))

    def test_a_push_comes_again_when_we_were_away(self, site: Customer, supplier: CecSupplier) -> None:
        ref, seq = site.free_gun(), site.new_seq()
        supplier.start(ref, start_seq=seq)
        site.pass_time(minutes=10)
        site.sandbox.pull("pushes", url="http://127.0.0.1:9/evcs/v1", retry_s="0.3")  # nobody listens there
        supplier.stop(ref, start_seq=seq)
        site.pass_time(minutes=1)
        site.wait_for(lambda: [one for one, _ in site.pushes(BILL, seq) if one != "Ret 0"] or None)
        site.sandbox.pull("pushes", url=site.callback_url, retry_s="0.1")
        assert site.record(seq).total_cost == site.booked(seq).total_cost
