"""What a scan asks, and what it is refused with, on the way from a code to an offer. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from bots import charge, money
from bots.telegram import render
from bots.telegram.buttons import Act, pack
from bots.telegram.keyboards import Row, button, inline, send_location
from bots.telegram.markup import bold, ours
from bots.telegram.visit import Visit
from bots.wording import Wording, phrases
from core.scan import ScanState
from core.services.guns import Identified
from core.shield import FoundGun
from core.station import Connector

LABEL_MAX = 48


class Ask(StrEnum):
    """What a press wants: one letter, then the scan's id and what goes with it."""

    WHICH = "w"  # and the number of the gun
    YES = "y"  # I am at that station
    NO = "n"
    LOOK = "v"  # this one of several codes
    REPORT = "r"
    OFFER = "o"  # and how many kWh
    START = "s"  # and the quote: the yes
    TOP_UP = "t"  # and the quote
    GO_ON = "c"  # and how many kWh: I have paid
    CANCEL = "x"


def question(visit: Visit, told: Identified) -> render.Rendered:
    """Of a scan that has not passed."""
    say, scan = visit.say, told.scan
    assert told.problem is not None
    lines = [ours(phrases.error(say, told.problem))]
    match scan.state:
        case ScanState.WHICH_GUN:
            rows: list[Row] = [
                [press(choice_label(visit, one), Ask.WHICH, scan.id, number)] for number, one in told.choices
            ]
            return render.message("\n".join(lines), inline([*rows, [report_button(say, scan.id)]]))
        case ScanState.ASK_STATION:
            answers = [press(say("Yes, I am there"), Ask.YES, scan.id), press(say("No, I am not"), Ask.NO, scan.id)]
            return render.message(
                "\n".join([*head(say, told), *lines]), inline([answers, [report_button(say, scan.id)]])
            )
        case ScanState.ASK_LAST_FOUR:
            lines.append(ours(say("Does the sticker look wrong? /report")))
            return render.message("\n".join(lines), send_location(say))
    return render.message("\n".join(["⛔ " + lines[0]]), inline([[report_button(say, scan.id)]]))


def which_scan(visit: Visit, told: Sequence[Identified]) -> render.Rendered:
    """One photo with the codes of several guns."""
    rows: list[Row] = [[press(_name(visit, one), Ask.LOOK, one.scan.id)] for one in told]
    return render.message(
        ours(visit.say("There are several codes in this picture. Which gun is yours?")), inline(rows)
    )


def head(say: Wording, told: Identified) -> list[str]:
    """Station, operator and gun, as far as the gun is known."""
    if told.gun is None:
        return []
    first, *others = charge.gun_head(say, told.gun)
    return [bold(ours(first)), *(ours(line) for line in others)]


def _name(visit: Visit, told: Identified) -> str:
    if told.gun is not None:
        return choice_label(visit, told.gun)
    station = told.choices[0][1].station.name if told.choices else ""
    return money.clean(station, LABEL_MAX) or "?"


def choice_label(visit: Visit, one: FoundGun) -> str:
    return gun_label(visit.say, one.connector, visit.now)


def gun_label(say: Wording, gun: Connector, at: datetime) -> str:
    """ "Gun 03 · GB/T DC · 120 kW · free"."""
    name = money.gun(say, gun.label or gun.ref.connector_id[-4:])
    power = phrases.power(say, gun) if gun.power_kw else ""
    return money.joined(
        money.clean(name, LABEL_MAX), say(phrases.PLUGS[gun.plug]), power, say(phrases.STATUSES[gun.status_now(at)])
    )


def report_button(say: Wording, scan_id: str) -> dict[str, object]:
    return press(say("🚩 Report the sticker"), Ask.REPORT, scan_id)


def press(label: str, what: Ask, scan_id: str, more: object = "") -> dict[str, object]:
    return button(label, pack(Act.SCAN, None, f"{what}{scan_id}{more}"))


def digest(text: str) -> str:
    """Eight characters for an id of any length."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
