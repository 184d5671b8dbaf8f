"""The catalogue: core.ports.CatalogueRepository, put together from its parts."""

from __future__ import annotations

from storage.gun_texts import SqlGunTexts
from storage.live_reports import SqlLiveReports
from storage.stations import SqlStations
from storage.suppliers import SqlSuppliers


class SqlCatalogue(SqlSuppliers, SqlStations, SqlLiveReports, SqlGunTexts):
    """Stations, what is reported of them, and who tells it. All parts work in the same transaction."""
