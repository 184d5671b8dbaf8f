"""The two decoders behind one shape: grey pixels in, what was seen out, and nothing they do wrong gets past here.

zxing-cpp is asked for QR code model 2 only: its family of QR codes includes Micro QR, the source of every invented
text we ever saw. pyzbar finds other codes than zxing-cpp does, at ten times the price, so it gets small copies.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import zxingcpp

Grey = npt.NDArray[np.uint8]
# Left, top, right, bottom.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """The texts that were read, and where there are codes whose text could not be made out."""

    texts: list[str]
    unread: list[Box] = field(default_factory=list)


Decoder = Callable[[Grey], Seen]

# A part of a message that is spread over several codes says so in its first four bits; they stand in the
# last corner, in this order (row and column from the end).
_FIRST_BITS = ((1, 1), (1, 2), (2, 1), (2, 2))
_PART = (False, False, True, True)
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda row, column: (row + column) % 2 == 0,
    lambda row, column: row % 2 == 0,
    lambda row, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
)
# Below this share of unused error correction the corner itself may be what is damaged.
_SOUND = 0.5
# The smallest code has 21 modules; what is smaller than this is a speck, or has no corners at all.
_LEAST_PX = 16


def _zxing(grey: Grey, **how: Any) -> Seen:
    try:
        return _asked(grey, **how)
    except (ValueError, RuntimeError):  # a text that is no Unicode, or the library's own: this look gave nothing
        return Seen([])


def _asked(grey: Grey, **how: Any) -> Seen:
    found = zxingcpp.read_barcodes(
        grey,
        text_mode=zxingcpp.TextMode.Plain,  # the default spells control characters out
        try_rotate=False,  # QR codes are found in any direction without it
        return_errors=True,
        **how,
    )
    texts = [code.text for code in found if code.valid and code.text and not _is_part(code)]
    boxes = [_box(code.position) for code in found if not code.valid]
    return Seen(texts, [box for box in boxes if min(box[2] - box[0], box[3] - box[1]) >= _LEAST_PX])


def _box(position: Any) -> Box:
    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    across, down = [corner.x for corner in corners], [corner.y for corner in corners]
    return min(across), min(down), max(across), max(down)


def _is_part(code: Any) -> bool:
    """Whether this is one of several codes that make a text only together (structured append)."""
    extra = code.extra
    mask, version = extra.get("DataMask"), str(extra.get("Version", ""))
    if mask is None or not version.isdigit() or extra.get("UEC", 0) < _SOUND:
        return False
    modules = np.asarray(code.to_image(scale=1, add_quiet_zones=False))
    size = len(modules)
    places = [(size - row, size - column) for row, column in _FIRST_BITS]
    return tuple(bool((modules[place] == 0) ^ _MASKS[mask](*place)) for place in places) == _PART


_MODEL_2 = zxingcpp.BarcodeFormat.QRCodeModel2
_BOTH_MODELS = [_MODEL_2, zxingcpp.BarcodeFormat.QRCodeModel1]
_GLOBAL = zxingcpp.Binarizer.GlobalHistogram

# As the picture is: both models, also light on dark.
local_thorough: Decoder = partial(_zxing, formats=_BOTH_MODELS)
local: Decoder = partial(_zxing, formats=_MODEL_2, try_invert=False)
# One threshold for the whole picture: quicker, and it reads other pictures than `local` does.
by_histogram: Decoder = partial(_zxing, formats=_MODEL_2, try_invert=False, binarizer=_GLOBAL)


def load_pyzbar(load: Callable[[str], ModuleType] = importlib.import_module) -> ModuleType | None:
    """None without libzbar0, which comes from the system and not from PyPI."""
    try:
        return load("pyzbar.pyzbar")
    except (ImportError, OSError):
        return None


_pyzbar = load_pyzbar()


def zbar(grey: Grey) -> Seen:
    return zbar_with(_pyzbar, grey)


def zbar_with(library: ModuleType | None, grey: Grey) -> Seen:
    if library is None:
        return Seen([])
    height, width = grey.shape
    try:
        # Only QR codes: libzbar's DataBar reader has had a hole (CVE-2023-40890) and writes to stderr.
        found = library.decode((grey.tobytes(), width, height), symbols=[library.ZBarSymbol.QRCODE])
    except (ValueError, library.PyZbarError):
        # "4294967295 is not a valid ZBarOrientation": any code of a structured append.
        return Seen([])
    return Seen([text for text in (_repaired(symbol.data) for symbol in found) if text])


def _repaired(data: bytes) -> str:
    """libzbar takes UTF-8 for Shift-JIS when it can; going back gives the Chinese text. "" when nothing fits."""
    try:
        text = data.decode("utf-8")
        return text if text.isascii() else text.encode("cp932").decode("utf-8")
    except UnicodeError:
        return ""


def available() -> list[str]:
    return ["zxing", "zbar"] if _pyzbar else ["zxing"]
