"""What suppliers say of charging sessions: the latest state of each, and their final statements, for ever."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy import update as sql_update

from core.charging import ChargeRecord, ChargingState, RecordPeriod, SessionUpdate
from core.ports import RecordVerdict
from core.station import ConnectorRef
from storage.bulk import insert
from storage.tables import charge_records, session_updates


class SqlRecords:
    """core.ports.RecordRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def save_session(self, supplier_id: str, update: SessionUpdate, at: datetime) -> bool:
        # A supplier whose clock is ahead must not make the session deaf until that time comes.
        told = replace(update, at=min(update.at, at))
        row = {
            "supplier_id": supplier_id,
            "start_seq": told.start_seq,
            "document": _session_document(told),
            "at": told.at,
            "received_at": at,
        }
        first = insert(self.db, session_updates).values(row).on_conflict_do_nothing()
        if self.db.execute(first.returning(session_updates.c.start_seq)).first() is not None:
            return True
        stored = self._session(supplier_id, told.start_seq, lock=True)
        if stored is None or not _follows(told, stored):
            return False
        merged = _filled(told, stored)
        if merged == stored:
            return False
        written = {"document": _session_document(merged), "at": merged.at, "received_at": at}
        columns = session_updates.c
        this = (columns.supplier_id == supplier_id, columns.start_seq == told.start_seq)
        self.db.execute(sql_update(session_updates).where(*this).values(written))
        return True

    def session(self, supplier_id: str, start_seq: str) -> SessionUpdate | None:
        return self._session(supplier_id, start_seq, lock=False)

    def _session(self, supplier_id: str, start_seq: str, *, lock: bool) -> SessionUpdate | None:
        this = (session_updates.c.supplier_id == supplier_id, session_updates.c.start_seq == start_seq)
        statement = select(session_updates.c.document).where(*this)
        document = self.db.execute(statement.with_for_update() if lock else statement).scalar()
        return _session_from(document) if document is not None else None

    def add_record(self, supplier_id: str, record: ChargeRecord, at: datetime) -> RecordVerdict:
        document = _record_document(record)
        row = {
            "supplier_id": supplier_id,
            "record_id": record.record_id,
            "start_seq": record.start_seq,
            "body_hash": _body_hash(document),
            "document": json.dumps(document, ensure_ascii=False),
            "received_at": at,
        }
        statement = insert(self.db, charge_records).values(row).on_conflict_do_nothing()
        if self.db.execute(statement.returning(charge_records.c.record_id)).first() is not None:
            return RecordVerdict.NEW
        this = (charge_records.c.supplier_id == supplier_id, charge_records.c.record_id == record.record_id)
        held = self.db.execute(select(charge_records.c.body_hash).where(*this)).scalar_one()
        return RecordVerdict.REPEATED if held == row["body_hash"] else RecordVerdict.CONFLICT

    def record(self, supplier_id: str, record_id: str) -> ChargeRecord | None:
        this = (charge_records.c.supplier_id == supplier_id, charge_records.c.record_id == record_id)
        document = self.db.execute(select(charge_records.c.document).where(*this)).scalar()
        return record_from_text(document) if document is not None else None

    def records_of(self, supplier_id: str, start_seq: str) -> list[ChargeRecord]:
        this = (charge_records.c.supplier_id == supplier_id, charge_records.c.start_seq == start_seq)
        statement = select(charge_records.c.document).where(*this)
        ordered = statement.order_by(charge_records.c.received_at, charge_records.c.record_id)
        return [record_from_text(document) for document in self.db.execute(ordered).scalars()]


def _follows(told: SessionUpdate, stored: SessionUpdate) -> bool:
    """Whether this word replaces the stored one: the newest does, but an end is the end, whenever it is heard of."""
    if (told.state is ChargingState.ENDED) != (stored.state is ChargingState.ENDED):
        return told.state is ChargingState.ENDED
    return told.at >= stored.at


def _filled(told: SessionUpdate, stored: SessionUpdate) -> SessionUpdate:
    """What the newer word does not say stays as it was: a result of a stop often comes without the meter."""
    silent: dict[str, Any] = {name: getattr(stored, name) for name in _OPTIONAL if getattr(told, name) in (None, "")}
    return replace(told, **silent)


_OPTIONAL = ("supplier_session_id", "started_at", "energy_kwh", "power_kw", "soc_percent", "cost", "currency")


# --- as text ------------------------------------------------------------------------------------------------


def _body_hash(document: dict[str, Any]) -> str:
    """Of what the record says, not of its bytes: encrypted or re-ordered anew it is still the same record."""
    said = {name: value for name, value in document.items() if name != "raw"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        # 1.5 and 1.50 are the same amount.
        return "0" if not value else format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, ConnectorRef):
        return [value.operator_id, value.connector_id]
    return value


def _said(value: Any) -> dict[str, Any]:
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}


def _session_document(told: SessionUpdate) -> str:
    return json.dumps(_said(told), ensure_ascii=False)


def _session_from(text: str) -> SessionUpdate:
    said = json.loads(text)
    return SessionUpdate(
        **_read(said, moments=("at", "started_at"), numbers=("energy_kwh", "power_kw", "soc_percent", "cost"))
        | {"ref": ConnectorRef(*said["ref"]), "state": ChargingState(said["state"])}
    )


def _record_document(record: ChargeRecord) -> dict[str, Any]:
    return _said(record) | {"periods": [_said(one) for one in record.periods]}


def record_from_text(text: str) -> ChargeRecord:
    said = json.loads(text)
    costs = ("energy_kwh", "energy_cost", "service_cost")
    periods = tuple(
        RecordPeriod(**_read(one, moments=("start", "end"), numbers=(*costs, "energy_price", "service_price")))
        for one in said["periods"]
    )
    return ChargeRecord(
        **_read(said, moments=("started_at", "ended_at"), numbers=(*costs, "total_cost"))
        | {"ref": ConnectorRef(*said["ref"]), "periods": periods}
    )


def _read(said: dict[str, Any], *, moments: tuple[str, ...], numbers: tuple[str, ...]) -> dict[str, Any]:
    read = dict(said)
    for name in moments:
        read[name] = datetime.fromisoformat(said[name]) if said[name] else None
    for name in numbers:
        read[name] = Decimal(said[name]) if said[name] is not None else None
    return read
