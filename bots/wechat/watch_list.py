"""My watches in WeChat: the list, and one of them looked at, made silent, woken, stopped, renewed, by its number."""

from __future__ import annotations

from bots import watches
from bots.wechat.account import Visitor
from bots.wechat.find import FindTalk
from bots.wechat.render import TEXT_MAX_BYTES, cut_lines, plain
from bots.wechat.watch_words import Verb
from core.prices.watching import Rule
from core.services import Services
from core.services.alerts.telling import HELD_FOR
from core.services.watches import Seen
from core.watch import Area, StandingWatch, StationGuns, Way

ZONE = "Asia/Shanghai"  # of an area, for somebody who has not told us theirs
SHOWN = 8
LINE_MAX = 80
# The list is one part of an answer only: what was held may come before it.
LIST_MAX_BYTES = TEXT_MAX_BYTES - 500


class WatchListTalk:
    """Each method returns the text to send, and may raise UserError."""

    def __init__(self, services: Services, find: FindTalk) -> None:
        self.services, self.find, self.watches = services, find, services.watches

    def listing(self, visitor: Visitor) -> str:
        say, every = visitor.say, self.watches.mine(visitor.user.id)
        if not every:
            how = say("Open a station by its number in the list, then reply “watch” or “free gun”.")
            return "\n".join((say("You watch nothing."), how, say("All stations around: reply “watch here”.")))
        blocks = [self._block(visitor, one) for one in every]
        for shown in range(min(SHOWN, len(blocks)), 0, -1):
            text = "\n".join([say("My watches"), *blocks[:shown], *self._foot(visitor, every, shown)])
            if len(text.encode()) <= LIST_MAX_BYTES:
                return text
        return cut_lines(text)

    def _block(self, visitor: Visitor, one: Seen) -> str:
        say, now = visitor.say, self.services.clock.now()
        sign = "💤" if one.watch.muted(now) else "🔔"
        head = plain(watches.line(say, one.watch), LINE_MAX)
        state = plain(watches.state(say, one, now, zone_of(self.services, visitor, one.watch)))
        return f"{sign} {one.watch.id}. {head}\n   {state}"

    def _foot(self, visitor: Visitor, every: list[Seen], shown: int) -> list[str]:
        # The example is one that can be made silent, too.
        say = visitor.say
        first = min(every, key=lambda one: one.watch.rule is Rule.GUN_FREE).watch.id
        lines = [""]
        if len(every) > shown:
            numbers = ", ".join(str(one.watch.id) for one in every[shown:])
            lines.append(say("and {n} more: {numbers}", n=len(every) - shown, numbers=numbers))
        reply = say("Reply “show {n}”, “snooze {n}”, “stop {n}” or “renew {n}”; “stop all” ends all.", n=first)
        return [*lines, reply]

    # --- one of them ------------------------------------------------------------------------------------------

    def one(self, visitor: Visitor, verb: Verb, watch_id: int) -> str:
        """Without a number it is the only one there is; of several the list shows the numbers."""
        if not watch_id:
            every = self.watches.mine(visitor.user.id)
            if len(every) != 1:
                which = [visitor.say("Which one? Add its number.")] if every else []
                return "\n".join((*which, self.listing(visitor)))
            watch_id = every[0].watch.id
        user_id, say = visitor.user.id, visitor.say
        match verb:
            case Verb.SHOW:
                return self._shown(visitor, self.watches.one(user_id, watch_id))
            case Verb.SNOOZE if self.watches.one(user_id, watch_id).rule is Rule.GUN_FREE:
                more = say("This one ends by itself within hours; “stop {n}” ends it now.", n=watch_id)
                return self._changed(visitor, self.watches.one(user_id, watch_id), more)
            case Verb.SNOOZE:
                more = say("“wake {n}” ends that.", n=watch_id)
                return self._changed(visitor, self.watches.snooze(user_id, watch_id), more)
            case Verb.WAKE:
                return self._changed(visitor, self.watches.wake(user_id, watch_id), "")
            case Verb.RENEW:
                return self._changed(visitor, self.watches.renew(user_id, watch_id), "")
        stopped = self.watches.stop(user_id, watch_id)
        line = say("Stopped: {watch}", watch=watches.line(say, stopped))
        return "\n".join((plain(line), say("“renew {n}” sets it again.", n=watch_id)))

    def stop_all(self, visitor: Visitor) -> str:
        count = self.watches.stop_all(visitor.user.id)
        if not count:
            return visitor.say("There was none to stop.")
        return visitor.say.plural("{n} watch stopped.", "{n} watches stopped.", count)

    def _changed(self, visitor: Visitor, watch: StandingWatch, more: str) -> str:
        say, now = visitor.say, self.services.clock.now()
        zone = zone_of(self.services, visitor, watch)
        state = watches.state(say, Seen(watch, None, watch.currency, None), now, zone)
        sign = "💤" if watch.muted(now) else "🔔"
        return "\n".join(filter(None, (f"{sign} {plain(watches.line(say, watch))}", plain(state), more)))

    def _shown(self, visitor: Visitor, watch: StandingWatch) -> str:
        """What it watches as it is now, with the way there: the station, the one of an area that it spoke of last, or
        the list around the place."""
        head = plain(watches.line(visitor.say, watch), LINE_MAX)
        where = watch.place
        if isinstance(where, StationGuns):
            return f"🔔 {head}\n\n{self.find.card(visitor, where.station_id, watch.origin)}"
        point = where.centre if isinstance(where, Area) else where.points[0]
        if station_id := self._spoke_of(watch):
            return f"🔔 {head}\n\n{self.find.card(visitor, station_id, point)}"
        return self.find.around(visitor, point, watch.label)

    def _spoke_of(self, watch: StandingWatch) -> str:
        """The station of its last alert, while that may be what is meant."""
        with self.services.database.read() as unit:
            last = next(iter(unit.alerts.of_watch(watch.id, 1)), None)
        if last is None or self.services.clock.now() - last.alert.at > HELD_FOR:
            return ""
        return last.alert.station_id if self.services.index.get(last.alert.station_id) else ""


def zone_of(services: Services, visitor: Visitor, watch: StandingWatch) -> str:
    """The clock the person reads: their own where they told it, else that of the place."""
    if visitor.user.time_zone:
        return visitor.user.time_zone
    match watch.place:
        case StationGuns(station_id=station_id):
            there = services.index.get(station_id)
            return there.time_zone if there else ZONE
        case Way(time_zone=time_zone):
            return time_zone
    return ZONE
