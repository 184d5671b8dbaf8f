"""The card before a charge and the yes to it: gun, price with its parts, hold, promises; then the money is held."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from aiogram import Router
from aiogram.types import CallbackQuery

from bots import charge
from bots.telegram import gun_card, live_message, nearby, render, report, wallet
from bots.telegram.buttons import Act, Button
from bots.telegram.gun_card import Ask
from bots.telegram.keyboards import Row, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.wording import phrases
from core.errors import NotFound, UserError
from core.ledger import NotEnoughMoney
from core.money import Money
from core.payments import TopupState
from core.ports import HistoryFilter
from core.scan import ScanSource, ScanState
from core.services.alternatives import Alternative
from core.services.guns import ChargeOffer, Identified
from core.session import BUSY, ChargingSession, FrozenQuote
from core.wishes import LEAST_KWH, MOST_KWH

router = Router(name="offer")

SCAN_ID = 12  # characters
KWH = (10, 20, 30, 40, 60)
KWH_SHOWN = 4
ORDERS_LOOKED_AT = 3
# Of these the driver hears where else to charge; everything else is said as it is.
_ANOTHER_GUN = frozenset(
    {"gun_busy", "gun_out_of_order", "no_price", "price_too_old", "cannot_start_here", "too_many_failed_starts"}
)
_SAID_IN_PLACE = _ANOTHER_GUN | {"starts_halted", "no_such_gun"}


async def show_next(visit: Visit, told: Identified, message_id: int | None = None) -> None:
    """The next step of a scan: in the message with the pressed button where there is one."""
    if told.scan.state is ScanState.PASSED:
        visit.expected.no_more(visit.chat_id)
        await show(visit, told.scan.id, visit.user.energy_kwh, message_id)
        return
    if told.scan.state in (ScanState.ASK_LAST_FOUR, ScanState.REFUSED):
        visit.expected.number(visit.chat_id, visit.now)
    # The button that sends a position stands under the text field, and an edited message cannot bring it.
    by_edit = told.scan.state is not ScanState.ASK_LAST_FOUR
    await _place(visit, gun_card.question(visit, told), message_id if by_edit else None)


# --- the card -----------------------------------------------------------------------------------------------------


async def show(
    visit: Visit, scan_id: str, kwh: Decimal, message_id: int | None = None, before: FrozenQuote | None = None
) -> None:
    """The offer for a scan that passed, or why there is none and where else to go. `before` is what has expired."""
    if (running := await _running(visit)) is not None:
        await _place(visit, live_message.you_are_charging(visit.say, running.id), message_id)
        return
    try:
        one = await visit.run_core(visit.services.guns.offer, visit.user.id, scan_id, kwh)
        rendered = card(visit, one, before)
    except UserError as refusal:
        if refusal.code not in _SAID_IN_PLACE:
            raise
        rendered = await _refused(visit, refusal, scan_id, kwh)
    await _place(visit, rendered, message_id)


async def _place(visit: Visit, rendered: render.Rendered, message_id: int | None) -> None:
    if message_id is None:
        await visit.send(rendered)
    else:
        await visit.show(message_id, rendered)


def card(visit: Visit, one: ChargeOffer, before: FrozenQuote | None = None) -> render.Rendered:
    say = visit.say
    first, *others = charge.gun_head(say, one.gun)
    lines = [bold(ours(first)), *(ours(line) for line in others), ""]
    if before is not None:
        lines = [ours(_renewed(visit, one, before)), "", *lines]
    lines += [ours(line) for line in charge.offer_lines(say, one, visit.now)]
    if missing := charge.missing_line(say, one):
        lines += ["", bold(ours(missing))]
    else:
        lines += ["", ours(say("🔌 Plug in first, then tap Start. This price holds for five minutes."))]
    return render.message("\n".join(lines), inline(_rows(visit, one)))


def _renewed(visit: Visit, one: ChargeOffer, before: FrozenQuote) -> str:
    say, old, new = visit.say, before.expected, one.quote.expected
    if (old, before.hold) == (new, one.quote.hold):
        return say("⏱ That price had expired; the new one is the same. Tap Start again.")
    return say(
        "⏱ That price had expired. It was {old}, it is {new} now. Nothing was started: tap Start if you agree.",
        old=say.money(old),
        new=say.money(new),
    )


def _rows(visit: Visit, one: ChargeOffer) -> list[Row]:
    say, scan_id, kwh = visit.say, one.scan.id, one.quote.energy_kwh
    press = gun_card.press
    if one.missing is None:
        label = say("⚡ Start · hold {hold}", hold=say.money(one.quote.hold))
        main: list[Row] = [[press(label, Ask.START, scan_id, one.quote.id)]]
    else:
        label = say("➕ Top up {amount}", amount=say.money(charge.to_top_up(one.missing)))
        main = [
            [press(label, Ask.TOP_UP, scan_id, one.quote.id)],
            [press(say("▶ I have paid, continue"), Ask.GO_ON, scan_id, kwh)],
        ]
    amounts = [
        press(_chosen(say("{n} kWh", n=say.number(n)), n == kwh), Ask.OFFER, scan_id, n) for n in kwh_choices(kwh)
    ]
    end = [press(say("✕ Cancel"), Ask.CANCEL, scan_id)]
    if one.scan.reported_at is None and one.scan.source is not ScanSource.LIST:
        end.append(gun_card.report_button(say, scan_id))
    return [*main, amounts, end]


def kwh_choices(now: Decimal) -> list[Decimal]:
    """A few amounts around the one that is chosen."""
    now = Decimal(format(now.normalize(), "f"))
    known = sorted({*map(Decimal, KWH), now}, key=lambda one: (abs(one - now), one))
    return sorted(known[:KWH_SHOWN])


def _chosen(label: str, chosen: bool) -> str:
    return f"✓ {label}" if chosen else label


async def _refused(visit: Visit, refusal: UserError, scan_id: str, kwh: Decimal) -> render.Rendered:
    """A sentence, and up to three stations with a free gun that fits."""
    say, told = visit.say, await visit.run_core(visit.services.guns.scan, visit.user.id, scan_id)
    scan = told.scan
    found: list[Alternative] = []
    if refusal.code in _ANOTHER_GUN and scan.ref is not None:
        found = await visit.run_core(visit.services.guns.alternatives, scan.station_id, scan.ref)
    lines = [*gun_card.head(say, told), f"⛔ {ours(phrases.error(say, refusal))}"]
    if found:
        lines.append(ours(say("Free nearby, with your plug:")))
    again = [gun_card.press(say("🔄 Look again"), Ask.OFFER, scan_id, kwh)]
    rows = [*nearby.rows(say, found), again, [gun_card.report_button(say, scan_id)]]
    return render.message("\n".join(lines), inline(rows))


# --- money that is missing ----------------------------------------------------------------------------------------


async def _top_up(visit: Visit, scan_id: str, quote_id: str) -> None:
    """A payment of what is missing, in a message of its own: the card stays, with its way on."""
    quote = await _quote(visit, quote_id)
    wallets = await visit.run_core(visit.services.wallet.wallets, visit.user.id)
    currency = quote.hold.currency
    free = next((one.available for one in wallets if one.available.currency == currency), Money(0, currency))
    if free >= quote.hold:
        raise UserError("already_paid")
    amount = charge.to_top_up(quote.hold - free)
    go_on = gun_card.press(visit.say("▶ I have paid, continue"), Ask.GO_ON, scan_id, quote.energy_kwh)
    key = f"tg:q:{quote_id}:{amount.amount_minor}{amount.currency}"
    rendered = await wallet.ordered(visit, amount, key, after=[go_on])
    if rendered is not None:
        await visit.send(rendered)


async def _go_on(visit: Visit, scan_id: str, kwh: Decimal, message_id: int) -> None:
    """The card again, with a fresh quote; what was paid and nobody has told us yet is asked for first.

    While nothing has arrived the message stays as it is: the way to pay may stand in it.
    """
    services, user_id = visit.services, visit.user.id
    has_paid = False
    for order in await visit.run_core(services.wallet.topups, user_id, ORDERS_LOOKED_AT):
        if order.state not in (TopupState.PAID, TopupState.CLOSED, TopupState.PARKED):
            looked = await visit.run_core(services.wallet.check_topup, user_id, order.id)
            has_paid |= looked.state is TopupState.PAID
    one = await visit.run_core(services.guns.offer, user_id, scan_id, kwh)
    if one.missing is not None and not has_paid:
        raise UserError("not_paid_yet")
    await visit.show(message_id, card(visit, one))


# --- the yes ------------------------------------------------------------------------------------------------------


async def _start(visit: Visit, scan_id: str, quote_id: str, message_id: int) -> None:
    """Nothing but the very offer that was shown is started; the same one once, however often it is tapped."""
    charging = visit.services.charging
    try:
        session: ChargingSession = await visit.run_core(charging.start, visit.user.id, quote_id, f"quote:{quote_id}")
    except NotEnoughMoney:
        quote = await _quote(visit, quote_id)
        await show(visit, scan_id, quote.energy_kwh, message_id)
        return
    except UserError as refusal:
        quote = await _quote(visit, quote_id)
        if refusal.code == "quote_expired":
            await show(visit, scan_id, quote.energy_kwh, message_id, before=quote)
        elif refusal.code == "you_are_charging":
            await show(visit, scan_id, quote.energy_kwh, message_id)
        elif refusal.code in _SAID_IN_PLACE:
            await visit.show(message_id, await _refused(visit, refusal, scan_id, quote.energy_kwh))
        else:
            raise
        return
    await live_message.adopt(visit, session.id, message_id)


async def _running(visit: Visit) -> ChargingSession | None:
    """What keeps this driver from starting another charge."""
    wanted = HistoryFilter(states=BUSY)
    found = await visit.run_core(visit.services.charging.history, visit.user.id, None, 1, wanted)
    return found[0] if found else None


async def _quote(visit: Visit, quote_id: str) -> FrozenQuote:
    def read() -> FrozenQuote:
        with visit.services.database.read() as unit:
            found = unit.sessions.quote(quote_id)
            people = unit.people.same_person(visit.user.id)
        if found is None or found[0].user_id not in people:
            raise NotFound("no_such_quote")
        return found[0]

    return await visit.run_core(read)


# --- presses ------------------------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.SCAN))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    only_in_private(visit)
    assert call.message is not None
    what, scan_id, rest = button.value[:1], button.value[1 : 1 + SCAN_ID], button.value[1 + SCAN_ID :]
    guns, user_id, message_id = visit.services.guns, visit.user.id, call.message.message_id
    match what:
        case Ask.WHICH if rest.isascii() and rest.isdigit() and len(rest) < 4:
            told = await visit.run_core(guns.choose, user_id, scan_id, int(rest))
            await show_next(visit, told, message_id)
        case Ask.YES:
            await show_next(visit, await visit.run_core(guns.at_station, user_id, scan_id), message_id)
        case Ask.LOOK:
            await show_next(visit, await visit.run_core(guns.scan, user_id, scan_id), message_id)
        case Ask.NO:
            visit.expected.number(visit.chat_id, visit.now)
            await visit.show(message_id, _not_there(visit, scan_id))
        case Ask.REPORT:
            await report.pressed(call, visit, scan_id)
        case Ask.OFFER:
            await show(visit, scan_id, _kwh(rest), message_id)
        case Ask.START:
            await _start(visit, scan_id, rest, message_id)
        case Ask.TOP_UP:
            await _top_up(visit, scan_id, rest)
        case Ask.GO_ON:
            await _go_on(visit, scan_id, _kwh(rest), message_id)
        case Ask.CANCEL:
            text = visit.say("Cancelled. Nothing was started and nothing is held. Scan again whenever you like.")
            await visit.show(message_id, render.message(ours(text)))
        case _:
            raise UserError("old_button")


def _kwh(text: str) -> Decimal:
    try:
        kwh = Decimal(text)
    except InvalidOperation:
        raise UserError("old_button") from None
    if not (kwh.is_finite() and LEAST_KWH <= kwh <= MOST_KWH):
        raise UserError("old_button")
    return kwh


def _not_there(visit: Visit, scan_id: str) -> render.Rendered:
    text = visit.say(
        "Then this code is not your gun's. Do not pay there. Scan the code on your gun, or type its number; "
        "your location helps too."
    )
    return render.message(ours(text), inline([[gun_card.report_button(visit.say, scan_id)]]))
