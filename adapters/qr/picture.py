"""From the bytes of a file to grey pictures the decoders can look at. Runs in a worker only."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BytesIO
from itertools import product

from PIL import Image, ImageFile

from adapters.qr.formats import MAX_PIXELS, webp_pixels

# Decoders get no more than this on the long side: a tile of finder patterns costs them time by the square.
CAP_PX = 1600
# A second look at large photos, in finer detail.
DETAIL_PX = 3200
# Codes that were seen but not read are looked at closely, so many of them, with so much around them.
MAX_PLACES = 3
MARGIN = 0.25
# Of an animation: a code may blink or come on the second frame.
MAX_FRAMES = 3

# Pillow refuses at twice this number, also when a later frame of a GIF turns out larger than the first.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
warnings.simplefilter("ignore", Image.DecompressionBombWarning)

Unreadable = (OSError, SyntaxError, ValueError, EOFError, OverflowError, IndexError, KeyError, TypeError)


# Left, top, right, bottom, in pixels of the grey picture.
Box = tuple[float, float, float, float]


class TooManyPixels(Exception):
    """The header promises more than we are ready to decode."""


class Damaged(Exception):
    """The file is of a kind we know, but there is no picture to be had from it."""


class Picture:
    """One frame in grey, at most CAP_PX long, the copies made of it, and the places where codes were seen unread."""

    def __init__(self, grey: Image.Image, image: bytes = b"", kind: str = "", frame: int = 0) -> None:
        self.grey = grey
        self.places: list[Box] = []
        self._again = (image, kind, frame)
        self._sized: dict[int, Image.Image] = {}
        self._close_ups: dict[tuple[Box, int], Image.Image] = {}

    def sized(self, side_px: int) -> Image.Image:
        """A copy with this long side; the picture itself when it is not larger."""
        if side_px >= max(self.grey.size):
            return self.grey
        if side_px not in self._sized:
            self._sized[side_px] = _shrunk(self.grey, side_px)
        return self._sized[side_px]

    def detail(self) -> list[Image.Image]:
        """The frame again, larger, when the file has more to give: four overlapping quarters, one step each."""
        image, kind, frame = self._again
        if not image:
            return []
        try:
            larger = _grey(_frame(image, kind, frame), DETAIL_PX)
        except (*Unreadable, MemoryError):  # it could be opened once; what was seen then has to do
            return []
        wide, tall = (-(-side * 9 // 16) for side in larger.size)
        right, below = larger.width - wide, larger.height - tall
        return [larger.crop((left, top, left + wide, top + tall)) for left, top in product((0, right), (0, below))]

    def remember(self, places: list[Box]) -> None:
        """Notes where a code was seen but not read, once for each place."""
        for place in places:
            if len(self.places) < MAX_PLACES and all(_overlap(place, other) < 0.6 for other in self.places):
                self.places.append(place)

    def close_ups(self, side_px: int) -> list[Image.Image]:
        """A square around each place, with some margin, of this size."""
        for place in self.places:
            if (place, side_px) not in self._close_ups:
                self._close_ups[place, side_px] = self._close_up(place, side_px)
        return [self._close_ups[place, side_px] for place in self.places]

    def _close_up(self, place: Box, side_px: int) -> Image.Image:
        left, top, right, bottom = place
        reach = max(right - left, bottom - top) * (0.5 + MARGIN)
        across, down = (left + right) / 2, (top + bottom) / 2
        box = (
            max(0.0, across - reach),
            max(0.0, down - reach),
            min(float(self.grey.width), across + reach),
            min(float(self.grey.height), down + reach),
        )
        times = side_px / (2 * reach)
        size = (max(8, round((box[2] - box[0]) * times)), max(8, round((box[3] - box[1]) * times)))
        how = Image.Resampling.BICUBIC if times > 1 else Image.Resampling.BILINEAR
        return self.grey.resize(size, how, box)


def _overlap(one: Box, other: Box) -> float:
    """The shared part of two boxes, as a share of both together."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def pictures(image: bytes, kind: str) -> Iterator[Picture]:
    """The first frames, in grey. Raises TooManyPixels before any pixel is decoded, Damaged when there is none."""
    if kind == "WEBP" and webp_pixels(image) > MAX_PIXELS:
        raise TooManyPixels
    for number in range(MAX_FRAMES):
        try:
            frame = _frame(image, kind, number)
            larger, animated = max(frame.size) > CAP_PX, getattr(frame, "is_animated", False)
            grey = _grey(frame, CAP_PX)
        except Image.DecompressionBombError as problem:
            raise TooManyPixels from problem
        except Unreadable as problem:
            if number:  # the animation has no more frames
                return
            raise Damaged from problem
        del frame  # hundreds of megabytes, and a look at the details will open the file again
        yield Picture(grey, image, kind, number) if larger else Picture(grey)
        if not animated:
            return


def _frame(image: bytes, kind: str, number: int) -> Image.Image:
    opened = Image.open(BytesIO(image), formats=[kind])
    if opened.width * opened.height > MAX_PIXELS:
        raise TooManyPixels
    if number:
        opened.seek(number)
    return opened


def _grey(frame: Image.Image, cap_px: int) -> Image.Image:
    times = max(1.0, max(frame.size) / cap_px)
    # libjpeg can shrink while it decodes, and leave the colours out.
    frame.draft("L", (int(frame.width / times), int(frame.height / times)))
    _load(frame)
    factor = max(frame.size) // cap_px
    if frame.mode.startswith("I"):  # 16 bits: Pillow's own conversion cuts everything above 255 off
        frame = frame.convert("I").point(lambda value: value * (1 / 256), "L")
    seen_through = "transparency" in frame.info or frame.mode in ("RGBA", "LA", "PA", "RGBa", "La")
    if factor > 1 and frame.mode not in ("P", "1", "PA"):
        frame = frame.reduce(factor)
    if seen_through:
        frame = frame.convert("RGBA")
        paper = Image.new("RGBA", frame.size, "white")
        paper.alpha_composite(frame)
        frame = paper
    return _shrunk(frame.convert("L"), cap_px)


def _load(frame: Image.Image) -> None:
    """All pixels, or as many as arrived: a photo cut off in the middle often has its code in the upper half."""
    try:
        frame.load()
    except OSError:
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            frame.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False


def _shrunk(grey: Image.Image, side_px: int) -> Image.Image:
    times = side_px / max(grey.size)
    if times >= 1:
        return grey
    size = (max(1, round(grey.width * times)), max(1, round(grey.height * times)))
    return grey.resize(size, Image.Resampling.BILINEAR)
