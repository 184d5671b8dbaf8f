"""A charge record of OCPI checked against its tariff, both in files: `kilowatch bill`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.ocpi.cdrs import BadRecord, ChargeRecord, objects, read_cdr
from adapters.ocpi.tariffs import Version, is_tariff, to_full_tariff, version_of
from adapters.text import clean
from adapters.timezones import is_time_zone
from core.billing import Bill, bill
from core.errors import UserError
from core.tariff import Stretch, Tariff

_MOST_FILE_BYTES = 16 * 1024 * 1024


def recomputed(tariff_file: str, cdr_file: str, *, zone: str | None = None, version: str | None = None) -> Bill:
    """The bill of a record, made again from its tariff: a file, or "-" for the one the record brings along.

    Raises UserError for anything that cannot be read or computed.
    """
    if zone is not None and not is_time_zone(zone):
        raise UserError("bad_time_zone", zone=zone)
    forced = Version(version) if version else None
    try:
        record = read_cdr(_one(_load(cdr_file)), forced)
        documents = list(record.tariffs) if tariff_file == "-" else None
    except (ValueError, ArithmeticError) as error:
        raise UserError("bad_charge_record", path=cdr_file, problem=str(error)) from error
    try:
        documents = _tariffs(_load(tariff_file)) if documents is None else documents
        session, first = _session(record, documents, zone or record.time_zone, forced)
    except ValueError as error:
        named = cdr_file if tariff_file == "-" else tariff_file
        raise UserError("bad_tariff", path=named, problem=str(error)) from error
    try:
        return bill(first, session, record.total, credit=record.credit)
    except (ValueError, ArithmeticError) as error:
        raise UserError("bad_charge_record", path=cdr_file, problem=str(error)) from error


def _session(
    record: ChargeRecord, documents: Sequence[Mapping[str, Any]], zone: str, forced: Version | None
) -> tuple[list[Stretch], Tariff]:
    """The stretches with the tariff that each period names, and the tariff of the start."""
    if not documents:
        raise BadRecord("there is no tariff in it")
    tariffs = {
        clean(doc.get("id"), 36).upper(): to_full_tariff(doc, zone, forced or version_of(doc) or record.version)
        for doc in documents
    }
    only = next(iter(tariffs.values())) if len(tariffs) == 1 else None
    named = [only or tariffs.get(period.tariff_id) for period in record.periods]
    first = next((one for one in named if one is not None), None)
    if first is None:
        raise BadRecord("several tariffs, and no charging period names one of them")
    session = [
        _under(tariff, stretch, first)
        for period, tariff in zip(record.periods, named, strict=True)
        for stretch in period.stretches
    ]
    return session, first


def _under(tariff: Tariff | None, stretch: Stretch, first: Tariff) -> Stretch:
    return stretch if tariff is None or tariff is first else replace(stretch, tariff=tariff)


def _load(path: str) -> Any:
    """The JSON of a file with numbers as written, out of an OCPI answer's envelope."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MOST_FILE_BYTES + 1)
    except OSError as error:
        raise UserError("no_such_file", path=path) from error
    try:
        if len(text) > _MOST_FILE_BYTES:
            raise ValueError("too long")
        doc = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise UserError("not_json", path=path) from error
    return doc["data"] if isinstance(doc, dict) and isinstance(doc.get("data"), dict | list) else doc


def _one(doc: Any) -> Mapping[str, Any]:
    """Seen in the wild: the single object of an answer in a list."""
    found = doc[0] if isinstance(doc, list) and len(doc) == 1 else doc
    if not isinstance(found, dict):
        raise BadRecord("not one charge record")
    return found


def _tariffs(doc: Any) -> list[Mapping[str, Any]]:
    found = objects(doc if isinstance(doc, list) else [doc], "tariffs")
    if not all(is_tariff({"id": "", **one}) for one in found):
        raise BadRecord("not a tariff: currency or elements are missing")
    return found
