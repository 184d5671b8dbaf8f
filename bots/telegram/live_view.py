"""A charge as one message shows it: what is known of it now, in words and with what can be done. Reading and pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bots import charge, money, receipt
from bots.telegram import charge_buttons, nearby, render
from bots.telegram.keyboards import Row, inline
from bots.telegram.markup import bold, ours
from bots.wording import Wording
from core.money import Money
from core.ports import UnitOfWork
from core.scan import Opinion
from core.services import Services
from core.services.alternatives import Alternative
from core.services.wallet import Receipt
from core.session import LIVE, ChargingSession, SessionState
from core.user import User

DIGEST = 16  # characters of what a message says


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is to know of a charge. `receipt` once it is settled, `others` once it failed to start."""

    session: ChargingSession
    hold: Money | None
    opinion: Opinion | None
    receipt: Receipt | None = None
    others: tuple[Alternative, ...] = ()

    @property
    def is_final(self) -> bool:
        return self.session.state not in LIVE


def pictures(services: Services, session_ids: Sequence[str]) -> dict[str, Picture]:
    """As they stand now, all at one moment."""
    with services.database.read() as unit:
        found = (_picture(unit, session_id) for session_id in session_ids)
        return {one.session.id: one for one in found if one is not None}


def _picture(unit: UnitOfWork, session_id: str) -> Picture | None:
    session = unit.sessions.get(session_id)
    if session is None:
        return None
    hold = unit.ledger.hold(session_id)
    return Picture(session, hold.amount if hold and hold.active else None, unit.opinions.get(session_id))


def developed(services: Services, one: Picture) -> Picture:
    """With what is looked up at the end alone: the receipt, or where else to charge."""
    session = one.session
    if not one.is_final:
        return one
    if session.state is SessionState.START_FAILED:
        found = tuple(services.guns.alternatives(session.station_id, session.ref))
        return Picture(session, one.hold, one.opinion, others=found)
    paper = services.wallet.receipt(session.user_id, session.id)
    return Picture(session, one.hold, one.opinion, receipt=paper)


def zone_of(services: Services, user: User, one: Picture) -> str:
    station = services.index.get(one.session.station_id)
    return station.time_zone if station else money.zone(user)


def rendered(say: Wording, one: Picture, at: datetime, zone: str) -> render.Rendered:
    view = charge.view(say, one.session, one.hold, at, zone)
    title = f"✅ {view.title}" if one.session.state is SessionState.SETTLED else view.title
    lines = [bold(ours(title)), *(ours(line) for line in view.lines)]
    if one.receipt is not None:
        lines += [ours(note) for note in receipt.sheet(say, one.receipt, zone).notes]
    return render.message("\n".join(lines), inline(_rows(say, one, may_stop=view.may_stop)))


def _rows(say: Wording, one: Picture, *, may_stop: bool) -> list[Row]:
    session_id = one.session.id
    if may_stop:
        return [charge_buttons.stop(say, session_id)]
    if not one.is_final:
        return []
    if one.session.state is SessionState.START_FAILED:
        return [charge_buttons.again(say, session_id), *nearby.rows(say, one.others)]
    opinion = [] if one.opinion else charge_buttons.as_promised(say, session_id)
    return [charge_buttons.receipt(say, session_id), opinion]


def shown(one: Picture, message: render.Rendered) -> str:
    """What a message says, as its state and a hash: so that it is edited when that changes, and only then."""
    text = json.dumps([message["text"], message.get("reply_markup")], ensure_ascii=False, sort_keys=True)
    return f"{one.session.state}:{hashlib.blake2b(text.encode(), digest_size=DIGEST // 2).hexdigest()}"
