"""What suppliers' lists say is printed on guns, for scans. Few lists say it, so few guns have rows here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, select

from core.ports import ListedText
from core.station import Connector, ConnectorRef
from storage.bulk import insert_new, rows_by
from storage.tables import gun_texts, stations


class SqlGunTexts:
    """The part of core.ports.CatalogueRepository that deals in printed texts."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def guns_with_text(self, texts: Sequence[str]) -> list[ListedText]:
        here = (
            select(gun_texts)
            .join(stations, stations.c.id == gun_texts.c.station_id)
            .where(stations.c.removed_at.is_(None))
            .order_by(gun_texts.c.station_id, gun_texts.c.operator_id, gun_texts.c.connector_id)
        )
        found = (
            ListedText(row["text"], row["station_id"], ConnectorRef(row["operator_id"], row["connector_id"]))
            for row in rows_by(self.db, here, gun_texts.c.text, texts)
        )
        # The database asks for what is left when characters that it cannot hold are gone: that is another text.
        return [one for one in found if one.text in texts]


def text_rows(station_id: str, connectors: Iterable[Connector]) -> list[dict[str, Any]]:
    return [
        {
            "station_id": station_id,
            "text": text,
            "operator_id": connector.ref.operator_id,
            "connector_id": connector.ref.connector_id,
        }
        for connector in connectors
        for text in connector.qr_texts
    ]


def save_texts(db: Connection, known: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write these rows; the stations that were `known` before have no other ones afterwards."""
    said = {_KEY(row) for row in rows}
    _delete(db, [row for row in _of(db, known) if _KEY(row) not in said])
    insert_new(db, gun_texts, rows)


def forget_texts(db: Connection, station_ids: Sequence[str]) -> None:
    _delete(db, _of(db, station_ids))


def _of(db: Connection, station_ids: Sequence[str]) -> list[RowMapping]:
    return list(rows_by(db, select(gun_texts), gun_texts.c.station_id, station_ids))


def _delete(db: Connection, rows: Sequence[RowMapping]) -> None:
    if rows:
        db.execute(_DELETE, [{f"of_{name}": value for name, value in row.items()} for row in rows])


_KEY = itemgetter(*(column.name for column in gun_texts.c))
_DELETE = delete(gun_texts).where(*(column == bindparam(f"of_{column.name}") for column in gun_texts.c))
