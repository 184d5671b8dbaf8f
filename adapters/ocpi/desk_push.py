"""From what is held of a partner to the desk: a location, some EVSEs of it, or a new price."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from adapters.checks import Refused, rejected
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.envelope import dumps
from adapters.ocpi.holding import LOCATIONS, Holding, read_location, tariff_ids_of
from adapters.ocpi.messages import Source, objects, status_reports
from core.ports import SupplierDesk
from core.station import ConnectorRef, Station
from core.tariff import Tariff


class DeskPush:
    """Tells the desk what a partner pushed. Times are ours: partners' clocks order their own words only."""

    def __init__(self, config: OcpiConfig, holding: Holding, desk: SupplierDesk) -> None:
        self.config, self.holding, self.desk = config, holding, desk

    def location(self, key: str, thing: Mapping[str, Any], *, vouched: bool) -> str:
        """The whole place; `vouched` says whether the push told all states. Returns why it cannot be shown, or ""."""
        config, at = self.config, self.holding.clock.now()
        source = Source(config.supplier_id, config.datum, config.licence, config.attribution, at if vouched else None)
        book = self.holding.prices_for([thing], at)
        try:
            station, bad = read_location(thing, key, source, book)
        except Refused as refusal:
            return self._unusable(key, thing, refusal)
        except Exception as error:  # noqa: BLE001  whatever shape it has, it is kept and told
            return self._unusable(key, thing, Refused("unreadable", f"{type(error).__name__}: {error}"))
        self.desk.stations(config.supplier_id, [_without_prices(station)], bad)
        self._tell_prices(station, book.made)
        return ""

    def states(self, key: str, thing: Mapping[str, Any], evse_uids: Collection[str]) -> bool:
        """The states of these EVSEs; False when the catalogue knows none of their guns."""
        wanted = {uid.upper() for uid in evse_uids}
        evses = [evse for evse in objects(thing.get("evses")) if str(evse.get("uid")).upper() in wanted]
        reports = list(status_reports({**thing, "evses": evses}, key, self.holding.clock.now()))
        return self.desk.statuses(self.config.supplier_id, reports) if reports else True

    def tariff(self, party: str, tariff_id: str) -> None:
        """A tariff has changed: the guns that name it have another price."""
        for key, thing in self.holding.naming(LOCATIONS, tariff_id):
            if not key.startswith(f"{party}:") or tariff_id.upper() not in map(str.upper, tariff_ids_of(thing)):
                continue
            at = self.holding.clock.now()
            book = self.holding.prices_for([thing], at)
            source = Source(self.config.supplier_id, self.config.datum, "", "", None)
            try:
                station, bad = read_location(thing, key, source, book)
            except Exception:  # noqa: BLE001, S112  in quarantine since it was read first
                continue
            if bad:
                self.desk.stations(self.config.supplier_id, [], bad)
            self._tell_prices(station, book.made)

    def _tell_prices(self, station: Station, made: Mapping[str, Tariff]) -> None:
        prices: list[tuple[ConnectorRef, Tariff]] = [
            (gun.ref, made[gun.tariff_id]) for gun in station.connectors if gun.tariff_id in made and gun.tariff_id
        ]
        if prices:
            self.desk.prices(self.config.supplier_id, prices)

    def _unusable(self, key: str, thing: Mapping[str, Any], refusal: Refused) -> str:
        if refusal.reason == "removed":
            self.desk.removed(self.config.supplier_id, [key])
            return ""
        refused = rejected(key, refusal.reason, refusal.detail, dumps(dict(thing)))
        self.desk.stations(self.config.supplier_id, [], [refused])
        return f"{refusal.reason}: {refusal.detail}"


def _without_prices(station: Station) -> Station:
    """The desk takes prices apart from stations, each with its tariff."""
    guns = tuple(replace(gun, tariff_id=None, price_seen_at=None) for gun in station.connectors)
    return replace(station, connectors=guns)
