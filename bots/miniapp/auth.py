"""Logging in over HTTP, and who is asking: a token in a header, or a cookie of our own page.

A cookie goes along with whatever another site makes a browser send, so a request by cookie that changes something
must also carry the CSRF token, which only our page can read, and must not name another origin.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from urllib.parse import urlencode, urlsplit

from flask import Response, redirect, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from bots.miniapp import models
from bots.miniapp import people_models as shapes
from bots.miniapp.answers import address, json_answer, spoken
from bots.miniapp.shapes import clean, moment, money
from core.errors import NotAllowed, NotLoggedIn, NotReady, SupplierUnavailable, UserError
from core.ports import LoginKind
from core.services import Services
from core.services.linking import Offer
from core.services.login import LASTS, LoggedIn, NewLogin
from core.user import Channel, User

PREFIX = "/api/v1"
COOKIE, CSRF_COOKIE, STATE_COOKIE = "kilowatch_login", "kilowatch_csrf", "kilowatch_state"
CSRF_HEADER = "X-CSRF-Token"
STATE_LASTS_S = 600
LABEL_MAX = 40
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]
AUTH = Tag(name="auth", description="Logging in, and linking Telegram and WeChat to one person")
# From which side a login speaks.
SIDE = {
    LoginKind.TELEGRAM: Channel.TELEGRAM,
    LoginKind.MINIPROGRAM: Channel.MINIPROGRAM,
    LoginKind.WECHAT_PAGE: Channel.WECHAT,
    LoginKind.LOCAL: Channel.LOCAL,
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


# --- who is asking ----------------------------------------------------------------------------------------------


def current_user(services: Services) -> User:
    """Who is asking. Raises NotLoggedIn; NotAllowed for a change by cookie that is not from our page."""
    return current_login(services).user


def current_login(services: Services) -> LoggedIn:
    """As `current_user`, with the login itself."""
    token, by_cookie = _token()
    found = services.login.logged_in(token) if token else None
    if found is None:
        raise NotLoggedIn("not_logged_in")
    if by_cookie and request.method not in _SAFE:
        _check_csrf(token)
    return found


def _token() -> tuple[str, bool]:
    """The token of this request, and whether it came by itself. A header is said on purpose, so it goes first."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "bearer" and token.strip():
        return token.strip(), False
    return request.cookies.get(COOKIE, ""), True


def csrf_of(token: str) -> str:
    """What our page says along with a change. It says nothing about the token itself."""
    return hashlib.sha256(b"csrf:" + token.encode("utf-8", "replace")).hexdigest()[:32]


def _check_csrf(token: str) -> None:
    given = request.headers.get(CSRF_HEADER, "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, csrf_of(token).encode()) or not _same_origin():
        raise NotAllowed("not_from_our_page")


def _same_origin() -> bool:
    """Whether the browser names our own page, or nothing, as the place that the request comes from."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc.casefold() == request.host.casefold()


# --- cookies ----------------------------------------------------------------------------------------------------


def _logged_in(services: Services, new: NewLogin, *, cookie: bool) -> Response:
    if cookie and not _same_origin():
        raise NotAllowed("not_from_our_page")
    answer = json_answer(
        {
            "token": None if cookie else new.token,
            "expires_at": moment(new.login.expires_at),
            "csrf_token": csrf_of(new.token) if cookie else None,
            "user_id": new.user.id,
            "new": new.new,
        }
    )
    return _with_cookies(services, answer, new.token) if cookie else answer


def _with_cookies(services: Services, answer: Response, token: str) -> Response:
    """The login's cookie, which no script reads, and the CSRF token's, which only our own page's can."""
    life_s, secure = int(LASTS.total_seconds()), _secure(services)
    answer.set_cookie(COOKIE, token, max_age=life_s, httponly=True, secure=secure, samesite="Lax", path="/")
    answer.set_cookie(CSRF_COOKIE, csrf_of(token), max_age=life_s, secure=secure, samesite="Lax", path="/")
    return answer


def without_cookies(answer: Response) -> Response:
    for name in (COOKIE, CSRF_COOKIE):
        answer.delete_cookie(name, path="/")
    return answer


def _secure(services: Services) -> bool:
    return request.is_secure or services.public_url.startswith("https://")


# --- the routes -------------------------------------------------------------------------------------------------


class PageLogin(BaseModel):
    to: str = Field(default="/", max_length=500, description="Where to go afterwards: a path of ours")


class Returned(BaseModel):
    code: str = Field(default="", max_length=256)
    state: str = Field(default="", max_length=128)


class LogOut(BaseModel):
    everywhere: bool = False


class Unlink(BaseModel):
    confirm: str = Field(default="", description="`unlink`")


def blueprint(services: Services) -> APIBlueprint:
    """The routes under /auth."""
    api = APIBlueprint(
        "auth",
        __name__,
        url_prefix=f"{PREFIX}/auth",
        abp_tags=[AUTH],
        abp_responses=dict.fromkeys((400, 401, 403, 404, 409, 429, 503), models.Error),
    )

    @api.post("/telegram", operation_id="login_telegram", responses={200: shapes.Login})
    def telegram(body: shapes.TelegramLogin) -> Response:
        """Log in from a Telegram Mini App"""
        services.limiter.hit("login", address())
        return _logged_in(services, services.login.telegram(body.init_data), cookie=body.cookie)

    @api.post("/wechat/miniprogram", operation_id="login_miniprogram", responses={200: shapes.Login})
    def miniprogram(body: shapes.CodeLogin) -> Response:
        """Log in from the WeChat mini-program"""
        services.limiter.hit("login", address())
        try:
            return _logged_in(services, services.login.miniprogram(body.code), cookie=body.cookie)
        except SupplierUnavailable:
            raise NotReady("login_silent") from None

    @api.get("/wechat/page", operation_id="login_wechat_page", responses={302: None})
    def wechat_page(query: PageLogin) -> Response:
        """Log in on the page in WeChat's browser: leads to WeChat and back"""
        services.limiter.hit("login", address())
        state = secrets.token_urlsafe(24)
        back_to = f"{services.public_url}{PREFIX}/auth/wechat/page/back"
        answer = _go(services.login.page_address(back_to, state))
        kept = f"{state} {_path(query.to)}"
        # Lax, because the way back from WeChat is a link.
        answer.set_cookie(
            STATE_COOKIE, kept, max_age=STATE_LASTS_S, httponly=True, secure=_secure(services), samesite="Lax"
        )
        return answer

    @api.get("/wechat/page/back", operation_id="login_wechat_page_back", responses={302: None})
    def wechat_page_back(query: Returned) -> Response:
        """Where WeChat sends the browser with a code"""
        services.limiter.hit("login", address())
        state, _, to = request.cookies.get(STATE_COOKIE, "").partition(" ")
        # Another browser's code must not log this one in.
        if not state or not hmac.compare_digest(
            state.encode("utf-8", "replace"), query.state.encode("utf-8", "replace")
        ):
            raise NotLoggedIn("login_refused")
        try:
            new = services.login.page(query.code)
        except SupplierUnavailable:
            raise NotReady("login_silent") from None
        answer = _with_cookies(services, _go(_path(to)), new.token)
        answer.delete_cookie(STATE_COOKIE)
        return answer

    @api.post("/local", operation_id="login_local", responses={200: shapes.Login})
    def local(body: shapes.LocalLogin) -> Response:
        """Log in by a name: on this machine, where no platform and no real money is set up"""
        services.limiter.hit("login", address())
        if services.login.doors.local and not _on_this_machine():
            raise NotAllowed("not_from_here")
        return _logged_in(services, services.login.local(body.name, spoken().language), cookie=body.cookie)

    @api.delete("", operation_id="logout", security=BEARER, responses={200: shapes.LoggedOut})
    def logout(query: LogOut) -> Response:
        """Log out, here or everywhere"""
        login = current_login(services)
        ended = services.login.end_all(login.user.id) if query.everywhere else int(services.login.end(_token()[0]))
        return without_cookies(json_answer({"ended": ended}))

    @api.post("/link", operation_id="link", security=BEARER, responses={200: shapes.LinkAnswer})
    def link(body: shapes.LinkBody) -> Response:
        """Link Telegram and WeChat: ask for a code, look at one from the other side, and say yes to it"""
        login = current_login(services)
        services.limiter.hit("link", login.user.id)
        if body.code is None:
            asked = services.linking.ask(login.user.id, SIDE[login.login.kind])
            url = services.linking.telegram_link(asked) or None
            doc = {"state": "code", "code": asked.code, "expires_at": moment(asked.expires_at), "telegram_url": url}
            return json_answer(doc)
        if not body.confirm:
            return json_answer(_offer(services.linking.look(login.user.id, body.code)))
        linked = services.linking.confirm(login.user.id, body.code)
        for row_id in linked.told:
            services.outbox.ring(row_id)
        return json_answer({"state": "linked", "channel": linked.channel.value})

    @api.delete("/link", operation_id="unlink", security=BEARER, responses={200: shapes.LinkAnswer})
    def unlink(query: Unlink) -> Response:
        """Unlink the other side: it gets an empty account; money, history and profile stay with this one"""
        login = current_login(services)
        side = SIDE[login.login.kind]
        if query.confirm != "unlink":
            raise UserError("confirm_unlink")
        return json_answer({"state": "unlinked", "channel": services.linking.unlink(login.user.id, side).value})

    return api


def _offer(offer: Offer) -> dict[str, object]:
    brings = [money(tie.amount) for tie in offer.brings if tie.amount]
    label = clean(offer.label, LABEL_MAX)
    return {"state": "offer", "channel": offer.channel.value, "label": label, "brings": brings}


def _go(to: str) -> Response:
    answer = redirect(to, 302, Response=Response)
    assert isinstance(answer, Response)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _path(to: str) -> str:
    """A path on our own page: what could lead elsewhere leads home."""
    parts = urlsplit(to)
    plain = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isascii() and to.isprintable()
    if not plain or parts.scheme or parts.netloc or " " in to:
        return "/"
    return to


def _on_this_machine() -> bool:
    """Whether the request comes from this very machine, and not through a proxy that stands before it.

    The name asked for is looked at too: a page elsewhere could let its own name lead to 127.0.0.1.
    """
    proxied = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"))
    host = urlsplit(f"//{request.host}").hostname or ""
    named_local = host == "localhost" or _is_loopback(host)
    return not proxied and named_local and _is_loopback(address()) and _same_origin()


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def login_link(to: str) -> str:
    """The address that logs a visitor in WeChat's browser in, and then leads to a path of ours."""
    return f"{PREFIX}/auth/wechat/page?{urlencode({'to': to})}"
