"""A small city behind a real HTTP server, for the tests of the API and the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from core.ports import ListsStations
from core.station import Facility, Parking, Plug, Station
from tests.world import World

HOSTILE = '<img src=x onerror="window.hacked=1">\u202e{n} %s'


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: object, **values: object) -> None:
        """Tests read answers, not logs."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of the application, while it is served on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


class _LoadsLater(World):
    """Collects stations, so that sixteen of them are one load."""

    def load(self, source: ListsStations) -> None:
        """The caller loads."""


def fill(world: World) -> dict[str, Station]:
    """Stations of every kind around Futian, by name."""
    later = _LoadsLater(world.services, world.clock, world.limiter, world.source, world.payments)
    paid = Parking(free=False, text="2 h free, then ¥5 per hour")
    made = [
        later.station("Lotus Road Fast Charging", 22.5420, 114.0590, price="0.80", service="0.40", evening="0.35",
                      free=3, guns=5, operator="Lotus Energy", parking=paid),
        later.station("Huaqiang North Garage", 22.5460, 114.0850, price="1.05", free=4, guns=8,
                      operator="Pearl Power", parking=Parking(free=True)),
        later.station("Civic Center P3", 22.5445, 114.0600, price="1.65", free=0, guns=6, operator="Lotus Energy"),
        later.station("Bagualing Depot", 22.5600, 114.0900, price="0.62", service="0.30", evening="0.28", free=9,
                      guns=20, power="60", operator="Night Bus Charging"),
        later.station("Hospital Car Park", 22.5500, 114.0520, price_text="Ask at the gate", guns=2, power="7",
                      plug=Plug.GBT_AC, operator="City Hospital"),
        later.station(HOSTILE, 22.5380, 114.0620, price="1.20", free=1, guns=1, operator="<b>Sly</b>"),
    ]  # fmt: skip
    for n in range(10):
        name, price = f"Chegongmiao {n + 1}", str(Decimal("1.30") + n)
        made.append(later.station(name, 22.5350 + n / 1000, 114.0250, price=price, guns=3))
    world.load(world.source)
    return {one.name: one for one in made}


def equip(world: World, station: Station) -> Station:
    """Give a station everything a detail can show."""
    full = replace(
        station,
        facilities=frozenset({Facility.TOILET, Facility.FOOD, Facility.CANOPY}),
        phone="0755-8888 0000",
        guide="Enter from Fuhua Road, down to B2, bays 12 to 16 beside the lift.",
        licence="CC BY 4.0",
    )
    world.source.items = [full if one.id == full.id else one for one in world.source.items]
    world.load(world.source)
    return full
