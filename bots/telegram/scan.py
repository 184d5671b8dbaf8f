"""A gun's code comes in: a photo, a number or link that is typed, one of our links, a gun of a station's card."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiogram import F, Router
from aiogram.filters import Command, Filter
from aiogram.types import CallbackQuery, Document, Message

from bots.telegram import chat, files, gun_card, offer, render
from bots.telegram.buttons import Act, Button, Search, pack
from bots.telegram.keyboards import SCAN, Row, button, inline, send_location
from bots.telegram.linking import only_in_private
from bots.telegram.markup import bold, clean, ours
from bots.telegram.pressed import Pressed
from bots.telegram.visit import Visit
from bots.wording import phrases, wording
from core.errors import NotFound, UserError
from core.geo import parse_point
from core.guncode import gun_payload, parse, write_hlht
from core.guncode.own import read_payload
from core.scan import Scan, ScanSource, ScanState
from core.services.guns import Identified
from core.station import Connector, ConnectorStatus
from core.user import LANGUAGES

router = Router(name="scan")

ReadsCodes = Callable[[bytes], list[str]]
MOST_CODES = 4  # looked at in one photo
MOST_GUNS = 24  # buttons under a station
SCAN_WORDS = frozenset(wording(language)(SCAN) for language in LANGUAGES)
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff")
_MAP_HOSTS = frozenset(
    {"surl.amap.com", "uri.amap.com", "j.map.baidu.com", "map.baidu.com", "maps.apple.com", "maps.app.goo.gl",
     "maps.google.com", "www.google.com"}
)  # fmt: skip
_FREE_FIRST = (ConnectorStatus.FREE, ConnectorStatus.UNKNOWN)


# --- a photo ------------------------------------------------------------------------------------------------------


def _is_picture(document: Document | None) -> bool:
    if document is None:
        return False
    name = (document.file_name or "").lower()
    return (document.mime_type or "").startswith("image/") or name.endswith(_PICTURES)


@router.message(F.photo)
async def photo(message: Message, visit: Visit, read_codes: ReadsCodes) -> None:
    assert message.photo
    largest = max(message.photo, key=lambda size: size.width * size.height)
    await _read(visit, read_codes, largest.file_id, largest.file_size, message.media_group_id)


@router.message(F.document.func(_is_picture))
async def picture(message: Message, visit: Visit, read_codes: ReadsCodes) -> None:
    """A picture that was sent as a file: nothing of it is lost on the way, so it is read best."""
    assert message.document
    await _read(visit, read_codes, message.document.file_id, message.document.file_size, message.media_group_id)


async def _read(visit: Visit, read_codes: ReadsCodes, file_id: str, file_size: int | None, album: str | None) -> None:
    only_in_private(visit)
    await visit.run_core(visit.services.limiter.hit, "photo", str(visit.user.id))
    try:
        async with chat.busy(visit.bot, visit.chat_id, "typing"):
            image = await files.download(visit.bot, file_id, file_size)
            texts = await visit.run_core(read_codes, image)
            told = [await _identified(visit, text, ScanSource.PHOTO, file_id) for text in texts[:MOST_CODES]]
    except UserError as problem:
        if problem.code.endswith("_photo") or problem.code.startswith("photo_"):
            visit.expected.number(visit.chat_id, visit.now)
        raise
    if told:
        await _show_best(visit, told)
    elif not album or not visit.expected.said_of_album(album, visit.now):
        visit.expected.number(visit.chat_id, visit.now)
        text = visit.say(
            "I see no code in this picture. Go closer, hold the phone straight, use the flash in the dark. "
            "Or type the number printed on the gun."
        )
        await visit.send(render.message(ours(text)))


async def _show_best(visit: Visit, told: list[Identified]) -> None:
    """Of several codes those that lead to a gun; a payment code beside the gun's own is nobody's business."""
    leading = [one for one in told if one.scan.state is not ScanState.REFUSED]
    distinct = list({(one.scan.station_id, one.scan.ref, one.scan.choices): one for one in leading}.values())
    if len(distinct) > 1:
        await visit.send(gun_card.which_scan(visit, distinct))
    else:
        await offer.show_next(visit, (distinct or told)[0])


# --- typed --------------------------------------------------------------------------------------------------------


class GunTyped(Filter):
    """Texts that are a gun's code, or the answer to what we asked about one. Everything else is a place."""

    async def __call__(self, message: Message, visit: Visit) -> bool | dict[str, Any]:
        text = visit.text.strip()
        if not text or text.startswith("/") or parse_point(text):
            return False
        code = parse(text)
        if (code.known and not code.guess) or _is_address(text, code.host_normal):
            return {"code": text, "asked": None}
        if not visit.private:
            return False
        if _may_be_last_four(text):
            asked = await visit.run_core(visit.services.guns.waiting_for_last_four, visit.user.id)
            if asked is not None:
                return {"code": text, "asked": asked}
        if code.known and visit.expected.is_number(visit.chat_id, visit.now):
            return {"code": text, "asked": None}
        return False


def _is_address(text: str, host: str) -> bool:
    """A web address alone, as a sticker holds one. Links of maps are places that somebody shares."""
    return re.fullmatch(r"\S+://\S+", text) is not None and host not in _MAP_HOSTS


def _may_be_last_four(text: str) -> bool:
    """Four characters as they stand on a gun. Who types a whole number instead begins anew with that."""
    bare = re.sub(r"[\W_]", "", text)
    return len(bare) == 4 and bare.isascii()


@router.message(Command("scan"))
@router.message(F.text.in_(SCAN_WORDS))
async def ask_for_code(message: Message, visit: Visit) -> None:
    only_in_private(visit)
    visit.expected.number(visit.chat_id, visit.now)
    text = visit.say("📷 Send a photo of the QR code on the gun, or type the number printed there.")
    await visit.send(render.message(ours(text), send_location(visit.say)))


@router.message(F.text, GunTyped())
async def typed(message: Message, visit: Visit, code: str, asked: Scan | None) -> None:
    only_in_private(visit)
    if asked is None:
        await offer.show_next(visit, await _identified(visit, code, ScanSource.TYPED))
        return
    try:
        told = await visit.run_core(visit.services.guns.last_four, visit.user.id, asked.id, code)
    except UserError as problem:
        if problem.code == "scan_wrong_number":
            visit.expected.number(visit.chat_id, visit.now)
        raise
    await offer.show_next(visit, told)


async def may_be_number(visit: Visit, problem: UserError) -> bool:
    """A text that is no place, and may be the number on a gun: sent once more it is taken for that."""
    if not visit.private or not parse(visit.text.strip()).known:
        return False
    visit.expected.number(visit.chat_id, visit.now)
    hint = visit.say("If it is the number of a gun, send it once more.")
    await visit.send(render.message(f"{ours(phrases.error(visit.say, problem))}\n{ours(hint)}"))
    return True


async def opened(visit: Visit, payload: str) -> bool:
    """A link of ours to a gun was opened; False when it is none."""
    if read_payload(payload) is None:
        return False
    only_in_private(visit)
    await offer.show_next(visit, await _identified(visit, payload, ScanSource.LINK))
    return True


async def _identified(visit: Visit, text: str, source: ScanSource, photo_ref: str = "") -> Identified:
    return await visit.run_core(visit.services.guns.identify, visit.user.id, text, source, photo_ref=photo_ref)


# --- a position after the question for one -----------------------------------------------------------------------


async def arrived(visit: Visit) -> bool:
    """The driver sent a position instead of the last four characters: the same code once more, from there.

    False when they are somewhere else by now, and want to know what is there.
    """
    if not visit.private:
        return False
    guns = visit.services.guns
    asked = await visit.run_core(guns.waiting_for_last_four, visit.user.id)
    if asked is None:
        return False
    again = await _identified(visit, asked.text, asked.source, asked.photo_ref)
    await offer.show_next(visit, again)
    return again.scan.state is not ScanState.REFUSED


# --- a gun of a station's card ------------------------------------------------------------------------------------


@router.callback_query(Pressed(Act.GUNS))
async def picked(call: CallbackQuery, visit: Visit, button: Button, search: Search) -> None:
    """ "⚡ Start here": which gun; with one named behind the station, that one."""
    only_in_private(visit)
    assert call.message is not None
    station_id, _, name = button.value.partition(".")
    one = await visit.run_core(visit.services.finder.station, station_id, visit.wishes(search.sort))
    guns = [gun for gun in one.station.connectors if gun.count == 1]
    if not name and len(guns) > 1:
        lines = [bold(ours(clean(one.station.name, render.NAME_MAX))), ours(visit.say("Which gun is yours?"))]
        rows = _gun_rows(visit, guns, station_id, search)
        await visit.show(call.message.message_id, render.message("\n".join(lines), inline(rows)))
        return
    chosen = next((gun for gun in guns if not name or _short(gun) == name), None)
    if chosen is None:
        raise NotFound("no_such_gun")
    text = gun_payload(chosen.ref) or write_hlht(chosen.ref)
    await offer.show_next(visit, await _identified(visit, text, ScanSource.LIST))


def _gun_rows(visit: Visit, guns: list[Connector], station_id: str, search: Search) -> list[Row]:
    at = visit.now

    def order(gun: Connector) -> int:
        status = gun.status_now(at)
        return _FREE_FIRST.index(status) if status in _FREE_FIRST else len(_FREE_FIRST)

    rows: list[Row] = [
        [button(gun_card.gun_label(visit.say, gun, at), pack(Act.GUNS, search, f"{station_id}.{_short(gun)}"))]
        for gun in sorted(guns, key=order)[:MOST_GUNS]
    ]
    return [*rows, [button(visit.say("◀ Back"), pack(Act.CARD, search, station_id))]]


def _short(gun: Connector) -> str:
    return gun_card.digest(f"{gun.ref.operator_id}\x1f{gun.ref.connector_id}")
