"""What a decision works with: the wish of the person who decides, and one transaction on one case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from core.errors import KilowatchError
from core.ledger import Account, Cause, decided
from core.money import Money, minor_units
from core.outbox import MessageClass
from core.ports import Booked, Booking, Case, UnitOfWork
from core.session import ChargingSession

MOST_TEXT = 500


class CaseError(KilowatchError):
    """A decision that is not possible, in a sentence for the person who decides. Nothing was changed."""


class Decision(StrEnum):
    """What a person can decide. Which of them a case allows hangs on its kind."""

    NOTED = "noted"  # seen; nothing is booked
    ACCEPT = "accept"  # the supplier's record stands, the driver pays nothing more, the rest is ours to bear
    REJECT = "reject"  # what is claimed is not so: nothing is booked
    GIFT = "gift"  # goodwill: from us into the driver's wallet
    DRIVER_PAYS = "driver-pays"  # the driver has agreed to pay what we bore, or what nobody paid yet
    SUPPLIER_AT_FAULT = "supplier-at-fault"  # what we owe for it is disputed
    ATTACH = "attach"  # an orphan record belongs to this session
    BOOK = "book"  # a parked payment is the driver's money; an orphan record is owed to its supplier
    DONE = "done"  # a refund was paid out by hand
    REFUSED = "refused"  # a refund cannot be paid out: it is in the wallet again


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be decided, by whom and why. `amount` is in major units of the case's own currency."""

    decision: Decision
    who: str
    why: str
    amount: Decimal | None = None
    session_id: str = ""
    user_id: str = ""
    transaction: str = ""
    keep_open: bool = False  # more will be decided in this case


class Tell(Protocol):
    """core.services.notify.tell: a message to a person, written in the transaction of the fact behind it."""

    def __call__(
        self,
        unit: UnitOfWork,
        user_id: str,
        code: str,
        params: Mapping[str, object],
        *,
        klass: MessageClass,
        subject: str,
        state: str,
        at: datetime,
    ) -> int | None: ...


class Attach(Protocol):
    """core.services.charging: book an orphan's record for this session. Gives the outbox rows to ring for."""

    def __call__(self, unit: UnitOfWork, orphan: Booking, session: ChargingSession, at: datetime) -> list[int]: ...


@dataclass
class Desk:
    """One transaction on one case, whose row is ours until the end."""

    unit: UnitOfWork
    case: Case
    wish: Wish
    at: datetime
    tell: Tell
    attach: Attach
    session: ChargingSession | None = None
    rows: list[int] = field(default_factory=list)  # to be rung for after the commit
    booked: list[str] = field(default_factory=list)  # what was booked, in words

    def amount(self, currency: str, *, default: Money | None = None, at_most: Money) -> Money:
        """What the wish names, else `default`, within the bound. Raises CaseError."""
        if self.wish.amount is None:
            if default is None:
                raise CaseError("say how much, with --amount")
            asked = default
        else:
            asked = exactly(self.wish.amount, currency)
        if asked.amount_minor <= 0:
            raise CaseError("there is nothing to book")
        if at_most < asked:
            raise CaseError(f"at most {at_most.decimal} {currency} can be booked here")
        return asked

    def move(self, debit: Account, credit: Account, amount: Money, words: str) -> None:
        """Posting 14 (or 13), numbered within the case."""
        number = self.unit.cases.decisions(self.case.id) + 1
        session_id = self.session.id if self.session else ""
        self.unit.ledger.post(decided(self.case.id, number, debit, credit, amount, session_id), self.at)
        self.booked.append(f"{words} {amount.decimal} {amount.currency}")

    def reviewed(self) -> list[Booked]:
        """What was decided about this session before, in this case or another."""
        if self.session is None:
            return []
        found = self.unit.ledger.transfers_of(self.session.id)
        return [one for one in found if one.transfer.cause is Cause.REVIEW]

    def say(self, user_id: str, code: str, amount: Money, **params: object) -> None:
        row = self.tell(
            self.unit,
            user_id,
            code,
            {"amount": amount, "reference": self.case.id, **params},
            klass=MessageClass.MONEY,
            subject=self.case.id,
            state=f"{code}:{self.unit.cases.decisions(self.case.id)}",
            at=self.at,
        )
        if row is not None:
            self.rows.append(row)

    def close(self) -> Case:
        """The case with what was decided; still open where the wish says so. Earlier decisions stay readable."""
        wish = self.wish
        words = " ".join([wish.decision.value, *(f"({one})" for one in self.booked)])
        case = replace(
            self.case,
            decision=_joined(self.case.decision, words),
            who=_joined(self.case.who, wish.who) if wish.who != self.case.who else wish.who,
            why=_joined(self.case.why, wish.why),
            decided_at=None if wish.keep_open else self.at,
        )
        self.unit.cases.save(case)
        return case


def exactly(amount: Decimal, currency: str) -> Money:
    """An amount in major units as money. Raises CaseError for a fraction of the smallest unit."""
    scaled = amount.scaleb(minor_units(currency)) if amount.is_finite() else Decimal("0.5")
    if scaled != scaled.to_integral_value() or abs(scaled) >= 10**15:
        raise CaseError(f"{amount} is no amount in {currency}")
    return Money(int(scaled), currency)


def _joined(before: str, new: str) -> str:
    return (f"{before}; {new}" if before else new)[-MOST_TEXT * 4 :]
