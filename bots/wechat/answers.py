"""Working pushes off within WeChat's patience: stored first, answered by a few threads, the answer kept.

WeChat cuts the connection after five seconds and sends the same push again, three deliveries in all. The answer is
kept with the stored push, so the second or third delivery collects what the first could not wait for: about 14
seconds of work still get a passive reply, the only kind that accounts without `custom/send` have.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition, Event, Thread
from typing import Protocol

from wechatpy.replies import TextReply

from bots.wechat.conversation import Conversation
from bots.wechat.crypto import SafeMode, split_cdata
from bots.wechat.memory import Memory
from bots.wechat.pushes import Push, read_push
from core.errors import ChatUnreachable
from core.ports import InboxMessage, InboxState
from core.services import Services
from core.user import Channel, Identity

SOURCE = "wechat"
DELIVERIES = 3
DELIVERIES_KEPT = 10_000

log = logging.getLogger(__name__)


class SendsText(Protocol):
    """Speaking first, through `custom/send`."""

    def send_text(self, openid: str, text: str) -> object:
        """Raises ChatUnreachable (final) or SupplierUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait for an answer, and how WeChat does."""

    answer_s: float = 4.3  # the last delivery must be answered before WeChat's five seconds are over
    hold_s: float = 5.6  # nothing said for longer than five seconds makes WeChat send again
    last_delivery_s: float = 14.5  # after this nobody asks for the answer any more
    sweep_s: float = 20.0  # how often we look for work that nobody rang for
    quick_s: float = 0.4  # an ordinary answer is there by then; what is not needs a place among the `waiting`
    waiting: int = 4  # deliveries held open at once: half of the web's threads
    threads: int = 4


class Answers:
    """Stored pushes become sealed replies. One effect per push, whoever delivers it how often.

    Bodies and replies lie in the inbox as WeChat's ciphertext: they hold positions.
    """

    def __init__(
        self,
        services: Services,
        safe: SafeMode,
        conversation: Conversation,
        sender: SendsText | None,
        patience: Patience,
    ) -> None:
        self.services, self.inbox, self.clock = services, services.inbox, services.clock
        self.safe, self.conversation, self.sender, self.patience = safe, conversation, sender, patience
        self._pool = ThreadPoolExecutor(patience.threads, thread_name_prefix="wechat")
        self._turn = Condition()
        self._rings = self._finished = 0
        a_while = timedelta(minutes=2)
        self._deliveries: Memory[int] = Memory(self.clock, life=a_while, most=DELIVERIES_KEPT)
        self._given_up: Memory[bool] = Memory(self.clock, life=a_while, most=DELIVERIES_KEPT)

    # --- one delivery ---------------------------------------------------------------------------------------

    def take(self, push: Push, sealed: str) -> None:
        """Store a push, or count one more delivery of it, and see to it that it is worked off."""
        self.inbox.accept(SOURCE, push.key, push.openid, sealed)
        self._deliveries.put(push.key, (self._deliveries.get(push.key) or 0) + 1)
        self.ring()

    def known(self, push: Push) -> bool:
        return self.inbox.reply(SOURCE, push.key) is not None

    def wait(self, push: Push, timeout_s: float) -> tuple[InboxState, str] | None:
        """The end of a push and its sealed reply; None when it does not come in time."""
        deadline = time.monotonic() + timeout_s
        while True:
            seen = self._finished
            kept = self.inbox.reply(SOURCE, push.key)
            if kept is not None and kept[0] in (InboxState.DONE, InboxState.DEAD):
                return kept
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            with self._turn:
                # half a second: another process may have finished it, and rings no bell here
                self._turn.wait_for(lambda seen=seen: self._finished != seen, min(left_s, 0.5))  # type: ignore[misc]

    def is_last_delivery(self, push: Push) -> bool:
        return (self._deliveries.get(push.key) or 0) >= DELIVERIES

    def give_up(self, push: Push) -> None:
        """No delivery will ask for this answer any more: when it comes, it has to be sent."""
        self._given_up.put(push.key, True)

    def seal(self, push: Push, text: str) -> str:
        """The encrypted XML of a text reply."""
        reply = TextReply(
            source=split_cdata(push.account),
            target=split_cdata(push.openid),
            time=int(self.clock.now().timestamp()),
            content=split_cdata(text),
        )
        return self.safe.seal(reply.render())

    # --- working off ----------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Wake one thread, unless enough wake-ups are waiting: each works until nothing is left."""
        with self._turn:
            if self._rings >= self.patience.threads:
                return
            self._rings += 1
        self._pool.submit(self._woken)

    def sweep_until(self, stop: Event) -> None:
        """Ring now and then, for what a killed process has left behind.

        In this process and not in the worker: the chat's last list lives here, and "more" means nothing elsewhere.
        """

        def sweep() -> None:
            self.ring()
            while not stop.wait(self.patience.sweep_s):
                self.ring()

        Thread(target=sweep, name="wechat-sweep", daemon=True).start()

    def work_off(self) -> int:
        """Work until nothing is due; returns how many pushes were taken."""
        taken = 0
        while self.inbox.work(SOURCE, self._reply, limit=1):
            taken += 1
            with self._turn:
                self._finished += 1
                self._turn.notify_all()
        return taken

    def _woken(self) -> None:
        with self._turn:
            self._rings -= 1
        try:
            self.work_off()
        except Exception:
            # The store is away. The push is delivered again, and the sweep comes by.
            log.exception("WeChat pushes could not be worked off")

    def _reply(self, message: InboxMessage) -> str:
        push = read_push(self.safe.unseal(message.body))
        text = self.conversation.answer(push)
        if not text:
            return ""
        age_s = (self.clock.now() - message.received_at).total_seconds()
        if age_s > self.patience.last_delivery_s or self._given_up.get(push.key):
            self._send(push, text)
        return self.seal(push, text)

    def _send(self, push: Push, text: str) -> None:
        """Too late for a passive reply: speak first, if we may. Raises SupplierUnavailable."""
        if self.sender is None:
            log.warning("an answer came too late and there is no app secret to send it with")
            return
        try:
            self.sender.send_text(push.openid, text)
        except ChatUnreachable as error:
            log.info("a late answer could not be sent", extra={"reason": error.reason})
            self.services.accounts.unreachable(Identity(Channel.WECHAT, push.openid))
