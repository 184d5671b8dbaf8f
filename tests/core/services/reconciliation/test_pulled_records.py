"""A supplier that lists its records (OCPI): what a push had missed, what has changed, and what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from core.charging import ChargeRecord
from core.errors import SupplierUnavailable
from core.ports import BookingState
from core.services.books import BooksService
from core.services.reconciliation import ReconciliationService
from core.services.reconciliation.findings import start_of
from core.services.wallet import WalletService
from core.station import Rejected, Station, Supplier
from storage.unit_of_work import SqlDatabase
from tests.core.services.cases.bench import SUPPLIER, Bench
from tests.storage.money_samples import session
from tests.world import NOW

TODAY = date(2026, 11, 23)


class Lister:
    """A supplier with a list of records of its own, from which one may ask a part."""

    def __init__(self) -> None:
        self.supplier = Supplier(SUPPLIER, "test", "Lotus")
        self.listed: list[ChargeRecord | Rejected] = []
        self.asked: list[datetime] = []
        self.away = False

    def stations(self) -> Iterator[Station | Rejected]:
        yield from ()

    def records(self, since: datetime) -> Iterator[ChargeRecord | Rejected]:
        self.asked.append(since)
        for one in self.listed:
            if self.away:
                raise SupplierUnavailable(SUPPLIER, "records", "no answer in time")
            yield one


class House:
    def __init__(self, database: SqlDatabase) -> None:
        self.bench = Bench(database)
        self.clock, self.lister = self.bench.clock, Lister()
        self.reconciliation = ReconciliationService(
            database,
            self.clock,
            BooksService(database, self.clock),
            WalletService(database, self.clock, {}, lambda _: None),
            {SUPPLIER: self.lister},
            {},
        )
        self.bench.top_up("500")

    def record(self, number: int, total: str = "30", **more: object) -> ChargeRecord:
        """Of a charge that ended yesterday."""
        plain = ChargeRecord(
            record_id=f"R{number}",
            start_seq=f"SEQ{number}",
            ref=session(number).ref,
            started_at=NOW - timedelta(hours=20),
            ended_at=NOW - timedelta(hours=19, minutes=30),
            energy_kwh=Decimal(20),
            total_cost=Decimal(total),
            currency="CNY",
        )
        return replace(plain, **more)  # type: ignore[arg-type]  # fields of a record

    def charge(self, number: int, *, told: bool = True) -> ChargeRecord:
        """A charge of theirs, on our books if we were told."""
        self.clock.advance(hours=-21)
        self.bench.charging_session(number)
        self.clock.advance(hours=21)
        record = self.record(number)
        self.lister.listed.append(record)
        if told:
            with self.bench.database.write() as unit:
                unit.records.add_record(SUPPLIER, record, self.clock.now())
            self.bench.charging.book_unbooked()
        return record

    def found(self, day: date = TODAY) -> set[str]:
        return {one.key for one, _ in self.reconciliation.run(f"supplier:{SUPPLIER}", day).differences}


@pytest.fixture
def house(database: SqlDatabase) -> Iterator[House]:
    house = House(database)
    yield house
    assert house.bench.breaches() == []


def test_sound_books_agree(house: House) -> None:
    house.charge(1)
    house.charge(2)
    assert house.found() == set()


def test_a_record_that_was_missed_is_told_and_booked_by_the_charging(house: House) -> None:
    house.charge(1)
    house.charge(2, told=False)
    before = house.bench.balances()
    assert house.found() == {"missed_record:R2", "not_booked:R2"}
    assert house.bench.balances() == before
    house.bench.charging.book_unbooked()
    assert house.found() == set()
    assert house.bench.balances()["supplier:lotus:payable"] == 60


def test_a_record_with_another_body_changes_nothing(house: House) -> None:
    house.charge(1)
    house.lister.listed = [house.record(1, "31")]
    assert house.found() == {"other_record:R1", "amount:R1"}
    assert house.bench.balances()["supplier:lotus:payable"] == 30


def test_a_record_of_ours_that_they_do_not_list(house: House) -> None:
    house.charge(1)
    house.charge(2)
    later = house.record(3, ended_at=NOW - timedelta(hours=1), record_id="R3", start_seq="")
    house.lister.listed = [house.lister.listed[0], later]
    assert "not_in_theirs:R2" in house.found()


def test_a_second_record_is_found_and_costs_nobody(house: House) -> None:
    house.charge(1)
    double = house.record(1, record_id="R1-again")
    house.lister.listed.append(double)
    house.found()
    house.bench.charging.book_unbooked()
    assert house.found() == {"doubted:R1-again"}
    with house.bench.database.read() as unit:
        booking = unit.bookings.get(SUPPLIER, "R1-again")
    assert booking is not None
    assert booking.state is BookingState.DOUBTED
    assert house.bench.balances()["supplier:lotus:payable"] == 30


def test_a_credit_of_nothing_and_an_unreadable_record(house: House) -> None:
    house.lister.listed = [
        house.record(7, "-5", record_id="C7", credit_of="R7"),
        Rejected("R8", "bad_amounts", "TotalMoney", ""),
    ]
    assert {"credit_of_nothing:C7", "unreadable:R8"} <= house.found()


def test_a_silent_supplier_is_said_and_asked_for_the_whole_gap(house: House) -> None:
    house.charge(1)
    house.found()
    assert house.lister.asked[-1] == start_of(TODAY - timedelta(days=3))
    house.lister.away = True
    report = house.reconciliation.run(f"supplier:{SUPPLIER}", TODAY + timedelta(days=1))
    assert not report.whole
    assert {one.what for one, _ in report.differences} == {"silent"}
    house.lister.away = False
    house.found(TODAY + timedelta(days=9))
    # It was silent for a week: three days before the last comparison that was whole, not before today.
    assert house.lister.asked[-1] == start_of(TODAY - timedelta(days=3))


def test_a_session_without_a_record_is_found_after_a_day(house: House) -> None:
    house.clock.advance(hours=-30)
    house.bench.charging_session(1)
    house.bench.charging.stop("lin", "session-1")
    with house.bench.database.write() as unit:
        waiting = unit.sessions.get("session-1")
        assert waiting is not None
        unit.sessions.save(replace(waiting, state=type(waiting.state).AWAIT_RECORD, ended_at=house.clock.now()))
    house.clock.advance(hours=23)
    assert house.found() == set()
    house.clock.advance(hours=2)
    assert house.found() == {"no_record:SEQ1"}
