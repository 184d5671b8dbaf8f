"""The wallet: money in, money back, and what it was for. One per currency; no currency becomes another.

The parts: `topups` money in, `refunds` money back, `authorisations` charges that need no stored value, `statement`
what happened. docs/money.md has the postings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from core.errors import NotFound
from core.money import Money
from core.outbox import OutboxRow, Result
from core.payments import (
    AuthorisationReport,
    OrderReport,
    PaymentRequest,
    Refund,
    RefundReport,
    Topup,
    TopupState,
)
from core.ports import Clock, Database, PaymentProvider, Wallet
from core.services.wallet.authorisations import Authorisations
from core.services.wallet.refunds import Refunds
from core.services.wallet.statement import Receipt, StatementLine, Statements
from core.services.wallet.till import Till
from core.services.wallet.topups import Topups

__all__ = ["Receipt", "StatementLine", "WalletService"]

DESCRIPTION = "Kilowatch"  # on the provider's page, where the front door has no better words


class WalletService:
    """Amounts are Money in whole minor units. `ring` is the outbox's doorbell, called after a commit.

    A `client_key` is the key of one action of the person: the same key again is the same action. Errors are
    UserErrors: what the person can put right, or "payment_not_ready" when the provider is silent.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: Mapping[str, PaymentProvider],
        ring: Callable[[int], object],
    ) -> None:
        self._till = Till(database, clock, providers, ring)
        self._topups = Topups(self._till)
        self._refunds = Refunds(self._till)
        self._authorisations = Authorisations(self._till)
        self._statements = Statements(self._till)

    # --- what is there ----------------------------------------------------------------------------------------

    def wallets(self, user_id: str) -> list[Wallet]:
        """One per currency that was ever used, over all accounts of this person."""
        with self._till.database.read() as unit:
            return unit.ledger.wallets(unit.people.same_person(user_id))

    def channels(self, currency: str = "") -> list[str]:
        """The ways to pay, for this currency if one is named."""
        return [
            channel for channel, one in self._till.providers.items() if not currency or currency in one.currencies
        ]

    def currencies(self, channel: str) -> frozenset[str]:
        """What can be paid in by this way. Raises UserError("no_such_way_to_pay")."""
        return self._till.provider(channel).currencies

    def topups(self, user_id: str, limit: int = 50) -> list[Topup]:
        """Newest first."""
        with self._till.database.read() as unit:
            return unit.payments.topups_of(unit.people.same_person(user_id), limit)

    def refunds(self, user_id: str, limit: int = 50) -> list[Refund]:
        """Newest first, with the day by which each is due."""
        with self._till.database.read() as unit:
            return unit.payments.refunds_of(unit.people.same_person(user_id), limit)

    def statement(self, user_id: str, before: int | None = None, limit: int = 20) -> list[StatementLine]:
        """Newest first; go on with the `number` of the last line."""
        return self._statements.lines(user_id, before, limit)

    def receipt(self, user_id: str, session_id: str) -> Receipt:
        """Raises NotFound("no_such_session"), also for another person's."""
        return self._statements.receipt(user_id, session_id)

    # --- money in ---------------------------------------------------------------------------------------------

    def topup(
        self,
        user_id: str,
        amount: Money,
        channel: str,
        client_key: str,
        payer: str = "",
        description: str = DESCRIPTION,
    ) -> tuple[Topup, PaymentRequest]:
        """An order, and how to pay it. `payer` is the person's id on the channel (openid), "" where it needs none.

        Raises UserError ("no_such_way_to_pay", "currency_not_taken", "bad_topup_amount", "payer_needed",
        "key_used_otherwise", "already_paid", "payment_in_review", "topup_closed") and NotReady("payment_not_ready").
        """
        return self._topups.open(user_id, amount, channel, client_key, payer, description)

    def check_topup(self, user_id: str, topup_id: str) -> Topup:
        """What became of an order of this person, asked of the provider now. Raises NotFound("no_such_topup")."""
        with self._till.database.read() as unit:
            order = unit.payments.topup(topup_id)
            if order is None or order.user_id not in unit.people.same_person(user_id):
                raise NotFound("no_such_topup")
        return self.look_at_topup(topup_id) or order

    def may_be_paid(self, channel: str, topup_id: str, amount: Money, user_id: str) -> Topup:
        """A channel asks just before it takes the money of this person (Telegram's pre_checkout_query).

        Raises UserError: then it must not.
        """
        return self._topups.may_be_paid(channel, topup_id, amount, user_id)

    def paid(self, channel: str, report: OrderReport) -> Topup | None:
        """Book what a provider says was paid, once. Anything that does not fit becomes a case and is not booked."""
        return self._topups.report(channel, report)

    def authorise(
        self,
        user_id: str,
        quote_id: str,
        channel: str,
        client_key: str,
        payer: str = "",
        description: str = DESCRIPTION,
    ) -> tuple[Topup, PaymentRequest]:
        """Promise the hold of a quote. Once `check_topup` says PAID, start the charge with the same `client_key` and
        `payment=channel`. Raises as `topup` does, and NotFound("no_such_quote"), Conflict("quote_expired")."""
        return self._authorisations.open(user_id, quote_id, channel, client_key, payer, description)

    def promising_channels(self) -> list[str]:
        """The ways to pay that need no money stored with us."""
        return self._authorisations.channels()

    # --- money back -------------------------------------------------------------------------------------------

    def refundable(self, user_id: str) -> list[Money]:
        """How much can go back now, by currency."""
        return self._refunds.possible(user_id)

    def refund_ways(self, user_id: str, amount: Money) -> list[tuple[str, Money]]:
        """Where this much would go back to, by channel; nothing is done. Raises as `refund` does."""
        return self._refunds.ways(user_id, amount)

    def refund(self, user_id: str, amount: Money | None, client_key: str) -> list[Refund]:
        """Back the way it came, newest top-ups first; `amount` None is all that can go back.

        Raises UserError ("nothing_to_refund", "refund_too_much", "key_used_otherwise"), NotEnoughMoney.
        """
        return self._refunds.ask(user_id, amount, client_key)

    # --- what a provider says, and asking it --------------------------------------------------------------------

    def reported(self, channel: str, report: OrderReport | RefundReport | AuthorisationReport) -> None:
        """Take in what a notice said. Repeating it changes nothing."""
        match report:
            case OrderReport():
                self._topups.report(channel, report)
            case RefundReport():
                self._refunds.report(channel, report)
            case AuthorisationReport():
                self._authorisations.report(channel, report)

    def look_at_topup(self, topup_id: str) -> Topup | None:
        """Ask the provider what became of an order; its time over, it is closed. None for an unknown order."""
        with self._till.database.read() as unit:
            order = unit.payments.topup(topup_id)
        if order is None or not order.quote_id:
            return self._topups.look(topup_id)
        return order if order.state in _ENDED else self._authorisations.look(order)

    def look_at_refund(self, refund_id: str) -> Refund:
        """Ask the provider what became of a refund; one that it does not know is ordered again."""
        return self._refunds.look(refund_id)

    def due(self, limit: int = 50) -> tuple[Sequence[str], Sequence[str]]:
        """Top-ups and refunds that somebody has to look at now."""
        at = self._till.clock.now()
        with self._till.database.read() as unit:
            return unit.payments.topups_due(at, limit), unit.payments.refunds_due(at, limit)

    # --- handlers of the outbox ---------------------------------------------------------------------------------

    def send_refund(self, row: OutboxRow) -> Result:
        return self._refunds.send(row)

    def complete_authorisation(self, row: OutboxRow) -> Result:
        return self._authorisations.complete(row)


_ENDED = frozenset({TopupState.PARKED, TopupState.CLOSED})
