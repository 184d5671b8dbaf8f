"""Scans of gun codes, the messages that show a charge, and what drivers say of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, case, delete, exists, func, select, update

from core.scan import Choice, LiveMessage, Opinion, Outcomes, Promised, Scan, ScanSource, ScanState
from core.session import SessionState
from core.station import ConnectorRef
from storage.bulk import insert, upsert
from storage.tables import charging_sessions, live_messages, opinions, scan_photos, scans

_S, _L, _O = scans.c, live_messages.c, opinions.c
# What may be decided once and for all at the moment of the scan.
_FIXED = ("id", "user_id", "at", "source", "text")
# A start that failed for one of these says nothing of the gun: the driver called it off, or had not plugged it in.
_NOT_THE_GUN = ("cancelled", "not_plugged_in", "gun_busy", "not_sent")
_NOT_TRIED = (SessionState.HELD, SessionState.STARTING, SessionState.START_UNKNOWN)


class SqlScans:
    """core.ports.ScanRepository. With `locks` a scan that was read is ours until the transaction ends."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    def add(self, scan: Scan) -> None:
        self.db.execute(scans.insert().values(_row(scan)))

    def get(self, scan_id: str) -> Scan | None:
        statement = select(scans).where(_S.id == scan_id)
        return self._one(statement.with_for_update() if self._locks else statement)

    def save(self, scan: Scan) -> None:
        changed = {name: value for name, value in _row(scan).items() if name not in _FIXED}
        if self.db.execute(update(scans).where(_S.id == scan.id).values(changed)).rowcount == 0:
            raise LookupError(f"no scan {scan.id}")

    def newest(self, user_ids: Sequence[str]) -> Scan | None:
        return self._one(select(scans).where(_S.user_id.in_(user_ids)).order_by(_S.at.desc()).limit(1))

    def last_passed(self, user_ids: Sequence[str]) -> Scan | None:
        passed = (_S.user_id.in_(user_ids), _S.state == ScanState.PASSED.value)
        return self._one(select(scans).where(*passed).order_by(_S.at.desc()).limit(1))

    def count(self, user_ids: Sequence[str], since: datetime, *, refused: bool = False) -> int:
        wanted = [_S.user_id.in_(user_ids), _S.at >= since]
        if refused:
            wanted.append(_S.state == ScanState.REFUSED.value)
        return self.db.execute(select(func.count()).select_from(scans).where(*wanted)).scalar_one()

    def tries(self, user_ids: Sequence[str], since: datetime) -> int:
        tried = select(func.coalesce(func.sum(_S.tries), 0)).where(_S.user_id.in_(user_ids), _S.at >= since)
        return int(self.db.execute(tried).scalar_one())

    def latest(self, limit: int) -> list[Scan]:
        return [_scan(row) for row in self.db.execute(select(scans).order_by(_S.at.desc()).limit(limit)).mappings()]

    def reported(self, limit: int) -> list[Scan]:
        newest = select(scans).where(_S.reported_at.is_not(None)).order_by(_S.reported_at.desc()).limit(limit)
        return [_scan(row) for row in self.db.execute(newest).mappings()]

    def keep_photo(self, scan_id: str, photo: bytes, at: datetime) -> None:
        # Not by `upsert`, which hands rows to PostgreSQL as JSON: bytes are none.
        kept = insert(self.db, scan_photos).values(scan_id=scan_id, photo=photo, kept_at=at)
        last = {"photo": kept.excluded.photo, "kept_at": kept.excluded.kept_at}
        self.db.execute(kept.on_conflict_do_update(index_elements=["scan_id"], set_=last))

    def photo(self, scan_id: str) -> bytes | None:
        return self.db.execute(
            select(scan_photos.c.photo).where(scan_photos.c.scan_id == scan_id)
        ).scalar_one_or_none()

    def photos(self, user_ids: Sequence[str], since: datetime) -> int:
        sent = select(func.count()).select_from(scan_photos.join(scans, _S.id == scan_photos.c.scan_id))
        return self.db.execute(sent.where(_S.user_id.in_(user_ids), scan_photos.c.kept_at >= since)).scalar_one()

    def reports(self, user_ids: Sequence[str], since: datetime) -> int:
        theirs = select(func.count()).select_from(scans).where(_S.user_id.in_(user_ids), _S.reported_at >= since)
        return self.db.execute(theirs).scalar_one()

    def purge(self, before: datetime) -> int:
        old = (_S.at < before, _S.reported_at.is_(None))
        return self.db.execute(delete(scans).where(*old)).rowcount

    def _one(self, statement: Select[Any]) -> Scan | None:
        row = self.db.execute(statement).mappings().first()
        return _scan(row) if row else None


def _row(scan: Scan) -> dict[str, Any]:
    same = ("id", "user_id", "at", "text", "problem", "station_id", "supplier_id", "tries", "passed_at", "quote_id")
    return {name: getattr(scan, name) for name in (*same, "photo_ref", "reported_at", "report")} | {
        "source": scan.source.value,
        "state": scan.state.value,
        "reasons": " ".join(scan.reasons),
        "operator_id": scan.ref.operator_id if scan.ref else "",
        "connector_id": scan.ref.connector_id if scan.ref else "",
        "choices": json.dumps(
            [[one.ref.operator_id, one.ref.connector_id, one.station_id] for one in scan.choices], ensure_ascii=False
        ),
    }


def _scan(row: RowMapping) -> Scan:
    fields = dict(row)
    operator_id, connector_id = fields.pop("operator_id"), fields.pop("connector_id")
    return Scan(
        **fields
        | {
            "source": ScanSource(row["source"]),
            "state": ScanState(row["state"]),
            "reasons": tuple(row["reasons"].split()),
            "choices": tuple(
                Choice(ConnectorRef(operator, own), station_id)
                for operator, own, station_id in json.loads(row["choices"])
            ),
            "ref": ConnectorRef(operator_id, connector_id) if connector_id else None,
        }
    )


class SqlLiveMessages:
    """core.ports.LiveMessageRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def put(self, message: LiveMessage) -> None:
        upsert(self.db, live_messages, [_message_row(message) | {"closed_at": None}])

    def get(self, session_id: str, channel: str) -> LiveMessage | None:
        row = self.db.execute(select(live_messages).where(*_named(session_id, channel))).mappings().first()
        return _message(row) if row else None

    def open(self, channel: str, limit: int) -> list[LiveMessage]:
        waiting = select(live_messages).where(_L.channel == channel, _L.closed_at.is_(None))
        rows = self.db.execute(waiting.order_by(_L.shown_at, _L.session_id).limit(limit)).mappings()
        return [_message(row) for row in rows]

    def shown(self, message: LiveMessage) -> None:
        mine = (*_named(message.session_id, message.channel), _L.message_id == message.message_id)
        self.db.execute(update(live_messages).where(*mine).values(shown=message.shown, shown_at=message.shown_at))

    def close(self, session_id: str, channel: str) -> None:
        mine = (*_named(session_id, channel), _L.closed_at.is_(None))
        self.db.execute(update(live_messages).where(*mine).values(closed_at=_L.shown_at))


def _named(session_id: str, channel: str) -> tuple[Any, ...]:
    return (_L.session_id == session_id, _L.channel == channel)


def _message_row(message: LiveMessage) -> dict[str, Any]:
    return {name: getattr(message, name) for name in LiveMessage.__slots__}


def _message(row: RowMapping) -> LiveMessage:
    return LiveMessage(**{name: row[name] for name in LiveMessage.__slots__})


class SqlOpinions:
    """core.ports.OpinionRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def put(self, opinion: Opinion) -> None:
        row = {name: getattr(opinion, name) for name in Opinion.__slots__} | {"promised": opinion.promised.value}
        upsert(self.db, opinions, [row])

    def get(self, session_id: str) -> Opinion | None:
        row = self.db.execute(select(opinions).where(_O.session_id == session_id)).mappings().first()
        return Opinion(**{**row, "promised": Promised(row["promised"])}) if row else None

    def outcomes(self, since: datetime) -> list[Outcomes]:
        tried = charging_sessions.c
        failed = (tried.state == SessionState.START_FAILED.value) & tried.failure.not_in(_NOT_THE_GUN)
        began = tried.state.not_in([SessionState.START_FAILED.value, *(one.value for one in _NOT_TRIED)])
        bad = (Promised.BROKEN.value, Promised.BLOCKED.value)
        complained = exists().where(_O.session_id == tried.id, _O.promised.in_(bad))
        gun = (tried.supplier_id, tried.station_id, tried.operator_id, tried.connector_id)
        newest = func.row_number().over(
            partition_by=(*gun, tried.user_id), order_by=(tried.created_at.desc(), tried.id)
        )
        visits = (
            select(
                *gun,
                case((began, 1), else_=0).label("began"),
                case((failed, 1), else_=0).label("failed"),
                case((complained, 1), else_=0).label("complained"),
                newest.label("newest"),
            )
            .where(tried.created_at >= since, began | failed)
            .subquery()
        )
        of = visits.c
        its_gun = (of.supplier_id, of.station_id, of.operator_id, of.connector_id)
        statement = (
            select(
                *its_gun,
                func.sum(of.began).label("started"),
                func.sum(of.failed).label("failed"),
                func.sum(of.complained).label("complaints"),
            )
            .where(of.newest == 1)
            .group_by(*its_gun)
        )
        return [
            Outcomes(
                row.supplier_id,
                row.station_id,
                ConnectorRef(row.operator_id, row.connector_id),
                started=int(row.started),
                failed=int(row.failed),
                complaints=int(row.complaints),
            )
            for row in self.db.execute(statement)
        ]
