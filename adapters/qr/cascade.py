"""One stage after the other until something is read: the cheap and exact first, the far-fetched last.

A stage is a row of the table below: which copies of the picture, what is done to them, which decoder looks. Most
photos end at the first row, after two milliseconds. zxing-cpp also tells where it saw a code that it could not read:
a close-up of that place is so small that many things can be tried on it for the price of one on the whole picture.

Order and numbers were chosen by measuring on one half of a set of photos: bench/qr.py says how well they do on both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from adapters.qr.decoders import Decoder, by_histogram, local, local_thorough, zbar
from adapters.qr.picture import Picture
from adapters.qr.treatments import (
    Treatment,
    as_it_is,
    blurred,
    both,
    bowed,
    closed,
    equalised,
    evened,
    gamma,
    high_pass,
    opened,
    sharpened,
    squeezed,
    stretched,
    stretched_contrast,
    threshold,
    turned,
)

# A text of so few digits found by a retry may be a figment: another row has to see it too.
_FEW_DIGITS = 8
_LOOKS_BESIDE = 6

Copies = Callable[[Picture], list[Image.Image]]


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    copies: Copies
    treat: Treatment
    decode: Decoder

    def look(self, picture: Picture, out_of_time: Callable[[], bool]) -> list[str]:
        texts: list[str] = []
        for number, copy in enumerate(self.copies(picture)):
            if number and out_of_time():
                break
            treated = self.treat(copy)
            seen = self.decode(treated)
            texts += seen.texts
            if self.copies not in _PARTS:
                height, width = treated.shape
                across, down = picture.grey.width / width, picture.grey.height / height
                picture.remember([(x0 * across, y0 * down, x1 * across, y1 * down) for x0, y0, x1, y1 in seen.unread])
        return list(dict.fromkeys(texts))


@dataclass(frozen=True, slots=True)
class Reading:
    """The texts, none twice, and the stage that found them; no texts and no stage when nothing was read."""

    codes: list[str]
    stage: str


def _whole(side_px: int = 0) -> Copies:
    return lambda picture: [picture.sized(side_px) if side_px else picture.grey]


def _close_ups(side_px: int) -> Copies:
    return lambda picture: picture.close_ups(side_px)


WHOLE, W640, W400, W300 = _whole(), _whole(640), _whole(400), _whole(300)
CLOSE, NEARER, CLOSER, CLOSEST = _close_ups(240), _close_ups(320), _close_ups(400), _close_ups(600)
# Their pixels are not where those of the whole picture are.
_PARTS = (CLOSE, NEARER, CLOSER, CLOSEST, Picture.detail)

STAGES = (
    Stage("as it is", WHOLE, as_it_is, local_thorough),
    Stage("histogram", WHOLE, as_it_is, by_histogram),
    Stage("small, threshold, zbar", W300, threshold(5), zbar),
    Stage("dark", WHOLE, gamma(0.4), local),
    Stage("bright", WHOLE, gamma(2.5), local),
    Stage("close, opened", CLOSE, opened(3), by_histogram),
    Stage("close, threshold", CLOSE, threshold(8, -8), by_histogram),
    Stage("close, histogram", CLOSE, as_it_is, by_histogram),
    Stage("close, bright", CLOSE, gamma(2.5), local),
    Stage("close, blurred", CLOSE, blurred(1), local),
    Stage("medium, low threshold", W400, threshold(10, -8), by_histogram),
    Stage("whole, opened", WHOLE, opened(5), by_histogram),
    Stage("close, high threshold", CLOSE, threshold(16, 8), by_histogram),
    Stage("close, bright, histogram", CLOSE, gamma(2.5), by_histogram),
    Stage("close, equalised", CLOSE, equalised, local),
    Stage("close, dark", CLOSE, gamma(0.4), local),
    Stage("close, closed", CLOSE, closed(3), by_histogram),
    Stage("closer, histogram", CLOSER, as_it_is, by_histogram),
    Stage("closer, opened", CLOSER, opened(3), by_histogram),
    Stage("close, threshold, zbar", CLOSE, threshold(8, -8), zbar),
    Stage("close, bowed up", CLOSE, bowed(upwards=0.06), local),
    Stage("close, bowed down", CLOSE, bowed(upwards=-0.06), local),
    Stage("close, squeezed right", CLOSE, squeezed(sideways=0.06), local),
    Stage("close, squeezed left", CLOSE, squeezed(sideways=-0.06), local),
    Stage("closer, squeezed up", CLOSER, squeezed(upwards=0.06), local),
    Stage("closer, squeezed down", CLOSER, squeezed(upwards=-0.06), local),
    Stage("close, bowed right", CLOSE, bowed(sideways=0.06), local),
    Stage("close, bowed left", CLOSE, bowed(sideways=-0.06), local),
    Stage("whole, equalised", WHOLE, equalised, local),
    Stage("closer, contrast, histogram", CLOSER, stretched_contrast(5), by_histogram),
    Stage("low", WHOLE, stretched(tall=0.6), local),
    Stage("small, low threshold, zbar", W300, threshold(5, -8), zbar),
    Stage("small, blurred, zbar", W300, blurred(1), zbar),
    Stage("close, even threshold, zbar", CLOSE, threshold(8), zbar),
    Stage("whole, little opened", WHOLE, opened(3), by_histogram),
    Stage("closer, soft threshold", CLOSER, threshold(8, soften_px=1), by_histogram),
    Stage("closer, bright", CLOSER, gamma(2.5), local),
    Stage("close, bright, zbar", CLOSE, gamma(2.5), zbar),
    Stage("small, wide threshold", W300, threshold(10, -8), by_histogram),
    Stage("whole, much opened", WHOLE, opened(7), local),
    Stage("closer, wide", CLOSER, stretched(wide=1.5), by_histogram),
    Stage("closer, tall", CLOSER, stretched(tall=1.5), by_histogram),
    Stage("close, bowed further", CLOSE, bowed(upwards=0.12), local),
    Stage("close, closed, local", CLOSE, closed(3), local),
    Stage("closer, contrast", CLOSER, stretched_contrast(20), local),
    Stage("closer, dark", CLOSER, gamma(0.4), local),
    Stage("close, wide, zbar", CLOSE, stretched(wide=1.5), zbar),
    Stage("close, sharpened, zbar", CLOSE, sharpened(2, 200), zbar),
    Stage("close, evened", CLOSE, evened(20), local),
    Stage("closer, sharpened", CLOSER, sharpened(4, 300), local),
    Stage("medium, opened", W640, opened(3), by_histogram),
    Stage("high pass", WHOLE, high_pass(30, 2.5), local),
    Stage("medium, soft threshold", W400, threshold(10, soften_px=1), by_histogram),
    Stage("small, very blurred, zbar", W300, blurred(4), zbar),
    Stage("medium, threshold", W640, threshold(10), by_histogram),
    Stage("wide", WHOLE, stretched(wide=1.6), local),
    Stage("medium, blurred, zbar", W400, blurred(1), zbar),
    Stage("close, wide threshold, zbar", CLOSE, threshold(40), zbar),
    Stage("close, evened, zbar", CLOSE, evened(8), zbar),
    Stage("close, very wide, zbar", CLOSE, stretched(wide=2.5), zbar),
    Stage("small, turned, zbar", W300, turned(45), zbar),
    Stage("small, equalised, zbar", W300, equalised, zbar),
    Stage("large, low threshold, zbar", W640, threshold(10, -8), zbar),
    Stage("closer, fine threshold", CLOSER, threshold(5), by_histogram),
    Stage("close, very dark", CLOSE, gamma(0.2), by_histogram),
    Stage("very bright", WHOLE, gamma(5), by_histogram),
    Stage("nearer, fine threshold", NEARER, threshold(5), local),
    Stage("closer, soft high threshold", CLOSER, threshold(16, soften_px=1), by_histogram),
    Stage("nearer, wide, squeezed", NEARER, both(stretched(wide=1.5), squeezed(sideways=-0.1)), local),
    Stage("nearer, sharpened, wide", NEARER, both(sharpened(2, 200), stretched(wide=1.5)), local),
    Stage("medium, high pass, threshold", W400, both(high_pass(30, 2.5), threshold(5)), local),
    Stage("closest, high pass", CLOSEST, high_pass(10, 4), local),
    Stage("medium, sharpened", W640, sharpened(1, 400), local),
    Stage("closest, wide threshold, squeezed", CLOSEST, both(threshold(40), squeezed(sideways=0.1)), by_histogram),
    Stage("threshold, high pass", WHOLE, both(threshold(5), high_pass(30, 2.5)), by_histogram),
    Stage("detail", Picture.detail, as_it_is, local),
)


def read_picture(picture: Picture, out_of_time: Callable[[], bool], stages: tuple[Stage, ...] = STAGES) -> Reading:
    """Stops at the first stage that finds a text to be sure of, or between two stages when time is out."""
    doubtful: set[str] = set()
    for number, stage in enumerate(stages):
        found = stage.look(picture, out_of_time)
        sure = [text for text in found if number == 0 or text in doubtful or not _may_be_invented(text)]
        if sure:
            return Reading(list(dict.fromkeys(sure + _beside(picture, out_of_time))), stage.name)
        doubtful.update(found)
        if out_of_time():
            break
    return Reading([], "")


def _beside(picture: Picture, out_of_time: Callable[[], bool]) -> list[str]:
    """Where one code was read there may be others, seen and not read: a few cheap looks at those."""
    texts = []
    for stage in [stage for stage in STAGES if stage.copies is CLOSE][:_LOOKS_BESIDE]:
        if not picture.places or out_of_time():
            break
        texts += [text for text in stage.look(picture, out_of_time) if not _may_be_invented(text)]
    return texts


def _may_be_invented(text: str) -> bool:
    return len(text) <= _FEW_DIGITS and text.isdigit()
