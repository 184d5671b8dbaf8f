"""From a gun's code to an offer over HTTP: scan or upload, the questions of the shield, the price. No money moves.

Starting is POST /sessions with the offer's id. A person sees their own scans only.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from bots.miniapp import gun_models as shapes
from bots.miniapp import gun_shapes as show
from bots.miniapp import models, uploads
from bots.miniapp.answers import json_answer, spoken
from bots.miniapp.auth import BEARER, PREFIX, current_user
from core.errors import NotReady, TooMany, UserError
from core.geo import Point
from core.guncode import gun_payload
from core.scan import ScanSource, ScanState
from core.services import Services
from core.services.guns import PHOTO_MOST_BYTES, Identified
from core.station import ConnectorRef
from core.user import User

GUNS = Tag(name="guns", description="From the code on a gun to an offer")
# A photo of a wall of stickers: each code is a scan, and those count.
MOST_CODES = 5
# Pictures on their way through here: each keeps a thread, and the list needs some as well.
PHOTOS_AT_ONCE = 16
ReadCodes = Callable[[bytes], list[str]]

_PLACE = {"lat": "number", "lng": "number", "datum": "string", "accuracy_m": "number"}
# How far each has come: what can be charged at comes first, what is refused last.
_ORDER = (
    ScanState.PASSED,
    ScanState.ASK_STATION,
    ScanState.ASK_LAST_FOUR,
    ScanState.WHICH_GUN,
    ScanState.REFUSED,
)


def blueprint(services: Services, read_codes: ReadCodes) -> APIBlueprint:
    """The routes under /guns. `read_codes` gives the texts of the codes in a picture, and raises UserError."""
    api = APIBlueprint(
        "guns",
        __name__,
        url_prefix=f"{PREFIX}/guns",
        abp_tags=[GUNS],
        abp_security=BEARER,
        abp_responses=dict.fromkeys((400, 401, 403, 404, 409, 413, 429, 503), models.Error),
    )

    reading = BoundedSemaphore(PHOTOS_AT_ONCE)

    def asking() -> User:
        user = current_user(services)
        services.limiter.hit("api", user.id)
        return user

    def read(image: bytes) -> list[str]:
        if not reading.acquire(blocking=False):
            raise NotReady("photos_waiting")
        try:
            return read_codes(image)
        finally:
            reading.release()

    def shown(told: Identified) -> Response:
        return json_answer(show.scan(told, spoken(), services.clock.now()))

    @api.post(
        "/resolve",
        operation_id="resolve",
        responses={200: shapes.Codes},
        openapi_extensions=uploads.described(api, shapes.ResolveBody, _PLACE, raw=True),
    )
    def resolve(query: shapes.Where) -> Response:
        """Which gun a code names, and whether it may lead to a charge: a text, a gun of a card, or a picture

        The code is never opened. A code that is refused is an answer too, with the reason in its `problem`.
        """
        user = asking()
        source, texts, point = _read(services, user, query, read)
        if point is not None:
            services.whereabouts.here(user.id, point)
        say, at = spoken(), services.clock.now()
        found = sorted(_identified(services, user, texts, source), key=lambda told: _ORDER.index(told.scan.state))
        return json_answer({"codes": [show.scan(told, say, at) for told in found]})

    @api.get("/scans/<scan_id>", operation_id="scan", responses={200: shapes.Scan})
    def scan(path: shapes.ScanPath) -> Response:
        """A scan as it stands"""
        return shown(services.guns.scan(asking().id, path.scan_id))

    @api.post("/scans/<scan_id>/choice", operation_id="choose_gun", responses={200: shapes.Scan})
    def choose(path: shapes.ScanPath, body: shapes.ChoiceBody) -> Response:
        """Which of the guns it is"""
        return shown(services.guns.choose(asking().id, path.scan_id, body.number))

    @api.post("/scans/<scan_id>/station", operation_id="at_station", responses={200: shapes.Scan})
    def at_station(path: shapes.ScanPath) -> Response:
        """Yes, I am at this station"""
        return shown(services.guns.at_station(asking().id, path.scan_id))

    @api.post("/scans/<scan_id>/last-four", operation_id="last_four", responses={200: shapes.Scan})
    def last_four(path: shapes.ScanPath, body: shapes.LastFourBody) -> Response:
        """The last four characters of the number on the gun; the third wrong answer refuses the scan"""
        return shown(services.guns.last_four(asking().id, path.scan_id, body.characters))

    @api.post("/scans/<scan_id>/offer", operation_id="offer", responses={200: shapes.Offer})
    def offer(path: shapes.ScanPath, body: shapes.OfferBody) -> Response:
        """What a charge at the scanned gun costs, frozen for five minutes, and what would be held

        Say yes with POST /sessions and its `id` as `quote_id`.
        """
        found = services.guns.offer(asking().id, path.scan_id, body.kwh)
        return json_answer(show.offer(found, spoken(), services.clock.now()))

    @api.post(
        "/scans/<scan_id>/report",
        operation_id="report_scan",
        responses={200: shapes.Reported},
        openapi_extensions=uploads.described(api, shapes.ReportBody, {"words": "string"}, raw=False),
    )
    def report(path: shapes.ScanPath) -> Response:
        """Something is wrong with this code: evidence is kept, one of us looks. Once each"""
        user = asking()
        services.guns.scan(user.id, path.scan_id)  # nobody sends a picture for nothing
        photo = None
        if request.mimetype == "application/json":
            words = uploads.read_json(shapes.ReportBody).words
        else:
            services.limiter.hit("photo", user.id)
            photo, words = uploads.sent_picture(), uploads.sent_fields().get("words", "")
            if photo is not None and len(photo) > PHOTO_MOST_BYTES:
                raise UserError("photo_too_big")
        case = services.guns.report(user.id, path.scan_id, words.replace("\x00", ""), photo)
        say = spoken()
        text = say("Thank you. We keep what you sent and look at this code; do not charge with it.")
        return json_answer({"reported": True, "reference": case.id, "text": text})

    return api


def _read(
    services: Services, user: User, query: shapes.Where, read_codes: ReadCodes
) -> tuple[ScanSource, list[str], Point | None]:
    """How the codes came, what they say, and where the driver is. Raises UserError."""
    if request.mimetype in ("", "application/json"):
        body = uploads.read_json(shapes.ResolveBody)
        point = body.point or query.point
        if body.gun is not None:
            return ScanSource.LIST, [_text_of(ConnectorRef(body.gun.operator_id, body.gun.id))], point
        return body.source, [body.text or ""], point
    services.limiter.hit("photo", user.id)
    image = uploads.sent_picture()
    if image is None:
        raise UserError("not_a_photo")
    point = shapes.Where.read(uploads.sent_fields()).point
    texts = read_codes(image)
    if not texts:
        raise UserError("code_empty")
    return ScanSource.PHOTO, texts, point


def _text_of(ref: ConnectorRef) -> str:
    """What names this gun to ourselves; where its ids are too long for a link, its number, which asks once more."""
    return gun_payload(ref) or ref.connector_id.partition(":")[0]


def _identified(services: Services, user: User, texts: list[str], source: ScanSource) -> list[Identified]:
    """A scan of each text, of those first that name something. Raises TooMany when not even one is let through."""
    # What no database takes is not lost: it becomes a letter that names no gun.
    sound = [text.strip("\x00").encode("utf-8", "replace").decode().replace("\x00", "\ufffd") for text in texts]
    read = services.guns.scanning.read
    wanted = sorted(sound, key=lambda text: not read(text).known)[:MOST_CODES]
    found: list[Identified] = []
    for text in wanted:
        try:
            found.append(services.guns.identify(user.id, text, source))
        except TooMany:
            if not found:
                raise
            break
    return found
