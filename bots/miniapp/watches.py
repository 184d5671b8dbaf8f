"""Watches over HTTP: what can be wished at a station, setting one, the person's own, and what waits to be told."""

from __future__ import annotations

import re
from decimal import Decimal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from bots import money
from bots.miniapp import models
from bots.miniapp import watch_models as shapes
from bots.miniapp import watch_shapes as show
from bots.miniapp.answers import address, json_answer, spoken
from bots.miniapp.api import STATIONS, StationPath
from bots.miniapp.auth import BEARER, PREFIX, current_user
from bots.miniapp.shapes import Json
from core.errors import NotFound
from core.prices import watching as wishing
from core.services import Services
from core.services.watches import Made, Seen
from core.user import User
from core.watch import Area, StandingWatch, StationGuns, StoredAlert

WATCHES = Tag(name="watches", description="Standing wishes about a price or a free gun, and the alerts they made")
LAST_ALERTS = 10
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class WatchPath(BaseModel):
    watch_id: str = Field(description="`id` of a watch of the person")

    @property
    def number(self) -> int:
        """Raises NotFound for what is no number of ours."""
        if not _NUMBER.fullmatch(self.watch_id):
            raise NotFound("watch_gone")
        return int(self.watch_id)


def blueprint(services: Services) -> APIBlueprint:
    """The routes of /watches, and what can be wished at a station."""
    api = APIBlueprint(
        "watches",
        __name__,
        url_prefix=PREFIX,
        abp_tags=[WATCHES],
        abp_responses=dict.fromkeys((400, 401, 403, 404, 409, 429, 503), models.Error),
    )
    desk = _Desk(services)

    @api.get("/stations/<station_id>/wishes", tags=[STATIONS], operation_id="wishes", responses={200: shapes.Wishes})
    def wishes(path: StationPath, query: shapes.WishesQuery) -> Response:
        """What can be wished about the guns of a station: what a watch can be set on at one tap"""
        services.limiter.hit("api", address())
        here = services.watches.wishes(desk.station(path.station_id), query.series_id)
        return json_answer(show.wishes(here, spoken()))

    @api.get("/watches", operation_id="watches", security=BEARER, responses={200: shapes.WatchList})
    def watches() -> Response:
        """The person's watches, what waits to be told of them, and where alerts arrive"""
        user = desk.asking()
        rows = [desk.watch(user, one) for one in services.watches.mine(user.id)]
        waiting, told = desk.waiting(user), desk.told(user)
        return json_answer({"watches": rows, "next": None, "waiting": waiting, "told": told})

    @api.post(
        "/watches",
        operation_id="watch",
        security=BEARER,
        responses={200: shapes.MadeWatch, 201: shapes.MadeWatch},
    )
    def watch(body: shapes.WatchBody) -> Response:
        """Watch a station, an area or a way; the same wish again is the same watch"""
        user = desk.asking()
        made = desk.set(user, body)
        seen = desk.seen(user, made.watch)
        doc = show.made(made, desk.watch(user, seen), desk.told(user), spoken(), money.zone(user))
        return json_answer(doc, 200 if made.again else 201)

    @api.get("/watches/<watch_id>", operation_id="one_watch", security=BEARER, responses={200: shapes.WatchDetail})
    def one_watch(path: WatchPath) -> Response:
        """One watch of the person, also after its end, with its last alerts"""
        user = desk.asking()
        one = services.watches.one(user.id, path.number)
        with services.database.read() as unit:
            alerts = unit.alerts.of_watch(one.id, LAST_ALERTS)
        return json_answer(desk.watch(user, desk.seen(user, one)) | {"alerts": desk.alerts(user, alerts)})

    @api.patch("/watches/<watch_id>", operation_id="change_watch", security=BEARER, responses={200: shapes.Watch})
    def change_watch(path: WatchPath, body: shapes.ChangeBody) -> Response:
        """Silence a watch, wake it, let it live longer, or wish another amount"""
        user = desk.asking()
        one = desk.change(user, services.watches.one(user.id, path.number), body)
        return json_answer(desk.watch(user, desk.seen(user, one)))

    @api.delete("/watches/<watch_id>", operation_id="stop_watch", security=BEARER, responses={200: shapes.Watch})
    def stop_watch(path: WatchPath) -> Response:
        """Stop a watch; again changes nothing"""
        user = desk.asking()
        return json_answer(desk.watch(user, show.seen(services.watches.stop(user.id, path.number))))

    return api


class _Desk:
    """What the routes share."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def asking(self) -> User:
        user = current_user(self.services)
        self.services.limiter.hit("api", user.id)
        return user

    def station(self, station_id: str) -> str:
        """Raises NotFound for one that nobody is shown: the store is not asked for any text that comes."""
        if self.services.index.get(station_id) is None:
            raise NotFound("no_such_station")
        return station_id

    def set(self, user: User, body: shapes.WatchBody) -> Made:
        """Raises UserError."""
        watches, rule, amount = self.services.watches, body.rule, body.amount
        label = show.label(body.label)
        if body.area is not None:
            return watches.watch_area(
                user.id, body.area.area, rule, amount, currency=body.currency or "", label=label
            )
        if body.way is not None:
            return watches.watch_way(user.id, body.way.way, rule, amount, currency=body.currency or "", label=label)
        station_id = self.station(body.station_id or "")
        return watches.watch_station(user.id, station_id, rule, amount, series_id=body.series_id, origin=body.origin)

    def change(self, user: User, one: StandingWatch, body: shapes.ChangeBody) -> StandingWatch:
        """Raises UserError."""
        watches, now = self.services.watches, self.services.clock.now()
        until = body.silent_until(now, one.expires_at)
        if body.amount is not None:  # before anything is changed
            wishing.watch(one.rule, body.amount, id="", at=now, currency=one.currency)
        if body.renew:
            one = watches.renew(user.id, one.id)
        if body.amount is not None:
            one = self._wished(user, one, body.amount)
        if body.wake:
            one = watches.wake(user.id, one.id)
        if body.snooze is not None:
            one = watches.snooze(user.id, one.id, until)
        if body.seen:
            self.read(user, one)
        return one

    def _wished(self, user: User, one: StandingWatch, amount: Decimal) -> StandingWatch:
        """The same wish with another amount. What has ended would become a second one."""
        watches, place = self.services.watches, one.place
        if not one.live(self.services.clock.now()):
            raise NotFound("watch_gone")
        if isinstance(place, StationGuns):
            made = watches.watch_station(
                user.id, place.station_id, one.rule, amount, series_id=place.series_id, origin=one.origin
            )
        elif isinstance(place, Area):
            made = watches.watch_area(user.id, place, one.rule, amount, currency=one.currency, label=one.label)
        else:
            made = watches.watch_way(user.id, place, one.rule, amount, currency=one.currency, label=one.label)
        return made.watch

    # --- shown ------------------------------------------------------------------------------------------------

    def seen(self, user: User, one: StandingWatch) -> Seen:
        """With what is true of it now."""
        mine = self.services.watches.mine(user.id)
        return next((seen for seen in mine if seen.watch.id == one.id), show.seen(one))

    def watch(self, user: User, seen: Seen) -> Json:
        return show.watch(seen, spoken(), self.services.clock.now(), money.zone(user))

    def alerts(self, user: User, alerts: list[StoredAlert]) -> list[Json]:
        say, zone = spoken(), money.zone(user)
        return [show.alert(one, self._name(one.alert.station_id), say, zone) for one in alerts]

    def _name(self, station_id: str) -> str:
        station = self.services.index.get(station_id)
        return station.name if station else ""

    def told(self, user: User) -> Json:
        with self.services.database.read() as unit:
            reach = unit.chats.reach(user.id)
        return show.told(reach, spoken())

    # --- what waits to be told ----------------------------------------------------------------------------------

    def waiting(self, user: User) -> list[Json]:
        """What nobody could be told of and is still true, the most valuable first."""
        held = self.services.telling.held(user.id)
        return [] if held is None else show.waiting(held, spoken())

    def read(self, user: User, watch: StandingWatch) -> None:
        """What waited to be told of this watch needs to be told no more."""
        if (held := self.services.telling.held(user.id)) is None:
            return
        seen = [number for one in held.alerts if one.watch.id == watch.id for number in one.ids]
        with self.services.database.write() as unit:
            unit.alerts.told(seen, held.at)
