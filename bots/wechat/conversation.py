"""Who answers what: a push becomes a visitor and goes to the talk about stations or the one about the account."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bots.wechat.account import AccountTalk, Visitor
from bots.wechat.find import FindTalk
from bots.wechat.pushes import Push, What
from bots.wechat.render import cut_lines, plain
from bots.wechat.words import CLICKS, Wish, Words, understand
from bots.wording import phrases
from core.errors import UserError
from core.geo import Datum
from core.services import Services
from core.user import Channel, Identity
from core.wishes import Sort

LANGUAGE = "zh-CN"  # of someone new: pushes do not tell the phone's language
_HELP = Words(Wish.HELP)

log = logging.getLogger(__name__)

Answer = Callable[[Visitor, str], str]


class Conversation:
    """Answers one push. Mistakes of the person become a sentence, ours an exception."""

    def __init__(self, services: Services, *, position_datum: Datum = Datum.WGS84) -> None:
        self.services = services
        self.account = AccountTalk(services)
        self.find = FindTalk(services, self.account, position_datum=position_datum)
        account, find = self.account, self.find
        self._answers: dict[Wish, Answer] = {
            Wish.HELP: lambda visitor, _: account.help(visitor),
            Wish.NEARBY: lambda visitor, _: find.nearby(visitor),
            Wish.LIST: lambda visitor, _: find.again(visitor) or find.nearby(visitor),
            Wish.MORE: lambda visitor, _: find.more(visitor),
            Wish.SORT: lambda visitor, sort: find.again(visitor, Sort(sort)) or find.ask_where(visitor),
            Wish.NUMBER: lambda visitor, number: find.open(visitor, int(number)),
            Wish.MODE: lambda visitor, mode: self._changed(account.mode(visitor, mode)),
            Wish.ENERGY: lambda visitor, kwh: self._changed(account.energy(visitor, kwh)),
            Wish.CLEAR_FILTERS: lambda visitor, _: self._changed(account.clear_filters(visitor)),
            Wish.SETTINGS: lambda visitor, _: account.settings(visitor),
            Wish.LANGUAGE: account.language,
            Wish.PRIVACY: lambda visitor, _: account.privacy(visitor),
            Wish.YES: lambda visitor, _: account.agree(visitor),
            Wish.NO: lambda visitor, _: account.disagree(visitor),
            Wish.STOP: lambda visitor, _: account.stop(visitor),
            Wish.START: lambda visitor, _: account.start(visitor),
            Wish.PLACE: find.place,
        }

    def answer(self, push: Push) -> str:
        """The text to reply with; "" when nothing is to be said."""
        if push.what is What.LEFT:
            self.find.forget(push.openid)
            self.account.left(Identity(Channel.WECHAT, push.openid))
            return ""
        visitor = self.visitor(push.openid)
        try:
            return self._answer(visitor, push)
        except UserError as problem:
            log.info("a WeChat message could not be served", extra={"code": problem.code})
            return plain(phrases.error(visitor.say, problem))

    def refusal(self, openid: str, problem: UserError) -> str:
        """The sentence for somebody whose message is not worked off at all."""
        return plain(phrases.error(self.visitor(openid).say, problem))

    def visitor(self, openid: str) -> Visitor:
        identity = Identity(Channel.WECHAT, openid)
        return Visitor(identity, self.services.accounts.greet(identity, LANGUAGE).user)

    def _answer(self, visitor: Visitor, push: Push) -> str:
        match push.what:
            case What.PIN | What.PICKED:
                return self.find.pin(visitor, push)
            case What.TEXT:
                return self._worded(visitor, understand(push.text))
            case What.CLICK:
                return self._worded(visitor, CLICKS.get(push.text, _HELP))
            case What.FOLLOWED | What.SCANNED:
                return self.account.welcome(visitor)
            case What.UNREADABLE:
                return visitor.say("We read text and locations. Send your location, or type a place.")
        return ""

    def _worded(self, visitor: Visitor, words: Words) -> str:
        return cut_lines(self._answers[words.wish](visitor, words.value))

    def _changed(self, visitor: Visitor) -> str:
        """After a change of the charge: the last list for it, or a word that it is noted."""
        return self.find.again(visitor) or self.account.kept(visitor)
