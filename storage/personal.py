"""Which rows belong to a person: given out as they are, deleted on request, and looked for afterwards.

Every table is named in exactly one of the lists here, which a test holds: a table added later is thought about.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, and_, delete, or_, select, update

from core.ports import InboxState
from core.user import Channel
from core.wishes import DEFAULT_KWH
from storage.columns import Words
from storage.tables import (
    accounts,
    alerts,
    cars,
    cases,
    charge_quotes,
    charge_records,
    charging_sessions,
    commands,
    consents,
    holds,
    idempotency,
    identities,
    inbox,
    kept_searches,
    leaves,
    link_codes,
    link_tries,
    live_messages,
    logins,
    metadata,
    opinions,
    outbox,
    record_bookings,
    refunds,
    scan_photos,
    scans,
    session_events,
    session_updates,
    topups,
    transfers,
    users,
    watches,
)

Owned = Callable[[Sequence[str]], ColumnElement[bool]]


def _by_user(table: Table) -> Owned:
    return lambda ids: table.c.user_id.in_(ids)


def _of_sessions(column: ColumnElement[str], named: ColumnElement[str]) -> Owned:
    return lambda ids: column.in_(select(named).where(charging_sessions.c.user_id.in_(ids)))


def _in_pots(column: ColumnElement[str], ids: Sequence[str]) -> ColumnElement[bool]:
    return column.in_(select(accounts.c.id).where(accounts.c.owner.in_(ids), accounts.c.id.like("user:%")))


def _lanes(ids: Sequence[str]) -> ColumnElement[bool]:
    """Messages of the person's own chats: a platform's source is named like its channel, a lane like its chat."""
    mine = (identities.c.channel == inbox.c.source, identities.c.external_id == inbox.c.lane)
    return select(identities.c.user_id).where(*mine, identities.c.user_id.in_(ids)).exists()


def _leaves(ids: Sequence[str]) -> ColumnElement[bool]:
    mine = (identities.c.channel == Channel.WECHAT.value, identities.c.external_id == leaves.c.openid)
    return select(identities.c.user_id).where(*mine, identities.c.user_id.in_(ids)).exists()


# What is kept of a person, and how a row is known to be theirs. In the order a person would read it.
KEPT: dict[Table, Owned] = {
    users: lambda ids: users.c.id.in_(ids),
    identities: _by_user(identities),
    cars: _by_user(cars),
    consents: _by_user(consents),
    kept_searches: _by_user(kept_searches),
    logins: _by_user(logins),
    link_codes: _by_user(link_codes),
    link_tries: _by_user(link_tries),
    scans: _by_user(scans),
    scan_photos: lambda ids: scan_photos.c.scan_id.in_(select(scans.c.id).where(scans.c.user_id.in_(ids))),
    charge_quotes: _by_user(charge_quotes),
    charging_sessions: _by_user(charging_sessions),
    session_events: _of_sessions(session_events.c.session_id, charging_sessions.c.id),
    session_updates: _of_sessions(session_updates.c.start_seq, charging_sessions.c.start_seq),
    commands: _of_sessions(commands.c.start_seq, charging_sessions.c.start_seq),
    charge_records: _of_sessions(charge_records.c.start_seq, charging_sessions.c.start_seq),
    record_bookings: _of_sessions(record_bookings.c.session_id, charging_sessions.c.id),
    live_messages: _of_sessions(live_messages.c.session_id, charging_sessions.c.id),
    opinions: _by_user(opinions),
    watches: _by_user(watches),
    alerts: _by_user(alerts),
    leaves: _leaves,
    accounts: lambda ids: _in_pots(accounts.c.id, ids),
    transfers: lambda ids: or_(_in_pots(transfers.c.debit, ids), _in_pots(transfers.c.credit, ids)),
    holds: _by_user(holds),
    topups: _by_user(topups),
    refunds: _by_user(refunds),
    cases: _by_user(cases),
    idempotency: _by_user(idempotency),
    inbox: _lanes,
    outbox: _by_user(outbox),
}
# Deleted when the person goes. The others stay for the books, under an id that then leads to nobody.
_DELETED = (
    alerts,
    watches,
    leaves,
    scan_photos,
    scans,
    live_messages,
    identities,
    cars,
    consents,
    kept_searches,
    logins,
    link_codes,
    link_tries,
    idempotency,
)
# Hashes of secrets, signatures and leases say nothing about the person and are nobody's to have.
_LEFT_OUT = frozenset({"token_hash", "code_hash", "request_hash", "body_hash", "signature", "token", "lease_until"})
_JSON = frozenset({"document", "filters", "asked", "body", "choices", "shape"})

# Nothing of a person is written here: what suppliers publish, our own work, and sums without names.
WITHOUT_PEOPLE = frozenset(
    {
        "channel_pauses",
        "connectors",
        "cursors",
        "differences",
        "freezes",
        "gun_texts",
        "halts",
        "links",
        "partner_objects",
        "partners",
        "price_days",
        "price_observations",
        "price_series",
        "price_versions",
        "pulls",
        "quarantine",
        "reconciliations",
        "splits",
        "stations",
        "suppliers",
        "tariffs",
        "ticks",
    }
)
# Partners' own words about our sessions and tokens: nothing of a chat goes to them, but it is looked at all the same.
_SEARCHED_TOO = frozenset({"partner_objects", "partners", "quarantine", "reconciliations", "ticks"})
_MOST_ROWS_LOOKED_AT = 1_000


def export(db: Connection, user_ids: Sequence[str]) -> dict[str, Any]:
    """core.ports.PeopleRepository.export."""
    found = {}
    for table, owned in KEPT.items():
        shown = [column for column in table.columns if column.name not in _LEFT_OUT]
        rows = db.execute(select(*shown).where(owned(user_ids)).order_by(*table.primary_key.columns)).mappings()
        found[str(table.name)] = [{str(name): _plain(name, value) for name, value in row.items()} for row in rows]
    return found


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if name in _JSON and isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value  # a message as the platform sealed it
    return value


def forget(db: Connection, user_ids: Sequence[str], at: datetime) -> None:
    """core.ports.PeopleRepository.forget."""
    names = list(db.execute(select(identities.c.external_id).where(identities.c.user_id.in_(user_ids))).scalars())
    _forget_messages(db, user_ids, names)
    for table in _DELETED:
        db.execute(delete(table).where(KEPT[table](user_ids)))
    blank = {
        "language": "en",
        "energy_kwh": DEFAULT_KWH,
        "filters": "{}",
        "asked": "[]",
        "reachable": False,
        "stopped": True,
        "quiet_from": None,
        "quiet_to": None,
        "time_zone": None,
        "deleted_at": at,
    }
    db.execute(update(users).where(users.c.id.in_(user_ids)).values(blank))


def _forget_messages(db: Connection, user_ids: Sequence[str], names: Sequence[str]) -> None:
    """The inbox rows of the person's chats. The one that is being worked off is the wish to go: it loses its lane."""
    at_work = inbox.c.state == InboxState.WORKING.value
    db.execute(delete(inbox).where(_lanes(user_ids), ~at_work))
    db.execute(update(inbox).where(_lanes(user_ids), at_work).values(lane="gone:" + inbox.c.key))
    # Given up messages of a group keep their bodies for a while, with the names of those who wrote.
    for name in names:
        db.execute(
            delete(inbox).where(inbox.c.state == InboxState.DEAD.value, inbox.c.body.contains(name, autoescape=True))
        )


def traces(db: Connection, names: Sequence[str]) -> dict[str, int]:
    """core.ports.PeopleRepository.traces."""
    # Whole names: a short number may well stand inside a hash.
    whole = re.compile("|".join(rf"(?<![0-9A-Za-z]){re.escape(name)}(?![0-9A-Za-z])" for name in names))
    found = {}
    for table in metadata.sorted_tables:
        texts = [column for column in table.columns if _is_text(column)]
        if table.name in WITHOUT_PEOPLE - _SEARCHED_TOO or not texts or not names:
            continue
        named = or_(*(column.contains(name, autoescape=True) for column in texts for name in names))
        if table is inbox:
            named = and_(named, inbox.c.state != InboxState.WORKING.value)
        rows = db.execute(select(*texts).where(named).limit(_MOST_ROWS_LOOKED_AT))
        count = sum(any(value and whole.search(value) for value in row) for row in rows)
        if count:
            found[table.name] = count
    return found


def _is_text(column: Any) -> bool:
    return isinstance(column.type, (Words, String))
