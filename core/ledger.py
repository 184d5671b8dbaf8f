"""The ledger's words: accounts, transfers between two of them, and the postings that a cause leads to.

A transfer has one debit, one credit and one positive amount, so it cannot be unbalanced; its id comes from its
cause, so doing it twice is doing it once. An account's balance is its credits minus its debits: what we owe is
positive, what we own is negative, and all balances of a currency add up to nothing. docs/money.md has examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.errors import KilowatchError, UserError
from core.money import Money


class LedgerError(KilowatchError):
    """The books would be wrong. Nothing was written; one of us has to look."""


class NotEnoughMoney(UserError):
    """The wallet holds less than is asked for. `missing` says how much less."""

    status = 402

    def __init__(self, missing: Money) -> None:
        super().__init__("not_enough_money", missing=missing)
        self.missing = missing


class Pot(StrEnum):
    """What an account is for. A person's three pots never go below zero, which the database holds too."""

    AVAILABLE = "available"
    HELD = "held"
    REFUNDING = "refunding"
    RECEIVABLE = "receivable"  # a debt the person has agreed to
    PSP = "psp"  # our money at a payment provider
    BANK = "bank"
    PAYABLE = "payable"  # what we owe a supplier
    DISPUTED = "disputed"
    SUSPENSE = "suspense"
    FEES = "revenue:fee"
    PSP_FEES = "expense:psp_fee"
    OVERRUN = "loss:overrun"
    GOODWILL = "loss:goodwill"
    ROUNDING = "rounding"


FLOOR_ZERO = frozenset({Pot.AVAILABLE, Pot.HELD, Pot.REFUNDING})
_OF_A_USER = FLOOR_ZERO | {Pot.RECEIVABLE}
_OF_A_SUPPLIER = frozenset({Pot.PAYABLE, Pot.DISPUTED, Pot.SUSPENSE})


@dataclass(frozen=True, slots=True)
class Account:
    """A pot of money in one currency. `owner` is the user, supplier or payment channel, "" for our own."""

    pot: Pot
    owner: str
    currency: str

    @property
    def id(self) -> str:
        if self.pot in _OF_A_USER:
            return f"user:{self.owner}:{self.pot}:{self.currency}"
        if self.pot in _OF_A_SUPPLIER:
            return f"supplier:{self.owner}:{self.pot}:{self.currency}"
        return f"psp:{self.owner}:{self.currency}" if self.pot is Pot.PSP else f"{self.pot}:{self.currency}"

    @property
    def floor_zero(self) -> bool:
        return self.pot in FLOOR_ZERO


class Cause(StrEnum):
    """Why money moves: the numbered postings of docs/money.md."""

    TOPUP = "topup"  # 1
    HOLD = "hold"  # 2, 3
    CAPTURE = "capture"  # 4, 8
    FEE = "fee"  # 4
    RELEASE = "release"  # 5, 7, 8
    OVERRUN = "overrun"  # 6: what a charge cost beyond what the driver agreed to; ours to bear
    ADJUSTMENT = "adjustment"  # 9: a record came after we had settled without it
    CREDIT = "credit"  # 10: the supplier took a record back
    REFUND = "refund"  # 11
    REFUNDED = "refunded"  # 12
    REFUND_RETURNED = "refund_returned"  # 12: the provider refused
    ORPHAN = "orphan"  # 13
    REVIEW = "review"  # 14
    PSP_SETTLEMENT = "psp_settlement"  # 15
    SUPPLIER_PAID = "supplier_paid"  # 16
    CHARGEBACK = "chargeback"  # 17
    MERGE = "merge"  # two accounts turned out to be one person
    VOID = "void"  # a pre-authorised amount that was not used goes back to where it came from


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement between two pots. Immutable once booked; a mistake is put right by another transfer."""

    id: str
    debit: Account
    credit: Account
    amount: Money
    cause: Cause
    session_id: str = ""

    def __post_init__(self) -> None:
        if self.amount.amount_minor <= 0:
            raise LedgerError(f"{self.id}: a transfer moves a positive amount")
        if self.debit == self.credit:
            raise LedgerError(f"{self.id}: a transfer joins two accounts")
        if not self.debit.currency == self.credit.currency == self.amount.currency:
            raise LedgerError(f"{self.id}: a transfer stays within one currency")


@dataclass(frozen=True, slots=True)
class Posting:
    """The transfers of one event, booked together or not at all."""

    id: str
    transfers: tuple[Transfer, ...]


def _user(pot: Pot, user_id: str, amount: Money) -> Account:
    return Account(pot, user_id, amount.currency)


def available(user_id: str, currency: str) -> Account:
    return Account(Pot.AVAILABLE, user_id, currency)


def held(user_id: str, currency: str) -> Account:
    return Account(Pot.HELD, user_id, currency)


def refunding(user_id: str, currency: str) -> Account:
    return Account(Pot.REFUNDING, user_id, currency)


def payable(supplier_id: str, currency: str) -> Account:
    return Account(Pot.PAYABLE, supplier_id, currency)


def psp(channel: str, currency: str) -> Account:
    return Account(Pot.PSP, channel, currency)


def ours(pot: Pot, currency: str) -> Account:
    """One of our own accounts: the bank, fees, losses."""
    return Account(pot, "", currency)


def posting(id_: str, *transfers: Transfer | None) -> Posting:
    """A posting of those transfers that move something."""
    return Posting(id_, tuple(one for one in transfers if one is not None))


def moved(
    id_: str, debit: Account, credit: Account, amount_minor: int, cause: Cause, session_id: str = ""
) -> Transfer | None:
    """A transfer in the accounts' currency; None when there is nothing to move."""
    if not amount_minor:
        return None
    return Transfer(id_, debit, credit, Money(amount_minor, debit.currency), cause, session_id)


# --- top-up and refund ----------------------------------------------------------------------------------------


def topped_up(channel: str, psp_transaction: str, user_id: str, amount: Money) -> Posting:
    """Posting 1. The id is the provider's own, so that its notice and our question book once."""
    id_ = f"topup:{channel}:{psp_transaction}"
    to = _user(Pot.AVAILABLE, user_id, amount)
    return posting(id_, Transfer(id_, psp(channel, amount.currency), to, amount, Cause.TOPUP))


def refund_asked(refund_id: str, user_id: str, amount: Money) -> Posting:
    """Posting 11."""
    id_ = f"rfb:{refund_id}"
    move = Transfer(
        id_, available(user_id, amount.currency), refunding(user_id, amount.currency), amount, Cause.REFUND
    )
    return posting(id_, move)


def refund_done(refund_id: str, user_id: str, channel: str, amount: Money) -> Posting:
    """Posting 12, when the provider has paid it out. Shares its id with `refund_refused`: only one can win."""
    id_ = f"rfe:{refund_id}"
    move = Transfer(id_, refunding(user_id, amount.currency), psp(channel, amount.currency), amount, Cause.REFUNDED)
    return posting(id_, move)


def refund_refused(refund_id: str, user_id: str, amount: Money) -> Posting:
    """Posting 12, when the provider cannot pay it out: the money is in the wallet again."""
    id_ = f"rfe:{refund_id}"
    back = Transfer(
        id_, refunding(user_id, amount.currency), available(user_id, amount.currency), amount, Cause.REFUND_RETURNED
    )
    return posting(id_, back)


# --- charging -------------------------------------------------------------------------------------------------


def held_for(session_id: str, user_id: str, amount: Money, extension: int = 0) -> Posting:
    """Posting 2, or 3 for an extension of the hold (numbered from 1)."""
    id_ = f"hold:{session_id}:{extension}" if extension else f"hold:{session_id}"
    currency = amount.currency
    return posting(
        id_, Transfer(id_, available(user_id, currency), held(user_id, currency), amount, Cause.HOLD, session_id)
    )


def settled(
    session_id: str,
    user_id: str,
    supplier_id: str,
    currency: str,
    *,
    captured: int,
    released: int,
    overrun: int = 0,
    fee: int = 0,
) -> Posting:
    """Postings 4 to 8: one resolution of a hold. `captured` includes our `fee`; amounts in minor units."""
    from_hold, to_supplier = held(user_id, currency), payable(supplier_id, currency)
    return posting(
        f"settle:{session_id}",
        moved(f"cap:{session_id}", from_hold, to_supplier, captured - fee, Cause.CAPTURE, session_id),
        moved(f"fee:{session_id}", from_hold, ours(Pot.FEES, currency), fee, Cause.FEE, session_id),
        moved(f"rel:{session_id}", from_hold, available(user_id, currency), released, Cause.RELEASE, session_id),
        moved(f"over:{session_id}", ours(Pot.OVERRUN, currency), to_supplier, overrun, Cause.OVERRUN, session_id),
    )


def adjusted(
    session_id: str,
    record_key: str,
    user_id: str,
    supplier_id: str,
    currency: str,
    *,
    from_user: int,
    overrun: int,
) -> Posting:
    """Posting 9. Negative amounts go back: `from_user` to the person, `overrun` to our loss account."""
    id_, supplier, person = f"adj:{record_key}", payable(supplier_id, currency), available(user_id, currency)
    loss = ours(Pot.OVERRUN, currency)
    return posting(
        id_,
        _signed(id_, person, supplier, from_user, Cause.ADJUSTMENT, session_id),
        _signed(f"adjover:{record_key}", loss, supplier, overrun, Cause.OVERRUN, session_id),
    )


def credited(
    session_id: str,
    record_key: str,
    user_id: str,
    supplier_id: str,
    currency: str,
    *,
    to_user: int,
    to_us: int,
) -> Posting:
    """Posting 10: the supplier takes a record back. What the person had paid of it is theirs again."""
    id_, supplier = f"credit:{record_key}", payable(supplier_id, currency)
    return posting(
        id_,
        moved(id_, supplier, available(user_id, currency), to_user, Cause.CREDIT, session_id),
        moved(f"creditover:{record_key}", supplier, ours(Pot.OVERRUN, currency), to_us, Cause.CREDIT, session_id),
    )


def _signed(
    id_: str, debit: Account, credit: Account, amount_minor: int, cause: Cause, session_id: str
) -> Transfer | None:
    if amount_minor < 0:
        debit, credit, amount_minor = credit, debit, -amount_minor
    return moved(id_, debit, credit, amount_minor, cause, session_id)


def voided(session_id: str, user_id: str, channel: str, amount: Money) -> Posting:
    """What a pre-authorisation did not need goes back to the provider at once, and never was stored value."""
    id_ = f"void:{session_id}"
    currency = amount.currency
    move = Transfer(id_, available(user_id, currency), psp(channel, currency), amount, Cause.VOID, session_id)
    return posting(id_, move)


def promise_returned(topup_id: str, user_id: str, channel: str, amount: Money) -> Posting:
    """A pre-authorisation whose charge never began."""
    id_ = f"void:{topup_id}"
    currency = amount.currency
    return posting(id_, Transfer(id_, available(user_id, currency), psp(channel, currency), amount, Cause.VOID))


# --- the people who run it ------------------------------------------------------------------------------------


def decided(case_id: str, number: int, debit: Account, credit: Account, amount: Money, session_id: str) -> Posting:
    """Posting 14: what a person decided in a case, or 13 where it books an orphan at last."""
    id_ = f"rev:{case_id}:{number}"
    return posting(id_, Transfer(id_, debit, credit, amount, Cause.REVIEW, session_id))


def psp_settled(channel: str, bill_line: str, net: Money, fee: Money | None) -> Posting:
    """Posting 15: the provider pays out to our bank, and keeps its fee."""
    id_, at_psp, currency = f"psp:{channel}:{bill_line}", psp(channel, net.currency), net.currency
    fee_minor = fee.amount_minor if fee else 0
    return posting(
        id_,
        moved(id_, ours(Pot.BANK, currency), at_psp, net.amount_minor, Cause.PSP_SETTLEMENT),
        moved(f"{id_}:fee", ours(Pot.PSP_FEES, currency), at_psp, fee_minor, Cause.PSP_SETTLEMENT),
    )


def supplier_paid(batch: str, supplier_id: str, amount: Money) -> Posting:
    """Posting 16."""
    id_ = f"pay:{batch}"
    from_, bank = payable(supplier_id, amount.currency), ours(Pot.BANK, amount.currency)
    return posting(id_, Transfer(id_, from_, bank, amount, Cause.SUPPLIER_PAID))


def charged_back(case_id: str, user_id: str, channel: str, *, from_wallet: Money, ours_to_bear: Money) -> Posting:
    """Posting 17: the card holder took a top-up back. What is no longer in the wallet is our loss."""
    id_, currency = f"cb:{case_id}", from_wallet.currency
    at_psp = psp(channel, currency)
    loss = ours(Pot.GOODWILL, currency)
    return posting(
        id_,
        moved(id_, available(user_id, currency), at_psp, from_wallet.amount_minor, Cause.CHARGEBACK),
        moved(f"{id_}:loss", loss, at_psp, ours_to_bear.amount_minor, Cause.CHARGEBACK),
    )


def merged(merge_id: str, from_user: str, to_user: str, amounts: Sequence[Money]) -> Posting:
    """Two accounts turned out to be one person: the free money of one moves to the other."""
    return posting(
        f"merge:{merge_id}",
        *(
            moved(
                f"merge:{merge_id}:{one.currency}",
                available(from_user, one.currency),
                available(to_user, one.currency),
                one.amount_minor,
                Cause.MERGE,
            )
            for one in amounts
        ),
    )
