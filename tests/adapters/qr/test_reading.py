"""Photos of codes we made ourselves: soft, turned, tilted, dark, inverted, several, with Chinese, from odd files."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from adapters.qr.pool import Pool
from core.errors import UserError
from tests.adapters.qr.codes import animation, code, photo_of, saved, tilted

pytestmark = pytest.mark.process

LABEL = "hlht://1101081234567.395815801/"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(size=1)
    yield pool
    pool.close()


@pytest.mark.parametrize(
    "label",
    [
        "https://qrcode.starcharge.com/#/10202303",
        "DE*ABC*E12345*1",
        '{"gun": "0001"}',
        "充电桩 3 号枪，请扫码充电",
        "BORNE N° 7 · Zürich",
        "0123456789",
        "a" * 900,
    ],
)
def test_the_text_comes_back_exactly(pool: Pool, label: str) -> None:
    assert pool.read(saved(code(label), "PNG")) == [label]
    assert pool.read(saved(photo_of(code(label, scale=3)), quality=80)) == [label]


@pytest.mark.parametrize("degrees", [13, 45, 90, 137, 180, 270, 305])
def test_turned(pool: Pool, degrees: int) -> None:
    turned = code(LABEL).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    assert pool.read(saved(photo_of(turned))) == [LABEL]


def test_tilted(pool: Pool) -> None:
    assert pool.read(saved(photo_of(tilted(code(LABEL, scale=10), lean=0.5)))) == [LABEL]


@pytest.mark.parametrize("radius", [1.0, 2.0, 2.8])
def test_out_of_focus(pool: Pool, radius: float) -> None:
    assert pool.read(saved(photo_of(code(LABEL)).filter(ImageFilter.GaussianBlur(radius)))) == [LABEL]


def test_light_on_dark(pool: Pool) -> None:
    assert pool.read(saved(photo_of(ImageOps.invert(code(LABEL))))) == [LABEL]


def test_mirrored(pool: Pool) -> None:
    assert pool.read(saved(ImageOps.mirror(photo_of(code(LABEL))))) == [LABEL]


def test_hardly_any_contrast(pool: Pool) -> None:
    faint = code(LABEL).point(lambda value: 120 + value // 17)
    assert pool.read(saved(faint, "PNG")) == [LABEL]


def test_shadow_across_the_code(pool: Pool) -> None:
    lit = np.asarray(code(LABEL, scale=10), dtype=np.float32)
    lit = lit * np.where(np.add.outer(np.arange(lit.shape[0]), np.arange(lit.shape[1])) > lit.shape[0], 0.25, 1.0)
    assert pool.read(saved(Image.fromarray(lit.astype(np.uint8)))) == [LABEL]


def test_a_code_that_fills_a_large_photo_and_one_that_is_small_in_it(pool: Pool) -> None:
    large = code(LABEL, scale=80)
    assert max(large.size) > 2500
    assert pool.read(saved(large)) == [LABEL]
    far = photo_of(code(LABEL, scale=6), size=(4000, 3000), at=(3100, 2200))
    assert pool.read(saved(far)) == [LABEL]


def test_every_code_once(pool: Pool) -> None:
    wall = photo_of(code("https://example.com/gun/1"), size=(1400, 1000), at=(60, 60))
    wall.paste(code("https://example.com/gun/2"), (800, 100))
    wall.paste(code("https://example.com/gun/1"), (100, 600))
    wall.paste(code("充电站"), (800, 600))
    assert sorted(pool.read(saved(wall))) == ["https://example.com/gun/1", "https://example.com/gun/2", "充电站"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_by_the_camera(pool: Pool, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert pool.read(saved(photo_of(code(LABEL)), exif=exif)) == [LABEL]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_kinds_of_file(pool: Pool, kind: str) -> None:
    assert pool.read(saved(photo_of(code(LABEL)), kind)) == [LABEL]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_kinds_of_pixel(pool: Pool, mode: str) -> None:
    picture = photo_of(code(LABEL))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    assert pool.read(saved(picture if mode == "I;16" else picture.convert(mode), "PNG")) == [LABEL]


def test_colours_for_printing(pool: Pool) -> None:
    assert pool.read(saved(photo_of(code(LABEL)).convert("RGB").convert("CMYK"))) == [LABEL]


def test_black_on_nothing(pool: Pool) -> None:
    label = code(LABEL)
    clear = Image.new("LA", label.size, (0, 0))
    clear.putalpha(ImageOps.invert(label))
    assert pool.read(saved(clear, "PNG")) == [LABEL]
    small = label.convert("P")
    assert pool.read(saved(small, "PNG", transparency=255)) == [LABEL]


def test_a_code_on_the_second_frame(pool: Pool) -> None:
    label = code(LABEL)
    assert pool.read(animation([Image.new("L", label.size, 255), label])) == [LABEL]


def test_cut_off_below_the_code(pool: Pool) -> None:
    whole = saved(photo_of(code(LABEL), at=(300, 20)))
    assert pool.read(whole[: len(whole) * 2 // 3]) == [LABEL]


def test_no_code(pool: Pool) -> None:
    dice = random.Random(4)
    noise = Image.frombytes("L", (640, 480), dice.randbytes(640 * 480))
    assert pool.read(saved(noise)) == []
    assert pool.read(saved(Image.new("L", (1, 1)), "PNG")) == []
    assert pool.read(saved(Image.new("L", (1, 20_000)), "PNG")) == []


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (b"", "not_a_photo"),
        (b"hello", "not_a_photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_photo"),
        (b"%PDF-1.7", "not_a_photo"),
        (saved(code(LABEL), "TIFF"), "not_a_photo"),
        (saved(code(LABEL), "BMP"), "not_a_photo"),
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(100), "heic_photo"),
        (b"\xff\xd8\xff\xe0" + bytes(20_000_000), "photo_too_big"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "photo_unreadable"),
        (b"\x89PNG\r\n\x1a\n", "photo_unreadable"),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(20), "photo_unreadable"),
        (b"GIF89a" + bytes(30), "photo_unreadable"),
    ],
)
def test_what_the_person_hears(pool: Pool, file: bytes, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        pool.read(file)
    assert caught.value.code == problem
