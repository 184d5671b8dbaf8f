"""Photos of the stickers on guns, made by a writer that is not ours."""

from __future__ import annotations

from io import BytesIO

import numpy
import zxingcpp
from PIL import Image


def photo_of(*texts: str) -> bytes:
    """A JPEG with a QR code of each text, side by side, on a grey wall."""
    codes = [_code(text) for text in texts]
    wall = Image.new("L", (100 + sum(one.width + 100 for one in codes), 600), 200)
    left = 100
    for one in codes:
        wall.paste(one, (left, 100))
        left += one.width + 100
    written = BytesIO()
    wall.save(written, "JPEG", quality=85)
    return written.getvalue()


def _code(text: str) -> Image.Image:
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    pixels = zxingcpp.write_barcode_to_image(code, scale=8, add_quiet_zones=True)
    return Image.fromarray(numpy.asarray(pixels)).convert("L")
