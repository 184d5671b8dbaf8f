"""Pushes on their way to a customer: one thread, in order, sent again until they are acknowledged."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from adapters.cec import json_text
from adapters.sandbox.books import Books
from adapters.sandbox.faults import ChargingFault, ChargingFaults

log = logging.getLogger(__name__)

Message = Mapping[str, Any]
_TRIES = 4  # T/CEC 102.4: more than three times, about a minute apart
_MOST_WAITING = 10_000
BILL, GUN_STATUS = "notification_charge_order_info", "notification_stationStatus"
PRICE = "tariff"  # T/CEC 102 has no push of a price


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one try went. `again` when it has to be tried once more."""

    outcome: str
    answer: str = ""
    again: bool = False


class Courier(Protocol):
    def deliver(self, interface: str, message: Message, times: int) -> Delivery:
        """Bring it to the customer, the very same bytes `times` times."""
        ...


@dataclass(order=True, slots=True)
class _Push:
    due: float
    number: int
    interface: str = field(compare=False)
    message: Message = field(compare=False)
    gun_id: str = field(compare=False)
    tries: int = field(compare=False, default=0)


class PushQueue:
    """`send` only queues. What became of each try is in the books."""

    def __init__(self, courier: Courier, books: Books, faults: ChargingFaults) -> None:
        self.retry_every_s = 60.0
        self._courier, self._books, self._faults = courier, books, faults
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._waiting: list[_Push] = []
        self._held_back: _Push | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="pushes", daemon=True).start()

    def send(self, interface: str, message: Message, gun_id: str, *, delay_s: float = 0.0) -> None:
        push = _Push(time.monotonic() + delay_s, next(self._count), interface, message, gun_id)
        if interface != BILL and self._faults.has(ChargingFault.PUSH_LOST, gun_id):
            self._note(push, Delivery("lost"))
            return
        with self._changed:
            for one in self._in_order(push):
                heapq.heappush(self._waiting, one)
            del self._waiting[_MOST_WAITING:]
            self._changed.notify_all()

    def _in_order(self, push: _Push) -> list[_Push]:
        """The pushes to queue now. Out of order, each second one goes before the one that was held back for it."""
        held, self._held_back = self._held_back, None
        if push.interface == BILL or not self._faults.has(ChargingFault.PUSH_OUT_OF_ORDER, push.gun_id):
            return [push] if held is None else [held, push]
        if held is None:
            self._held_back = push
            return []
        held.due, held.number = push.due, next(self._count)
        return [push, held]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0].due > time.monotonic():
                    wait_s = self._waiting[0].due - time.monotonic() if self._waiting else None
                    self._changed.wait(wait_s)
                push = heapq.heappop(self._waiting)
            try:
                self._push(push)
            except Exception:
                log.exception("a push could not be sent")

    def _push(self, push: _Push) -> None:
        push.tries += 1
        times = 2 if self._faults.has(ChargingFault.PUSH_TWICE, push.gun_id) else 1
        delivery = self._courier.deliver(push.interface, push.message, times)
        self._note(push, delivery)
        if delivery.again and push.tries < _TRIES:
            push.due = time.monotonic() + self.retry_every_s
            with self._changed:
                heapq.heappush(self._waiting, push)

    def _note(self, push: _Push, delivery: Delivery) -> None:
        message = json_text.write(push.message)
        self._books.write_push(datetime.now(UTC), push.interface, message, delivery.outcome, delivery.answer)


class Queues:
    """One queue per protocol: a charge is told to who asked for it, the state of a gun to both, a price over OCPI."""

    def __init__(self, cec: PushQueue, ocpi: PushQueue, ocpi_prefix: str) -> None:
        self.cec, self.ocpi, self._ocpi_prefix = cec, ocpi, ocpi_prefix

    def send(self, interface: str, message: Message, gun_id: str, *, delay_s: float = 0.0) -> None:
        seq = message.get("StartChargeSeq")
        over_ocpi = interface == PRICE or (seq is not None and str(seq).startswith(self._ocpi_prefix))
        if not over_ocpi:
            self.cec.send(interface, message, gun_id, delay_s=delay_s)
        if over_ocpi or interface == GUN_STATUS:
            self.ocpi.send(interface, message, gun_id, delay_s=delay_s)
