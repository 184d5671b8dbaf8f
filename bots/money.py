"""What every chat and the page say about a person's money: balance, statement, refunds, charges. No markup.

Words of suppliers are cut and freed of control characters here; whoever shows them still has to escape them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bots.wording import N_, Wording
from core.errors import UserError
from core.ledger import Cause
from core.money import Money, minor_units
from core.payments import Refund, RefundState, topup_limits
from core.ports import Wallet
from core.services import Services
from core.services.wallet import StatementLine
from core.session import ChargingSession, SessionState
from core.user import Channel, Identity, User

NAME_MAX, REFERENCE_MAX, VERSION_MAX = 60, 40, 8
WAYS = {"sandbox": N_("play money"), "wechatpay": N_("WeChat Pay"), "telegram": N_("Telegram")}
WECHATPAY, IN_TELEGRAM = "wechatpay", "telegram"
_PAYS_IN_MINIPROGRAM = "miniprogram:"  # how WeChat Pay is told that an openid is the mini-program's
# Amounts to choose from, in major units; other currencies: the last row.
CHIPS = {
    "CNY": (30, 50, 100),
    "HKD": (50, 100, 200),
    "JPY": (500, 1000, 3000),
    "KRW": (5000, 10_000, 30_000),
    "": (10, 20, 50),
}
_USUAL_CURRENCIES = ("CNY", "EUR")
_AMOUNT = re.compile(r"(?:[¥€$£]\s*)?([0-9]{1,7})(?:[.,]([0-9]{1,3}))?\s*(?:元|块|([A-Za-z]{3}))?")

CAUSES = {
    Cause.TOPUP: N_("Paid in"),
    Cause.HOLD: N_("Held for a charge"),
    Cause.CAPTURE: N_("Paid for a charge"),
    Cause.FEE: N_("Our fee for a charge"),
    Cause.RELEASE: N_("Not used, back in your balance"),
    Cause.OVERRUN: N_("More than you agreed to: we bear it"),
    Cause.ADJUSTMENT: N_("Bill corrected"),
    Cause.CREDIT: N_("The operator took its bill back"),
    Cause.REFUND: N_("On its way back to you"),
    Cause.REFUNDED: N_("Paid back to you"),
    Cause.REFUND_RETURNED: N_("Could not be paid back, in your balance again"),
    Cause.ORPHAN: N_("A charge that was found later"),
    Cause.REVIEW: N_("One of us looked at it"),
    Cause.CHARGEBACK: N_("Your bank took a payment back"),
    Cause.MERGE: N_("From your linked account"),
    Cause.VOID: N_("Promised and not needed"),
}
_OTHER_CAUSE = N_("Correction")
STATES = {
    SessionState.HELD: N_("Starting"),
    SessionState.STARTING: N_("Starting"),
    SessionState.START_UNKNOWN: N_("Asking whether it started"),
    SessionState.CHARGING: N_("Charging"),
    SessionState.STOPPING: N_("Stopping"),
    SessionState.STOP_UNKNOWN: N_("Asking whether it stopped"),
    SessionState.AWAIT_RECORD: N_("Ended, the bill is on its way"),
    SessionState.START_FAILED: N_("Did not start, nothing was charged"),
    SessionState.SETTLED: N_("Settled"),
    SessionState.REVIEW: N_("Settled; one of us looks at it"),
    SessionState.PROVISIONAL: N_("Settled by the meter, no bill yet"),
    SessionState.CREDITED: N_("Bill taken back, money returned"),
    SessionState.CLOSED: N_("Settled by the meter"),
}
REFUND_STATES = {
    RefundState.ASKED: N_("asked for"),
    RefundState.SENT: N_("passed on to {way}"),
    RefundState.DONE: N_("paid out"),
    RefundState.REFUSED: N_("not possible, in your balance again"),
    RefundState.BY_HAND: N_("one of us pays it out by hand"),
}


# --- who pays how, and in what -----------------------------------------------------------------------------------


def way(say: Wording, channel: str) -> str:
    return say(WAYS[channel]) if channel in WAYS else channel


def currencies(services: Services, user_id: str, channel: str) -> list[str]:
    """What can be paid in by this way, the person's own and the usual ones first."""
    offered = services.wallet.currencies(channel)
    used = [one.available.currency for one in services.wallet.wallets(user_id)]
    first = [one for one in dict.fromkeys([*used, *_USUAL_CURRENCIES]) if one in offered]
    return [*first, *sorted(offered - set(first))]


def chips(currency: str) -> list[Money]:
    """Amounts to choose from."""
    least, most = topup_limits(currency)
    scale = 10 ** minor_units(currency)
    amounts = [Money(one * scale, currency) for one in CHIPS.get(currency, CHIPS[""])]
    return [one for one in amounts if least <= one <= most]


def amount_in(text: str, known: Sequence[str]) -> Money:
    """A typed amount: 50, ¥50, 50元, 20.50 EUR. Without a currency it is the first of those `known`.

    Raises UserError("bad_amount").
    """
    found = _AMOUNT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if not found or not known:
        raise UserError("bad_amount")
    whole, part, named = found[1], found[2] or "", (found[3] or "").upper()
    currency = named or known[0]
    if currency not in known or len(part.rstrip("0")) > minor_units(currency):
        raise UserError("bad_amount")
    return Money(int(Decimal(f"{whole}.{part or 0}").scaleb(minor_units(currency))), currency)


def payer(identities: Sequence[Identity], channel: str, side: Channel) -> str:
    """How the person is called on a way of payment, seen from where they ask; "" where that does not matter."""
    if channel != WECHATPAY:
        return ""
    where = Channel.MINIPROGRAM if side is Channel.MINIPROGRAM else Channel.WECHAT
    found = next((one.external_id for one in identities if one.channel is where), "")
    return _PAYS_IN_MINIPROGRAM + found if found and where is Channel.MINIPROGRAM else found


# --- when and how much -------------------------------------------------------------------------------------------


def zone(user: User) -> str:
    """Where the person's clock stands, as far as we know."""
    return user.time_zone or ("Asia/Shanghai" if user.language == "zh-CN" else "UTC")


def moment(say: Wording, at: datetime, time_zone: str) -> str:
    text = f"{say.day(at, time_zone)} {say.clock(at, time_zone)}"
    return f"{text} UTC" if time_zone == "UTC" else text


def signed(say: Wording, amount: Money) -> str:
    if amount.amount_minor < 0:
        return "−" + say.money(-amount)
    return ("+" if amount.amount_minor else "") + say.money(amount)


def balance(say: Wording, wallets: Sequence[Wallet]) -> list[str]:
    """A line for each currency and pot, or what to do with an empty wallet."""
    lines = []
    for one in wallets:
        lines.append(say("💰 {amount} free", amount=say.money(one.available)))
        if one.held.amount_minor:
            lines.append(say("🔒 {amount} held for a charge", amount=say.money(one.held)))
        if one.refunding.amount_minor:
            lines.append(say("↩️ {amount} on its way back to you", amount=say.money(one.refunding)))
    empty = say("Nothing in it yet. Top up before you charge; what you do not use goes back the way you paid.")
    return lines or [empty]


# --- the statement -----------------------------------------------------------------------------------------------


def cause(say: Wording, one: StatementLine) -> str:
    return say(CAUSES.get(one.cause, _OTHER_CAUSE))


def change(one: StatementLine) -> Money:
    """What a line did to the free money; where it left that alone, to the held or to what goes back."""
    return next((part for part in (one.available, one.held, one.refunding) if part.amount_minor), one.available)


def detail(say: Wording, one: StatementLine) -> str:
    """What stands behind a line: the charge with its price, or the payment with its number."""
    if one.session_id:
        price = one.price_per_kwh
        return joined(
            clean(one.station_name, NAME_MAX),
            gun(say, one.gun_label),
            clean(one.operator_name, NAME_MAX),
            "" if price is None else per_kwh(say, price, one.available.currency),
            say("price version {version}", version=one.tariff_id[:VERSION_MAX]) if one.tariff_id else "",
            say("reference {reference}", reference=one.session_id),
        )
    reference = clean(one.reference or one.order_id, REFERENCE_MAX)
    return joined(
        way(say, one.channel) if one.channel else "",
        say("reference {reference}", reference=reference) if reference else "",
    )


def per_kwh(say: Wording, price: Decimal, currency: str) -> str:
    return say("{price}/kWh", price=exact(say, price, currency))


def exact(say: Wording, price: Decimal, currency: str) -> str:
    """With as many places as it has, at most four."""
    places = max(minor_units(currency), -int(price.normalize().as_tuple().exponent))
    return say.price(price, currency, min(places, 4))


def gun(say: Wording, label: str) -> str:
    """ "Gun 07"; many labels say so themselves: 07号枪."""
    shown = clean(label, NAME_MAX)
    named = not shown or "枪" in shown or "gun" in shown.casefold()
    return shown if named else say("Gun {label}", label=shown)


# --- refunds -----------------------------------------------------------------------------------------------------


def steps(refund: Refund) -> list[tuple[RefundState, datetime]]:
    """What has happened to a refund so far, and when."""
    found = [(RefundState.ASKED, refund.asked_at)]
    if refund.sent_at:
        by_hand = refund.state is RefundState.BY_HAND
        found.append((RefundState.BY_HAND if by_hand else RefundState.SENT, refund.sent_at))
    if refund.done_at:
        found.append((refund.state, refund.done_at))
    return found


def step(say: Wording, state: RefundState, channel: str) -> str:
    text = say(REFUND_STATES[state])
    return text.replace("{way}", way(say, channel))


def refund_question(say: Wording, ways: Sequence[tuple[str, Money]], due_at: datetime, time_zone: str) -> list[str]:
    """What a yes would do: how much goes where, and by when."""
    lines = [
        say("↩️ {amount} goes back to {way}", amount=say.money(amount), way=way(say, channel))
        for channel, amount in ways
    ]
    return [
        *lines,
        say("It is there by {day} at the latest; you can watch each step.", day=say.day(due_at, time_zone)),
    ]


def refund_line(say: Wording, refund: Refund, time_zone: str) -> str:
    """One refund with its last step."""
    state, at = steps(refund)[-1]
    done = refund.state in (RefundState.DONE, RefundState.REFUSED)
    return joined(
        say.money(refund.amount),
        f"{step(say, state, refund.channel)} {moment(say, at, time_zone)}",
        "" if done else say("due by {day}", day=say.day(refund.due_at, time_zone)),
    )


# --- charges -----------------------------------------------------------------------------------------------------


def state(say: Wording, one: ChargingSession) -> str:
    return say(STATES[one.state])


def charge_line(say: Wording, one: ChargingSession, time_zone: str) -> str:
    """A past charge in one line."""
    paid = say.money(one.charged) if one.charged is not None else state(say, one)
    return joined(moment(say, one.created_at, time_zone), clean(one.quote.station_name, NAME_MAX), paid)


# --- words -------------------------------------------------------------------------------------------------------


def joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def clean(text: str, most: int) -> str:
    """Somebody else's words on one line, without control, direction and invisible characters."""
    words = " ".join(text[: most * 8].split())
    kept = "".join(c for c in words if c == " " or unicodedata.category(c)[0] not in "CZ").strip()
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"
