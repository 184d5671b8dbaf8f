"""The buttons under a charge: while it runs, at its end, and under what is said of it unasked. Without aiogram."""

from __future__ import annotations

from enum import StrEnum

from bots.telegram.buttons import Act, pack
from bots.telegram.keyboards import Keyboard, Row, button, inline
from bots.wording import N_, Wording
from core.scan import Promised

RECEIPT = "b"  # of Act.WALLET
_WHICH = {
    Promised.BROKEN: N_("The gun was broken"),
    Promised.BLOCKED: N_("The bay was blocked"),
    Promised.PRICE: N_("The price"),
    Promised.OTHER: N_("Something else"),
}


class Do(StrEnum):
    """What a press on a charge wants: one letter, then the session's id and what goes with it."""

    SHOW = "v"
    ASK_STOP = "s"
    STOP = "y"
    GO_ON = "n"  # do not stop
    AGAIN = "a"  # the same gun once more
    OTHERS = "f"  # where else
    GOOD = "g"  # it was as promised
    BAD = "b"  # it was not: what?
    WHAT = "w"  # and one of Promised
    PAID = "p"  # money has come in: back to the gun that waits for it; no session


def press(label: str, what: Do, session_id: str, more: str = "") -> dict[str, object]:
    return button(label, pack(Act.CHARGE, None, f"{what}{session_id}{more}"))


def receipt(say: Wording, session_id: str) -> Row:
    return [button(say("🧾 Receipt"), pack(Act.WALLET, None, RECEIPT + session_id))]


def stop(say: Wording, session_id: str) -> Row:
    return [press(say("⏹ Stop"), Do.ASK_STOP, session_id)]


def sure_to_stop(say: Wording, session_id: str) -> Keyboard:
    yes, no = say("⏹ Yes, stop charging"), say("No, go on")
    return inline([[press(yes, Do.STOP, session_id)], [press(no, Do.GO_ON, session_id)]])


def as_promised(say: Wording, session_id: str) -> Row:
    return [
        press(say("👍 As promised"), Do.GOOD, session_id),
        press(say("👎 Not as promised"), Do.BAD, session_id),
    ]


def what_was_wrong(say: Wording, session_id: str) -> list[Row]:
    answers = [press(say(words), Do.WHAT, session_id, f".{one.value}") for one, words in _WHICH.items()]
    return [answers[:2], answers[2:]]


def paid(say: Wording, _: str) -> Row:
    return [press(say("▶ Go on"), Do.PAID, "")]


def again(say: Wording, session_id: str) -> Row:
    return [press(say("🔁 Try again"), Do.AGAIN, session_id)]


def others(say: Wording, session_id: str) -> Row:
    return [press(say("🔎 Another gun nearby"), Do.OTHERS, session_id)]
