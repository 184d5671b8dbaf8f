"""What the provider does: takes orders, takes a driver's money, pays back, and tells about it."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, date, datetime
from typing import Any

from adapters.sandbox.payments.books import Books, Row, now_text
from adapters.sandbox.payments.faults import PaymentFault, PaymentFaults

PAGE_KINDS = {"payment": "unpaid", "promise": "waiting"}  # the state in which a driver can still say yes


class Refused(Exception):
    """What the merchant asks for cannot be done. `status` is the HTTP one."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ProviderHouse:
    def __init__(self, books: Books, faults: PaymentFaults) -> None:
        self.books, self.faults = books, faults

    # --- the merchant -------------------------------------------------------------------------------------------

    def open_order(self, wish: Row) -> Row:
        order = self.books.open_order(wish)
        same = ("kind", "amount_minor", "currency")
        if any(order[name] != wish[name] for name in same):
            raise Refused(409, "this number was used for another order")
        if order["state"] not in PAGE_KINDS.values():
            raise Refused(409, f"the order is {order['state']}")
        return order

    def order(self, order_id: str) -> Row:
        order = self.books.order(order_id)
        if order is None:
            raise Refused(404, "no such order")
        return order

    def close(self, order_id: str) -> Row:
        with self.books.writing():
            order = self.order(order_id)
            if order["state"] == "unpaid":
                return self.books.change_order(order_id, state="closed")
        return order

    def complete(self, order_id: str, amount_minor: int) -> Row:
        with self.books.writing():
            order = self.order(order_id)
            if order["kind"] != "promise" or not 0 <= amount_minor <= order["amount_minor"]:
                raise Refused(400, "not a promise of that much")
            if order["taken_minor"] is not None:
                if order["taken_minor"] != amount_minor:
                    raise Refused(409, "another amount was taken before")
                return order
            if amount_minor and order["state"] != "authorised":
                raise Refused(409, "nobody has promised that")
            state = "completed" if amount_minor else "cancelled"
            return self.books.change_order(order_id, state=state, taken_minor=amount_minor)

    def refund(self, wish: Row) -> Row:
        with self.books.writing():
            order = self.order(wish["order_id"])
            if (before := self.books.refund(wish["refund_id"])) is not None:
                if (before["order_id"], before["amount_minor"]) != (wish["order_id"], wish["amount_minor"]):
                    raise Refused(409, "this number was used for another refund")
                return before
            taken = {"paid": order["paid_minor"], "completed": order["taken_minor"]}.get(order["state"], 0)
            left = taken - self.books.refunded(order["order_id"])
            possible = wish["currency"] == order["paid_currency"]
            good = possible and 0 < wish["amount_minor"] <= left
            refused = not good or self.faults.has(PaymentFault.REFUND_REFUSED)
            state = "refused" if refused else "processing"
            refund = {
                **{name: wish[name] for name in ("refund_id", "order_id", "amount_minor", "currency")},
                "state": state,
                "psp_refund": f"SR{secrets.token_hex(10)}",
                "asked_at": now_text(),
                "done_at": None,
                "detail": "the account cannot take it" if refused else "",
            }
            self.books.add_refund(refund)
        if state == "processing" and not self.faults.has(PaymentFault.REFUND_SLOW):
            self.pay_out()
        return self.known_refund(wish["refund_id"])

    def known_refund(self, refund_id: str) -> Row:
        refund = self.books.refund(refund_id)
        if refund is None:
            raise Refused(404, "no such refund")
        return refund

    def pay_out(self) -> None:
        """What is processed arrives, and the merchant is told."""
        for refund in self.books.processing():
            with self.books.writing():
                done = self.books.change_refund(refund["refund_id"], state="paid", done_at=now_text())
                self._tell("refund", self.order(refund["order_id"])["notify_url"], refund_view(done))

    def bill(self, day: date) -> list[Row]:
        """Payments and refunds of a day, by universal time."""
        everything, text = self.books.everything(), day.isoformat()
        lines = [
            {
                "line_id": f"P{one['transaction']}",
                "kind": "payment",
                "order_id": one["order_id"],
                "transaction": one["transaction"],
                "amount_minor": one["paid_minor"] if one["kind"] == "payment" else one["taken_minor"],
                "currency": one["paid_currency"],
            }
            for one in everything["orders"]
            if (one["paid_at"] or "").startswith(text) and (one["kind"] == "payment" or one["taken_minor"])
        ]
        lines += [
            {
                "line_id": f"R{one['psp_refund']}",
                "kind": "refund",
                "order_id": one["refund_id"],
                "transaction": one["psp_refund"],
                "amount_minor": one["amount_minor"],
                "currency": one["currency"],
            }
            for one in everything["refunds"]
            if (one["done_at"] or "").startswith(text)
        ]
        return lines

    # --- the driver ---------------------------------------------------------------------------------------------

    def says_yes(self, order_id: str) -> Row:
        """The driver pays, or promises. Raises Refused for an order that is over."""
        with self.books.writing():
            order = self.order(order_id)
            if order["state"] != PAGE_KINDS[order["kind"]] or _over(order):
                raise Refused(409, "this order is over")
            more = 1 if self.faults.has(PaymentFault.WRONG_AMOUNT) else 0
            other = "USD" if order["currency"] != "USD" else "CNY"
            paid = self.books.change_order(
                order_id,
                state="paid" if order["kind"] == "payment" else "authorised",
                transaction=f"SP{secrets.token_hex(10)}",
                paid_at=now_text(),
                paid_minor=order["amount_minor"] + more,
                paid_currency=other if self.faults.has(PaymentFault.WRONG_CURRENCY) else order["currency"],
            )
            told = order_view(paid)
            if self.faults.has(PaymentFault.UNKNOWN_ORDER):
                told["order_id"] = f"X{secrets.token_hex(8)}"
            self._tell(paid["kind"], paid["notify_url"], told)
        return paid

    def says_no(self, order_id: str) -> Row:
        with self.books.writing():
            order = self.order(order_id)
            if order["state"] != PAGE_KINDS[order["kind"]]:
                return order
            return self.books.change_order(order_id, state="closed" if order["kind"] == "payment" else "cancelled")

    def _tell(self, kind: str, url: str, about: Row) -> None:
        if self.faults.has(PaymentFault.NOTICE_NEVER):
            return
        due_at = time.time() + self.faults.seconds(PaymentFault.NOTICE_LATE, 30)
        for _ in range(2 if self.faults.has(PaymentFault.NOTICE_TWICE) else 1):
            number = f"N{secrets.token_hex(10)}"
            self.books.add_notice(number, url, json.dumps({"id": number, "kind": kind, "about": about}), due_at)


def order_view(order: Row) -> dict[str, Any]:
    """What the merchant is told of an order: what was paid, by our own word."""
    return {
        "order_id": order["order_id"],
        "kind": order["kind"],
        "state": "closed" if order["state"] == "unpaid" and _over(order) else order["state"],
        "transaction": order["transaction"],
        "amount_minor": order["paid_minor"],
        "currency": order["paid_currency"],
        "paid_at": order["paid_at"],
    }


def refund_view(refund: Row) -> dict[str, Any]:
    names = (
        "refund_id", "order_id", "amount_minor", "currency", "state", "psp_refund", "done_at", "detail",
    )  # fmt: skip
    return {name: refund[name] for name in names}


def _over(order: Row) -> bool:
    return datetime.fromisoformat(order["expires_at"]) <= datetime.now(UTC)
