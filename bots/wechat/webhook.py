"""`/wechat`: the platform's check of our address, and its pushes."""

from __future__ import annotations

import logging
import time
from threading import BoundedSemaphore, Event

from flask import Blueprint, Response, request

from bots.wechat.answers import Answers, Patience, SendsText
from bots.wechat.config import WechatConfig
from bots.wechat.conversation import Conversation
from bots.wechat.crypto import BODY_MAX_BYTES, Refused, SafeMode
from bots.wechat.leaves import Leaves
from bots.wechat.photos import Photos
from bots.wechat.price_history import PictureDesk, SendsPictures
from bots.wechat.pushes import Push, What, read_push
from bots.wording import phrases
from core.errors import TooMany
from core.geo import Datum
from core.ports import InboxState, KnowsUnionid
from core.services import Services

ECHO_MAX = 1024
BUCKET = "wechat"

log = logging.getLogger(__name__)


def blueprint(
    services: Services,
    config: WechatConfig,
    *,
    sender: SendsText | None = None,
    unionids: KnowsUnionid | None = None,
    photos: Photos | None = None,
    pictures: SendsPictures | None = None,
    leaves: Leaves | None = None,
    position_datum: Datum = Datum.WGS84,
    patience: Patience | None = None,
    stop: Event | None = None,
) -> Blueprint:
    """The routes of the official account. `sender` speaks when a passive reply would be too late, `photos` reads
    pictures of gun codes; without it drivers are asked to scan with the menu. `pictures` sends those of prices.
    `leaves` counts those for alerts.

    A thread looks for work left behind until `stop` is set: register the blueprint in the process that serves it.
    """
    safe = SafeMode(config, services.clock)
    desk = PictureDesk(pictures, services.clock) if pictures is not None else None
    conversation = Conversation(
        services, position_datum=position_datum, unionids=unionids, photos=photos, desk=desk, leaves=leaves
    )
    answers = Answers(services, safe, conversation, sender, patience or Patience())
    door = Door(safe, conversation, answers, services, leaves)
    routes = Blueprint("wechat", __name__)
    routes.add_url_rule("/wechat", "check_url", door.check_url, methods=["GET"])
    routes.add_url_rule("/wechat", "push", door.push, methods=["POST"])
    routes.record_once(lambda _state: answers.sweep_until(stop or Event()))
    return routes


class Door:
    """Checks, stores and answers. Never a 500: what cannot be believed is refused with 400 or 403."""

    def __init__(
        self,
        safe: SafeMode,
        conversation: Conversation,
        answers: Answers,
        services: Services,
        leaves: Leaves | None = None,
    ) -> None:
        self.safe, self.conversation, self.answers, self.services = safe, conversation, answers, services
        self.leaves = leaves
        self._held = BoundedSemaphore(answers.patience.waiting)

    def check_url(self) -> Response:
        try:
            self.safe.check_url(request.args)
        except Refused as refused:
            return _refused(refused)
        return _text(request.args.get("echostr", "")[:ECHO_MAX])

    def push(self) -> Response:
        arrived = time.monotonic()
        try:
            body = request.stream.read(BODY_MAX_BYTES + 1)
            sealed, text = self.safe.open(request.args, body)
            push = read_push(text)
            self.safe.once(request.args, push.key)
        except Refused as refused:
            return _refused(refused)
        try:
            return self._answer(push, sealed, arrived)
        except Exception:
            # The store is away, most likely. WeChat delivers again.
            log.exception("a WeChat push could not be taken in")
            return _text("", 503)

    def _answer(self, push: Push, sealed: str, arrived: float) -> Response:
        if push.what is What.OTHER:
            return _text("success")
        if push.what is What.LEAVES:
            if self.leaves is not None:
                self.leaves.told(push)
            return _text("success")
        if push.what is What.POSITION:
            # Used and forgotten, so it is not stored; to this event nothing else may be answered.
            self.conversation.noticed(push)
            return _text("success")
        if push.what is not What.LEFT and not self.answers.known(push):
            try:
                self.services.limiter.hit(BUCKET, push.openid)
            except TooMany as problem:
                return self._sealed(self.answers.seal(push, self.conversation.refusal(push.openid, problem)))
        self.answers.take(push, sealed)
        return self._collect(push, arrived)

    def _collect(self, push: Push, arrived: float) -> Response:
        """The reply as soon as it is there; or such a silence that WeChat delivers again."""
        if kept := self.answers.wait(push, self.answers.patience.quick_s):
            return self._kept(push, *kept)
        if not self._held.acquire(blocking=False):
            log.warning("too many WeChat deliveries wait; this one is sent back")
            return _text("", 503)
        try:
            last, patience = self.answers.is_last_delivery(push), self.answers.patience
            # An answer between 4.3 and 5 seconds may or may not arrive: the next delivery would get the same one.
            # Only the last delivery must not stay silent, or the chat shows an error.
            patience_s = patience.answer_s if last else patience.hold_s
            if kept := self.answers.wait(push, patience_s - (time.monotonic() - arrived)):
                return self._kept(push, *kept)
            if not last:
                return _text("", 503)
            self.answers.give_up(push)
            say = self.conversation.visitor(push.openid).say
            text = say("This takes longer than usual. The answer follows; if it does not, send it once more.")
            return self._sealed(self.answers.seal(push, text))
        finally:
            self._held.release()

    def _kept(self, push: Push, state: InboxState, sealed: str) -> Response:
        if state is InboxState.DEAD:
            say = self.conversation.visitor(push.openid).say
            return self._sealed(self.answers.seal(push, phrases.trouble(say)))
        return self._sealed(sealed) if sealed else _text("success")

    def _sealed(self, sealed: str) -> Response:
        envelope = self.safe.envelope(sealed, request.args.get("nonce", ""))
        return Response(envelope, content_type="text/xml; charset=utf-8")


def _text(text: str, status: int = 200) -> Response:
    response = Response(text, status, content_type="text/plain; charset=utf-8")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _refused(refused: Refused) -> Response:
    log.warning("a WeChat request was refused", extra={"reason": refused.reason})
    return _text("", refused.status)
