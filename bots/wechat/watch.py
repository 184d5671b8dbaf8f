"""Setting a watch in WeChat in two answers: the word for it on the station just opened or around the last list, then
the number of a wish, or a price of one's own."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from bots import money, prices, watches
from bots.watch_amounts import looks_like_amount, wish_in
from bots.watched_areas import Around, around
from bots.wechat.account import Visitor
from bots.wechat.asked import KEPT_FOR, QUESTIONS_MAX, About, Asked, Question
from bots.wechat.find import FindTalk
from bots.wechat.leaves import Leaves
from bots.wechat.memory import Memory
from bots.wechat.render import NAME_MAX, SENTENCE_MAX, plain
from bots.wechat.watch_list import zone_of
from bots.wechat.words import Wish, Words
from bots.wording import phrases
from core.errors import UserError
from core.ports import GunsNow
from core.prices.watching import Rule
from core.services import Services
from core.services.alternatives import Alternative, alternatives
from core.services.watches import Made, Wishable, WishesHere
from core.user import Channel
from core.watch import StationGuns

KINDS_SHOWN, NEARBY_SHOWN = 3, 2


@dataclass(frozen=True, slots=True)
class Offered:
    """What the numbers of the last question mean: wishes first, then other kinds of guns at the station."""

    here: WishesHere | None
    around: Around | None
    wishes: tuple[Wishable, ...]
    kinds: tuple[StationGuns, ...]
    currency: str


class WatchTalk:
    """Each method returns the text to send, and may raise UserError."""

    def __init__(self, services: Services, find: FindTalk, asked: Asked, leaves: Leaves | None) -> None:
        self.services, self.find, self.asked, self.leaves = services, find, asked, leaves
        self._offered: Memory[Offered] = Memory(services.clock, life=KEPT_FOR, most=QUESTIONS_MAX)

    # --- what can be wished -----------------------------------------------------------------------------------

    def station(self, visitor: Visitor) -> str:
        """About the station that was opened last."""
        station_id = self.find.opened(visitor)
        if not station_id:
            return visitor.say("Of which station? Open one by its number in the list, then reply “watch”.")
        return self._offer_station(visitor, self.services.watches.wishes(station_id))

    def _offer_station(self, visitor: Visitor, here: WishesHere) -> str:
        say, kinds = visitor.say, here.others[:KINDS_SHOWN]
        self._ask(visitor, Offered(here, None, here.wishes, kinds, here.currency))
        wishes = [watches.button(say, one, here.currency) for one in here.wishes]
        others = [say("Other guns: {kind}", kind=watches.kind(say, one.plug, one.power_kw)) for one in kinds]
        price = phrases.error(say, UserError("no_price_here"))
        if here.price is not None:
            price = say("now {price}", price=prices.per_kwh(say, here.price, here.currency))
        head = [
            plain(here.station.name, NAME_MAX) or say("Charging station"),
            money.joined(watches.kind(say, here.guns.plug, here.guns.power_kw), price),
        ]
        more = say("All stations around: reply “watch here”.")
        return self._question(visitor, head, wishes + others, own=here.price is not None, more=more)

    def area(self, visitor: Visitor) -> str:
        """Around the last search."""
        say, point = visitor.say, self.find.searched(visitor)
        if point is None:
            return self.find.ask_where(visitor)
        there = around(self.services, visitor.user, point)
        self._ask(visitor, Offered(None, there, there.wishes, (), there.currency))
        head = [watches.around(say, there.label, there.area)]
        if there.cheapest is not None:
            price = prices.per_kwh(say, there.cheapest, there.currency)
            head.append(say("cheapest now {price}", price=price))
        if there.dropped:
            head.append(say("Of your filters plug, power and one operator count; the others do not."))
        wishes = [watches.button(say, one, there.currency) for one in there.wishes]
        return self._question(visitor, head, wishes, own=there.cheapest is not None, more="")

    def _question(self, visitor: Visitor, head: list[str], choices: list[str], *, own: bool, more: str) -> str:
        say = visitor.say
        rows = [f"{number}. {choice}" for number, choice in enumerate(choices, 1)]
        reply = say("Reply a number, or a price of your own like “¥0.95”.") if own else say("Reply a number.")
        lines = [*(plain(line, SENTENCE_MAX) for line in head), "", say("🔔 What shall I tell you of?")]
        return "\n".join([*lines, *map(plain, rows), reply, *filter(None, [more])])

    def _ask(self, visitor: Visitor, offered: Offered) -> None:
        self._offered.put(visitor.openid, offered)
        self.asked.put(visitor.openid, Question(About.WISH))

    # --- the wish ---------------------------------------------------------------------------------------------

    def answered(self, visitor: Visitor, typed: str, words: Words) -> str:
        """The wish that was chosen or typed; "" where this line is none."""
        offered = self._offered.get(visitor.openid)
        if offered is None or not self.asked.of(visitor.openid, About.WISH):
            return ""
        line = unicodedata.normalize("NFKC", typed).strip().rstrip(".。、)")
        if line.isascii() and line.isdigit():
            return self._chosen(visitor, offered, int(line))
        # "40 kWh" is for another question.
        if words.wish is Wish.ENERGY or not looks_like_amount(line):
            return ""
        wish, currency = wish_in(line, Rule.BELOW, offered.currency)
        return self._made(visitor, offered, wish, currency)

    def _chosen(self, visitor: Visitor, offered: Offered, number: int) -> str:
        if 1 <= number <= len(offered.wishes):
            return self._made(visitor, offered, offered.wishes[number - 1], offered.currency)
        kind = number - len(offered.wishes) - 1
        if offered.here is None or not 0 <= kind < len(offered.kinds):
            return ""
        series_id = offered.kinds[kind].series_id
        return self._offer_station(visitor, self.services.watches.wishes(offered.here.station.id, series_id))

    def _made(self, visitor: Visitor, offered: Offered, wish: Wishable, currency: str) -> str:
        service, user_id = self.services.watches, visitor.user.id
        if offered.here is not None:
            one = service.watch_station(
                user_id,
                offered.here.station.id,
                wish.rule,
                wish.amount,
                series_id=offered.here.guns.series_id,
                origin=self.find.searched(visitor),
            )
        else:
            assert offered.around is not None
            there = offered.around
            one = service.watch_area(
                user_id, there.area, wish.rule, wish.amount, currency=currency, label=there.label
            )
        self.asked.forget(visitor.openid)
        return self._told(visitor, one)

    def free_gun(self, visitor: Visitor) -> str:
        """One answer is enough: there is nothing to choose."""
        station_id = self.find.opened(visitor)
        if not station_id:
            return visitor.say("At which station? Open one by its number in the list, then reply “free gun”.")
        origin = self.find.searched(visitor)
        one = self.services.watches.watch_station(visitor.user.id, station_id, Rule.GUN_FREE, origin=origin)
        return self._told(visitor, one)

    # --- the answer -------------------------------------------------------------------------------------------

    def _told(self, visitor: Visitor, one: Made) -> str:
        say, watch = visitor.say, one.watch
        lines = watches.made(say, one, zone_of(self.services, visitor, watch))
        if isinstance(watch.place, StationGuns) and _none_free(one.guns):
            lines += self._nearby(visitor, watch.place)
        lines.append(say("Its number is {n}: “stop {n}”, “snooze {n}”; “watches” lists all.", n=watch.id))
        lines += ["", *self.reach(visitor).split("\n")]
        return "\n".join(plain(line) for line in lines)

    def reach(self, visitor: Visitor) -> str:
        """What WeChat lets us say unasked, and what happens with the rest. Honest, because nobody else tells."""
        say = visitor.say
        if visitor.user.stopped:
            return say("You asked for silence: reply “start”, or write to us to hear what is held.")
        if left := self.leaves.count(visitor.openid) if self.leaves else 0:
            allowed = say.plural(
                "You will get the next ones here for two days, then {n} notice that you allowed.",
                "You will get the next ones here for two days, then {n} notices that you allowed.",
                left,
            )
            return "\n".join((allowed, say("After that, write to us any time to hear what is held.")))
        with self.services.database.read() as unit:
            reach = unit.chats.reach(visitor.user.id)
        if reach is not None and any(one.identity.channel is not Channel.WECHAT for one in reach.chats):
            return say("You will get the next ones here for two days after you wrote, then in your other chat.")
        window = say("WeChat lets us write for two days after your last message: you will get the next ones then.")
        return "\n".join((window, say("After that, write to us any time to hear what is held.")))

    def _nearby(self, visitor: Visitor, guns: StationGuns) -> list[str]:
        """Where one is free meanwhile."""
        there = self.services.index.get(guns.station_id)
        gun = next((one for one in there.connectors if one.plug is guns.plug), None) if there else None
        if gun is None:
            return []
        with self.services.database.read() as unit:
            found = alternatives(unit, guns.station_id, gun.ref, self.services.clock.now(), NEARBY_SHOWN)
        places = money.joined(*(_place(visitor, one) for one in found))
        return [visitor.say("Free now: {places}", places=places)] if places else []


def _none_free(guns: GunsNow | None) -> bool:
    return guns is not None and guns.known > 0 and not guns.free


def _place(visitor: Visitor, one: Alternative) -> str:
    say = visitor.say
    name = plain(one.station.name, NAME_MAX) or say("Charging station")
    return say("{name} ({distance}, {free} free)", name=name, distance=say.distance(one.distance_m), free=one.free)
