"""Quotes, sessions and holds for the tests of the money tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.money import Money
from core.session import ChargingSession, FrozenQuote, SessionState
from core.station import ConnectorRef
from core.tariff import flat_tariff
from storage.unit_of_work import SqlDatabase
from tests.storage.samples import NOON, minutes


def yuan(amount: str) -> Money:
    return Money(int(Decimal(amount) * 100), "CNY")


def quote(number: str | int = 1, *, user_id: str = "lin", at: datetime = NOON, **more: Any) -> FrozenQuote:
    tariff = flat_tariff("CNY", Decimal("1.50"))
    plain = FrozenQuote(
        id=f"quote-{number}",
        user_id=user_id,
        supplier_id="lotus",
        station_id="station-1",
        station_name="Lotus Road “North”",
        operator_name="Lotus",
        ref=ConnectorRef("OP1", f"gun-{number}"),
        gun_label="01",
        tariff_id=tariff.id,
        tariff=json.dumps(tariff.to_json()),
        energy_kwh=Decimal("20.0"),
        expected=yuan("30"),
        hold=yuan("40"),
        price_per_kwh=Decimal("1.50"),
        price_seen_at=at,
        power_kw=None,
        created_at=at,
        expires_at=at + minutes(5),
    )
    return replace(plain, **more)


def session(number: str | int = 1, *, user_id: str = "lin", at: datetime = NOON, **more: Any) -> ChargingSession:
    """Its key, number, gun and quote are named after the number."""
    frozen = more.pop("quote", None) or quote(number, user_id=user_id, at=at)
    plain = ChargingSession(
        id=f"session-{number}",
        user_id=user_id,
        client_key=f"key-{number}",
        start_seq=f"SEQ{number}",
        supplier_id="lotus",
        station_id="station-1",
        ref=frozen.ref,
        gun_key=f"OP1:GUN-{number}",
        quote=frozen,
        state=SessionState.HELD,
        payment="wallet",
        created_at=at,
        changed_at=at,
    )
    return replace(plain, **more)


def add(database: SqlDatabase, *sessions: ChargingSession) -> None:
    """Store sessions that do not clash, with their quotes."""
    with database.write() as unit:
        for one in sessions:
            if unit.sessions.quote(one.quote.id) is None:
                unit.sessions.save_quote(one.quote, "signature")
            assert unit.sessions.add(one) is None


def stored(database: SqlDatabase, session_id: str) -> ChargingSession:
    with database.read() as unit:
        found = unit.sessions.get(session_id)
    assert found is not None
    return found
