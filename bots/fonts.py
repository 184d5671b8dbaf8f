"""Which font pictures are written in: one with Chinese, where this machine has one."""

from __future__ import annotations

import logging
import unicodedata
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.font_manager import FontPath, FontProperties

log = logging.getLogger(__name__)

WIDEST_NAME = 44  # Latin letters; a Chinese character takes the room of two
# Families with Chinese glyphs, the best first. No font comes with us; scripts/setup.sh installs WenQuanYi Micro Hei.
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC", "Microsoft YaHei",
    "Noto Sans CJK JP", "Noto Sans CJK TC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei",
    "Droid Sans Fallback", "Noto Serif CJK SC", "Noto Serif CJK JP",
)  # fmt: skip
PLAIN = "DejaVu Sans"  # comes with matplotlib
_SAMPLE = "价格历史平时最低"


def drawable(name: str, face: FontProperties) -> str:
    """A supplier's text on one line, without what has no glyph here, cut to what fits."""
    glyphs = _glyphs(str(face.get_file()))
    kept = "".join(one for one in unicodedata.normalize("NFC", name) if one == " " or ord(one) in glyphs)
    words, width = " ".join(kept.split()), 0
    for n, one in enumerate(words):
        width += 2 if unicodedata.east_asian_width(one) in "WF" else 1
        if width > WIDEST_NAME:
            return words[: n - 1].rstrip() + "…"
    return words


@cache
def _glyphs(path: str) -> frozenset[int]:
    """Which characters a font file has; none if it has gone since the fonts were listed."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def font() -> tuple[FontProperties, bool]:
    """The font of this machine, and whether it has Chinese."""
    from matplotlib import font_manager

    installed = _installed()
    if not any(_has_chinese(installed, family) for family in CHINESE):
        _look_for_new_fonts()
        installed = _installed()
    for family in CHINESE:
        if _has_chinese(installed, family):
            return font_manager.FontProperties(fname=installed[family]), True
    log.warning(
        "no Chinese font is installed (fonts-wqy-microhei has one): pictures of prices are labelled in English"
    )
    return font_manager.FontProperties(fname=installed[PLAIN]), False


def _installed() -> dict[str, FontPath]:
    """By family. One file may hold the fonts of several countries."""
    from matplotlib import font_manager

    return {
        entry.name: font_manager.FontPath(entry.fname, entry.index)
        for entry in font_manager.fontManager.ttflist
        if entry.weight in (400, "normal")
    }


def _has_chinese(installed: dict[str, FontPath], family: str) -> bool:
    return family in installed and all(ord(one) in _glyphs(str(installed[family])) for one in _SAMPLE)


def _look_for_new_fonts() -> None:
    """The list of fonts is kept in a file for good; what was installed since does not stand in it."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    for path in set(font_manager.findSystemFonts()) - {entry.fname for entry in manager.ttflist}:
        with suppress(OSError, RuntimeError, ValueError):  # a file that is no font
            manager.addfont(path)
