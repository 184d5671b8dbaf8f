"""Who answers what: a push becomes a visitor and goes to the talk about stations or the one about the account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from bots.wechat import safety
from bots.wechat.account import AccountTalk, Visitor
from bots.wechat.after import AfterTalk
from bots.wechat.asked import YES_OR_NO, About, Asked
from bots.wechat.charge import ChargeTalk
from bots.wechat.find import FindTalk, pinned
from bots.wechat.held import Held
from bots.wechat.leaves import Leaves
from bots.wechat.person import PersonTalk
from bots.wechat.photos import Photos, Picture
from bots.wechat.price_history import PictureDesk, PricesTalk
from bots.wechat.pushes import Push, What
from bots.wechat.render import cut_lines, plain
from bots.wechat.scan import ScanTalk
from bots.wechat.wallet import WalletTalk
from bots.wechat.watch import WatchTalk
from bots.wechat.watch_list import WatchListTalk
from bots.wechat.watch_words import Verb
from bots.wechat.words import CLICKS, Wish, Words, understand
from bots.wording import phrases
from core.errors import SupplierUnavailable, UserError
from core.geo import Datum
from core.ports import KnowsUnionid
from core.scan import OPEN, ScanState
from core.services import Services
from core.services.linking import code_in
from core.user import Channel, Identity
from core.wishes import Sort

LANGUAGE = "zh-CN"  # of someone new: pushes do not tell the phone's language
_HELP = Words(Wish.HELP)
_AT_A_GUN = frozenset({What.PHOTO, What.GUN_CODE})
_OF_A_CHARGE = frozenset(About) - {About.WISH}
_ASKS_YES_OR_NO = frozenset({Wish.PRIVACY, Wish.LINK, Wish.UNLINK, Wish.DELETE})

log = logging.getLogger(__name__)

Answer = Callable[[Visitor, str], str]


class Conversation:
    """Answers one push. Mistakes of the person become a sentence, ours an exception.

    `unionids` says who somebody new is over all accounts of the owner; None where there is only this one. `desk`
    draws and sends pictures of prices; None for an account that cannot. `leaves` are those for alerts.
    """

    def __init__(
        self,
        services: Services,
        *,
        position_datum: Datum = Datum.WGS84,
        unionids: KnowsUnionid | None = None,
        photos: Photos | None = None,
        desk: PictureDesk | None = None,
        leaves: Leaves | None = None,
    ) -> None:
        self.services, self.unionids = services, unionids
        self.asked = Asked(services.clock)
        self.account = AccountTalk(services)
        self.find = FindTalk(services, self.account, position_datum=position_datum, listed=self.asked.other_numbers)
        self.person = PersonTalk(services, left=self._forget)
        self.wallet = WalletTalk(services)
        self.charge = ChargeTalk(services, self.asked)
        self.scan = ScanTalk(services, self.asked, photos, self.charge.offer)
        self.prices = PricesTalk(services, self.find, desk)
        self.watch = WatchTalk(services, self.find, self.asked, leaves)
        self.watches = WatchListTalk(services, self.find)
        self.held = Held(services)
        account, find, person, wallet = self.account, self.find, self.person, self.wallet
        self.after = AfterTalk(services, self.asked)
        scan, charge, after = self.scan, self.charge, self.after
        self._answers: dict[Wish, Answer] = {
            Wish.HELP: lambda visitor, _: account.help(visitor),
            Wish.NEARBY: lambda visitor, _: find.nearby(visitor),
            Wish.LIST: lambda visitor, _: find.again(visitor) or find.nearby(visitor),
            Wish.MORE: lambda visitor, _: find.more(visitor),
            Wish.SORT: lambda visitor, sort: find.again(visitor, Sort(sort)) or find.ask_where(visitor),
            Wish.NUMBER: lambda visitor, number: find.open(visitor, int(number)),
            Wish.MODE: lambda visitor, mode: self._changed(account.mode(visitor, mode)),
            Wish.ENERGY: lambda visitor, kwh: (
                charge.other_energy(visitor, kwh) or self._changed(account.energy(visitor, kwh))
            ),
            Wish.CLEAR_FILTERS: lambda visitor, _: self._changed(account.clear_filters(visitor)),
            Wish.SETTINGS: lambda visitor, _: account.settings(visitor),
            Wish.LANGUAGE: account.language,
            Wish.PRIVACY: lambda visitor, _: account.privacy(visitor),
            Wish.YES: lambda visitor, _: person.agree(visitor) or self._agreed(visitor),
            Wish.NO: lambda visitor, _: person.disagree(visitor) or account.disagree(visitor),
            Wish.PROFILE: lambda visitor, _: person.profile(visitor),
            Wish.QUIET: person.quiet,
            Wish.CAR: person.car,
            Wish.LINK: person.link,
            Wish.UNLINK: lambda visitor, _: person.unlink(visitor),
            Wish.EXPORT: lambda visitor, _: person.export(visitor),
            Wish.DELETE: lambda visitor, _: person.delete(visitor),
            Wish.SAFETY: lambda visitor, _: safety.told(visitor),
            Wish.WALLET: lambda visitor, _: wallet.balance(visitor),
            Wish.TOPUP: wallet.top_up,
            Wish.REFUND: wallet.refund,
            Wish.REFUND_NOW: wallet.refund_now,
            Wish.STATEMENT: lambda visitor, _: wallet.statement(visitor),
            Wish.RECEIPTS: wallet.receipts,
            Wish.STOP: lambda visitor, what: ("" if what else charge.stops_what(visitor)) or account.stop(visitor),
            Wish.START: lambda visitor, _: charge.start(visitor) or account.start(visitor),
            Wish.SCAN: scan.typed,
            Wish.CHARGE: lambda visitor, _: charge.start(visitor) or self._resumed(visitor) or find.nearby(visitor),
            Wish.CONTINUE: lambda visitor, _: charge.paid(visitor) or self._resumed(visitor) or scan.how(visitor),
            Wish.CANCEL: lambda visitor, _: self._cancelled(visitor),
            Wish.STATUS: lambda visitor, _: charge.status(visitor),
            Wish.STOP_CHARGE: lambda visitor, _: charge.stop(visitor),
            Wish.REPORT: scan.report,
            Wish.PRAISE: lambda visitor, _: after.praised(visitor),
            Wish.BLAME: after.blamed,
            Wish.HISTORY: after.past,
            Wish.PRICES: self.prices.told,
            Wish.WATCHES: self._watches,
            Wish.PLACE: find.place,
        }

    def answer(self, push: Push) -> str:
        """The text to reply with; "" when nothing is to be said."""
        if push.what is What.LEFT:
            self._forget(push.openid)
            self.person.forget(push.openid)
            self.account.left(Identity(Channel.WECHAT, push.openid))
            return ""
        visitor = replace(self._joined(self.visitor(push.openid), push), key=push.key)
        try:
            return self._with_held(visitor, push, self._answer(visitor, push))
        except UserError as problem:
            log.info("a WeChat message could not be served", extra={"code": problem.code})
            return plain(phrases.error(visitor.say, problem))
        finally:
            if self.asked.of(push.openid, *YES_OR_NO):
                # A yes answers one question only: the last.
                self.account.forget(push.openid)
                self.person.forget(push.openid)

    def _with_held(self, visitor: Visitor, push: Push, answer: str) -> str:
        """What could not be said unasked comes with the answer; not to somebody who is in the middle of a charge."""
        if not answer or push.what in _AT_A_GUN or self.asked.of(visitor.openid, *_OF_A_CHARGE):
            return answer
        return self.held.beside(visitor, answer)

    def refusal(self, openid: str, problem: UserError) -> str:
        """The sentence for somebody whose message is not worked off at all."""
        return plain(phrases.error(self.visitor(openid).say, problem))

    def noticed(self, push: Push) -> None:
        """The phone told its position unasked."""
        if point := self.find.noticed(push):
            self.services.whereabouts.here(self.visitor(push.openid).user.id, point)

    def visitor(self, openid: str) -> Visitor:
        identity = Identity(Channel.WECHAT, openid)
        return Visitor(identity, self.services.accounts.greet(identity, LANGUAGE).user)

    def _answer(self, visitor: Visitor, push: Push) -> str:
        match push.what:
            case What.PIN | What.PICKED:
                self.services.whereabouts.here(visitor.user.id, pinned(push))
                if answer := self.scan.moved(visitor):
                    self.find.was_pinned(push)
                    return cut_lines(answer)
                return self.find.pin(visitor, push)
            case What.PHOTO:
                return cut_lines(self.scan.photo(visitor, Picture(push.url, push.text)))
            case What.GUN_CODE:
                return cut_lines(self.scan.scanned(visitor, push.text))
            case What.TEXT:
                return self._typed(visitor, push.text)
            case What.CLICK:
                return self._worded(visitor, CLICKS.get(push.text, _HELP))
            case What.FOLLOWED | What.SCANNED:
                if code := code_in(push.text):
                    return cut_lines(self.person.look(visitor, code))
                return self.account.welcome(visitor)
            case What.UNREADABLE:
                return visitor.say("We read text, photos of gun codes and locations. Send one, or type a place.")
        return ""

    def _typed(self, visitor: Visitor, text: str) -> str:
        """A line is the answer to what was asked last, or a command, or a gun's number, or a place."""
        words = understand(text)
        answer = (
            self.scan.answered(visitor, text, words)
            or self.charge.answered(visitor, words)
            or self.after.answered(visitor, text)
            or self.watch.answered(visitor, text, words)
        )
        if not answer and words.wish is Wish.PLACE and self.scan.is_code(visitor, text):
            words = Words(Wish.SCAN, text.strip())
        return cut_lines(answer) if answer else self._worded(visitor, words)

    def _joined(self, visitor: Visitor, push: Push) -> Visitor:
        """Somebody who begins to follow may be known from the mini-program. Silence of WeChat costs nothing."""
        if self.unionids is None or push.what is not What.FOLLOWED:
            return visitor
        try:
            unionid = self.unionids.unionid(push.openid)
        except SupplierUnavailable as error:
            log.warning("WeChat does not say who a new follower is", extra={"error": error.detail})
            return visitor
        if not unionid:
            return visitor
        self.services.login.unionid_known(visitor.identity, unionid)
        return self.visitor(push.openid)

    def _agreed(self, visitor: Visitor) -> str:
        """A yes to what this process no longer knows of, at a gun most likely: it is asked once more."""
        if self.account.asks(visitor):
            return self.account.agree(visitor)
        scan = self.scan.fresh(visitor)
        if scan is not None and scan.state in OPEN:
            return self.scan.again(visitor, scan)
        return self.charge.running(visitor) or self.account.agree(visitor)

    def _cancelled(self, visitor: Visitor) -> str:
        """Whatever was asked is no longer open. A charge that runs goes on, and that is said."""
        self.asked.forget(visitor.openid)
        running = self.charge.running(visitor)
        return running or visitor.say("All right. Nothing was started and nothing is held.")

    def _watches(self, visitor: Visitor, asked: str) -> str:
        verb, _, number = asked.partition(" ")
        match Verb(verb):
            case Verb.WISH:
                return self.watch.station(visitor)
            case Verb.GUN:
                return self.watch.free_gun(visitor)
            case Verb.AREA:
                return self.watch.area(visitor)
            case Verb.LIST:
                return self.watches.listing(visitor)
            case Verb.STOP_ALL:
                return self.watches.stop_all(visitor)
            case Verb.STOP if number == "0" and (charge := self.charge.stops_what(visitor)):
                return charge
            case one:
                return self.watches.one(visitor, one, int(number))

    def _resumed(self, visitor: Visitor) -> str:
        """The last scan once more, with its question or offer, after this process has forgotten it."""
        scan = self.scan.fresh(visitor)
        return self.scan.again(visitor, scan) if scan is not None and scan.state is not ScanState.REFUSED else ""

    def _worded(self, visitor: Visitor, words: Words) -> str:
        if words.wish in _ASKS_YES_OR_NO:
            self.asked.other_yes(visitor.openid)
        return cut_lines(self._answers[words.wish](visitor, words.value))

    def _forget(self, openid: str) -> None:
        self.find.forget(openid)
        self.asked.forget(openid)

    def _changed(self, visitor: Visitor) -> str:
        """After a change of the charge: the last list for it, or a word that it is noted."""
        return self.find.again(visitor) or self.account.kept(visitor)
