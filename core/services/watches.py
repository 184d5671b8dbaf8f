"""Watches as a person handles them: what can be wished at a place, setting one, looking at them, pausing, stopping.

What a watch says is the business of core/services/alerts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from core.errors import Conflict, NotFound, UserError
from core.geo import Point
from core.ports import Clock, Database, GunsNow, PricedGun, PriceSeries, UnitOfWork
from core.prices.history import USUAL_AFTER_DAYS
from core.prices.matching import units
from core.prices.ticks import Cause, Tick
from core.prices.watching import (
    GUN_LIVES_FOR,
    LIVES_FOR,
    Outlook,
    Prospect,
    Rule,
    Watch,
    WatchState,
    begin,
    prospect,
    watch,
)
from core.services.prices import GroupPrices, PriceService
from core.station import STATUS_FRESH_FOR, Station
from core.watch import (
    MOST_GUN_WATCHES,
    MOST_WATCHES,
    SNOOZED_FOR,
    Area,
    Ended,
    Place,
    StandingWatch,
    StationGuns,
    Way,
    about,
    first_level,
    renewed,
)

USUAL_PERCENT, LOWEST_DAYS = 10, 30
NOTE_AFTER = timedelta(days=30)
_A_BIT_LESS, _NEAR_LOWEST, _WORTH_IT = Decimal("0.95"), Decimal("1.05"), Decimal("0.98")
_CENT = Decimal("0.01")
_STATIONS_LOOKED_AT = 500
_BEATS = Decimal("0.98")


@dataclass(frozen=True, slots=True)
class Wishable:
    """What is offered at one tap: a rule with its amount."""

    rule: Rule
    amount: Decimal


@dataclass(frozen=True, slots=True)
class WishesHere:
    """What can be wished about the guns of one kind at a station. Without a price only a free gun can be."""

    station: Station
    guns: StationGuns
    price: Decimal | None
    currency: str
    wishes: tuple[Wishable, ...]
    others: tuple[StationGuns, ...]  # the other kinds of guns there


@dataclass(frozen=True, slots=True)
class Made:
    """A watch that was set, or was there already (`again`). `price` is the best that is asked there now.

    `comes` is when a wish for a price comes true by the tariff within a day, and what it costs then. Before
    `silent_until` nothing can be told, for the place has not been watched for long enough.
    """

    watch: StandingWatch
    at: datetime
    outlook: Prospect
    price: Decimal | None
    guns: GunsNow | None  # of a watch for a free gun
    again: bool = False
    comes: tuple[datetime, Decimal] | None = None
    silent_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A watch in the person's list, with what is true now."""

    watch: StandingWatch
    price: Decimal | None
    currency: str
    guns: GunsNow | None


class WatchService:
    """Safe from many threads; each call is one transaction.

    Raises NotFound("watch_gone" | "no_such_station"), Conflict("watch_limit" | "watch_gun_limit"),
    UserError("no_price_here" | "bad_watch" | "bad_area" | "bad_way").
    """

    def __init__(self, database: Database, clock: Clock, prices: PriceService) -> None:
        self.database, self.clock, self.prices = database, clock, prices

    # --- setting ----------------------------------------------------------------------------------------------

    def wishes(self, station_id: str, series_id: int | None = None) -> WishesHere:
        """What can be wished at a station: about these guns, else about those that most drivers come for."""
        with self.database.read() as unit:
            station, every = self._guns(unit, station_id)
        guns = _chosen(every, series_id)
        group = self._group(station_id, guns.series_id)
        price = None if group is None else group.series.price
        currency = "" if group is None else group.series.currency
        wishes = [] if group is None or price is None else _offered(group, price, self.clock.now())
        wishes.append(Wishable(Rule.GUN_FREE, Decimal(0)))
        return WishesHere(station, guns, price, currency, tuple(wishes), tuple(one for one in every if one != guns))

    def watch_station(
        self,
        user_id: str,
        station_id: str,
        rule: Rule,
        amount: Decimal = Decimal(0),
        *,
        series_id: int | None = None,
        origin: Point | None = None,
    ) -> Made:
        """Watch the guns of one kind. The same wish twice is one watch, another amount changes it."""
        now = self.clock.now()
        with self.database.read() as unit:
            station, every = self._guns(unit, station_id)
        guns = _chosen(every, series_id)
        group = self._group(station_id, guns.series_id)
        if rule is not Rule.GUN_FREE and (group is None or group.series.price is None):
            raise UserError("no_price_here")
        currency = group.series.currency if group is not None and rule is Rule.BELOW else ""
        wish = watch(rule, amount, id="", at=now, currency=currency)
        with self.database.write() as unit:
            free = self._guns_now(unit, guns) if rule is Rule.GUN_FREE else None
            new = _watch(user_id, guns, wish, station.name, now, origin)
            new = _begun(new, group, free, now)
            kept, again = self._keep(unit, new)
        price = None if group is None else group.series.price
        outlook = Prospect(Outlook.UNKNOWN) if group is None else prospect(wish, group.history, now)
        comes, silent_until = (
            (None, None) if group is None else (_comes(wish, group, now), _silent_until(wish, group, now))
        )
        return Made(kept, now, outlook, price, free, again, comes, silent_until)

    def watch_area(
        self, user_id: str, area: Area, rule: Rule, amount: Decimal, *, currency: str = "", label: str
    ) -> Made:
        """Watch every station in a circle. `currency` is needed for a price. Its middle is kept to 100 m."""
        area = replace(area, centre=about(area.centre))
        return self._watch_around(user_id, area, rule, amount, currency, label, area.centre, area.radius_m)

    def watch_way(
        self, user_id: str, way: Way, rule: Rule, amount: Decimal, *, currency: str = "", label: str
    ) -> Made:
        """Watch the stations along a way, at the hours it is driven. Its points are kept to 100 m."""
        way = replace(way, points=tuple(map(about, way.points)))
        lats, lngs = [one.lat for one in way.points], [one.lng for one in way.points]
        middle = Point((min(lats) + max(lats)) / 2, (min(lngs) + max(lngs)) / 2)
        reach_m = (max(lats) - min(lats) + max(lngs) - min(lngs)) * 111_320 / 2 + way.width_m
        return self._watch_around(user_id, way, rule, amount, currency, label, middle, reach_m)

    def _watch_around(
        self,
        user_id: str,
        place: Area | Way,
        rule: Rule,
        amount: Decimal,
        currency: str,
        label: str,
        middle: Point,
        reach_m: float,
    ) -> Made:
        if rule is Rule.GUN_FREE:
            raise UserError("bad_watch", rule=rule.value, amount=amount)
        if rule is Rule.BELOW and not currency:
            raise UserError("no_price_here")
        now = self.clock.now()
        wish = watch(rule, amount, id="", at=now, currency=currency if rule is Rule.BELOW else "")
        with self.database.write() as unit:
            best = _best_around(unit, place, middle, reach_m, wish.currency)
            new = _watch(user_id, place, wish, label, now, None)
            already = rule is Rule.BELOW and best is not None and best <= amount
            if already and best is not None:
                state = WatchState(armed=False, said=best, low_since=now)
                new = replace(new, state=state, again_level=units(best * _BEATS))
            kept, again = self._keep(unit, new)
        return Made(kept, now, Prospect(Outlook.ALREADY if already else Outlook.UNKNOWN), best, None, again)

    def _keep(self, unit: UnitOfWork, new: StandingWatch) -> tuple[StandingWatch, bool]:
        """Stored, or made of the one that watches the same there. Two taps at once wait for each other."""
        mine = self._live(unit, new.user_id, new.created_at)
        same = next((one for one in mine if one.place == new.place and one.rule is new.rule), None)
        if same is not None and same.amount == new.amount:
            return self._saved(unit, replace(same, expires_at=new.expires_at, muted_until=None)), True
        if same is not None:
            return self._saved(unit, replace(new, id=same.id, told=same.told)), False
        _check_room(mine, new.rule)
        return unit.watches.add(new), False

    @staticmethod
    def _live(unit: UnitOfWork, user_id: str, now: datetime) -> list[StandingWatch]:
        """The person's watches that live. Whoever else changes how many there are waits."""
        unit.users.get(user_id)
        return [one for one in unit.watches.of_people(unit.people.same_person(user_id)) if one.live(now)]

    @staticmethod
    def _saved(unit: UnitOfWork, one: StandingWatch) -> StandingWatch:
        unit.watches.save([one])
        return one

    # --- handling ---------------------------------------------------------------------------------------------

    def mine(self, user_id: str) -> list[Seen]:
        """The person's watches that have not ended, newest first."""
        now = self.clock.now()
        with self.database.read() as unit:
            every = [one for one in unit.watches.of_people(unit.people.same_person(user_id)) if one.live(now)]
            stations = {one.place.station_id for one in every if isinstance(one.place, StationGuns)}
            series = {one.id: one for one in unit.prices.series_of(stations)}
            return [self._seen(unit, one, series) for one in every]

    def _seen(self, unit: UnitOfWork, one: StandingWatch, series: Mapping[int, PriceSeries]) -> Seen:
        if not isinstance(one.place, StationGuns):
            return Seen(one, None, one.currency, None)
        guns = self._guns_now(unit, one.place) if one.rule is Rule.GUN_FREE else None
        its = series.get(one.place.series_id)
        if its is None or its.lapsed:
            return Seen(one, None, one.currency, guns)
        return Seen(one, its.price, its.currency, guns)

    def one(self, user_id: str, watch_id: int) -> StandingWatch:
        """Theirs, ended or not."""
        with self.database.read() as unit:
            return self._theirs(unit, user_id, watch_id)

    def stop(self, user_id: str, watch_id: int) -> StandingWatch:
        """It is silent from now on. Again changes nothing."""
        now = self.clock.now()
        with self.database.write() as unit:
            one = self._theirs(unit, user_id, watch_id)
            if one.ended_at is not None:
                return one
            return self._saved(unit, replace(one, ended_at=now, ended=Ended.STOPPED))

    def stop_all(self, user_id: str) -> int:
        """How many were stopped."""
        now = self.clock.now()
        with self.database.write() as unit:
            every = unit.watches.of_people(unit.people.same_person(user_id))
            unit.watches.save([replace(one, ended_at=now, ended=Ended.STOPPED) for one in every])
        return len(every)

    def snooze(self, user_id: str, watch_id: int, until: datetime | None = None) -> StandingWatch:
        """Silent for a day, or until then."""
        until = until or self.clock.now() + SNOOZED_FOR
        with self.database.write() as unit:
            return self._saved(unit, replace(self._theirs(unit, user_id, watch_id), muted_until=until))

    def wake(self, user_id: str, watch_id: int) -> StandingWatch:
        """It may speak again, also of what came true meanwhile."""
        with self.database.write() as unit:
            one = self._theirs(unit, user_id, watch_id)
            return self._saved(unit, replace(one, muted_until=None, look_at=self.clock.now()))

    def renew(self, user_id: str, watch_id: int) -> StandingWatch:
        """Live again for as long as a new one, also after it was stopped or had expired."""
        now = self.clock.now()
        with self.database.write() as unit:
            mine, one = self._live(unit, user_id, now), self._theirs(unit, user_id, watch_id)
            if not one.live(now):
                _check_room(mine, one.rule)
            if one.rule is Rule.GUN_FREE:
                return self._saved(unit, replace(renewed(one, now), expires_at=now + GUN_LIVES_FOR))
            return self._saved(unit, renewed(one, now))

    @staticmethod
    def _theirs(unit: UnitOfWork, user_id: str, watch_id: int) -> StandingWatch:
        one = unit.watches.get(watch_id)
        if one is None or one.user_id not in unit.people.same_person(user_id):
            raise NotFound("watch_gone")
        return one

    # --- within -----------------------------------------------------------------------------------------------

    def _guns(self, unit: UnitOfWork, station_id: str) -> tuple[Station, list[StationGuns]]:
        """The station and its kinds of guns, those that are most first."""
        station = next(iter(unit.catalogue.stations([station_id])), None)
        guns = unit.prices.guns([station_id])
        if station is None or not guns:
            raise NotFound("no_such_station")
        kinds: dict[int, tuple[int, PricedGun]] = {}
        for gun in guns:
            kinds[gun.series_id] = (kinds.get(gun.series_id, (0, gun))[0] + gun.count, gun)
        most = sorted(kinds.values(), key=lambda kind: (-kind[0], -(kind[1].power_kw or 0), kind[1].plug))
        return station, [StationGuns(station_id, gun.series_id, gun.plug, gun.power_kw) for _, gun in most]

    def _group(self, station_id: str, series_id: int) -> GroupPrices | None:
        return next((one for one in self.prices.history(station_id) if one.series.id == series_id), None)

    def _guns_now(self, unit: UnitOfWork, guns: StationGuns) -> GunsNow:
        since = self.clock.now() - STATUS_FRESH_FOR
        return unit.watches.guns_now(guns.station_id, guns.plug, guns.power_kw, since)


def _check_room(mine: Sequence[StandingWatch], rule: Rule) -> None:
    """Raises Conflict where one more would be too many."""
    if len(mine) >= MOST_WATCHES:
        raise Conflict("watch_limit", most=MOST_WATCHES)
    if rule is Rule.GUN_FREE and sum(one.rule is Rule.GUN_FREE for one in mine) >= MOST_GUN_WATCHES:
        raise Conflict("watch_gun_limit", most=MOST_GUN_WATCHES)


def _chosen(every: Sequence[StationGuns], series_id: int | None) -> StationGuns:
    if series_id is None:
        return every[0]
    found = next((one for one in every if one.series_id == series_id), None)
    if found is None:
        raise NotFound("no_such_station")
    return found


def _offered(group: GroupPrices, price: Decimal, now: datetime) -> list[Wishable]:
    """A price that can be reached, so much below the usual, the lowest of a month."""
    lowest = _lowest(group, now)
    near = price * _A_BIT_LESS if lowest is None else lowest * _NEAR_LOWEST
    wished = (near if near <= price * _WORTH_IT else price * _A_BIT_LESS).quantize(_CENT, ROUND_DOWN)
    offered = [Wishable(Rule.BELOW, wished)] if wished > 0 else []
    if price > 0:
        offered += [Wishable(Rule.BELOW_USUAL, Decimal(USUAL_PERCENT)), Wishable(Rule.LOWEST, Decimal(LOWEST_DAYS))]
    return offered


def _lowest(group: GroupPrices, now: datetime) -> Decimal | None:
    """That was, or is to come: what a new place costs at night stands in its tariff."""
    was = group.history.lowest_of_days(90, now)
    known = [] if was is None else [was.price]
    return min([*known, *(price for _, price in group.ahead if price is not None)], default=None)


def _comes(wish: Watch, group: GroupPrices | None, now: datetime) -> tuple[datetime, Decimal] | None:
    price = None if group is None else group.series.price
    if wish.rule is not Rule.BELOW or group is None or price is None or price <= wish.amount:
        return None
    steps = ((at, then) for at, then in group.ahead if at > now and then is not None)
    return next(((at, then) for at, then in steps if then <= wish.amount), None)


def _silent_until(wish: Watch, group: GroupPrices | None, now: datetime) -> datetime | None:
    """From then on the history is long enough to be held against."""
    if group is None:
        return None
    history = group.history
    if wish.rule is Rule.BELOW_USUAL and history.usual(now) is None:
        days = USUAL_AFTER_DAYS
    elif wish.rule is Rule.LOWEST:
        days = int(wish.amount)
    else:
        return None
    ready = (history.began_at or now) + timedelta(days=days)
    return ready if ready > now else None


def _watch(user_id: str, place: Place, wish: Watch, label: str, now: datetime, origin: Point | None) -> StandingWatch:
    near = None if origin is None else about(origin)
    gun = wish.rule is Rule.GUN_FREE
    return StandingWatch(
        id=0,
        user_id=user_id,
        place=place,
        rule=wish.rule,
        amount=wish.amount,
        currency=wish.currency,
        label=label,
        created_at=now,
        expires_at=now + (GUN_LIVES_FOR if gun else LIVES_FOR),
        cooldown=wish.cooldown,
        origin=near,
        level=first_level(wish.rule, wish.amount),
        note_at=now + NOTE_AFTER if wish.rule is Rule.BELOW and isinstance(place, StationGuns) else None,
        changed_at=now,
    )


def _begun(new: StandingWatch, group: GroupPrices | None, guns: GunsNow | None, now: datetime) -> StandingWatch:
    """As it starts: what is true already is said in the answer, and not again as an alert."""
    if guns is not None:
        # Nobody knows: it begins as if there were none.
        free = guns.free if guns.known else 0
        return replace(new, state=WatchState(armed=not free))
    assert group is not None
    tick = Tick(
        key=str(group.series.id),
        at=now,
        old=None,
        new=group.series.price,
        currency=group.series.currency,
        cause=Cause.CLOCK,
        history=group.history,
        tariff_id=group.series.believed_id or "",
    )
    state = begin(new.wish, tick)
    return replace(new, state=state, again_level=None if state.said is None else units(state.said * _BEATS))


def _best_around(unit: UnitOfWork, place: Area | Way, middle: Point, reach_m: float, currency: str) -> Decimal | None:
    """The lowest price asked there now, in this currency if one is given."""
    spots = unit.watches.spots(unit.watches.stations_within(middle, reach_m, _STATIONS_LOOKED_AT))
    inside = {one.station_id: one for one in spots.values() if place.holds(one.point)}
    prices = [
        one.price
        for one in unit.prices.series_of(inside)
        if one.price is not None
        and not one.lapsed
        and (not currency or one.currency == currency)
        and place.needs.fits(one.plug, one.power_kw, inside[one.station_id].operator_id)
    ]
    return min(prices, default=None)
