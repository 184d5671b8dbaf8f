"""The wallet over HTTP: what is there, money in, money back, and where every cent went.

A person sees their own only: another's id is as unknown as one that never was.
"""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from bots import money
from bots.miniapp import models
from bots.miniapp import money_models as shapes
from bots.miniapp import money_shapes as show
from bots.miniapp.answers import json_answer, spoken
from bots.miniapp.auth import BEARER, PREFIX, SIDE, current_login, current_user
from bots.miniapp.idempotent import idempotent, request_key
from bots.miniapp.shapes import moment
from bots.miniapp.shapes import money as amount
from core.errors import Conflict, UserError
from core.money import Money
from core.payments import REFUND_DUE_WITHIN, PaymentRequest, Topup, TopupState
from core.services import Services
from core.services.login import LoggedIn
from core.user import User

WALLET = Tag(name="wallet", description="Money in, money back, and the reason of every line")
_WAITING = frozenset({TopupState.CREATED, TopupState.PENDING})
_IN_TELEGRAM = "invoice"  # a kind of payment request that only a chat of Telegram can show


def blueprint(services: Services) -> APIBlueprint:
    """The routes under /wallet."""
    api = APIBlueprint(
        "wallet",
        __name__,
        url_prefix=f"{PREFIX}/wallet",
        abp_tags=[WALLET],
        abp_security=BEARER,
        abp_responses=dict.fromkeys((400, 401, 402, 403, 404, 409, 429, 503), models.Error),
    )

    def asking() -> User:
        user = current_user(services)
        services.limiter.hit("api", user.id)
        return user

    @api.get("", operation_id="wallet", responses={200: shapes.Wallet})
    def wallet() -> Response:
        """Balances, ways to pay, and what waits to be paid"""
        return json_answer(overview(services, asking()))

    @api.post("/topups", operation_id="top_up", responses={200: shapes.TopupAnswer})
    @idempotent(services, "topup")
    def top_up(header: shapes.WishHeader, body: shapes.TopupBody) -> Response:
        """Pay money in, or promise the hold of one charge"""
        login = current_login(services)
        services.limiter.hit("api", login.user.id)
        order, request = _ordered(services, login, body)
        return json_answer({"topup": show.topup(order), "pay": show.how_to_pay(request)})

    @api.get("/topups/<topup_id>", operation_id="topup", responses={200: shapes.Topup})
    def topup(path: shapes.TopupPath) -> Response:
        """What became of a payment, asked of the provider now"""
        return json_answer(show.topup(services.wallet.check_topup(asking().id, path.topup_id)))

    @api.post("/refunds", operation_id="refund", responses={200: shapes.RefundAnswer})
    @idempotent(services, "refund")
    def refund(header: shapes.WishHeader, body: shapes.RefundBody) -> Response:
        """Get money back, the way it came"""
        user, say = asking(), spoken()
        wanted = None if isinstance(body.amount, str) else money_of(body.amount)
        refunds = services.wallet.refund(user.id, wanted, request_key())
        return json_answer({"refunds": [show.refund(one, say) for one in refunds]})

    @api.get("/refunds", operation_id="refunds", responses={200: shapes.RefundList})
    def refunds() -> Response:
        """Refunds with each step and the day by which the money is there"""
        user, say = asking(), spoken()
        return json_answer(
            {"refunds": [show.refund(one, say) for one in services.wallet.refunds(user.id)], "next": None}
        )

    @api.get("/refunds/preview", operation_id="refund_preview", responses={200: shapes.RefundPreview})
    def refund_preview(query: shapes.RefundQuery) -> Response:
        """Where a refund would go and by when; nothing is done"""
        user, say = asking(), spoken()
        ways = services.wallet.refund_ways(user.id, Money(query.amount_minor, query.currency))
        rows = [
            {"channel": channel, "way": money.way(say, channel), "amount": amount(part)} for channel, part in ways
        ]
        return json_answer({"ways": rows, "due_at": moment(services.clock.now() + REFUND_DUE_WITHIN)})

    @api.get("/statement", operation_id="statement", responses={200: shapes.Statement})
    def statement(query: shapes.StatementQuery) -> Response:
        """Where every cent went, newest first"""
        user, say = asking(), spoken()
        lines = services.wallet.statement(user.id, query.before, query.limit)
        following = lines[-1].number if len(lines) == query.limit else None
        return json_answer({"lines": [show.line(one, say) for one in lines], "next": following})

    return api


def overview(services: Services, user: User) -> dict[str, Any]:
    """The wallet as JSON."""
    say, wallet = spoken(), services.wallet
    refundable = {one.currency: one for one in wallet.refundable(user.id)}
    balances = [
        show.balance(one, refundable.get(one.available.currency, Money(0, one.available.currency)))
        for one in wallet.wallets(user.id)
    ]
    promising = wallet.promising_channels()
    ways = []
    for channel in wallet.channels():
        currencies = money.currencies(services, user.id, channel)
        ways.append(
            {
                "channel": channel,
                "name": money.way(say, channel),
                "currencies": currencies,
                "amounts": [amount(one) for one in money.chips(currencies[0])] if currencies else [],
                "promises": channel in promising,
            }
        )
    at = services.clock.now()
    waiting = [one for one in wallet.topups(user.id) if one.state in _WAITING and one.expires_at > at]
    return {"balances": balances, "ways": ways, "waiting": [show.topup(one) for one in waiting]}


def money_of(body: shapes.AmountBody) -> Money:
    return Money(body.amount_minor, body.currency)


def _ordered(services: Services, login: LoggedIn, body: shapes.TopupBody) -> tuple[Topup, PaymentRequest]:
    wallet, user, key = services.wallet, login.user, request_key()
    if body.channel == money.IN_TELEGRAM and body.channel in wallet.channels():
        # An invoice holds the secret of the payment provider: only Telegram itself may see it.
        raise Conflict("pay_in_telegram")
    with services.database.read() as unit:
        payer = money.payer(unit.people.identities(user.id), body.channel, SIDE[login.login.kind])
    if body.quote_id is not None and body.amount is None:
        return wallet.authorise(user.id, body.quote_id, body.channel, key, payer, _description())
    if body.amount is None or body.quote_id is not None:
        raise UserError("bad_request")
    order, request = wallet.topup(user.id, money_of(body.amount), body.channel, key, payer, _description())
    if request.kind == _IN_TELEGRAM:
        raise Conflict("pay_in_telegram")
    return order, request


def _description() -> str:
    return spoken()("Kilowatch wallet")
