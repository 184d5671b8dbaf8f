"""From what is held of a partner to the desk: a location, some EVSEs of it, or a new price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.checks import Refused, rejected
from adapters.ocpi.config import OcpiConfig
from adapters.ocpi.envelope import dumps
from adapters.ocpi.holding import LOCATIONS, Holding, read_location, tariff_ids_of
from adapters.ocpi.messages import Source, objects, status_reports
from core.ports import SupplierDesk
from core.station import ConnectorRef, Station, StatusReport
from core.tariff import Tariff


class DeskPush:
    """Tells the desk what a partner pushed. Times are ours: partners' clocks order their own words only."""

    def __init__(self, config: OcpiConfig, holding: Holding, desk: SupplierDesk) -> None:
        self.config, self.holding, self.desk = config, holding, desk

    def location(self, key: str, thing: Mapping[str, Any], at: datetime, *, vouched: bool) -> str:
        """The whole place, told at this moment; `vouched` says whether with all states. Returns why it cannot be
        shown, or ""."""
        config = self.config
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

    def states(self, key: str, thing: Mapping[str, Any], evse_uid: str, at: datetime) -> None:
        """The state of an EVSE, as told at this moment: another push may have told another one since."""
        if reports := states_of(key, thing, evse_uid, at):
            self.desk.statuses(self.config.supplier_id, reports)

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


def states_of(key: str, thing: Mapping[str, Any], evse_uid: str, at: datetime) -> list[StatusReport]:
    """The states of the guns of an EVSE."""
    named = evse_uid.upper()
    evses = [evse for evse in objects(thing.get("evses")) if str(evse.get("uid")).upper() == named]
    return list(status_reports({**thing, "evses": evses}, key, at))


def _without_prices(station: Station) -> Station:
    """The desk takes prices apart from stations, each with its tariff."""
    guns = tuple(replace(gun, tariff_id=None, price_seen_at=None) for gun in station.connectors)
    return replace(station, connectors=guns)
