"""Which gun it is: a photo, the menu's scanner or a typed number, and what the shield asks about it. All in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from bots import charge, money
from bots.wechat.account import Visitor
from bots.wechat.asked import About, Asked, Question
from bots.wechat.photos import Photos, Picture
from bots.wechat.render import NAME_MAX, SENTENCE_MAX, plain
from bots.wechat.words import Wish, Words
from bots.wording import phrases
from core.errors import UserError
from core.guncode import GunCode
from core.scan import SCAN_GOOD_FOR, Scan, ScanSource, ScanState
from core.services import Services
from core.services.guns import Identified
from core.shield import FoundGun

CODES_TRIED = 4  # of one picture: the same gun's codes for several apps stand side by side
NUMBER_LEAST = 8  # a shorter number that somebody types may as well be a postal code or a street number
_LAST_FOUR = re.compile(r"[0-9A-Za-z]{4}")
_LABEL = re.compile(r"0[0-9]{1,2}")  # written so, a short number is a gun's and not a row of a list
_CHOICE = re.compile(r"[0-9]{1,2}")


class ScanTalk:
    """From a code to a gun that may be charged at, or to a question. Each method returns the text to send.

    `offered` says what a scan that passed leads to. Without `photos` no picture is read here.
    """

    def __init__(
        self, services: Services, asked: Asked, photos: Photos | None, offered: Callable[[Visitor, Scan], str]
    ) -> None:
        self.services, self.guns, self.clock = services, services.guns, services.clock
        self.asked, self.photos, self._offered = asked, photos, offered

    # --- a code comes in --------------------------------------------------------------------------------------

    def how(self, visitor: Visitor) -> str:
        say = visitor.say
        self.asked.put(visitor.openid, Question(About.GUN_NUMBER))
        if self.photos is None:
            return say("Tap “扫码充电” below, or type the number on the gun: “scan 12345678”.")
        return say("Tap “扫码充电” below, send a photo of the gun's code, or type its number: “scan 12345678”.")

    def photo(self, visitor: Visitor, picture: Picture) -> str:
        """The gun in a picture. Raises UserError, TooMany."""
        if self.photos is None:
            return self.how(visitor)
        self._sets_aside(visitor)
        self.services.limiter.hit("photo", visitor.user.id)
        codes = self.photos.codes(picture)
        if not codes:
            self.asked.put(visitor.openid, Question(About.GUN_NUMBER))
            return "\n".join((phrases.error(visitor.say, UserError("code_empty")), self._by_hand(visitor)))
        user_id, ref = visitor.user.id, picture.media_id
        found = [
            self.guns.identify(user_id, text, ScanSource.PHOTO, photo_ref=ref)
            for text in self._likely_first(codes)[:CODES_TRIED]
        ]
        # A payment code beside the gun's own is nobody's business; the same gun's codes for several apps are one.
        leading = [one for one in found if one.scan.state is not ScanState.REFUSED]
        each = list({(one.scan.ref, one.scan.station_id, one.scan.choices): one for one in leading}.values())
        return self._which_scan(visitor, each) if len(each) > 1 else self.told(visitor, (each or found)[0])

    def scanned(self, visitor: Visitor, text: str) -> str:
        """What the menu's scanner read. Raises UserError."""
        self._sets_aside(visitor)
        return self.told(visitor, self.guns.identify(visitor.user.id, text, ScanSource.CAMERA))

    def typed(self, visitor: Visitor, text: str) -> str:
        """A typed code, or the question for one. Raises UserError."""
        if not text:
            return self.how(visitor)
        self._sets_aside(visitor)
        return self.told(visitor, self.guns.identify(visitor.user.id, text, ScanSource.TYPED))

    def is_code(self, visitor: Visitor, text: str) -> bool:
        """Whether a line that is no command names a gun rather than a place."""
        code = self._read(text)
        if not code.known:
            return "://" in text
        expected = self.asked.of(visitor.openid, About.GUN_NUMBER) is not None
        long_number = len(code.text) >= NUMBER_LEAST and sum(map(str.isdigit, code.text)) >= 4
        return not code.guess or expected or long_number

    def moved(self, visitor: Visitor) -> str:
        """The driver has just said where they are: that may answer what was asked of a scan; "" when nothing was."""
        scan = self.guns.waiting_for_last_four(visitor.user.id)
        if scan is None:
            return ""
        told = self.guns.identify(visitor.user.id, scan.text, scan.source, photo_ref=scan.photo_ref)
        return self.told(visitor, told)

    # --- the driver answers -----------------------------------------------------------------------------------

    def answered(self, visitor: Visitor, typed: str, words: Words) -> str:
        """The answer to what a scan asks; "" where this line is none. Raises UserError."""
        user_id, openid = visitor.user.id, visitor.openid
        line = unicodedata.normalize("NFKC", typed).strip()
        if (question := self.asked.of(openid, About.WHICH_GUN)) and (
            answer := self._choose(visitor, question.scan_id, line)
        ):
            return answer
        if (question := self.asked.of(openid, About.WHICH_SCAN)) and _CHOICE.fullmatch(line):
            if not 1 <= int(line) <= len(question.scan_ids):
                return self._none_of(visitor, 1, len(question.scan_ids))
            return self.told(visitor, self.guns.scan(user_id, question.scan_ids[int(line) - 1]))
        if question := self.asked.of(openid, About.AT_STATION):
            if words.wish is Wish.YES:
                return self.told(visitor, self.guns.at_station(user_id, question.scan_id))
            if words.wish is Wish.NO:
                self.asked.put(openid, Question(About.GUN_NUMBER))
                not_mine = visitor.say("Then do not use this code. Scan the one on the gun beside you.")
                return "\n".join((not_mine, self._by_hand(visitor, report=True)))
        if self.asked.of(openid, About.GUN_NUMBER) and _LABEL.fullmatch(line):
            return self.typed(visitor, line)
        four = re.sub(r"[\s*_-]", "", line)
        if words.wish is not Wish.PLACE or not _LAST_FOUR.fullmatch(four):
            return ""
        scan = self.guns.waiting_for_last_four(user_id)
        return self.told(visitor, self.guns.last_four(user_id, scan.id, four)) if scan else ""

    def report(self, visitor: Visitor, words: str) -> str:
        """ "This is a fake", about the last scan. The photo goes along where WeChat still has it."""
        say, scan = visitor.say, self.last(visitor)
        if scan is None:
            return say("Scan the code first; then reply “report”.")
        photo = None
        if scan.photo_ref and scan.reported_at is None and self.photos is not None:
            photo = self.photos.fetch(Picture("", scan.photo_ref))
        self.guns.report(visitor.user.id, scan.id, words, photo)
        return say("Thank you, one of us looks at this code. Pay nothing through it; charge at another gun for now.")

    def last(self, visitor: Visitor) -> Scan | None:
        """The last scan of this person."""
        with self.services.database.read() as unit:
            return unit.scans.newest(unit.people.same_person(visitor.user.id))

    def fresh(self, visitor: Visitor) -> Scan | None:
        """The last scan, while it can still lead to a charge."""
        scan = self.last(visitor)
        return scan if scan and self.clock.now() - scan.at <= SCAN_GOOD_FOR else None

    def again(self, visitor: Visitor, scan: Scan) -> str:
        return self.told(visitor, self.guns.scan(visitor.user.id, scan.id))

    # --- what is said -----------------------------------------------------------------------------------------

    def told(self, visitor: Visitor, told: Identified) -> str:
        """What a scan led to: the offer, a question, or why not."""
        scan, say = told.scan, visitor.say
        if told.problem is None:
            return self._offered(visitor, scan)
        sentence = plain(phrases.error(say, told.problem))
        match scan.state:
            case ScanState.WHICH_GUN:
                self.asked.put(visitor.openid, Question(About.WHICH_GUN, scan_id=scan.id))
                rows = [plain(f"{number + 1}. {self._choice(visitor, told, one)}") for number, one in told.choices]
                # What to do comes first: of many guns the last ones find no room in a message.
                return "\n".join((sentence, self._pick(visitor), *rows))
            case ScanState.ASK_STATION:
                self.asked.put(visitor.openid, Question(About.AT_STATION, scan_id=scan.id))
                return "\n".join((sentence, *self._place(visitor, told), say("Reply “yes” or “no”.")))
            case ScanState.ASK_LAST_FOUR:
                where = say("The number stands beside the code. For your location tap “找桩 Find” below.")
                if told.problem.code == "scan_ask_position":
                    where = say("For your location tap “找桩 Find” below.")
                return "\n".join((sentence, where))
        self.asked.put(visitor.openid, Question(About.GUN_NUMBER))
        return "\n".join((sentence, self._by_hand(visitor, report=scan.source is not ScanSource.TYPED)))

    def _choose(self, visitor: Visitor, scan_id: str, line: str) -> str:
        """The gun whose number in the list, or whose label, this is; "" where it is neither."""
        told = self.guns.scan(visitor.user.id, scan_id)
        # "01" is what stands on a gun, "1" the first row.
        labels = {gun.connector.label.casefold(): number for number, gun in told.choices}
        number = labels.get(line.casefold()) if not line.isdecimal() or line.startswith("0") else None
        if number is None and not _CHOICE.fullmatch(line):
            return ""
        number = int(line) - 1 if number is None else number
        if told.choices and number not in {one for one, _ in told.choices}:
            return self._none_of(visitor, told.choices[0][0] + 1, told.choices[-1][0] + 1)
        return self.told(visitor, self.guns.choose(visitor.user.id, scan_id, number))

    def _which_scan(self, visitor: Visitor, found: list[Identified]) -> str:
        """Codes of several guns were in one picture."""
        say = visitor.say
        self.asked.put(visitor.openid, Question(About.WHICH_SCAN, scan_ids=tuple(one.scan.id for one in found)))
        guns = [one.gun or one.choices[0][1] for one in found if one.gun or one.choices]
        rows = [
            plain(f"{number}. {money.clean(gun.station.name, NAME_MAX)} · {charge.gun_words(say, gun)}")
            for number, gun in enumerate(guns, start=1)
        ]
        return "\n".join((say("The codes of several guns are in this picture."), self._pick(visitor), *rows))

    @staticmethod
    def _none_of(visitor: Visitor, first: int, last: int) -> str:
        return visitor.say(
            "That is none of the guns. Reply {first}–{last}; “list” shows the stations again.", first=first, last=last
        )

    @staticmethod
    def _pick(visitor: Visitor) -> str:
        return visitor.say("Reply with the number of your gun.")

    def _choice(self, visitor: Visitor, told: Identified, gun: FoundGun) -> str:
        """A row to choose; where the guns stand at several stations it says which."""
        words = charge.gun_words(visitor.say, gun)
        stations = {one.station.id for _, one in told.choices}
        return f"{words} · {plain(gun.station.name, NAME_MAX)}" if len(stations) > 1 else words

    def _place(self, visitor: Visitor, told: Identified) -> list[str]:
        """What the driver can compare with what stands before them."""
        if told.gun is None:
            return []
        address = plain(told.gun.station.address, SENTENCE_MAX)
        return [plain(line) for line in (charge.gun_head(visitor.say, told.gun)[1], address) if line]

    def _by_hand(self, visitor: Visitor, *, report: bool = False) -> str:
        say = visitor.say
        how = say("Type its number like this: “scan 12345678”.")
        return f"{how}\n{say('A wrong sticker? Reply “report”.')}" if report else how

    def _sets_aside(self, visitor: Visitor) -> None:
        """Another code: whatever comes of it, a word for a start no longer means the gun that was offered before."""
        self.asked.forget(visitor.openid)

    # --- codes ------------------------------------------------------------------------------------------------

    def _read(self, text: str) -> GunCode:
        return self.guns.scanning.read(text)

    def _likely_first(self, codes: list[str]) -> list[str]:
        def doubt(text: str) -> tuple[bool, bool]:
            code = self._read(text)
            return not code.known, code.guess

        return sorted(codes, key=doubt)
