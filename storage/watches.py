"""Watches and the alerts they made."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, delete, func, or_, select, update

from core.geo import Point
from core.outbox import MessageClass, OutboxState
from core.ports.watches import CircleRow, GunsNow, JoinedRow, LevelRow, StationSpot
from core.prices.watching import Rule, WatchState
from core.station import ConnectorStatus, Plug
from core.watch import (
    Area,
    Ended,
    Needs,
    NewAlert,
    Place,
    StandingWatch,
    StationGuns,
    StoredAlert,
    Way,
    Where,
    plug_bits,
    plugs_of,
)
from storage.bulk import chunks, insert, insert_rows, listed, rows_by, update_rows, upsert
from storage.bulk import since as at_or_after
from storage.tables import alerts, connectors, leaves, outbox, price_series, stations, watches
from storage.vicinity import in_square

_W, _A, _G, _O = watches.c, alerts.c, connectors.c, outbox.c
_PRICES = (Rule.BELOW.value, Rule.BELOW_USUAL.value, Rule.LOWEST.value)
_AT_ONCE = 20_000
_HIGHEST = (1 << 63) - 1


class SqlWatches:
    """core.ports.WatchRepository. With `locks` what was read is ours until the transaction ends."""

    def __init__(self, db: Connection, *, locks: bool) -> None:
        self.db, self._locks = db, locks

    def add(self, watch: StandingWatch) -> StandingWatch:
        row = _row(watch)
        del row["id"]
        number = self.db.execute(watches.insert().values(row).returning(_W.id)).scalar_one()
        return _watch(row | {"id": number})

    def get(self, watch_id: int) -> StandingWatch | None:
        return next(iter(self._all(select(watches).where(_W.id == watch_id))), None)

    def some(self, watch_ids: Iterable[int]) -> list[StandingWatch]:
        statement = select(watches)
        if self._locks:
            statement = statement.with_for_update()
        return sorted((_watch(row) for row in rows_by(self.db, statement, _W.id, watch_ids)), key=lambda one: one.id)

    def of_people(self, user_ids: Sequence[str], *, ended: bool = False) -> list[StandingWatch]:
        statement = select(watches).where(_W.user_id.in_(user_ids)).order_by(_W.id.desc())
        return self._all(statement if ended else statement.where(_W.ended_at.is_(None)))

    def save(self, watches_: Sequence[StandingWatch]) -> None:
        upsert(self.db, watches, [_row(one) for one in watches_])

    def save_spoken(self, watches_: Sequence[StandingWatch]) -> None:
        update_rows(self.db, watches, [_spoken(one) for one in watches_])

    # --- for matching -----------------------------------------------------------------------------------------

    def levels(self, at: datetime) -> Iterator[Sequence[LevelRow]]:
        last = 0
        wanted = (_W.place == Where.STATION.value, _W.rule.in_(_PRICES), *_live(at))
        while True:
            page = select(*_LEVEL).where(_W.id > last, *wanted).order_by(_W.id).limit(_AT_ONCE)
            rows = self.db.execute(page).all()
            if not rows:
                return
            last = rows[-1].id
            yield [_level(row) for row in rows]

    def circles(self, at: datetime) -> Iterator[Sequence[CircleRow]]:
        last = 0
        while True:
            wanted = (_W.id > last, _W.place == Where.AREA.value, *_live(at))
            rows = self.db.execute(select(*_CIRCLE).where(*wanted).order_by(_W.id).limit(_AT_ONCE)).all()
            if not rows:
                return
            last = rows[-1].id
            yield [CircleRow(number, Rule(rule), *circle) for number, rule, *circle in rows]

    def ways(self, at: datetime) -> Iterator[Sequence[StandingWatch]]:
        last = 0
        while True:
            wanted = (_W.id > last, _W.place == Where.WAY.value, *_live(at))
            rows = self.db.execute(select(watches).where(*wanted).order_by(_W.id).limit(_AT_ONCE)).mappings().all()
            if not rows:
                return
            last = rows[-1]["id"]
            yield [_watch(row) for row in rows]

    def changed(self, since: datetime, after: int | None = None) -> list[LevelRow]:
        # The rest is looked at here: without statistics PostgreSQL would walk the indexes of all that live for it.
        statement = select(*_LEVEL, _W.ended_at)
        rows = {row.id: row for row in self.db.execute(statement.where(at_or_after(_W.changed_at, since)))}
        if after is not None:
            rows |= {row.id: row for row in self.db.execute(statement.where(_W.id.between(after + 1, _HIGHEST)))}
        return [_level(row[:-1]) for row in rows.values() if row.ended_at is None and row.rule in _PRICES]

    def spots(self, station_ids: Iterable[str]) -> dict[str, StationSpot]:
        columns = stations.c
        listed = (columns.removed_at.is_(None), columns.public)
        statement = select(columns.id, columns.lat, columns.lng, columns.operator_id).where(*listed)
        return {
            row["id"]: StationSpot(row["id"], Point(row["lat"], row["lng"]), row["operator_id"])
            for row in rows_by(self.db, statement, columns.id, station_ids)
        }

    def stations_within(self, centre: Point, radius_m: float, limit: int) -> list[str]:
        columns = stations.c
        wanted = (*in_square(centre, radius_m), columns.removed_at.is_(None), columns.public)
        return list(self.db.execute(select(columns.id).where(*wanted).limit(limit)).scalars())

    # --- what time does -----------------------------------------------------------------------------------------

    def due(self, at: datetime, limit: int) -> list[StandingWatch]:
        return self._come(_W.look_at, at, limit)

    def expired(self, at: datetime, limit: int) -> list[StandingWatch]:
        return self._come(_W.expires_at, at, limit)

    def notes_due(self, at: datetime, limit: int) -> list[StandingWatch]:
        return self._come(_W.note_at, at, limit)

    def _come(self, moment: ColumnElement[datetime], at: datetime, limit: int) -> list[StandingWatch]:
        return self._all(select(watches).where(moment <= at, _W.ended_at.is_(None)).order_by(moment).limit(limit))

    def usual_series(self, changed_since: datetime) -> list[int]:
        usual = (_W.rule == Rule.BELOW_USUAL.value, _W.place == Where.STATION.value, _W.ended_at.is_(None))
        series = price_series.c
        recent = select(_W.series_id).distinct().join(price_series, series.id == _W.series_id)
        return list(self.db.execute(recent.where(*usual, series.version_at >= changed_since)).scalars())

    def of_series(self, series_ids: Iterable[int], rule: Rule) -> list[StandingWatch]:
        statement = select(watches).where(_W.rule == rule.value, _W.ended_at.is_(None))
        if self._locks:
            statement = statement.with_for_update()
        return [_watch(row) for row in rows_by(self.db, statement, _W.series_id, series_ids)]

    def guns_turned(self, at: datetime, told_since: datetime, limit: int) -> list[tuple[StandingWatch, GunsNow]]:
        free = _free_guns(told_since, _W.station_id, _W.plug, _W.power_kw)
        turned = or_(and_(_W.armed, free > 0), and_(~_W.armed, free == 0))
        ready = or_(_W.look_at.is_(None), _W.look_at <= at)
        wanted = (_W.rule == Rule.GUN_FREE.value, *_live(at), turned, ready)
        found = self._all(select(watches).where(*wanted).order_by(_W.id).limit(limit))
        return [(one, self._of_place(one.place, told_since)) for one in found]

    def _of_place(self, place: Place, told_since: datetime) -> GunsNow:
        assert isinstance(place, StationGuns)
        return self.guns_now(place.station_id, place.plug, place.power_kw, told_since)

    def guns_now(self, station_id: str, plug: Plug, power_kw: Decimal | None, told_since: datetime) -> GunsNow:
        same_power = _G.power_kw.is_(None) if power_kw is None else _G.power_kw == power_kw
        alike = (_G.station_id == station_id, _G.plug == plug.value, same_power)
        told = _G.status_at >= told_since
        counted = select(
            func.coalesce(func.sum(case((and_(told, *_FREE), _G.count), else_=0)), 0).label("free"),
            func.coalesce(func.sum(case((told, _G.count), else_=0)), 0).label("known"),
            func.coalesce(func.sum(_G.count), 0).label("guns"),
        ).where(*alike)
        row = self.db.execute(counted).one()
        return GunsNow(int(row.free), int(row.known), int(row.guns))

    def purge(self, before: datetime) -> int:
        old = list(self.db.execute(select(_W.id).where(_W.ended_at < before).limit(_AT_ONCE)).scalars())
        for chunk in chunks(old):
            self.db.execute(delete(alerts).where(_A.watch_id.in_(listed(self.db, chunk))))
            self.db.execute(delete(watches).where(_W.id.in_(listed(self.db, chunk))))
        return len(old)

    def _all(self, statement: Any) -> list[StandingWatch]:
        if self._locks:
            statement = statement.with_for_update()
        return [_watch(row) for row in self.db.execute(statement).mappings()]


_FREE = (_G.status == ConnectorStatus.FREE.value, or_(_G.bay_blocked.is_(None), ~_G.bay_blocked))


def _free_guns(told_since: datetime, station_id: Any, plug: Any, power_kw: Any) -> Any:
    """How many guns like these are free, for each row of a query."""
    alike = (
        _G.station_id == station_id,
        _G.plug == plug,
        func.coalesce(_G.power_kw, "") == func.coalesce(power_kw, ""),
        _G.status_at >= told_since,
        *_FREE,
    )
    return select(func.coalesce(func.sum(_G.count), 0)).where(*alike).scalar_subquery()


def _live(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (_W.ended_at.is_(None), _W.expires_at > at)


class SqlAlerts:
    """core.ports.AlertRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def written(self) -> int:
        # The last number: of millions nobody counts.
        return int(self.db.execute(select(func.coalesce(func.max(_A.id), 0))).scalar_one())

    def add(self, new: Sequence[NewAlert]) -> list[StoredAlert]:
        if not new:
            return []
        last = self.written()
        rows = [_alert_row(one) for one in new]
        fresh = insert(self.db, alerts).on_conflict_do_nothing(index_elements=["watch_id", "version"])
        insert_rows(self.db, fresh, rows)
        mine = {(one.watch_id, one.version) for one in new}
        added = rows_by(self.db, select(alerts).where(_A.id > last), _A.watch_id, [one.watch_id for one in new])
        return [stored for stored in map(_alert, added) if (stored.alert.watch_id, stored.alert.version) in mine]

    def put_in(self, pairs: Sequence[tuple[int, int]]) -> None:
        update_rows(self.db, alerts, [{"id": number, "outbox_id": row} for number, row in pairs])

    def join(self, rows: Sequence[JoinedRow]) -> None:
        columns = select(_O.id, _O.rank, _O.expires_at, _O.next_at)
        kept = {row["id"]: row for row in rows_by(self.db, columns, _O.id, [one.id for one in rows])}
        changed = []
        for one in rows:
            was = kept[one.id]
            sooner = was["next_at"] if one.not_before is None else min(one.not_before, was["next_at"])
            lasts = None if was["expires_at"] is None else max(one.expires_at, was["expires_at"])
            changed.append({"id": one.id, "rank": min(one.rank, was["rank"]), "expires_at": lasts, "next_at": sooner})
        update_rows(self.db, outbox, changed)

    def of_row(self, outbox_id: int) -> list[StoredAlert]:
        statement = select(alerts).where(_A.outbox_id == outbox_id).order_by(_A.worth.desc(), _A.id)
        return [_alert(row) for row in self.db.execute(statement).mappings()]

    def of_watch(self, watch_id: int, limit: int) -> list[StoredAlert]:
        statement = select(alerts).where(_A.watch_id == watch_id).order_by(_A.id.desc()).limit(limit)
        return [_alert(row) for row in self.db.execute(statement).mappings()]

    def untold(self, user_ids: Sequence[str], since: datetime) -> list[StoredAlert]:
        unsent = (OutboxState.DEAD.value, OutboxState.EXPIRED.value)
        ended = select(_O.id).where(_O.id == _A.outbox_id, _O.state.in_(unsent)).exists()
        wanted = (_A.user_id.in_(user_ids), _A.at >= since, _A.told_at.is_(None))
        statement = select(alerts).where(*wanted, or_(_A.outbox_id.is_(None), ended))
        rows = self.db.execute(statement.order_by(_A.worth.desc(), _A.id)).mappings()
        return [_alert(row) for row in rows]

    def told(self, alert_ids: Sequence[int], at: datetime) -> None:
        for chunk in chunks(alert_ids):
            self.db.execute(update(alerts).where(_A.id.in_(listed(self.db, chunk))).values(told_at=at))

    def waiting_rows(self, user_ids: Sequence[str]) -> Mapping[str, int]:
        # So that only the index of people is used: without statistics PostgreSQL walks the whole queue for each.
        pending = func.coalesce(_O.state, "") == OutboxState.PENDING.value
        waiting = (_O["class"] == MessageClass.ALERT.value, pending)
        statement = select(_O.user_id, _O.id).where(*waiting).with_for_update()
        return {row["user_id"]: row["id"] for row in rows_by(self.db, statement, _O.user_id, user_ids)}

    def rows_since(self, user_ids: Sequence[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        said = (
            _O["class"] == MessageClass.ALERT.value,
            _O.state != OutboxState.EXPIRED.value,
            _O.created_at >= since,
        )
        found: dict[str, list[datetime]] = defaultdict(list)
        statement = select(_O.user_id, _O.created_at).where(*said)
        for row in rows_by(self.db, statement, _O.user_id, user_ids):
            found[row["user_id"]].append(row["created_at"])
        return found


class SqlLeaves:
    """core.ports.LeaveRepository."""

    def __init__(self, db: Connection) -> None:
        self.db = db

    def count(self, openid: str, template: str) -> int:
        kept = select(leaves.c.count).where(leaves.c.openid == openid, leaves.c.template == template)
        return self.db.execute(kept).scalar() or 0

    def given(self, openid: str, template: str, at: datetime) -> int:
        first = insert(self.db, leaves).values(openid=openid, template=template, count=1, changed_at=at)
        more = {"count": leaves.c.count + 1, "changed_at": at}
        counted = first.on_conflict_do_update(index_elements=["openid", "template"], set_=more)
        return int(self.db.execute(counted.returning(leaves.c.count)).scalar_one())

    def spent(self, openid: str, template: str, at: datetime) -> None:
        fewer = {"count": case((leaves.c.count > 0, leaves.c.count - 1), else_=0), "changed_at": at}
        self._set(openid, template, fewer)

    def withdrawn(self, openid: str, template: str, at: datetime) -> None:
        self._set(openid, template, {"count": 0, "changed_at": at})

    def _set(self, openid: str, template: str, values: Mapping[str, Any]) -> None:
        named = (leaves.c.openid == openid, leaves.c.template == template)
        self.db.execute(update(leaves).where(*named).values(values))


# --- rows -----------------------------------------------------------------------------------------------------


_CIRCLE = (
    _W.id, _W.rule, _W.lat, _W.lng, _W.radius_m, _W.plugs, _W.min_power_kw, _W.operator_id, _W.level, _W.again_level,
)  # fmt: skip
_LEVEL = (_W.id, _W.rule, _W.series_id, _W.level, _W.again_level)


def _level(row: Any) -> LevelRow:
    number, rule, *levels = row
    return LevelRow(number, Rule(rule), *levels)


def _row(one: StandingWatch) -> dict[str, Any]:
    state, origin = one.state, one.origin
    return {
        "id": one.id,
        "user_id": one.user_id,
        **_place_row(one.place),
        "rule": one.rule.value,
        "amount": one.amount,
        "currency": one.currency,
        "label": one.label,
        "origin_lat": None if origin is None else origin.lat,
        "origin_lng": None if origin is None else origin.lng,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "cooldown_s": int(one.cooldown.total_seconds()),
        "armed": state.armed,
        "said": state.said,
        "said_series": one.said_series,
        "alerted_at": state.alerted_at,
        "low_since": state.low_since,
        "level": one.level,
        "again_level": one.again_level,
        "look_at": one.look_at,
        "muted_until": one.muted_until,
        "told": one.told,
        "note_at": one.note_at,
        "ended_at": one.ended_at,
        "ended": one.ended.value if one.ended else "",
        "changed_at": one.changed_at or one.created_at,
    }


def _spoken(one: StandingWatch) -> dict[str, Any]:
    state = one.state
    return {
        "id": one.id,
        "armed": state.armed,
        "said": state.said,
        "said_series": one.said_series,
        "alerted_at": state.alerted_at,
        "low_since": state.low_since,
        "again_level": one.again_level,
        "look_at": one.look_at,
        "told": one.told,
        "changed_at": one.changed_at or one.created_at,
    }


def _place_row(place: Place) -> dict[str, Any]:
    row: dict[str, Any] = {
        "station_id": "", "series_id": 0, "plug": "", "power_kw": None, "lat": None, "lng": None, "radius_m": None,
        "plugs": 0, "min_power_kw": None, "operator_id": "", "shape": "",
    }  # fmt: skip
    match place:
        case StationGuns():
            guns = {"station_id": place.station_id, "series_id": place.series_id, "plug": place.plug.value}
            return row | {"place": Where.STATION.value, "power_kw": place.power_kw} | guns
        case Area():
            circle = {"lat": place.centre.lat, "lng": place.centre.lng, "radius_m": place.radius_m}
            return row | {"place": Where.AREA.value} | circle | _needs_row(place.needs)
        case Way():
            shape = {
                "points": [[point.lat, point.lng] for point in place.points],
                "width_m": place.width_m,
                "days": sorted(place.days),
                "starts": place.starts.isoformat(),
                "ends": place.ends.isoformat(),
                "time_zone": place.time_zone,
            }
            return row | {"place": Where.WAY.value, "shape": json.dumps(shape)} | _needs_row(place.needs)


def _needs_row(needs: Needs) -> dict[str, Any]:
    return {
        "plugs": plug_bits(needs.plugs),
        "min_power_kw": needs.min_power_kw,
        "operator_id": needs.operator_id,
    }


def _place(row: Mapping[str, Any]) -> Place:
    if row["place"] == Where.STATION.value:
        return StationGuns(row["station_id"], row["series_id"], Plug(row["plug"]), row["power_kw"])
    needs = Needs(plugs_of(row["plugs"]), row["min_power_kw"], row["operator_id"])
    if row["place"] == Where.AREA.value:
        return Area(Point(row["lat"], row["lng"]), row["radius_m"], needs)
    shape = json.loads(row["shape"])
    return Way(
        points=tuple(Point(lat, lng) for lat, lng in shape["points"]),
        width_m=shape["width_m"],
        days=frozenset(shape["days"]),
        starts=time.fromisoformat(shape["starts"]),
        ends=time.fromisoformat(shape["ends"]),
        time_zone=shape["time_zone"],
        needs=needs,
    )


def _watch(row: Any) -> StandingWatch:
    lat, lng = row["origin_lat"], row["origin_lng"]
    return StandingWatch(
        id=row["id"],
        user_id=row["user_id"],
        place=_place(row),
        rule=Rule(row["rule"]),
        amount=row["amount"],
        currency=row["currency"],
        label=row["label"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        cooldown=timedelta(seconds=row["cooldown_s"]),
        origin=None if lat is None or lng is None else Point(lat, lng),
        state=WatchState(row["armed"], row["said"], row["alerted_at"], row["low_since"]),
        said_series=row["said_series"],
        level=row["level"],
        again_level=row["again_level"],
        look_at=row["look_at"],
        muted_until=row["muted_until"],
        told=row["told"],
        note_at=row["note_at"],
        ended_at=row["ended_at"],
        ended=Ended(row["ended"]) if row["ended"] else None,
        changed_at=row["changed_at"],
    )


def _alert_row(one: NewAlert) -> dict[str, Any]:
    return {
        "watch_id": one.watch_id,
        "user_id": one.user_id,
        "series_id": one.series_id,
        "station_id": one.station_id,
        "version": one.version,
        "rule": one.rule.value,
        "at": one.at,
        "price": one.price,
        "price_before": one.before,
        "value": one.value,
        "threshold": one.threshold,
        "currency": one.currency,
        "tariff_id": one.tariff_id,
        "worth": one.worth,
        "also": one.also,
    }


def _alert(row: RowMapping) -> StoredAlert:
    new = NewAlert(
        watch_id=row["watch_id"],
        user_id=row["user_id"],
        series_id=row["series_id"],
        station_id=row["station_id"],
        version=row["version"],
        rule=Rule(row["rule"]),
        at=row["at"],
        price=row["price"],
        before=row["price_before"],
        value=row["value"],
        threshold=row["threshold"],
        currency=row["currency"],
        tariff_id=row["tariff_id"],
        worth=row["worth"],
        also=row["also"],
    )
    return StoredAlert(row["id"], new, row["outbox_id"], row["told_at"])
