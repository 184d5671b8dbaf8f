"""The answers that requests with an idempotency key have had."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from core.ports import SavedAnswer
from storage.bulk import insert
from storage.tables import idempotency


class SqlIdempotency:
    """core.ports.IdempotencyRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def get(self, user_id: str, route: str, key: str) -> SavedAnswer | None:
        kept = idempotency.c
        row = self.db.execute(
            select(kept.request_hash, kept.status, kept.body).where(*_of(user_id, route, key))
        ).first()
        return SavedAnswer(row.request_hash, row.status, row.body) if row is not None else None

    def keep(self, user_id: str, route: str, key: str, answer: SavedAnswer, at: datetime) -> bool:
        row = {"user_id": user_id, "route": route, "key": key, "request_hash": answer.request_hash}
        first = insert(self.db, idempotency).values(
            row | {"status": answer.status, "body": answer.body, "kept_at": at}
        )
        return self.db.execute(first.on_conflict_do_nothing().returning(idempotency.c.key)).first() is not None

    def answer(self, user_id: str, route: str, key: str, answer: SavedAnswer) -> bool:
        open_ = (
            *_of(user_id, route, key),
            idempotency.c.request_hash == answer.request_hash,
            idempotency.c.status == 0,
        )
        given = update(idempotency).where(*open_).values(status=answer.status, body=answer.body)
        return self.db.execute(given).rowcount > 0

    def purge(self, before: datetime) -> int:
        return self.db.execute(delete(idempotency).where(idempotency.c.kept_at < before)).rowcount


def _of(user_id: str, route: str, key: str) -> tuple[Any, ...]:
    kept = idempotency.c
    return (kept.user_id == user_id, kept.route == route, kept.key == key)
