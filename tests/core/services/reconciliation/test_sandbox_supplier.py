"""Our books against the sandbox supplier's own, over HTTP: what was tampered with or lost is found, not mended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.sandbox import city as sandbox_city
from core.money import Money
from core.ports import BookingState, CaseKind
from core.services.books import BooksService
from core.services.desk import SupplierDeskService
from core.services.reconciliation import ReconciliationService, Report
from core.services.wallet import WalletService
from core.session import SessionState
from core.statements import OrderCheck
from core.tariff import flat_tariff
from storage.redis_stream import NoChangeStream
from tests.adapters.cec.customer import Customer
from tests.adapters.sandbox.guest import BEFORE_EIGHT
from tests.adapters.sandbox.process import SandboxProcess
from tests.core.services.cases.bench import Bench
from tests.storage.money_samples import quote
from tests.world import SetClock

pytestmark = pytest.mark.process

DAY, LATER = BEFORE_EIGHT.date(), BEFORE_EIGHT.date() + timedelta(days=2)
# 03:30 of the next day in Shenzhen
AFTER = (BEFORE_EIGHT + timedelta(days=1)).replace(hour=3, minute=30).astimezone(UTC)
TWO_DAYS = 2 * 24 * 60


class House:
    """The sandbox's customer with a ledger: charges that are held, started, stopped and booked."""

    def __init__(self, site: Customer) -> None:
        self.site = site
        self.clock = SetClock(AFTER)
        self.bench = Bench(site.database, self.clock)
        self.scope = f"supplier:{site.supplier_id}"
        self.reconciliation = ReconciliationService(
            site.database,
            self.clock,
            BooksService(site.database, self.clock),
            WalletService(site.database, self.clock, {}, lambda _: None),
            {site.supplier_id: site.supplier},
            {},
        )
        # Bills are dated by the same clock as the days that are compared.
        site.desk = SupplierDeskService(site.database, NoChangeStream(), self.clock)
        site.checked = self.checked  # type: ignore[method-assign]  # the daily lists go where they go in production
        self.count = 0
        self.bench.top_up("5000")

    def checked(self, supplier_id: str, check: OrderCheck) -> None:
        self.reconciliation.checked(supplier_id, check)

    def charge(self, fault: str = "") -> str:
        """Half an hour at the sandbox, on our books too; its number."""
        site, ref, seq, night = self.site, self.site.free_gun(), self.site.new_seq(), self.clock.time
        self.count += 1
        self.clock.time = BEFORE_EIGHT
        tariff = flat_tariff("CNY", Decimal(9))  # above what the sandbox asks for, so that its bills are fair
        frozen = quote(
            self.count,
            ref=ref,
            tariff_id=tariff.id,
            tariff=json.dumps(tariff.to_json()),
            supplier_id=site.supplier_id,
        )
        self.bench.charging_session(
            self.count,
            hold="400",
            quote=frozen,
            start_seq=seq,
            supplier_id=site.supplier_id,
            gun_key=ref.connector_id,
            state=SessionState.AWAIT_RECORD,
        )
        with site.fault(fault, ref) if fault else nullcontext():
            site.supplier.start(ref, start_seq=seq)
            site.pass_time(minutes=30)
            site.supplier.stop(ref, start_seq=seq)
            site.pass_time(minutes=1)
            site.supplier.session(seq)
            site.wait_for(lambda: site.pushes("notification_stop_charge_result", seq) or None)
            if fault != "record_never":
                site.record(seq)
        self.clock.time = night
        self.bench.charging.book_unbooked()
        return seq

    def they_check(self, day: date = DAY) -> None:
        """The supplier pushes its list of the day, and has our answer."""
        before = len(self.site.pushes("check_charge_orders"))
        self.site.sandbox.pull("check", day=str(day))
        self.site.wait_for(lambda: len(self.site.pushes("check_charge_orders")) > before or None)

    def their_books(self, statement: str, *values: str) -> None:
        with sqlite3.connect(self.site.sandbox.data_dir / "books.sqlite", timeout=10) as db:
            db.execute(statement, values)

    def run(self, day: date = DAY) -> Report:
        return self.reconciliation.run(self.scope, day)

    def found(self, day: date = DAY) -> set[str]:
        return {one.key for one, _ in self.run(day).differences}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    yield process
    process.stop()


@pytest.fixture
def house(sandbox: SandboxProcess, tmp_path: Path) -> Iterator[House]:
    site = Customer(sandbox, sandbox_city.build(), tmp_path, "cec-2016")
    house = House(site)
    house.their_books("DELETE FROM records")
    with site.listening():
        yield house


def test_sound_books_agree(house: House) -> None:
    seqs = {house.charge(), house.charge()}
    house.they_check()
    report = house.run()
    assert report.differences == []
    assert (report.compared, report.alarming) == (2, False)
    assert report.ours == report.theirs
    assert sum(report.ours.values()) == sum(int(house.site.booked(one).total_cost * 100) for one in seqs)
    assert house.bench.cases.listed() == []


def test_a_tampered_amount_of_theirs_is_found_and_not_mended(house: House) -> None:
    seq = house.charge()
    house.their_books("UPDATE records SET total_yuan = total_yuan + 1 WHERE start_seq = ?", seq)
    before = house.bench.balances()
    house.they_check()
    [kept] = [one for one in house.reconciliation.latest() if one.scope.startswith("check:")]
    assert kept.differences == 1
    report = house.run()
    [(difference, first)] = report.differences
    assert (difference.key, difference.about and difference.about.amount_minor, first) == (
        f"amount:{seq}",
        100,
        AFTER,
    )
    assert report.alarming
    case = house.bench.case(CaseKind.DIFFERENCE)
    assert case.subject == house.scope
    assert seq in case.detail
    assert house.bench.balances() == before
    assert house.bench.session().state is SessionState.SETTLED


def test_a_tampered_energy_is_found(house: House) -> None:
    seq = house.charge()
    house.their_books("UPDATE records SET energy_kwh = '999' WHERE start_seq = ?", seq)
    house.they_check()
    assert house.found() == {f"energy:{seq}"}


def test_a_booking_of_ours_that_was_tampered_with_is_found(house: House) -> None:
    seq = house.charge()
    house.they_check()
    with house.site.database.engine.begin() as db:
        db.exec_driver_sql("UPDATE record_bookings SET total = total + 50")
    assert house.found() == {f"booked_otherwise:{seq}", f"ledger:{seq}", "payable:CNY"}


def test_a_record_that_never_came_is_found(house: House) -> None:
    house.charge()
    seq = house.charge("record_never")
    house.their_books("INSERT OR IGNORE INTO records VALUES (?, ?, '30', '45.00', '{}')", seq, str(DAY))
    house.they_check()
    assert house.found() == {f"missing_record:{seq}"}
    house.clock.advance(hours=25)
    assert house.found() == {f"missing_record:{seq}", f"no_record:{seq}"}
    with house.site.database.read() as unit:
        waiting = unit.sessions.by_start_seq(house.site.supplier_id, seq)
        assert waiting is not None
        assert waiting.state is SessionState.AWAIT_RECORD
        assert unit.bookings.get(house.site.supplier_id, seq) is None


def test_an_order_that_is_not_ours_is_found(house: House) -> None:
    house.charge()
    foreign = house.site.new_seq()
    house.their_books("INSERT INTO records VALUES (?, ?, '30', '45.00', '{}')", foreign, str(DAY))
    house.they_check()
    assert house.found() == {f"unknown_order:{foreign}"}


def test_a_record_that_their_lists_leave_out_is_found_once_their_word_is_whole(house: House) -> None:
    seq = house.charge()
    house.their_books("DELETE FROM records WHERE start_seq = ?", seq)
    house.site.pass_time(minutes=TWO_DAYS)
    house.clock.advance(days=2)
    other = house.charge()
    house.their_books("UPDATE records SET day = ? WHERE start_seq = ?", str(DAY), other)
    house.they_check()
    assert house.found(DAY) == set()  # over midnight it may stand in the next day's list
    house.their_books("UPDATE records SET day = ? WHERE start_seq = ?", str(LATER), other)
    house.they_check(LATER)
    assert house.found(LATER) == {f"not_in_theirs:{seq}"}


def test_an_orphan_is_a_difference_and_stays_one(house: House) -> None:
    seq = house.charge()
    house.they_check()
    with house.site.database.engine.begin() as db:
        db.exec_driver_sql("UPDATE record_bookings SET state = 'orphan', session_id = ''")
    assert f"orphan:{seq}" in house.found()
    with house.site.database.read() as unit:
        booking = unit.bookings.get(house.site.supplier_id, seq)
    assert booking is not None
    assert booking.state is BookingState.ORPHAN


def test_a_difference_has_an_age_and_an_old_one_calls_somebody(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    seqs = [house.charge() for _ in range(2)]
    house.their_books("UPDATE records SET energy_kwh = '999' WHERE start_seq = ?", seqs[0])
    house.they_check()
    house.run()
    house.clock.advance(days=1)
    [(_, first)] = house.run().differences
    assert first == AFTER
    assert [one.levelname for one in caplog.records if one.message.startswith("books differ")] == ["ERROR", "ERROR"]
    right = str(house.site.booked(seqs[0]).energy_kwh)
    house.their_books("UPDATE records SET energy_kwh = ? WHERE start_seq = ?", right, seqs[0])
    house.clock.advance(seconds=1)
    house.they_check()
    assert house.run().differences == []


def test_a_statement_of_what_we_owe_is_compared(house: House) -> None:
    seq = house.charge()
    house.they_check()
    total = int(house.site.booked(seq).total_cost * 100)
    same = house.reconciliation.run(house.scope, DAY, Money(total, "CNY"))
    assert same.differences == []
    other = house.reconciliation.run(house.scope, DAY, Money(total + 700, "CNY"))
    assert [one.key for one, _ in other.differences] == ["statement:CNY"]
    assert other.differences[0][0].about == Money(700, "CNY")
