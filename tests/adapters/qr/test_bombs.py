"""Files made to do harm: each ends soon, in bounded memory, with an answer or a sentence; the next photo is read.

`-s` prints what each cost.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from PIL import Image

from adapters.qr.formats import webp_pixels
from adapters.qr.pool import Pool
from adapters.qr.worker import CPU_S, MEMORY_BYTES
from core.errors import UserError
from tests.adapters.qr.codes import animation, code, finder_tile, part, photo_of, png_of_zeros, saved
from tests.adapters.qr.processes import cpu_s, memory_of

pytestmark = pytest.mark.process

LABEL = "https://example.com/gun/1"


class Outcome(NamedTuple):
    answer: list[str] | str  # texts, or the code of a UserError
    cpu_s: float
    most_memory: int


class Victim:
    """A pool of one worker, and what a file costs it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pool = Pool(size=1)
        self.photo = saved(photo_of(code(LABEL)))

    def feed(self, file: bytes) -> Outcome:
        assert self.pool.read(self.photo) == [LABEL]
        (pid,) = self.pool.pids()
        before, began = cpu_s(pid), time.monotonic()
        answer: list[str] | str
        try:
            answer = self.pool.read(file)
        except UserError as problem:
            answer = problem.code
        assert self.pool.pids() == [pid], "it was not to be killed by this"
        outcome = Outcome(answer, cpu_s(pid) - before, memory_of(pid, "VmHWM"))
        own_mb = memory_of(os.getpid(), "VmRSS") / 1e6
        print(f"\n{self.name:48}{len(file):>8} bytes {answer!s:.28}: {outcome.cpu_s:.2f} s of CPU, ", end="")
        print(
            f"{time.monotonic() - began:.2f} s, worker {outcome.most_memory / 1e6:.0f} MB, we {own_mb:.0f} MB", end=""
        )
        assert self.pool.read(self.photo) == [LABEL]
        return outcome


@pytest.fixture
def victim(request: pytest.FixtureRequest) -> Iterator[Victim]:
    victim = Victim(request.node.name.removeprefix("test_"))
    yield victim
    victim.pool.close()


@pytest.mark.parametrize(
    ("side_px", "bits", "colour"),
    [(13_300, 8, 2), (13_000, 1, 0), (30_000, 1, 0), (65_000, 1, 0), (7_750, 8, 6)],
)
def test_more_pixels_than_we_decode(victim: Victim, side_px: int, bits: int, colour: int) -> None:
    file = png_of_zeros(side_px, side_px, bits=bits, colour=colour)
    assert len(file) < 600_000
    outcome = victim.feed(file)
    assert outcome.answer == "photo_too_big"
    assert outcome.cpu_s < 0.3
    assert outcome.most_memory < 200_000_000


@pytest.mark.parametrize(("colour", "bits"), [(0, 16), (6, 8)])
def test_as_many_pixels_as_we_decode(victim: Victim, colour: int, bits: int) -> None:
    """Just below the limit, in every kind of pixel: it costs time and memory, but no more than was planned for."""
    outcome = victim.feed(png_of_zeros(7_745, 7_745, bits=bits, colour=colour))
    assert outcome.answer == []
    assert outcome.cpu_s < CPU_S + 2
    assert outcome.most_memory < MEMORY_BYTES


def test_a_large_webp_that_is_only_a_header(victim: Victim) -> None:
    size = (16_382).to_bytes(3, "little")
    file = b"RIFF" + (30).to_bytes(4, "little") + b"WEBPVP8X" + (10).to_bytes(4, "little") + bytes(4) + size * 2
    assert webp_pixels(file) == 16_383**2
    outcome = victim.feed(file)
    assert outcome.answer == "photo_too_big"
    assert outcome.most_memory < 200_000_000


@pytest.mark.parametrize("how", [{"quality": 50}, {"lossless": True}])
def test_the_header_of_a_real_webp_tells_its_size(how: dict[str, object]) -> None:
    for picture in (Image.new("RGB", (301, 203)), Image.new("RGBA", (301, 203), (1, 2, 3, 4))):
        assert webp_pixels(saved(picture, "WEBP", **how)) == 301 * 203


@pytest.mark.parametrize("side_px", [1_593, 2_970])
def test_a_tile_of_finder_patterns(victim: Victim, side_px: int) -> None:
    """38 seconds of libzbar, 16 of zxing-cpp, in 30 kB, without a limit."""
    outcome = victim.feed(saved(finder_tile(side_px), "PNG"))
    assert outcome.answer == []
    assert outcome.cpu_s < CPU_S + 2


def test_ten_thousand_frames(victim: Victim) -> None:
    frames = [Image.new("L", (64, 64), number % 251) for number in range(300)]
    whole = animation(frames)
    # The frames of a GIF stand one after the other: the body between header and end may be repeated.
    start = whole.index(b"\x21\xf9")
    file = whole[:start] + whole[start:-1] * 34 + b";"
    outcome = victim.feed(file)
    assert outcome.answer == []
    assert outcome.cpu_s < 1.5


def test_parts_of_a_message_are_no_code(victim: Victim) -> None:
    assert victim.feed(saved(part(0), "PNG")).answer == []
    wall = Image.new("L", (700, 300), 255)
    wall.paste(part(0), (20, 20))
    wall.paste(part(1), (380, 20))
    assert victim.feed(saved(wall, "PNG")).answer == []


def test_bytes_that_are_no_text(victim: Victim) -> None:
    answer = victim.feed(saved(code(bytes(range(128, 256))), "PNG")).answer
    assert isinstance(answer, list)


def test_a_photo_that_is_something_else_too(victim: Victim) -> None:
    photo = saved(photo_of(code(LABEL)))
    assert victim.feed(photo + b"PK\x03\x04" + bytes(1000) + b"<script>alert(1)</script>").answer == [LABEL]
    assert victim.feed(b"%PDF-1.7\n" + photo).answer == "not_a_photo"


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g>" * 100_000, "not_a_photo"),
        (saved(code(LABEL), "TIFF"), "not_a_photo"),
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(100_000), "heic_photo"),
    ],
    ids=["svg", "tiff", "heic"],
)
def test_what_we_never_open(victim: Victim, file: bytes, problem: str) -> None:
    outcome = victim.feed(file)
    assert outcome.answer == problem
    assert outcome.cpu_s < 0.01


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_cut_off_anywhere(victim: Victim, kind: str) -> None:
    whole = saved(photo_of(code(LABEL), size=(500, 400), at=(20, 20)), kind)
    start = time.monotonic()
    for tenth in range(10):
        answer = victim.feed(whole[: len(whole) * tenth // 10]).answer
        assert answer in ([LABEL], [], "photo_unreadable", "not_a_photo")
    assert time.monotonic() - start < 60
