"""Alerts as the core hands them to the chats, made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.geo import Point
from core.prices.watching import Rule
from core.ranking import FreeGuns
from core.services.alerts.telling import AlertNow, AlertsNow, PriceNow
from core.services.alternatives import Alternative
from core.station import Plug, Station
from core.watch import Area, Place, StandingWatch, StationGuns
from tests.world import NOW

LOTUS = Station(
    id="s1",
    supplier_id="test",
    external_id="1",
    name="Lotus Road",
    point=Point(22.541, 114.058),
    connectors=(),
    address="1 Lotus Road, Futian",
    time_zone="Asia/Shanghai",
)
GUNS = StationGuns("s1", 77, Plug.GBT_DC, Decimal(120))
WORK = Area(Point(22.55, 114.06), 2_000)
SEEN = NOW - timedelta(minutes=1)
PRICE = PriceNow(
    price=Decimal("0.80"),
    currency="CNY",
    seen_at=SEEN,
    before=Decimal("1.20"),
    service=Decimal("0.30"),
    usual=Decimal("1.18"),
    until=NOW + timedelta(hours=10),
)
# What suppliers have put into names: markup, a link, a right-to-left mark, line breaks, and far too much of it.
HOSTILE = '<b>Best</b>\n<a href="https://evil.example">gun</a> & \u202eevif\u202c \x07' + "长" * 500


def watch(rule: Rule = Rule.BELOW, amount: str = "0.95", *, number: int = 12, place: Place = GUNS) -> StandingWatch:
    return StandingWatch(
        id=number,
        user_id="lin",
        place=place,
        rule=rule,
        amount=Decimal(amount),
        currency="CNY" if rule is Rule.BELOW else "",
        label="Work" if place is WORK else "Lotus Road",
        created_at=NOW,
        expires_at=NOW + timedelta(days=180),
        cooldown=timedelta(days=1),
    )


def price_alert(name: str = "Lotus Road", *, number: int = 12, **facts: object) -> AlertNow:
    alert = AlertNow(
        ids=(number,),
        watch=watch(number=number),
        rule=Rule.BELOW,
        station=replace(LOTUS, name=name),
        plug=Plug.GBT_DC,
        power_kw=Decimal(120),
        guns=FreeGuns(8, 3, 3, SEEN),
        price=PRICE,
        distance_m=1_200.0,
    )
    return replace(alert, **facts)  # type: ignore[arg-type]  # what a test says


def gun_alert(name: str = "Lotus Road", *, number: int = 13) -> AlertNow:
    harbour = replace(LOTUS, id="s2", name="Harbour" if name == "Lotus Road" else name)
    return price_alert(
        name,
        number=number,
        watch=watch(Rule.GUN_FREE, "0", number=number),
        rule=Rule.GUN_FREE,
        guns=FreeGuns(8, 2, 2, SEEN),
        alternatives=(Alternative(harbour, 800.0, 3),),
    )


def alerts(*several: AlertNow, uncertain: int = 0, at: datetime = NOW) -> AlertsNow:
    return AlertsNow(at, several, uncertain)
