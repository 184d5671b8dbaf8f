"""Open station data by kind: every file or address that `kilowatch import` can read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapters.download import Limits
from adapters.files import Document, Progress, csv_rows, head
from adapters.importer import Importer, Options
from adapters.ocpi.files import OcpiFileImporter
from adapters.openchargemap.importer import open_ocm
from adapters.registers.bnetza import BnetzaImporter
from adapters.registers.charged import ChargedImporter
from adapters.registers.irve import IrveGroupedImporter, IrveImporter
from adapters.registers.irve_points import IrvePointsImporter
from adapters.registers.shenzhen import StEvcdpImporter, UrbanEvImporter
from adapters.registers.uk_ncr import UkNcrImporter
from core.errors import UserError
from core.geo import Datum
from core.ports import Clock, ListsStations


def _open_irve(document: Document, options: Options) -> IrveImporter:
    """The official schema has one row per charge point, the Ile-de-France files one per station."""
    by_point = any(IrvePointsImporter.columns <= row.fields.keys() for row in head(csv_rows(document), 20))
    return (IrvePointsImporter if by_point else IrveGroupedImporter)(document, options)


IMPORTERS: dict[str, Callable[[Document, Options], Importer]] = {
    "ocm": open_ocm,
    "irve": _open_irve,
    "bnetza": BnetzaImporter,
    "uk-ncr": UkNcrImporter,
    "ocpi-json": OcpiFileImporter,
    "urbanev": UrbanEvImporter,
    "st-evcdp": StEvcdpImporter,
    "charged": ChargedImporter,
}


def open_importer(
    kind: str,
    source: str,
    *,
    datum: Datum | None = None,
    supplier_id: str | None = None,
    tariffs: str | None = None,
    reference: str | None = None,
    api_key: str = "",
    clock: Clock | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> ListsStations:
    """Open a file, a folder with a `stations.csv`, or an http(s) address.

    A file is looked into at once: UserError("unknown_kind", "no_such_file" or "wrong_file"). An address is fetched
    when its stations are asked for.
    """
    factory = IMPORTERS.get(kind)
    if factory is None:
        raise UserError("unknown_kind", kind=kind, kinds=", ".join(IMPORTERS))
    document = Document(_file_in(source), limits=limits, progress=progress)
    options = Options(datum, supplier_id, tariffs, reference, api_key, **({"clock": clock} if clock else {}))
    importer = factory(document, options)
    if not document.is_url:
        importer.check()
    return importer


def _file_in(source: str) -> str:
    folder = Path(source)
    return str(folder / "stations.csv") if folder.is_dir() else source
