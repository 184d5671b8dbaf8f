"""Past charges in the chat: by month and station, page by page, and all of them as a file."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from aiogram import F, Router
from aiogram.filters import Command
from aiogram.types import BufferedInputFile, CallbackQuery, Message

from bots import history, money
from bots.telegram import charge_buttons, chat, render
from bots.telegram.buttons import Act, Button, pack
from bots.telegram.keyboards import Row, button, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from core.errors import UserError
from core.money import Money
from core.ports import HistoryFilter
from core.session import ChargingSession, SessionState

router = Router(name="history")

WORDS = frozenset({"history", "charges", "充电记录", "记录"})  # typed, without a slash
# Which charges: one letter, and the station's id behind the last one.
ALL, THIS_MONTH, LAST_MONTH, STATION = "a", "m", "p", "s"
SHOW, FILE = "v", "f"
PAGE = 6
LABEL_MAX = 24


@dataclass(frozen=True, slots=True)
class Which:
    """What is looked at: a filter, and from where on."""

    kind: str = ALL
    station_id: str = ""
    before: datetime | None = None

    def __str__(self) -> str:
        micros = "" if self.before is None else str(round(self.before.timestamp() * 1_000_000))
        return f"{self.kind}{self.station_id}.{micros}"

    @classmethod
    def read(cls, text: str) -> Which:
        """Raises UserError("old_button")."""
        head, _, micros = text.partition(".")
        kind, station_id = head[:1], head[1:]
        if kind not in {ALL, THIS_MONTH, LAST_MONTH, STATION} or (kind == STATION) != bool(station_id):
            raise UserError("old_button")
        if micros and not (micros.isascii() and micros.isdigit() and len(micros) < 18):
            raise UserError("old_button")
        before = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros)) if micros else None
        return cls(kind, station_id, before)

    def wanted(self, now: datetime, zone: str) -> HistoryFilter:
        """Months begin where the person is."""
        if self.kind == STATION:
            return HistoryFilter(station=self.station_id)
        first = history.moment("since", f"{now:%Y-%m}", zone)
        assert first is not None
        if self.kind == THIS_MONTH:
            return HistoryFilter(since=first)
        if self.kind == LAST_MONTH:
            before = first - timedelta(days=1)
            return HistoryFilter(since=history.moment("since", f"{before:%Y-%m}", zone), until=first)
        return HistoryFilter()


@router.message(Command("history"))
@router.message(F.text.lower().in_(WORDS))
async def show(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _page(visit, Which()))


@router.callback_query(Pressed(Act.HISTORY))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    only_in_private(visit)
    assert call.message is not None
    which = Which.read(button.value[1:])
    if button.value[:1] == FILE:
        await _file(visit, which)
    elif button.value[:1] == SHOW:
        await visit.show(call.message.message_id, await _page(visit, which))
    else:
        raise UserError("old_button")


async def _page(visit: Visit, which: Which) -> render.Rendered:
    say, wanted = visit.say, _wanted(visit, which)
    charging = visit.services.charging
    found = await visit.run_core(charging.history, visit.user.id, which.before, PAGE + 1, wanted)
    shown = found[:PAGE]
    lines = [bold(ours(say("Your charges")))]
    if which.kind in (THIS_MONTH, LAST_MONTH):
        lines += [ours(line) for line in await visit.run_core(_sums, visit, wanted)]
    lines.append(
        ours(say("Tap one for its receipt.") if shown else say("No charge here. Choose something else below."))
    )
    rows: list[Row] = [
        [button(_label(visit, one), pack(Act.WALLET, None, charge_buttons.RECEIPT + one.id))] for one in shown
    ]
    return render.message("\n".join(lines), inline([*rows, *_controls(visit, which, found)]))


def _label(visit: Visit, one: ChargingSession) -> str:
    """Short enough for a button: "11-23 13:06 · Lotus Road · ¥60.25"."""
    say, station = visit.say, visit.services.index.get(one.station_id)
    zone = station.time_zone if station else money.zone(visit.user)
    paid = say.money(one.charged) if one.charged is not None else money.state(say, one)
    if one.state is SessionState.START_FAILED:
        paid = "✖"
    day_of_month = say.day(one.created_at, zone)[5:]
    name = money.clean(one.quote.station_name, LABEL_MAX)
    return money.joined(f"{day_of_month} {say.clock(one.created_at, zone)}", name, paid)


def _wanted(visit: Visit, which: Which) -> HistoryFilter:
    zone = money.zone(visit.user)
    return which.wanted(visit.now.astimezone(ZoneInfo(zone)), zone)


def _controls(visit: Visit, which: Which, found: list[ChargingSession]) -> list[Row]:
    """Pages, filters, the file."""
    say = visit.say
    pages: Row = []
    if which.before is not None:
        pages.append(_press(say("⏮ Newest"), SHOW, Which(which.kind, which.station_id)))
    if len(found) > PAGE:
        after = Which(which.kind, which.station_id, found[PAGE - 1].created_at)
        pages.append(_press(say("Older ▶"), SHOW, after))
    kinds = ((ALL, say("All")), (THIS_MONTH, say("This month")), (LAST_MONTH, say("Last month")))
    filters = [_press(label, SHOW, Which(kind), chosen=which.kind == kind) for kind, label in kinds]
    rows = [pages, filters]
    if found:
        place = found[0]
        label = f"📍 {money.clean(place.quote.station_name, LABEL_MAX)}"
        rows.append([_press(label, SHOW, Which(STATION, place.station_id), chosen=which.kind == STATION)])
        rows.append([_press(say("📄 As a file (CSV)"), FILE, Which(which.kind, which.station_id))])
    return rows


def _press(label: str, what: str, which: Which, *, chosen: bool = False) -> dict[str, object]:
    return button(label, pack(Act.HISTORY, None, f"{what}{which}"), chosen=chosen)


def _sums(visit: Visit, wanted: HistoryFilter) -> list[str]:
    """ "5 charges · 123.4 kWh · ¥150.00", a line for each currency."""
    say = visit.say
    count: dict[str, int] = defaultdict(int)
    kwh: dict[str, Decimal] = defaultdict(Decimal)
    paid: dict[str, int] = defaultdict(int)
    for one in history.charges(visit.services, visit.user.id, wanted):
        if one.charged is not None:
            count[one.currency] += 1
            kwh[one.currency] += one.energy_kwh or 0
            paid[one.currency] += one.charged.amount_minor
    return [
        money.joined(
            say.plural("{n} charge", "{n} charges", count[currency]),
            say("{n} kWh", n=say.number(kwh[currency])),
            say.money(Money(paid[currency], currency)),
        )
        for currency in sorted(count)
    ]


async def _file(visit: Visit, which: Which) -> None:
    """All that the filter lets through, whatever page is shown."""
    say, zone, wanted = visit.say, money.zone(visit.user), _wanted(visit, which)

    def written() -> bytes:
        found = history.receipts(visit.services, visit.user.id, wanted)
        return "".join(history.csv_rows(say, found, zone)).encode()

    async with chat.busy(visit.bot, visit.chat_id, "upload_document"):
        # Of many years it takes longer than others may be kept waiting for.
        content = await asyncio.to_thread(written)
    await visit.bot.send_document(visit.chat_id, BufferedInputFile(content, history.file_name(visit.now)))
