"""What is done to a grey picture so that a decoder sees a code in it that it missed before.

All of it is Pillow and numpy on bytes, a millisecond or two each. OpenCV would save little here: the cost lies in the
decoders, and its 170 MB would have to be loaded by every worker.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter, ImageOps

Grey = npt.NDArray[np.uint8]
Treatment = Callable[[Image.Image], Grey]

_BLACK_OR_WHITE = [255 * (value >= 128) for value in range(256)]
_BEND_CELLS = 6


def as_it_is(picture: Image.Image) -> Grey:
    return np.asarray(picture)


def gamma(power: float) -> Treatment:
    """Below 1 brings out what lies in the dark, above 1 what lies in the light."""
    curve = [round(255 * (value / 255) ** power) for value in range(256)]
    return lambda picture: np.asarray(picture.point(curve))


def threshold(radius_px: int, offset: int = 0, soften_px: int = 0) -> Treatment:
    """White where a pixel is at least `offset` lighter than its surroundings: evens out shadow and glare."""

    def treat(picture: Image.Image) -> Grey:
        if soften_px:
            picture = picture.filter(ImageFilter.BoxBlur(soften_px))
        around = picture.filter(ImageFilter.BoxBlur(radius_px))
        return np.asarray(ImageChops.subtract(picture, around, 1, 128 - offset).point(_BLACK_OR_WHITE))

    return treat


def high_pass(radius_px: int, gain: float) -> Treatment:
    """Only what differs from its surroundings, stronger; unlike a threshold it leaves the greys."""

    def treat(picture: Image.Image) -> Grey:
        around = picture.filter(ImageFilter.BoxBlur(radius_px))
        return np.asarray(ImageChops.subtract(picture, around, 1 / gain, 128))

    return treat


def evened(radius_px: int) -> Treatment:
    """Light and contrast made the same everywhere."""

    def treat(picture: Image.Image) -> Grey:
        around = np.asarray(picture.filter(ImageFilter.BoxBlur(radius_px)), dtype=np.float32)
        above = np.asarray(picture, dtype=np.float32) - around
        swing = Image.fromarray(np.minimum(np.abs(above), 255).astype(np.uint8))
        usual = np.asarray(swing.filter(ImageFilter.BoxBlur(radius_px)), dtype=np.float32)
        even: Grey = np.clip(above / (usual + 4) * 50 + 128, 0, 255).astype(np.uint8)
        return even

    return treat


def opened(side_px: int) -> Treatment:
    """Light specks gone, black areas joined again: for scratches and glitter on black."""
    return lambda picture: _largest(_least(np.asarray(picture), side_px), side_px)


def closed(side_px: int) -> Treatment:
    """Dark specks gone: for dirt and noise on white."""
    return lambda picture: _least(_largest(np.asarray(picture), side_px), side_px)


def blurred(radius_px: int) -> Treatment:
    return lambda picture: np.asarray(picture.filter(ImageFilter.BoxBlur(radius_px)))


def sharpened(radius_px: int, percent: int) -> Treatment:
    return lambda picture: np.asarray(picture.filter(ImageFilter.UnsharpMask(radius_px, percent, 0)))


def equalised(picture: Image.Image) -> Grey:
    return np.asarray(ImageOps.equalize(picture))


def stretched_contrast(cut_percent: int) -> Treatment:
    return lambda picture: np.asarray(ImageOps.autocontrast(picture, cutoff=cut_percent))


def stretched(wide: float = 1.0, tall: float = 1.0) -> Treatment:
    """For codes seen from the side: their modules get some width again."""

    def treat(picture: Image.Image) -> Grey:
        size = (max(1, round(picture.width * wide)), max(1, round(picture.height * tall)))
        return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))

    return treat


def both(first: Treatment, then: Treatment) -> Treatment:
    """One after the other."""
    return lambda picture: then(Image.fromarray(np.ascontiguousarray(first(picture))))


def turned(degrees: int) -> Treatment:
    how = Image.Resampling.BILINEAR
    return lambda picture: np.asarray(picture.rotate(degrees, how, expand=True, fillcolor=255))


def bowed(sideways: float = 0.0, upwards: float = 0.0) -> Treatment:
    """For labels on a round or crumpled ground: the middle rows pushed sideways, the middle columns upwards."""
    return _bent(lambda x, y: (sideways * (1 - y * y), upwards * (1 - x * x)))


def squeezed(sideways: float = 0.0, upwards: float = 0.0) -> Treatment:
    """For labels that bulge: the middle of each row pushed along the row, the middle of each column along it."""
    return _bent(lambda x, y: (sideways * (1 - x * x), upwards * (1 - y * y)))


def _bent(shift: Callable[[float, float], tuple[float, float]]) -> Treatment:
    """Where each point comes from, as a shift in coordinates from -1 to 1."""

    def treat(picture: Image.Image) -> Grey:
        width, height = picture.size

        def source(x: int, y: int) -> tuple[float, float]:
            u, v = 2 * x / width - 1, 2 * y / height - 1
            right, down = shift(u, v)
            return (u + right + 1) / 2 * width, (v + down + 1) / 2 * height

        columns = [round(width * step / _BEND_CELLS) for step in range(_BEND_CELLS + 1)]
        rows = [round(height * step / _BEND_CELLS) for step in range(_BEND_CELLS + 1)]
        mesh = [
            ((x0, y0, x1, y1), (*source(x0, y0), *source(x0, y1), *source(x1, y1), *source(x1, y0)))
            for x0, x1 in pairwise(columns)
            for y0, y1 in pairwise(rows)
        ]
        how = Image.Resampling.BILINEAR
        return np.asarray(picture.transform(picture.size, Image.Transform.MESH, mesh, how, fillcolor=255))

    return treat


def _least(grey: Grey, side_px: int) -> Grey:
    """Each pixel the darkest of a square around it; the picture loses side_px - 1 rows and columns."""
    for axis in (0, 1):
        length = grey.shape[axis] - side_px + 1
        if length < 1:
            return grey
        parts = (grey[at : at + length] if axis == 0 else grey[:, at : at + length] for at in range(side_px))
        darkest = next(parts)
        for part in parts:
            darkest = np.minimum(darkest, part)
        grey = darkest
    return np.ascontiguousarray(grey)


def _largest(grey: Grey, side_px: int) -> Grey:
    return 255 - _least(255 - grey, side_px)
