"""The wallet in WeChat, all in words: balance, topping up on the page, money back, the statement, receipts.

A yes to a refund names its amount, so that it cannot be taken for the yes to anything else. It is one wish however
often WeChat delivers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from bots import money, receipt
from bots.wechat.account import Visitor
from bots.wechat.render import link, plain
from core.errors import NotFound, UserError
from core.money import Money
from core.payments import REFUND_DUE_WITHIN
from core.services import Services

LINES, SESSIONS = 6, 9
ALL = frozenset({"all", "全部", "全额", "所有"})
LOGIN_BY_WECHAT = "/api/v1/auth/wechat/page"


class WalletTalk:
    """Answers about money. Each method returns the text to send, and may raise UserError."""

    def __init__(self, services: Services) -> None:
        self.services, self.wallet = services, services.wallet

    def balance(self, visitor: Visitor) -> str:
        say = visitor.say
        lines = money.balance(say, self.wallet.wallets(visitor.user.id))
        how = say("Reply: top up 50 · refund · statement · receipts · safety")
        return "\n".join([*map(plain, lines), how, *self._page(visitor, "/wallet")])

    # --- money in -------------------------------------------------------------------------------------------

    def top_up(self, visitor: Visitor, typed: str) -> str:
        """Where to pay. The order is made on the page, where WeChat Pay opens."""
        say = visitor.say
        offered = self.wallet.channels()
        channel = money.WECHATPAY if money.WECHATPAY in offered else next(iter(offered), "")
        if not channel:
            raise UserError("no_such_way_to_pay")
        if channel == money.IN_TELEGRAM:
            raise UserError("pay_in_telegram")
        currencies = money.currencies(self.services, visitor.user.id, channel)
        amount = money.amount_in(typed, currencies) if typed else money.chips(currencies[0])[1]
        page = self._page(visitor, "/wallet", topup=str(amount.amount_minor), currency=amount.currency)
        if not page:
            return say("There is no address of ours where you could pay. Link Telegram for it.")
        head = say("Top up {amount}: tap here and pay.", amount=say.money(amount))
        return "\n".join([head, *page, say("Another amount: reply “top up 80”.")])

    # --- money back -----------------------------------------------------------------------------------------

    def refund(self, visitor: Visitor, typed: str) -> str:
        """What can go back; with an amount, where it would go and by when."""
        say = visitor.say
        possible = self.wallet.refundable(visitor.user.id)
        under_way = self._under_way(visitor)
        if not possible:
            if under_way:
                return "\n".join(under_way)
            raise UserError("nothing_to_refund")
        if not typed:
            most = ", ".join(say.money(one) for one in possible)
            how = say("Reply “refund 20” or “refund all”.")
            return "\n".join([say("Up to {amount} can go back the way you paid.", amount=most), how, *under_way])
        amount = self._amount(typed, possible)
        ways = self.wallet.refund_ways(visitor.user.id, amount)
        due_at = self.services.clock.now() + REFUND_DUE_WITHIN
        lines = money.refund_question(say, ways, due_at, money.zone(visitor.user))
        wish = f"{amount.decimal} {amount.currency}" if len(possible) > 1 else str(amount.decimal)
        return "\n".join([*map(plain, lines), say("To do it, reply: confirm refund {amount}", amount=wish)])

    def refund_now(self, visitor: Visitor, typed: str) -> str:
        say, zone = visitor.say, money.zone(visitor.user)
        possible = self.wallet.refundable(visitor.user.id)
        known = possible or [one.available for one in self.wallet.wallets(visitor.user.id)]
        if not known:
            raise UserError("nothing_to_refund")
        refunds = self.wallet.refund(visitor.user.id, self._amount(typed, known), f"wx:{visitor.key}")
        lines = [plain(money.refund_line(say, one, zone)) for one in refunds]
        return "\n".join([say("↩️ On its way back"), *lines, say("Reply “refund” to see each step.")])

    def _amount(self, typed: str, known: list[Money]) -> Money:
        if typed.casefold() in ALL and len(known) == 1:
            return known[0]
        return money.amount_in(typed, [one.currency for one in known])

    def _under_way(self, visitor: Visitor) -> list[str]:
        zone = money.zone(visitor.user)
        refunds = [one for one in self.wallet.refunds(visitor.user.id) if one.done_at is None]
        return [plain("↩️ " + money.refund_line(visitor.say, one, zone)) for one in refunds[:5]]

    # --- where it went --------------------------------------------------------------------------------------

    def statement(self, visitor: Visitor) -> str:
        """The newest lines; the page has all of them."""
        say, zone = visitor.say, money.zone(visitor.user)
        lines = self.wallet.statement(visitor.user.id, limit=LINES)
        blocks = []
        for one in lines:
            head = f"{money.signed(say, money.change(one))} {money.cause(say, one)}"
            when = money.moment(say, one.booked_at, zone)
            blocks.append(f"{plain(head)}\n{plain(money.joined(when, money.detail(say, one)))}")
        if not blocks:
            return say("Nothing has been paid yet.")
        # The page comes first: what does not fit into a message is cut at the end.
        return "\n\n".join(["\n".join([say("Statement"), *self._page(visitor, "/wallet")]), *blocks])

    def receipts(self, visitor: Visitor, number: str) -> str:
        """The last charges by number; with a number the receipt of that one."""
        say, zone = visitor.say, money.zone(visitor.user)
        found = self.services.charging.history(visitor.user.id, None, SESSIONS)
        if not found:
            return say("No charge yet. Send your location to find a gun.")
        if not number:
            rows = [plain(f"{n}. {money.charge_line(say, one, zone)}") for n, one in enumerate(found, start=1)]
            return "\n".join([*rows, say("Reply “receipt 1” for a receipt.")])
        if not 1 <= int(number) <= len(found):
            raise NotFound("no_such_session")
        session_id = found[int(number) - 1].id
        sheet = receipt.sheet(say, self.wallet.receipt(visitor.user.id, session_id), zone)
        lines = [sheet.title, *self._page(visitor, f"/receipts/{session_id}"), *receipt.text(say, sheet)]
        reference = say("Reference: {reference}", reference=sheet.reference)
        return "\n".join([lines[0], *lines[1:2], *(plain(line) for line in lines[2:]), reference])

    # --- the page -------------------------------------------------------------------------------------------

    def _page(self, visitor: Visitor, path: str, **query: str) -> list[str]:
        return page_link(self.services, visitor, path, visitor.say("Open the page"), query)


def page_link(
    services: Services, visitor: Visitor, path: str, label: str, query: Mapping[str, str] | None = None
) -> list[str]:
    """A link that knows who taps it, where WeChat's page login is set up. Nothing without a public address."""
    base = services.public_url.rstrip("/")
    if not base:
        return []
    target = f"{path}?{urlencode({**(query or {}), 'lang': visitor.user.language})}"
    if services.login.doors.page is not None:
        target = f"{LOGIN_BY_WECHAT}?to={quote(target, safe='')}"
    return [link(label, base + target)]
