"""What can be replied to a message that came unasked: other chats have buttons for it."""

from __future__ import annotations

from bots.wording import N_, wording

WHILE_IT_GOES = N_("Reply “status” to look, “stop charge” to end it.")
_TO_STOP = N_("Enough? Reply “stop charge”.")
AS_PROMISED = N_("Was it as promised? Reply “good” or “bad”; “receipt 1” shows the bill.")

# By the code of the message (bots/wording/messages.py).
HINTS = {
    "charge_started": WHILE_IT_GOES,
    "start_unknown": N_("Reply “status” to look."),
    "start_failed": N_("To try again reply “charge”; at another gun scan its code."),
    "stop_failed": N_("To ask once more, reply “stop charge”."),
    "charge_slows": _TO_STOP,
    "charge_nearly_done": _TO_STOP,
    "hold_nearly_used": _TO_STOP,
    "idle_fee_soon": _TO_STOP,
    "hold_extended": WHILE_IT_GOES,
    "charge_unseen": WHILE_IT_GOES,
    "receipt": AS_PROMISED,
    "settled_without_record": AS_PROMISED,
    "watch_ended": N_("“renew {n}” sets it again."),
    "watch_quiet": N_("“show {n}” looks at it, “stop {n}” ends it."),
    "topup_paid": N_("At the gun already? Reply “continue”. Else send your location to find one."),
}


def hint(code: str, language: str, watch_id: int = 0) -> str:
    """The line under a message; "" where there is nothing to reply. `watch_id`: of a message about a watch."""
    return wording(language)(HINTS[code], n=watch_id) if code in HINTS else ""
