"""What kind of file this is, from its first bytes, before anything larger looks at it."""

from __future__ import annotations

from core.errors import UserError

# What Telegram's getFile gives at most; WeChat and the page give less.
MAX_BYTES = 20_000_000
# Phones take 12 to 50.
MAX_PIXELS = 60_000_000

# Brands in the first box of HEIF files with H.265 inside, as iPhones write them.
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def kind_of(image: bytes) -> str:
    """PNG, JPEG, WEBP or GIF, in Pillow's spelling. UserError when it is anything else, or too large.

    HEIC gets a sentence instead of a decoder: chats and browsers turn it into JPEG when it is sent as a photo, so it
    only comes as a file, and pillow-heif would be 26 MB more and a video decoder for strangers to play with.
    """
    if len(image) > MAX_BYTES:
        raise UserError("photo_too_big")
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if image.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "WEBP"
    if image.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if image[4:8] == b"ftyp" and image[8:12] in _HEIC:
        raise UserError("heic_photo")
    raise UserError("not_a_photo")


def webp_pixels(image: bytes) -> int:
    """Width times height by the header; 0 when it is broken.

    Pillow opens a WebP by making room for two whole pictures, before we could ask for its size.
    """
    kind, body = image[12:16], image[20:30]
    if len(body) < 10:
        return 0
    if kind == b"VP8X":
        return (1 + int.from_bytes(body[4:7], "little")) * (1 + int.from_bytes(body[7:10], "little"))
    if kind == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return (1 + (packed & 0x3FFF)) * (1 + (packed >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        return (int.from_bytes(body[6:8], "little") & 0x3FFF) * (int.from_bytes(body[8:10], "little") & 0x3FFF)
    return 0
