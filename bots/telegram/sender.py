"""Messages of the outbox, said in Telegram. There is no key against repeats, so every doubt is told as one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from bots.telegram import alerts, charge_buttons
from bots.telegram.keyboards import Row, button, inline
from bots.telegram.markup import bold, ours
from bots.telegram.messenger import TelegramBusy, TelegramMessenger, TelegramRefused
from bots.telegram.render import Rendered, message
from bots.telegram.watch_buttons import LABELS, MY_WATCHES
from bots.telegram.watch_codes import LIST, RENEW, STOP, shared
from bots.unsent import NeverSent
from bots.wording import Wording, wording
from bots.wording.messages import Said
from core.errors import ChatUnreachable, SupplierUnavailable
from core.outbox import Fate, OutboxRow, Result
from core.ports import Pauses
from core.services.alerts.telling import AlertsNow

CHANNEL = "telegram"
# After a call that hung or found nobody, the next ones would too: others do not wait behind them meanwhile.
REST = timedelta(seconds=10)

# What can be done about a message at once, by its code. "It does not stop" has none: the red button is on the pile.
_BUTTONS: Mapping[str, Callable[[Wording, str], Row]] = {
    "receipt": charge_buttons.receipt,
    "settled_without_record": charge_buttons.receipt,
    "charge_credited": charge_buttons.receipt,
    "charge_slows": charge_buttons.stop,
    "charge_nearly_done": charge_buttons.stop,
    "hold_nearly_used": charge_buttons.stop,
    "idle_fee_soon": charge_buttons.stop,
    "charge_unseen": charge_buttons.stop,
    "start_failed": charge_buttons.others,
    "topup_paid": charge_buttons.paid,
}
_WITHOUT_SESSION = frozenset({"topup_paid"})
# One that has ended stands in no list any more: it is renewed from here.
_OF_WATCHES: Mapping[str, tuple[str, ...]] = {"watch_ended": (RENEW,), "watch_quiet": (LIST, STOP)}
_WATCH_LABELS = {**LABELS, LIST: MY_WATCHES}
# The message that shows the charge says it too: this one only stays in the chat.
_SILENT = frozenset({"charge_started"})


class TelegramSender:
    """Of the channel "telegram"; addresses are chat ids."""

    def __init__(self, messenger: TelegramMessenger, pauses: Pauses | None = None) -> None:
        """`pauses` are what other processes of ours were asked for."""
        self._messenger, self._pauses = messenger, pauses
        self._silent_until = 0.0  # for all threads of this one, before anybody else knows

    def send(self, row: OutboxRow, said: Said) -> Result:
        return self._sent(row.address, _rendered(row, said))

    def send_alerts(self, row: OutboxRow, say: Wording, now: AlertsNow) -> Result:
        """bots.alert_saying.SaysAlerts."""
        return self._sent(row.address, alerts.rendered(say, now))

    def _sent(self, chat_id: str, rendered: Rendered) -> Result:
        pause = self._pause()
        if pause is not None:
            return Result(Fate.LATER, error="Telegram asked to wait", retry_after=pause)
        try:
            number = self._messenger.send_message(chat_id, rendered)
        except ChatUnreachable as error:
            return Result(Fate.GONE, error=error.reason[:200])
        except TelegramBusy as error:
            # Every call during the pause lengthens it, whatever chat it is for.
            self._silent_until = max(self._silent_until, time.monotonic() + error.retry_after_s)
            pause = timedelta(seconds=error.retry_after_s)
            if self._pauses is not None:
                self._pauses.begin(CHANNEL, pause)
            return Result(Fate.LATER, error=str(error), retry_after=pause, pause_channel=True)
        except TelegramRefused as error:
            fate = Fate.REFUSED if error.final else Fate.NOT_SENT
            return Result(fate, error=error.detail[:200])
        except NeverSent as error:
            return Result(Fate.NOT_SENT, error=error.detail, retry_after=REST, pause_channel=True)
        except SupplierUnavailable as error:
            return Result(Fate.UNCERTAIN, error=error.detail, retry_after=REST, pause_channel=True)
        return Result(Fate.SENT, sent_ref=str(number))

    def _pause(self) -> timedelta | None:
        """Whoever has claimed a row already would not find it in the outbox any more."""
        silent_s = self._silent_until - time.monotonic()
        if silent_s > 0:
            return timedelta(seconds=silent_s)
        return self._pauses.left(CHANNEL) if self._pauses is not None else None


def _rendered(row: OutboxRow, said: Said) -> Rendered:
    body: dict[str, Any] = json.loads(row.body)
    code, session_id = body.get("code", ""), body.get("params", {}).get("session_id", "")
    say, row_of = wording(said.language), _BUTTONS.get(code)
    is_about = bool(session_id) or code in _WITHOUT_SESSION
    keyboard = inline([row_of(say, session_id)]) if row_of and is_about else None
    if code in _OF_WATCHES:
        watch_id = int(body["params"].get("watch_id", 0))
        keyboard = inline([[button(say(_WATCH_LABELS[what]), shared(what, watch_id)) for what in _OF_WATCHES[code]]])
    rendered = message(f"{bold(ours(said.title))}\n{ours(said.text)}", keyboard)
    return rendered | ({"disable_notification": True} if code in _SILENT else {})
