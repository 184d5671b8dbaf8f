"""Finding: a pin, a typed place or the phone's position becomes the list; words page, sort and open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from bots.wechat.account import ASKED, AccountTalk, Visitor
from bots.wechat.memory import Memory
from bots.wechat.pushes import Push, What
from bots.wechat.render import ListText, PageLinks, plain, station, station_list
from core.errors import NotFound, UserError
from core.geo import Datum, Point, distance_m
from core.services import Services
from core.wishes import Sort, Wishes

ROWS_ASKED = 5
# Positions are used and forgotten: the last search of a chat lives this long, in this process only.
SEARCH_KEPT_FOR = timedelta(minutes=15)
SEARCHES_MAX = 10_000
# The picker of the menu tells us twice: as an event, and as the message that then stands in the chat.
SAME_PIN_S, SAME_PIN_M = 20, 5.0


@dataclass(frozen=True, slots=True)
class Search:
    """The last list of a chat: where, how sorted, and which stations its numbers mean."""

    point: Point
    place: str
    sort: Sort = Sort.RECOMMENDED
    offset: int = 0
    shown: tuple[str, ...] = ()
    opened: str = ""  # the station that was looked at last
    next_offset: int | None = None
    pinned: What | None = None
    pinned_at: int = 0


class FindTalk:
    """Answers about stations. `position_datum` is that of the LOCATION event, which nobody documents.

    `listed` hears that a chat was shown a list: from then on a number means one of its rows.
    """

    def __init__(
        self,
        services: Services,
        account: AccountTalk,
        *,
        position_datum: Datum,
        listed: Callable[[str], None],
    ) -> None:
        self.services, self.account, self.position_datum = services, account, position_datum
        self._listed = listed
        clock = services.clock
        self._searches: Memory[Search] = Memory(clock, life=SEARCH_KEPT_FOR, most=SEARCHES_MAX)
        self._positions: Memory[Point] = Memory(clock, life=SEARCH_KEPT_FOR, most=SEARCHES_MAX)

    def noticed(self, push: Push) -> Point | None:
        """The phone told its position unasked: good for the next "nearby", then forgotten."""
        try:
            point = _point(push, self.position_datum)
        except UserError:
            self._positions.forget(push.openid)
            return None
        self._positions.put(push.openid, point)
        return point

    def forget(self, openid: str) -> None:
        self._searches.forget(openid)
        self._positions.forget(openid)

    def pin(self, visitor: Visitor, push: Push) -> str:
        """The stations around a pin. Raises UserError."""
        point = pinned(push)
        last = self._searches.get(visitor.openid)
        if last and _told_twice(last, push, point):
            return ""
        self.services.accounts.searched(visitor.user.id, point)
        search = Search(point, push.text, pinned=push.what, pinned_at=push.sent_at)
        return self._show(visitor, search)

    def was_pinned(self, push: Push) -> None:
        """A pin answered something else; told a second time it must not bring a list."""
        search = Search(pinned(push), push.text, pinned=push.what, pinned_at=push.sent_at)
        self._searches.put(push.openid, search)

    def place(self, visitor: Visitor, text: str) -> str:
        """The stations around a typed place or typed coordinates. Raises UserError."""
        self.services.limiter.hit("places", visitor.openid)  # names are looked up on others' servers
        place = self.services.finder.place(text, visitor.user.language)
        self.services.accounts.searched(visitor.user.id, place.point)
        return self._show(visitor, Search(place.point, place.name))

    def nearby(self, visitor: Visitor) -> str:
        """The stations around where the phone is, or else around the last search."""
        if point := self._positions.get(visitor.openid):
            return self._show(visitor, Search(point, ""))
        if last := self.again(visitor):
            return last
        if area := self.services.accounts.last_area(visitor.user.id):
            return self._show(visitor, Search(area, visitor.say("where you searched last")))
        return self.ask_where(visitor)

    def again(self, visitor: Visitor, sort: Sort | None = None) -> str:
        """The last list afresh, maybe sorted anew; "" when there is none to repeat."""
        last = self._searches.get(visitor.openid)
        if last is None:
            return ""
        return self._show(visitor, replace(last, sort=sort or last.sort, offset=0))

    def more(self, visitor: Visitor) -> str:
        last = self._searches.get(visitor.openid)
        if last is None:
            return self.ask_where(visitor)
        text = self._show(visitor, replace(last, offset=last.next_offset)) if last.next_offset else ""
        return text or visitor.say("That was the whole list. Send another location to search elsewhere.")

    def open(self, visitor: Visitor, number: int) -> str:
        """The station behind a number of the last list. Raises UserError when it is gone."""
        last = self._searches.get(visitor.openid)
        if last is None:
            return self.ask_where(visitor)
        if number > len(last.shown):
            return visitor.say.plural("The list has {n} row.", "The list has {n} rows.", len(last.shown))
        return self._opened(visitor, last, last.shown[number - 1])

    def card(self, visitor: Visitor, station_id: str, seen_from: Point | None) -> str:
        """A station that stood in no list. Raises UserError when it is gone."""
        last = self._searches.get(visitor.openid)
        if last is None:
            station = self.services.index.get(station_id)
            point = seen_from or (station.point if station else None)
            if point is None:
                raise NotFound("no_such_station")
            last = Search(point, "")
        return self._opened(visitor, last, station_id)

    def around(self, visitor: Visitor, point: Point, place: str) -> str:
        """The list around a place that nobody searched for now. Raises UserError."""
        return self._show(visitor, Search(point, place))

    def searched(self, visitor: Visitor) -> Point | None:
        """Where the last list is around."""
        last = self._searches.get(visitor.openid)
        return last.point if last else None

    def _opened(self, visitor: Visitor, last: Search, station_id: str) -> str:
        one = self.services.finder.station(station_id, _wishes(visitor, last.sort), seen_from=last.point)
        self._searches.put(visitor.openid, replace(last, opened=one.station.id))
        pages = self.page(visitor)
        credits = self.services.finder.credit(one)
        sellers = self.services.finder.sellers(one)
        return station(visitor.say, one, visitor.user, pages, credits, self.services.clock.now(), sellers=sellers)

    def opened(self, visitor: Visitor) -> str:
        """The id of the station that was looked at last; "" when there is none, or too long ago."""
        last = self._searches.get(visitor.openid)
        return last.opened if last else ""

    def page(self, visitor: Visitor) -> PageLinks:
        """Links for the last search. Raises UserError without one."""
        last = self._searches.get(visitor.openid)
        if last is None:
            raise UserError("no_position")
        return PageLinks(self.services.public_url, last.point, visitor.user.language)

    def ask_where(self, visitor: Visitor) -> str:
        return visitor.say("Send your location first: tap “找桩 Find” below, or type a place.")

    def _show(self, visitor: Visitor, search: Search) -> str:
        self._listed(visitor.openid)
        wishes = _wishes(visitor, search.sort)
        found = self.services.finder.near(search.point, wishes, limit=ROWS_ASKED, offset=search.offset)
        if search.offset and not found.offers:
            return ""  # the list has become shorter meanwhile
        ask = not visitor.user.asked >= ASKED
        shown: ListText = station_list(
            visitor.say,
            found,
            visitor.user,
            search.sort,
            PageLinks(self.services.public_url, search.point, visitor.user.language),
            self.services.clock.now(),
            place=plain(search.place),
            ask=ask,
        )
        end = search.offset + shown.rows
        kept = replace(
            search,
            shown=tuple(one.station.id for one in found.offers[: shown.rows]),
            next_offset=end if shown.rows and end < found.total else None,
        )
        self._searches.put(visitor.openid, kept)
        if ask and shown.rows:
            self.account.questions_put(visitor)
        return shown.text


def _told_twice(last: Search, push: Push, point: Point) -> bool:
    other_way = last.pinned is not None and last.pinned is not push.what
    at_once = abs(push.sent_at - last.pinned_at) <= SAME_PIN_S
    return other_way and at_once and distance_m(last.point, point) <= SAME_PIN_M


def _wishes(visitor: Visitor, sort: Sort) -> Wishes:
    user = visitor.user
    return Wishes(energy_kwh=user.energy_kwh, mode=user.mode, sort=sort, filters=user.filters)


def pinned(push: Push) -> Point:
    """Where a pin of WeChat's map picker stands. Raises UserError."""
    return _point(push, Datum.GCJ02)


def _point(push: Push, datum: Datum) -> Point:
    """Raises UserError for what is no place on Earth."""
    try:
        lat, lng = float(push.lat), float(push.lng)
        accuracy_m = float(push.accuracy_m) if push.accuracy_m else None
    except ValueError as error:
        raise UserError("bad_request") from error
    return Point(lat, lng, datum, accuracy_m)
