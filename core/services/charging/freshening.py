"""The price of one gun, asked for when somebody wants to start there and what we know has grown too old."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from core.errors import SupplierUnavailable
from core.ports import CarriesTariffs, ListsOneStation, PublishesTariffs
from core.services.charging.means import Means
from core.services.gate import known_of, sift_prices
from core.station import Connector, ConnectorRef, Rejected, Station
from core.tariff import Tariff

log = logging.getLogger(__name__)

Price = tuple[ConnectorRef, Tariff]


def freshen(means: Means, guns: Sequence[tuple[Station, Connector]]) -> None:
    """Ask the supplier of each of these guns for its price, outside any transaction, and keep what it says."""
    for station, gun in guns:
        _freshen(means, station, gun)


def _freshen(means: Means, station: Station, gun: Connector) -> None:
    try:
        told = _told(means, station, gun)
    except SupplierUnavailable as error:
        log.warning("a price was not told", extra={"supplier": station.supplier_id, "error": str(error)})
        return
    at = means.clock.now()
    with means.database.write() as unit:
        if unit.freezes.get(station.supplier_id) is not None:
            return
        known = known_of(unit, station.supplier_id)
        good, doubted = sift_prices(unit, known, station.supplier_id, told, at)
        unit.catalogue.save_tariffs(station.supplier_id, good, at)
        unit.catalogue.quarantine(station.supplier_id, doubted, at)


def _told(means: Means, station: Station, gun: Connector) -> list[Price]:
    """What the supplier says the gun costs now: asked by the gun, or with the station that it stands at."""
    source = means.suppliers.get(station.supplier_id)
    if isinstance(source, PublishesTariffs):
        return [one for one in source.prices([gun.ref]) if not isinstance(one, Rejected)]
    if not isinstance(source, ListsOneStation):
        return []
    told = source.station(station.external_id)
    if isinstance(told, Rejected) or not isinstance(source, CarriesTariffs):
        return []
    tariffs = source.tariffs()
    ids = {one.ref: one.tariff_id for one in told.connectors}
    tariff = tariffs.get(ids.get(gun.ref) or "")
    return [(gun.ref, tariff)] if tariff is not None else []
