"""What we asked of guns, and what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from core.ports import Command
from core.station import ConnectorRef
from storage.tables import commands

_C = commands.c


class SqlCommands:
    """core.ports.CommandRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def add(self, command: Command) -> None:
        row: dict[str, Any] = {name: getattr(command, name) for name in Command.__slots__ if name != "ref"}
        gun = {"operator_id": command.ref.operator_id, "connector_id": command.ref.connector_id}
        self.db.execute(insert(commands).values(row | gun))

    def get(self, command_id: str) -> Command | None:
        row = self.db.execute(select(commands).where(_C.id == command_id)).mappings().first()
        return _command(row) if row else None

    def latest(self, partner_id: str, command: str, start_seq: str) -> Command | None:
        # Partners hand our number back in letters of their own choosing; as it was sent it is found by the index.
        for same in (_C.start_seq == start_seq, func.lower(_C.start_seq) == start_seq.lower()):
            mine = select(commands).where(same, _C.partner_id == partner_id, _C.command == command)
            row = self.db.execute(mine.order_by(_C.asked_at.desc()).limit(1)).mappings().first()
            if row:
                return _command(row)
        return None

    def note(self, command_id: str, result: str, detail: str, answered_at: datetime | None = None) -> None:
        mine = update(commands).where(_C.id == command_id)
        if answered_at is None:
            # The gun's own answer may come before the partner's has been noted: it stands.
            mine = mine.where(_C.answered_at.is_(None))
        self.db.execute(mine.values(result=result, detail=detail, answered_at=answered_at))

    def asked_between(
        self, partner_id: str, command: str, since: datetime, until: datetime, *, offset: int, limit: int
    ) -> tuple[list[Command], int]:
        mine = (_C.partner_id == partner_id, _C.command == command, _C.asked_at >= since, _C.asked_at < until)
        page = select(commands).where(*mine).order_by(_C.asked_at, _C.id).offset(offset).limit(limit)
        total = self.db.execute(select(func.count()).select_from(commands).where(*mine)).scalar_one()
        return [_command(row) for row in self.db.execute(page).mappings()], total


def _command(row: RowMapping) -> Command:
    values = {name: row[name] for name in Command.__slots__ if name != "ref"}
    return Command(ref=ConnectorRef(row["operator_id"] or "", row["connector_id"] or ""), **values)
