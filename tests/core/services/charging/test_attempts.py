"""What is only said to a driver: that the database refuses to look it up costs no reading and no money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.session import SessionState
from tests.core.services.charging.garage import Garage, yuan
from tests.core.services.charging.test_warning import begun


def loses_the_stations(garage: Garage) -> None:
    """From here on every look at a station is an error of the database."""
    with garage.database.engine.begin() as db:  # type: ignore[attr-defined]  # it is the SQL one
        db.exec_driver_sql("ALTER TABLE stations RENAME TO stations_elsewhere")


def test_a_warning_that_fails_loses_no_reading(either: Garage, caplog: pytest.LogCaptureFixture) -> None:
    charge = begun(either, kwh="40")
    assert charge.reads(soc_percent="79", energy_kwh="20") == []
    loses_the_stations(either)
    assert charge.reads(soc_percent="80", energy_kwh="20.5") == []
    assert "a driver could not be warned" in caplog.text
    seen = either.session(charge.session.id)
    assert (seen.energy_kwh, seen.soc_percent) == (Decimal("20.5"), Decimal(80))
    assert charge.reads(soc_percent="81", energy_kwh="39") == ["charge_nearly_done"]


def test_a_neighbour_that_cannot_be_looked_for_keeps_no_hold(
    either: Garage, caplog: pytest.LogCaptureFixture
) -> None:
    either.supplier.refuses_starts = "gun_fault"
    session = either.say_yes()
    loses_the_stations(either)
    either.work_outbox()
    assert "no other gun could be looked for" in caplog.text
    assert either.session(session.id).state is SessionState.START_FAILED
    assert either.free() == yuan(100)
    assert "start_failed" in either.told.codes
