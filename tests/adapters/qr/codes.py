"""Makes QR codes, photos of them, and files that try to do harm."""

from __future__ import annotations

import base64
import random
import zlib
from io import BytesIO

import numpy as np
import zxingcpp
from PIL import Image, ImageFilter

# The two halves of one message, as another encoder writes them: structured append, one pixel a module.
PARTS = tuple(
    base64.b64decode(one)
    for one in (
        "iVBORw0KGgoAAAANSUhEUgAAACEAAAAhAQAAAAB/n//CAAAAkUlEQVR42mP4DwQNDJjkBxER9gaG7zdDvzcwfIkVFQeS8XNBZFQu"
        "kPx+Zy9Q/INoCFDN/y/6QPWfIlmBIp9WB81vYPjVOrEfSFa6g0SEFrYDSfWd2xsYPs99ow40oSTZvIHhm9gCdZDedH6gOZJHgezv"
        "98zdgbKBB0C2BOVOB9nVexwoftlAHqhGII0dmzvBJACk5GiLcAlmcAAAAABJRU5ErkJggg==",
        "iVBORw0KGgoAAAANSUhEUgAAACEAAAAhAQAAAAB/n//CAAAAl0lEQVR42mP4DwQNDJjkB9kr7A0M3y/O/d7A8CW8VxxIRq8FkYGy"
        "QPL71a9A8Q+iIUA1/7/MB6r/dK7Ev4Hh56tV9g0M3/gezgeq/FCY38DwxzUcqP7Pp8f8QPH5PeYNDL9yQ/uB6m8KlAP1fmwHinwQ"
        "2Qokv99llwfqikpwB5IBG4HmfIl4Ox0ofiFrOVCNcLQ4NneCSQAgmGvC/UV4ZgAAAABJRU5ErkJggg==",
    )
)


def code(content: str | bytes, scale: int = 6) -> Image.Image:
    """A clean code with its margin, in grey."""
    made = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    return Image.fromarray(np.array(zxingcpp.write_barcode_to_image(made, scale=scale)))


def part(number: int, scale: int = 6) -> Image.Image:
    small = Image.open(BytesIO(PARTS[number])).convert("L")
    return small.resize((small.width * scale, small.height * scale), Image.Resampling.NEAREST)


def photo_of(
    label: Image.Image, size: tuple[int, int] = (1000, 750), at: tuple[int, int] = (300, 150), seed: int = 1
) -> Image.Image:
    """The label on an uneven grey wall, a little soft, with the noise of a camera."""
    dice = np.random.default_rng(seed)
    wall = np.linspace(90, 170, size[0])[None, :] + np.linspace(-20, 20, size[1])[:, None]
    picture = Image.fromarray(wall.astype(np.uint8))
    picture.paste(label, at)
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float32)
    return Image.fromarray(np.clip(soft + dice.normal(0, 6, soft.shape), 0, 255).astype(np.uint8))


def tilted(label: Image.Image, lean: float = 0.25) -> Image.Image:
    """Seen from the side: the right edge is shorter than the left one."""
    width, height = label.size
    corners = [(0, 0), (width, lean * height / 2), (width, height - lean * height / 2), (0, height)]
    rows, wanted = [], []
    for (x, y), (u, v) in zip(corners, [(0, 0), (width, 0), (width, height), (0, height)], strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    numbers = np.linalg.solve(np.array(rows, dtype=float), np.array(wanted, dtype=float))
    how = Image.Transform.PERSPECTIVE
    return label.transform(label.size, how, tuple(numbers), Image.Resampling.BICUBIC, fillcolor=255)


def saved(picture: Image.Image, kind: str = "JPEG", **how: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def animation(frames: list[Image.Image]) -> bytes:
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


def png_of_zeros(width: int, height: int, *, bits: int, colour: int) -> bytes:
    """A whole and valid PNG of black, as small as deflate can make it, without computing all its pixels here."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    total = height * (1 + (width * bits * channels + 7) // 8)
    block = 1 << 20
    squeeze = zlib.compressobj(9, wbits=-15)
    once = squeeze.compress(bytes(block)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    last = rest.compress(bytes(total % block)) + rest.flush()
    check = (total % 65521) << 16 | 1
    data = b"\x78\xda" + once * (total // block) + last + check.to_bytes(4, "big")
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, colour, 0, 0, 0])
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    )


def finder_tile(side_px: int, module_px: int = 1) -> Image.Image:
    """Nothing but the corner marks of QR codes, edge to edge: each three of them could be a code."""
    mark = np.full((9, 9), 255, np.uint8)
    mark[1:8, 1:8] = 0
    mark[2:7, 2:7] = 255
    mark[3:6, 3:6] = 0
    mark = np.kron(mark, np.ones((module_px, module_px), np.uint8))
    times = side_px // len(mark) + 1
    return Image.fromarray(np.tile(mark, (times, times))[:side_px, :side_px])


def mutated(image: bytes, dice: random.Random) -> bytes:
    """The file with bytes changed, cut out, doubled, or its end gone."""
    changed = bytearray(image)
    for _ in range(dice.choice((1, 1, 2, 5, 20, 100))):
        at = dice.randrange(len(changed))
        match dice.randrange(5):
            case 0:
                changed[at] = dice.randrange(256)
            case 1:
                changed[at] ^= 1 << dice.randrange(8)
            case 2:
                changed[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff"))
            case 3:
                del changed[at : at + dice.randrange(1, 64)]
            case 4:
                changed[at:at] = changed[at : at + dice.randrange(1, 64)]
        if not changed:
            return b"\0"
    if dice.random() < 0.1:
        del changed[dice.randrange(len(changed)) :]
    return bytes(changed)
