"""The order of the stages: the first sure answer ends it, a doubtful one needs a second opinion, time ends it too."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from adapters.qr.cascade import CLOSE, STAGES, WHOLE, Stage, read_picture
from adapters.qr.decoders import Box, Seen, local
from adapters.qr.picture import MAX_PLACES, Picture
from adapters.qr.treatments import Grey, as_it_is
from tests.adapters.qr.codes import code, photo_of

LABEL = "https://example.com/gun/1"


def blank() -> Picture:
    return Picture(Image.new("L", (400, 300), 255))


def says(*texts: str, unread: tuple[Box, ...] = ()) -> Stage:
    return Stage(f"says {texts}", WHOLE, as_it_is, lambda grey: Seen(list(texts), list(unread)))


def never() -> bool:
    return False


def test_the_first_answer_ends_it() -> None:
    asked: list[int] = []

    def decode(grey: Grey) -> Seen:
        asked.append(1)
        return Seen(["other"])

    stages = (says(), says(LABEL), Stage("last", WHOLE, as_it_is, decode))
    reading = read_picture(blank(), never, stages)
    assert reading.codes == [LABEL]
    assert reading.stage == stages[1].name
    assert asked == []


def test_few_digits_from_a_retry_need_a_second_opinion() -> None:
    assert read_picture(blank(), never, (says("7810"),)).codes == ["7810"]  # as it is: exact
    assert read_picture(blank(), never, (says(), says("7810"), says())).codes == []
    assert read_picture(blank(), never, (says(), says("7810"), says("092"), says("7810"))).codes == ["7810"]
    assert read_picture(blank(), never, (says(), says("7810"), says(LABEL))).codes == [LABEL]
    assert read_picture(blank(), never, (says(), says("123456789"))).codes == ["123456789"]


def test_nothing_is_said_twice() -> None:
    assert read_picture(blank(), never, (says("b", "a", "b"),)).codes == ["b", "a"]


def test_time_ends_it_between_two_stages() -> None:
    assert read_picture(blank(), lambda: True, (says(), says(LABEL))).codes == []
    assert read_picture(blank(), lambda: True, (says(LABEL),)).codes == [LABEL]


def test_where_a_code_was_seen_is_looked_at_closely() -> None:
    picture = Picture(photo_of(code(LABEL, scale=3), size=(900, 700), at=(500, 400)))
    looked: list[tuple[int, ...]] = []

    def decode(grey: Grey) -> Seen:
        looked.append(grey.shape)
        return local(grey)

    here: Box = (512, 412, 587, 487)
    stages = (says(unread=(here, here)), Stage("close", CLOSE, as_it_is, decode))
    assert read_picture(picture, never, stages).codes == [LABEL]
    assert looked == [(240, 240)]


def test_places_are_few_and_apart() -> None:
    picture = blank()
    picture.remember([(20.0 * n, 90, 20.0 * n + 18, 108) for n in range(5, 15)])
    assert len(picture.places) == MAX_PLACES
    assert [max(copy.size) for copy in picture.close_ups(240)] == [240] * MAX_PLACES


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 500), (500, 1), (37, 41)])
def test_no_stage_minds_a_tiny_picture(size: tuple[int, int]) -> None:
    picture = Picture(Image.fromarray(np.random.default_rng(1).integers(0, 255, size, dtype=np.uint8)))
    picture.remember([(0, 0, size[1], size[0])])
    for stage in STAGES:
        assert stage.look(picture, never) == []


def test_names_tell_the_stages_apart() -> None:
    assert len({stage.name for stage in STAGES}) == len(STAGES)
