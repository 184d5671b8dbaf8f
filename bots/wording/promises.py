"""What we promise a driver about their money, P1 to P8: said by both bots and on the page (docs/money.md).

tests/test_promises.py names the tests that hold each of them. A promise without one is not made.
"""

from __future__ import annotations

from collections.abc import Mapping

from bots.wording import N_, Wording

TITLE = N_("What we promise about your money")
PROMISES: Mapping[str, str] = {
    "P1": N_("You never pay more for a charge than the amount you said yes to."),
    "P2": N_("What a charge does not use is back in your balance in the second its bill is booked."),
    "P3": N_("A start that fails costs nothing."),
    "P4": N_("No amount stays blocked for longer than 72 hours."),
    "P5": N_("One tap, one charge. Tapping twice starts nothing twice."),
    "P6": N_("Every cent is on your statement, with the gun, the price and the reason."),
    "P7": N_("Refunds go back the way you paid, and you see each step."),
    "P8": N_("When we cannot prove that our books balance, we start no charge, and say so."),
}


def title(say: Wording) -> str:
    return say(TITLE)


def lines(say: Wording) -> list[str]:
    """The eight sentences in their order."""
    return [say(sentence) for sentence in PROMISES.values()]
