"""The catalogue: core.ports.CatalogueRepository, put together from its three parts."""

from __future__ import annotations

from storage.live_reports import SqlLiveReports
from storage.stations import SqlStations
from storage.suppliers import SqlSuppliers


class SqlCatalogue(SqlSuppliers, SqlStations, SqlLiveReports):
    """Stations, what is reported of them, and who tells it. All parts work in the same transaction."""
