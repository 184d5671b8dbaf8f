"""What all parts of the wallet work with: the database, the providers, the doorbell."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.errors import Conflict, NotReady, UserError
from core.ledger import available
from core.payments import PaymentUnavailable
from core.ports import Case, CaseKind, Clock, Database, PaymentProvider, UnitOfWork


@dataclass(frozen=True, slots=True)
class Till:
    """`ring` is the doorbell of the outbox: it is called after a commit with the number of a row written in it."""

    database: Database
    clock: Clock
    providers: Mapping[str, PaymentProvider]  # by channel
    ring: Callable[[int], object]

    def provider(self, channel: str) -> PaymentProvider:
        """Raises UserError for a way of payment that is not set up."""
        found = self.providers.get(channel)
        if found is None:
            raise UserError("no_such_way_to_pay")
        return found

    def provider_of_order(self, channel: str) -> PaymentProvider:
        """The provider that has an order. Raises PaymentUnavailable when it is no longer set up here."""
        found = self.providers.get(channel)
        if found is None:
            raise PaymentUnavailable(f"{channel} is not set up")
        return found

    def ring_all(self, rows: list[int | None]) -> None:
        for row in rows:
            if row is not None:
                self.ring(row)


class KeyUsed(Conflict):
    """The same key came with another wish."""

    def __init__(self) -> None:
        super().__init__("key_used_otherwise")


def asked_in_vain() -> NotReady:
    """A provider does not answer; nothing was lost."""
    return NotReady("payment_not_ready")


def open_case(
    unit: UnitOfWork, kind: CaseKind, subject: str, user_id: str, detail: str, at: datetime, session_id: str = ""
) -> Case:
    return unit.cases.open(Case(f"C{secrets.token_hex(6)}", kind, subject, session_id, user_id, detail, at))


def free_money(unit: UnitOfWork, user_id: str, currency: str) -> int:
    """What is free in this account, in minor units."""
    return unit.ledger.balance(available(user_id, currency)).amount_minor
