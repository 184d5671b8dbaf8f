"""Sessions of the API and the page, and the codes that link two chats. Only hashes of secrets are stored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from core.ports import LinkCode, Login, LoginKind
from core.user import Channel
from storage.bulk import insert
from storage.tables import link_codes, link_tries, logins


class SqlLogins:
    """core.ports.LoginRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def add(self, login: Login) -> None:
        row = {name: getattr(login, name) for name in _LOGIN} | {"kind": login.kind.value}
        self.db.execute(insert(self.db, logins).values(row))

    def get(self, token_hash: str) -> Login | None:
        row = self.db.execute(select(logins).where(logins.c.token_hash == token_hash, _in_force)).first()
        return _login(row) if row is not None else None

    def touch(self, token_hash: str, used_at: datetime, expires_at: datetime) -> None:
        touched = update(logins).where(logins.c.token_hash == token_hash, _in_force)
        self.db.execute(touched.values(used_at=used_at, expires_at=expires_at))

    def revoke(self, token_hash: str, at: datetime) -> bool:
        ended = update(logins).where(logins.c.token_hash == token_hash, _in_force).values(revoked_at=at)
        return self.db.execute(ended).rowcount > 0

    def revoke_all(self, user_id: str, at: datetime) -> int:
        return self.db.execute(
            update(logins).where(logins.c.user_id == user_id, _in_force).values(revoked_at=at)
        ).rowcount

    def of_user(self, user_id: str) -> list[Login]:
        statement = select(logins).where(logins.c.user_id == user_id, _in_force).order_by(logins.c.created_at.desc())
        return [_login(row) for row in self.db.execute(statement)]

    def purge(self, before: datetime) -> int:
        return self.db.execute(
            delete(logins).where(or_(logins.c.expires_at < before, logins.c.revoked_at < before))
        ).rowcount


_LOGIN = ("token_hash", "user_id", "created_at", "used_at", "expires_at")
_in_force = logins.c.revoked_at.is_(None)


def _login(row: Any) -> Login:
    return Login(
        token_hash=row.token_hash,
        user_id=row.user_id,
        kind=LoginKind(row.kind),
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
    )


class SqlLinkCodes:
    """core.ports.LinkCodeRepository. With `locks` a code that was read is ours until the transaction ends."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self.locks = db, locks

    def add(self, code: LinkCode) -> None:
        older = and_(link_codes.c.user_id == code.user_id, link_codes.c.used_at.is_(None))
        self.db.execute(delete(link_codes).where(older))
        row = {name: getattr(code, name) for name in _CODE} | {"channel": code.channel.value}
        self.db.execute(insert(self.db, link_codes).values(row))

    def get(self, code_hash: str) -> LinkCode | None:
        statement = select(link_codes).where(link_codes.c.code_hash == code_hash)
        row = self.db.execute(statement.with_for_update() if self.locks else statement).mappings().first()
        if row is None:
            return None
        return LinkCode(**{name: row[name] for name in _CODE} | {"channel": Channel(row["channel"])})

    def use(self, code_hash: str, at: datetime) -> bool:
        unused = update(link_codes).where(link_codes.c.code_hash == code_hash, link_codes.c.used_at.is_(None))
        return self.db.execute(unused.values(used_at=at)).rowcount > 0

    def tries(self, user_id: str, since: datetime) -> int:
        counted = select(func.count()).where(link_tries.c.user_id == user_id, link_tries.c.tried_at > since)
        return int(self.db.execute(counted).scalar_one())

    def note_try(self, user_id: str, at: datetime) -> None:
        self.db.execute(insert(self.db, link_tries).values(user_id=user_id, tried_at=at))

    def purge(self, before: datetime) -> int:
        tries = self.db.execute(delete(link_tries).where(link_tries.c.tried_at < before)).rowcount
        return tries + self.db.execute(delete(link_codes).where(link_codes.c.expires_at < before)).rowcount


_CODE = ("code_hash", "user_id", "channel", "label", "created_at", "expires_at", "used_at")
