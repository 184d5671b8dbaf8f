"""Shorthands of the importer tests: write a small file, import it, look at what came out."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.registers import open_importer
from core.ports import CarriesTariffs, ListsStations
from core.station import Rejected, Station, Supplier
from core.tariff import Tariff


@dataclass(frozen=True)
class Read:
    """Everything an import gave."""

    supplier: Supplier
    stations: list[Station]
    rejected: list[Rejected]
    tariffs: dict[str, Tariff]

    @property
    def reasons(self) -> dict[str, int]:
        return dict(Counter(one.reason for one in self.rejected))

    @property
    def only(self) -> Station:
        assert len(self.stations) == 1, (self.stations, self.rejected)
        return self.stations[0]

    def tariff(self, station: Station) -> Tariff:
        tariff_id = station.connectors[0].tariff_id
        assert tariff_id is not None, station.connectors[0].no_price
        return self.tariffs[tariff_id]


def read(kind: str, source: object, **options: Any) -> Read:
    return read_all(open_importer(kind, str(source), **options))


def read_all(importer: ListsStations) -> Read:
    items = list(importer.stations())
    assert isinstance(importer, CarriesTariffs)
    stations = [one for one in items if isinstance(one, Station)]
    rejected = [one for one in items if isinstance(one, Rejected)]
    return Read(importer.supplier, stations, rejected, importer.tariffs())


def write_csv(path: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str] | None = None) -> Path:
    names = list(columns or rows[0])
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return write_bytes(path, out.getvalue().encode())


def write_json(path: Path, value: object) -> Path:
    return write_bytes(path, json.dumps(value).encode())


def write_lines(path: Path, values: Sequence[object]) -> Path:
    return write_bytes(path, "".join(json.dumps(value) + "\n" for value in values).encode())


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path
