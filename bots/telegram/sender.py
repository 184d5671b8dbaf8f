"""Messages of the outbox, said in Telegram. There is no key against repeats, so every doubt is told as one."""

from __future__ import annotations

from datetime import timedelta

from bots.telegram.markup import bold, ours
from bots.telegram.messenger import TelegramBusy, TelegramMessenger, TelegramRefused
from bots.telegram.render import message
from bots.unsent import NeverSent
from bots.wording.messages import Said
from core.errors import ChatUnreachable, SupplierUnavailable
from core.outbox import Fate, OutboxRow, Result

# After a call that hung or found nobody, the next ones would too: others do not wait behind them meanwhile.
REST = timedelta(seconds=10)


class TelegramSender:
    """Of the channel "telegram"; addresses are chat ids."""

    def __init__(self, messenger: TelegramMessenger) -> None:
        self._messenger = messenger

    def send(self, row: OutboxRow, said: Said) -> Result:
        try:
            number = self._messenger.send_message(
                row.address, message(f"{bold(ours(said.title))}\n{ours(said.text)}")
            )
        except ChatUnreachable as error:
            return Result(Fate.GONE, error=error.reason[:200])
        except TelegramBusy as error:
            # Every call during the pause lengthens it, whatever chat it is for.
            pause = timedelta(seconds=error.retry_after_s)
            return Result(Fate.LATER, error=str(error), retry_after=pause, pause_channel=True)
        except TelegramRefused as error:
            fate = Fate.REFUSED if error.final else Fate.NOT_SENT
            return Result(fate, error=error.detail[:200])
        except NeverSent as error:
            return Result(Fate.NOT_SENT, error=error.detail, retry_after=REST, pause_channel=True)
        except SupplierUnavailable as error:
            return Result(Fate.UNCERTAIN, error=error.detail, retry_after=REST, pause_channel=True)
        return Result(Fate.SENT, sent_ref=str(number))
