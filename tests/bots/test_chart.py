"""The picture of a price: a PNG as wide as a phone, in both languages and themes, from any supplier's text."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from bots import chart as charts
from bots import fonts
from bots.chart import HEIGHT_PX, WIDTH_PX, Theme, chart
from bots.prices import SPANS_DAYS
from bots.wording import wording
from core.prices.history import PriceHistory, Step

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 8, 1, tzinfo=UTC)
NOW = START + timedelta(days=100)


@pytest.fixture(scope="module")
def history() -> PriceHistory:
    series = PriceHistory(SHANGHAI)
    for hour in range(100 * 24 + 1):
        at = START + timedelta(hours=hour)
        night = at.astimezone(SHANGHAI).hour < 7
        series.see(at, Decimal("0.80") if night else Decimal("1.50") if hour % 50 else Decimal("1.40"))
    return series


def picture(series: PriceHistory, **how: object) -> Image.Image:
    asked = {"name": "Lotus Park", "currency": "CNY", "at": NOW, "days": 7, "say": wording("en")} | how
    png = chart(series, **asked)  # type: ignore[arg-type]  # the test names the fields
    image = Image.open(io.BytesIO(png))
    image.load()
    assert (image.format, image.size) == ("PNG", (WIDTH_PX, HEIGHT_PX))
    assert len(png) < 300_000
    return image.convert("RGB")


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in image.getcolors(1 << 20) or ()}  # type: ignore[misc]  # an RGB picture


def rgb(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text[1:]))


@pytest.mark.parametrize("days", SPANS_DAYS)
def test_every_span_has_its_line_and_its_lowest_in_both_languages_and_themes(
    history: PriceHistory, days: int
) -> None:
    for language, theme in (("en", Theme.LIGHT), ("zh-CN", Theme.DARK)):
        image, palette = picture(history, days=days, say=wording(language), theme=theme), charts._COLOURS[theme]
        assert image.getpixel((3, 3)) == rgb(palette.paper)
        assert {rgb(palette.line), rgb(palette.band), rgb(palette.low)} <= colours(image)


def test_chinese_is_drawn_where_there_is_a_font_for_it(history: PriceHistory) -> None:
    if not fonts.font()[1]:
        pytest.skip("no Chinese font on this machine")
    assert picture(history, say=wording("zh-CN")).tobytes() != picture(history).tobytes()
    # A character without a glyph is a box, and all boxes are alike.
    assert picture(history, name="莲花").tobytes() != picture(history, name="公园").tobytes()


def test_without_a_chinese_font_it_speaks_english(history: PriceHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "CHINESE", ())
    fonts.font.cache_clear()
    try:
        english = picture(history, name="Lotus 莲花")
        assert picture(history, name="Lotus 莲花", say=wording("zh-CN")).tobytes() == english.tobytes()
        # What cannot be drawn is left out.
        assert picture(history, name="Lotus").tobytes() == english.tobytes()
    finally:
        fonts.font.cache_clear()


def test_a_chinese_font_that_was_installed_since_the_fonts_were_listed_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from matplotlib.font_manager import fontManager

    font, chinese = fonts.font()
    if not chinese:
        pytest.skip("no Chinese font on this machine")
    monkeypatch.setattr(fontManager, "ttflist", [one for one in fontManager.ttflist if one.name == fonts.PLAIN])
    fonts.font.cache_clear()
    try:
        found, chinese = fonts.font()
    finally:
        fonts.font.cache_clear()
    assert chinese
    assert found.get_file() == font.get_file(), "the file, and which of the fonts in it"


def test_the_day_ahead_is_shown_beside_the_day_before(history: PriceHistory) -> None:
    ahead = [Step(NOW, Decimal("1.50")), Step(NOW + timedelta(hours=5), Decimal("0.80"))]
    before = picture(history, days=1)
    assert picture(history, days=1, ahead=ahead).tobytes() != before.tobytes()
    assert picture(history, days=7, ahead=ahead).tobytes() == picture(history).tobytes()


def test_which_guns_are_meant_stands_in_it(history: PriceHistory) -> None:
    english = picture(history, guns="GB/T AC · 7 kW").tobytes()
    assert english != picture(history).tobytes()
    assert picture(history, guns="\x00 · GB/T AC · 7 kW").tobytes() == english, "what cannot be drawn is left out"


@pytest.mark.parametrize("name", ["$\\frac{1}{0}$ $x", "<b>&\x00\x1b[31m\n\u202e", "⚡" * 500, "长" * 500, ""])
def test_a_hostile_name_is_only_text(history: PriceHistory, name: str) -> None:
    picture(history, name=name)


def test_names_are_cut_to_the_width_of_the_picture() -> None:
    face, _ = fonts.font()
    cut = fonts.drawable("Charging hub " * 20, face)
    assert len(cut) == fonts.WIDEST_NAME
    assert cut.endswith("…")
    assert fonts.drawable("  Lotus \n Park ", face) == "Lotus Park"


def test_nothing_seen_one_price_and_a_gap() -> None:
    nothing = PriceHistory(SHANGHAI)
    for days in SPANS_DAYS:
        picture(nothing, days=days)
    one = PriceHistory(SHANGHAI)
    one.see(NOW - timedelta(hours=5), Decimal("1.50"))
    for days in SPANS_DAYS:
        picture(one, days=days, currency="JPY")
    one.see(NOW - timedelta(hours=2), None)
    picture(one, days=1)
    free = PriceHistory(SHANGHAI)
    free.see(NOW - timedelta(hours=5), Decimal(0))
    picture(free, days=1)


def test_threads_draw_side_by_side(history: PriceHistory) -> None:
    alone = picture(history).tobytes()
    drawn: list[bytes] = []
    threads = [threading.Thread(target=lambda: drawn.append(picture(history).tobytes())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert drawn == [alone] * 3
