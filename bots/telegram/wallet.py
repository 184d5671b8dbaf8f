"""The wallet in Telegram: what is there, topping up, money back, the statement, receipts.

A button that moves money carries a number of its own, drawn when it was shown: however often it is tapped, and
however often the tap is delivered, it is one wish.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, LabeledPrice, Message

from bots import money, receipt
from bots.telegram import render, safety
from bots.telegram.buttons import Act, Button, pack
from bots.telegram.charge_buttons import RECEIPT
from bots.telegram.keyboards import Keyboard, Row, button, inline
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, fit, link, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from core.errors import UserError
from core.ledger import Cause
from core.money import Money, is_currency
from core.payments import REFUND_DUE_WITHIN, PaymentRequest, Topup, TopupState
from core.services.wallet import StatementLine
from core.session import ChargingSession

router = Router(name="wallet")

# What a press asks for: one letter, then what it is about.
TOPUP, PAID, REFUND, YES, STATEMENT, CHARGES, SAFETY = "t", "k", "r", "y", "l", "c", "s"
LINES, SESSIONS = 6, 6
WORDS = frozenset({"wallet", "balance", "钱包", "余额"})  # typed, without a slash
ALL = frozenset({"all", "全部"})
# In this order: the invoice in the chat, then a page. WeChat Pay's own call needs WeChat.
_WAYS = (money.IN_TELEGRAM, "sandbox")


# --- asked by a command -------------------------------------------------------------------------------------------


@router.message(Command("wallet", "balance"))
@router.message(F.text.lower().in_(WORDS))
async def show_wallet(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _home(visit))


@router.message(Command("topup"))
async def top_up(message: Message, visit: Visit, command: CommandObject) -> None:
    """ "/topup 50" at once; without an amount the question how much."""
    only_in_private(visit)
    if not command.args:
        await visit.send(await _how_much(visit))
        return
    amount = money.amount_in(command.args, await _currencies(visit))
    rendered = await ordered(visit, amount, f"tg:{visit.chat_id}:{message.message_id}")
    if rendered is not None:
        await visit.send(rendered)


@router.message(Command("refund"))
async def refund(message: Message, visit: Visit, command: CommandObject) -> None:
    """ "/refund 20" or "/refund all"; always with a question before anything is done."""
    only_in_private(visit)
    asked = (command.args or "").strip().casefold()
    possible = await visit.run_core(visit.services.wallet.refundable, visit.user.id)
    if not asked or not possible or (asked in ALL and len(possible) > 1):
        await visit.send(_how_much_back(visit, possible))
        return
    amount = possible[0] if asked in ALL else money.amount_in(asked, [one.currency for one in possible])
    await visit.send(await _sure(visit, amount, _nonce()))


@router.message(Command("statement"))
async def statement(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _statement(visit, ""))


@router.message(Command("receipts", "charges"))
async def receipts(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    await visit.send(await _charges(visit))


# --- asked by a press ---------------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.WALLET))
async def pressed(call: CallbackQuery, visit: Visit, button: Button) -> None:
    only_in_private(visit)
    if call.message is None:
        raise UserError("old_button")
    what, about = button.value[:1], button.value[1:]
    if what == SAFETY:
        await visit.send(safety.promised(visit))
        return
    if what == RECEIPT:
        await visit.send(await _receipt(visit, about))
        return
    answers: dict[str, Callable[[Visit, str], Awaitable[render.Rendered | None]]] = {
        "": lambda visit, _: _home(visit),
        TOPUP: _topup_pressed,
        PAID: _look,
        REFUND: _refund_pressed,
        YES: _refund_now,
        STATEMENT: _statement,
        CHARGES: lambda visit, _: _charges(visit),
    }
    if (answer := answers.get(what)) is None:
        raise UserError("old_button")
    if (rendered := await answer(visit, about)) is not None:
        await visit.show(call.message.message_id, rendered)


def _press(label: str, value: str) -> dict[str, object]:
    return button(label, pack(Act.WALLET, None, value))


def _nonce() -> str:
    return secrets.token_urlsafe(6)


def _wish(amount: Money, nonce: str) -> str:
    return f"{amount.amount_minor}.{amount.currency}.{nonce}"


def _wished(about: str) -> tuple[Money, str]:
    """The amount and the number of a button. Raises UserError("old_button")."""
    minor, _, rest = about.partition(".")
    currency, _, nonce = rest.partition(".")
    if not (minor.isascii() and minor.isdigit() and is_currency(currency) and nonce):
        raise UserError("old_button")
    return Money(int(minor), currency), nonce


# --- what is there ------------------------------------------------------------------------------------------------


async def _home(visit: Visit) -> render.Rendered:
    say = visit.say
    wallets = await visit.run_core(visit.services.wallet.wallets, visit.user.id)
    lines = [bold(ours(say("Wallet"))), *(ours(line) for line in money.balance(say, wallets))]
    rows: list[Row] = [
        [_press(say("➕ Top up"), TOPUP), _press(say("↩️ Refund"), REFUND)],
        [_press(say("📄 Statement"), STATEMENT), _press(say("🧾 Receipts"), CHARGES)],
        [_press(say("🛡 Safety"), SAFETY)],
    ]
    return render.message("\n".join(lines), inline(rows))


def _back(visit: Visit) -> Row:
    return [_press(visit.say("◀ Wallet"), "")]


# --- money in -----------------------------------------------------------------------------------------------------


async def _channel(visit: Visit) -> str:
    """The way to pay from here. Raises UserError where the only one is WeChat's."""
    offered = await visit.run_core(visit.services.wallet.channels)
    found = next((one for one in _WAYS if one in offered), None)
    if found is None:
        raise UserError("pay_in_wechat" if money.WECHATPAY in offered else "no_such_way_to_pay")
    return found


async def _currencies(visit: Visit) -> list[str]:
    channel = await _channel(visit)
    return await visit.run_core(money.currencies, visit.services, visit.user.id, channel)


async def _how_much(visit: Visit) -> render.Rendered:
    say, nonce = visit.say, _nonce()
    currency = (await _currencies(visit))[0]
    amounts = [_press(say.money(one), TOPUP + _wish(one, nonce)) for one in money.chips(currency)]
    text = say("➕ How much? Tap, or type it: /topup 50")
    return render.message(ours(text), inline([amounts, _back(visit)]))


async def _topup_pressed(visit: Visit, about: str) -> render.Rendered | None:
    if not about:
        return await _how_much(visit)
    amount, nonce = _wished(about)
    return await ordered(visit, amount, f"tg:{nonce}:{amount.amount_minor}{amount.currency}")


async def ordered(visit: Visit, amount: Money, key: str, after: Row | None = None) -> render.Rendered | None:
    """The order, and where to pay it. An invoice is a message of its own: then there is nothing more to show.

    `after` is the way on from a payment page, where it does not lead to the wallet.

    Telegram cannot be kept from showing an invoice twice; both are of one order, which is paid once.
    """
    say, channel = visit.say, await _channel(visit)
    wallet = visit.services.wallet
    order, request = await visit.run_core(
        wallet.topup, visit.user.id, amount, channel, key, description=say("Kilowatch wallet")
    )
    if request.kind != "invoice":
        return _payment_page(visit, order, request, after)
    fields = dict(request.fields)
    prices = [LabeledPrice(**one) for one in json.loads(str(fields.pop("prices")))]
    await visit.bot.send_invoice(visit.chat_id, prices=prices, **fields)  # type: ignore[arg-type]  # named as there
    return None


def _payment_page(visit: Visit, order: Topup, request: PaymentRequest, after: Row | None) -> render.Rendered:
    say, url = visit.say, str(request.fields.get("url", ""))
    if not url.startswith(("https://", "http://")):
        raise UserError("pay_in_wechat")
    rows: list[Row] = [after] if after else [[_press(say("🔄 I have paid"), PAID + order.id)], _back(visit)]
    lines = [ours(say("➕ Pay {amount} on this page, then come back:", amount=say.money(order.amount)))]
    if urlsplit(url).scheme == "https":
        rows.insert(0, [{"text": say("💳 Pay {amount}", amount=say.money(order.amount)), "url": url}])
    else:
        lines.append(link(url, url))  # Telegram refuses such an address on a button
    return render.message("\n".join(lines), inline(rows))


async def _look(visit: Visit, topup_id: str) -> render.Rendered | None:
    order = await visit.run_core(visit.services.wallet.check_topup, visit.user.id, topup_id)
    if order.state is TopupState.PAID:
        return await _home(visit)
    raise UserError({TopupState.PARKED: "payment_in_review", TopupState.CLOSED: "topup_closed"}.get(
        order.state, "not_paid_yet"
    ))  # fmt: skip


# --- money back ---------------------------------------------------------------------------------------------------


async def _refund_pressed(visit: Visit, about: str) -> render.Rendered | None:
    if about:
        return await _sure(visit, *_wished(about))
    possible = await visit.run_core(visit.services.wallet.refundable, visit.user.id)
    return _how_much_back(visit, possible)


def _how_much_back(visit: Visit, possible: Sequence[Money]) -> render.Rendered:
    say = visit.say
    if not possible:
        raise UserError("nothing_to_refund")
    rows = [
        [_press(say("All of it: {amount}", amount=say.money(one)), REFUND + _wish(one, _nonce()))] for one in possible
    ]
    text = say("↩️ How much shall go back? Tap, or type it: /refund 20")
    return render.message(ours(text), inline([*rows, _back(visit)]))


async def _sure(visit: Visit, amount: Money, nonce: str) -> render.Rendered:
    """The way and the day, before anything is done."""
    say = visit.say
    ways = await visit.run_core(visit.services.wallet.refund_ways, visit.user.id, amount)
    due_at = visit.now + REFUND_DUE_WITHIN
    lines = [ours(line) for line in money.refund_question(say, ways, due_at, money.zone(visit.user))]
    answers = [_press(say("Yes, pay it back"), YES + _wish(amount, nonce)), _press(say("No"), "")]
    return render.message("\n".join(lines), inline([answers]))


async def _refund_now(visit: Visit, about: str) -> render.Rendered | None:
    amount, nonce = _wished(about)
    say, zone = visit.say, money.zone(visit.user)
    key = f"tg:{nonce}:{amount.amount_minor}{amount.currency}"
    refunds = await visit.run_core(visit.services.wallet.refund, visit.user.id, amount, key)
    lines = [bold(ours(say("↩️ On its way back"))), *(ours(money.refund_line(say, one, zone)) for one in refunds)]
    return render.message("\n".join(lines), inline([_back(visit)]))


# --- where it went ------------------------------------------------------------------------------------------------


async def _statement(visit: Visit, before: str) -> render.Rendered:
    """One page; refunds under way stand above the newest one, with their steps."""
    say, user, wallet = visit.say, visit.user, visit.services.wallet
    if before and not (before.isascii() and before.isdigit() and len(before) < 19):
        raise UserError("old_button")
    found = await visit.run_core(wallet.statement, user.id, int(before) if before else None, LINES + 1)
    lines = found[:LINES]
    blocks = [bold(ours(say("Statement")))]
    if not before:
        zone = money.zone(user)
        under_way = [one for one in await visit.run_core(wallet.refunds, user.id) if one.done_at is None]
        blocks += [ours("↩️ " + money.refund_line(say, one, zone)) for one in under_way[:3]]
    blocks += [_line(visit, one) for one in lines] or [ours(say("Nothing has been paid yet."))]
    pages = [_press(say("⏮ Newest"), STATEMENT)] if before else []
    if len(found) > LINES:
        pages.append(_press(say("Older ▶"), f"{STATEMENT}{lines[-1].number}"))
    return render.message(fit(blocks), inline([pages, _back(visit)]))


def _line(visit: Visit, one: StatementLine) -> str:
    say = visit.say
    shown = money.change(one)
    aside = "" if one.available.amount_minor or one.cause is Cause.TOPUP else say("from what was held")
    if not one.available.amount_minor and not one.held.amount_minor:
        aside = say("from what goes back")
    head = money.joined(money.cause(say, one), aside)
    when = money.moment(say, one.booked_at, money.zone(visit.user))
    detail = money.joined(when, money.detail(say, one))
    return f"{bold(ours(money.signed(say, shown)))} {ours(head)}\n{ours(detail)}"


async def _charges(visit: Visit) -> render.Rendered:
    say, zone = visit.say, money.zone(visit.user)
    found: list[ChargingSession] = await visit.run_core(
        visit.services.charging.history, visit.user.id, None, SESSIONS
    )
    rows: list[Row] = [[_press(money.charge_line(say, one, zone), RECEIPT + one.id)] for one in found]
    text = say("🧾 Which charge?") if found else say("No charge yet. Send your location to find a gun.")
    return render.message(ours(text), inline([*rows, _back(visit)]))


async def _receipt(visit: Visit, session_id: str) -> render.Rendered:
    say = visit.say
    one = await visit.run_core(visit.services.wallet.receipt, visit.user.id, session_id)
    sheet = receipt.sheet(say, one, money.zone(visit.user))
    lines = [bold(ours(sheet.title)), *(ours(line) for line in receipt.text(say, sheet))]
    lines.append(ours(say("Reference: {reference}", reference=sheet.reference)))
    return render.message("\n".join(lines), _paper(visit, sheet.reference))


def _paper(visit: Visit, session_id: str) -> Keyboard | None:
    """The sheet that prints, opened inside Telegram, where it knows who looks."""
    public_url = visit.services.public_url
    if not public_url.startswith("https://") or visit.services.login.doors.telegram is None:
        return None
    url = f"{public_url.rstrip('/')}/receipts/{session_id}?lang={visit.say.language}"
    return inline([[{"text": visit.say("🖨 To print"), "web_app": {"url": url}}]])
