"""What a comparison finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.money import Money

# Suppliers and providers close their days in China; so does our own.
ZONE = ZoneInfo("Asia/Shanghai")
# "Yesterday" is the start to one and the end to another: numbers are looked for over three days, not by date.
DAYS = 3
SILENCE = frozenset({"silent", "no_bill"})


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not agree. `what` names the kind, `subject` the order, record or transaction.

    `about` is how much money it is about, None where nobody can say.
    """

    what: str
    subject: str
    detail: str
    about: Money | None = None

    @property
    def is_silence(self) -> bool:
        """Nobody answered: nothing is known to be wrong, and nothing to be right."""
        return self.what in SILENCE

    @property
    def key(self) -> str:
        """By which it is known again tomorrow."""
        return f"{self.what}:{self.subject}"[:300]


@dataclass
class Comparison:
    """One comparison at work: what was counted on both sides, and what differs. Sums in minor units by currency."""

    scope: str
    day: date
    compared: int = 0
    ours: Counter[str] = field(default_factory=Counter)
    theirs: Counter[str] = field(default_factory=Counter)
    found: dict[str, Difference] = field(default_factory=dict)
    payments: dict[str, str] = field(default_factory=dict)  # that nobody has booked: subject of a case, and why
    whole: bool = True  # False when somebody was silent: what was not met again may still be there

    def differs(self, what: str, subject: str, detail: str, about: Money | None = None) -> None:
        one = Difference(what, subject, detail, about)
        self.found.setdefault(one.key, one)

    def count(self, ours: Money | None, theirs: Money | None) -> None:
        self.compared += 1
        for side, amount in ((self.ours, ours), (self.theirs, theirs)):
            if amount is not None:
                side[amount.currency] += amount.amount_minor

    @property
    def share(self) -> float:
        """How much of it differs, by number or by money, whichever is more. 1 when there was nothing to agree on."""
        differing = sum(1 for one in self.found.values() if not one.is_silence)
        if not differing:
            return 0.0
        by_number = differing / max(self.compared, differing)
        return max([by_number, *(self._by_money(currency) for currency in self.ours | self.theirs)])

    def _by_money(self, currency: str) -> float:
        ours, theirs = self.ours[currency], self.theirs[currency]
        return abs(ours - theirs) / max(abs(ours), abs(theirs), 1)


def days_back(day: date, count: int = DAYS) -> list[date]:
    """The days that end with this one, oldest first."""
    return [day - timedelta(days=back) for back in reversed(range(count))]


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def yesterday(at: datetime) -> date:
    return at.astimezone(ZONE).date() - timedelta(days=1)
