"""What is known to be wrong with each decoder does not get through."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from adapters.qr import decoders
from tests.adapters.qr.codes import code, part

LABEL = "https://example.com/gun/1"


def grey(picture: Image.Image) -> decoders.Grey:
    return np.asarray(picture)


def needs_zbar() -> None:
    if "zbar" not in decoders.available():
        pytest.skip("needs libzbar0 on this machine")


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("degrees", [0, 30, 180])
def test_a_part_of_a_message_is_no_text(number: int, degrees: int) -> None:
    picture = part(number).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    read_as_if_whole = zxingcpp.read_barcodes(grey(picture))
    assert len(read_as_if_whole) == 1
    for decode in (decoders.local_thorough, decoders.local, decoders.by_histogram, decoders.zbar):
        assert decode(grey(picture)).texts == []


def test_beside_a_part_a_whole_text_is_read() -> None:
    wall = Image.new("L", (700, 300), 255)
    wall.paste(part(0), (20, 20))
    wall.paste(code(LABEL), (380, 20))
    assert decoders.local(grey(wall)).texts == [LABEL]


@pytest.mark.parametrize("label", ["12345", "ABC 12", "https://a.b/c", "充电桩", "a" * 300])
def test_whole_texts_are_not_taken_for_parts(label: str) -> None:
    assert decoders.local_thorough(grey(code(label))).texts == [label]


def test_control_characters_stay_what_they_are() -> None:
    label = "gun\x1d12\x01"
    assert decoders.local(grey(code(label))).texts == [label]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    picture = grey(code(bytes([0x80, 0xFF, 0xFE, 0x01, 0xC3])))
    assert all(isinstance(text, str) for text in decoders.local(picture).texts)
    assert all(isinstance(text, str) for text in decoders.zbar(picture).texts)


@pytest.mark.parametrize("label", ["充电桩 3 号枪", "café Zürich", "https://例.中国/枪/7", LABEL])
def test_zbar_gives_the_text_or_nothing(label: str) -> None:
    """It takes UTF-8 for Shift-JIS, Big5 and others: what cannot be put right is not passed on."""
    needs_zbar()
    assert decoders.zbar(grey(code(label))).texts in ([label], [])
    assert decoders.zbar(grey(code(LABEL))).texts == [LABEL]


def test_chinese_that_zbar_garbled_is_put_right() -> None:
    assert decoders._repaired("枪号".encode().decode("cp932").encode()) == "枪号"


def test_without_libzbar_the_other_goes_on() -> None:
    def missing(name: str) -> ModuleType:
        raise ImportError("Unable to find zbar shared library")

    assert decoders.load_pyzbar(missing) is None
    assert decoders.zbar_with(None, grey(code(LABEL))).texts == []
