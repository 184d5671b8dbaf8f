"""The price of a station as a picture for a phone: what it was, what is usual at each hour, and the lowest.

Drawn at once and wholly in memory; nothing of matplotlib is global here, so threads may draw side by side. It is
imported when the first picture is asked for: it takes a second, and most processes never draw.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bots import fonts, prices
from bots.wording import N_, Wording, wording
from core.prices.history import Badge, Grade, Low, PriceHistory, Step
from core.services.prices import AHEAD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

# A phone shows 1080 pixels about 390 points wide: 30 pixels are small print, 40 a line to read.
WIDTH_PX, HEIGHT_PX, _DPI = 1080, 900, 200
_SMALL, _TEXT, _TITLE = 10.5, 12.0, 15.0
# From here on a day is one point, its mean, and a bar from its lowest to its highest.
_BY_DAY = 30
_BAR = {30: 8.0, 90: 2.6}
# A price that hardly moves is not made to look as if it did.
_LEAST_HEIGHT = 0.12
_BAND_AT_LEAST = 0.05
_TICK_EVERY = {1: timedelta(hours=4), 7: timedelta(days=1), 30: timedelta(days=5), 90: timedelta(days=15)}
_DOTTED, _DASHED = (0, (1.2, 1.2)), (0, (3, 3))


class Theme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class _Colours:
    paper: str
    ink: str
    faint: str
    grid: str
    line: str
    band: str
    low: str
    good: str
    dear: str


_COLOURS = {
    Theme.LIGHT: _Colours(
        "#ffffff", "#1b2733", "#5c6b7a", "#e3e8ed", "#0b62c4", "#f6dfa6", "#0a7d4f", "#0a7d4f", "#b3261e"
    ),
    Theme.DARK: _Colours(
        "#17212b", "#eef3f7", "#a3b1bf", "#2c3a48", "#6bb7ff", "#75602a", "#57d9a3", "#57d9a3", "#ff8a80"
    ),
}
_TITLES = {1: N_("Price, 24 hours"), 7: N_("Price, 7 days"), 30: N_("Price, 30 days"), 90: N_("Price, 90 days")}


def chart(
    series: PriceHistory,
    *,
    name: str,
    currency: str,
    at: datetime,
    days: int,
    say: Wording,
    guns: str = "",
    ahead: Sequence[Step] = (),
    theme: Theme = Theme.LIGHT,
) -> bytes:
    """A PNG of the `days` (one of SPANS_DAYS) until `at`. Where no Chinese font is installed it speaks English.

    `guns` says which of the station's guns, where there are several kinds. `ahead` is what it will cost by the tariff
    during the day after `at`: that is shown beside the day before it.
    """
    # Without a folder to keep its cache in it makes one and says so; nobody needs to know.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    font, chinese = fonts.font()
    if say.language != "en" and not chinese:
        say = wording("en")
    figure = Figure(figsize=(WIDTH_PX / _DPI, HEIGHT_PX / _DPI), dpi=_DPI, facecolor=_COLOURS[theme].paper)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.165, 0.165, 0.795, 0.585))
    drawing = _Drawing(axes, font, _COLOURS[theme], say, currency, series, at, days, ahead)
    drawing.draw()
    drawing.head(name, guns)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=_DPI, facecolor=figure.get_facecolor())
    return png.getvalue()


class _Drawing:
    def __init__(
        self,
        axes: Axes,
        font: FontProperties,
        colours: _Colours,
        say: Wording,
        currency: str,
        series: PriceHistory,
        at: datetime,
        days: int,
        ahead: Sequence[Step],
    ) -> None:
        self.axes, self.font, self.colours, self.say, self.currency = axes, font, colours, say, currency
        self.series, self.days = series, days
        self.end = at.astimezone(series.zone)
        self.start = self.end - timedelta(days=days)
        self.ahead = ahead if days == 1 else ()
        self.right = self.end + AHEAD if self.ahead else self.end
        self.badge: Badge = series.badge(at)
        self.low: Low | None = series.lowest(self.start, at)

    # --- the field --------------------------------------------------------------------------------------------

    def draw(self) -> None:
        self._field()
        heights = self._by_day() if self.days >= _BY_DAY else self._by_hour()
        if not heights:
            self._write(self.axes, 0.5, 0.5, self.say("No price seen in this time yet."), _TEXT, ha="center")
            self.axes.set_yticks([])
            return
        middle, room = (min(heights) + max(heights)) / 2, self._room(heights)
        # More room below: that is where the label of the lowest price goes.
        self.axes.set_ylim(max(middle - room * 0.80, 0), middle + room * 0.65)
        self._money_ticks()
        self._mark_lowest()
        self._legend()

    def _field(self) -> None:
        axes, colours = self.axes, self.colours
        axes.set_facecolor(colours.paper)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(colours.grid)
        axes.grid(axis="y", color=colours.grid, linewidth=0.8)
        axes.tick_params(length=0, pad=6)
        axes.set_axisbelow(True)
        axes.set_xlim(0, self._x(self.right))
        ticks = list(self._times())
        form = "%H:%M" if self.days == 1 else "%-m/%-d"
        axes.set_xticks([self._x(one) for one in ticks], [one.strftime(form) for one in ticks])
        for label in axes.get_xticklabels():
            label.set(fontproperties=self.font, fontsize=_SMALL, color=colours.faint)

    def _by_hour(self) -> list[float]:
        steps = self.series.steps(self.start, self.end)
        xs = [self._x(max(step.at, self.start)) for step in steps] + [self._x(self.end)]
        ys = [_height(step.price) for step in steps]
        ys.append(ys[-1])
        usual = list(self.series.band(self.start, self.right + timedelta(hours=1)))
        band_x = [self._x(moment) for moment, _ in usual]
        lows = [_height(one.low if one else None) for _, one in usual]
        highs = [_height(one.high if one else None) for _, one in usual]
        later = [_height(step.price) for step in self.ahead]
        heights = _known(ys, lows, highs, later)
        self._draw_band(band_x, lows, highs, heights, step=True)
        self.axes.plot(
            xs, ys, drawstyle="steps-post", color=self.colours.line, linewidth=2.6, solid_joinstyle="miter", zorder=4
        )
        if later:
            self.axes.plot(
                [*(self._x(step.at) for step in self.ahead), self._x(self.right)], [*later, later[-1]],
                drawstyle="steps-post", color=self.colours.line, linewidth=2.2, linestyle=_DOTTED, zorder=3,
            )  # fmt: skip
            self.axes.axvline(self._x(self.end), color=self.colours.faint, linewidth=1, linestyle=_DASHED, zorder=1)
        if self.series.price_at(self.end) is not None:
            self._dot(xs[-1], ys[-1], self.colours.line)
        return heights

    def _by_day(self) -> list[float]:
        days = prices.by_day(self.series, self.end, self.days)
        xs = [self._x(day.start + timedelta(hours=12)) for day in days]
        lows, highs = [_height(day.low) for day in days], [_height(day.high) for day in days]
        means = [_height(day.mean) for day in days]
        usual_lows, usual_highs = [_height(day.usual_low) for day in days], [_height(day.usual_high) for day in days]
        heights = _known(lows, highs, usual_lows, usual_highs)
        self.axes.vlines(xs, lows, highs, color=self.colours.line, linewidth=_BAR[self.days], alpha=0.3)
        self._draw_band(xs, usual_lows, usual_highs, heights, step=False)
        self.axes.plot(xs, means, color=self.colours.line, linewidth=2.6, zorder=4)
        return heights

    def _draw_band(
        self, xs: list[float], lows: list[float], highs: list[float], heights: list[float], *, step: bool
    ) -> None:
        """Where all prices of an hour were one, the band is still to be seen."""
        least = _BAND_AT_LEAST * self._room(heights) if heights else 0.0
        half = [max(high - low, least) / 2 for low, high in zip(lows, highs, strict=True)]
        middle = [(low + high) / 2 for low, high in zip(lows, highs, strict=True)]
        self.axes.fill_between(
            xs,
            [one - wide for one, wide in zip(middle, half, strict=True)],
            [one + wide for one, wide in zip(middle, half, strict=True)],
            step="post" if step else None, color=self.colours.band, linewidth=0, zorder=2,
        )  # fmt: skip

    @staticmethod
    def _room(heights: list[float]) -> float:
        low, high = min(heights), max(heights)
        return max(high - low, _LEAST_HEIGHT * high) or 1.0

    def _mark_lowest(self) -> None:
        paid = {step.price for step in self.series.steps(self.start, self.end)}
        if self.low is None or paid <= {self.low.price, None}:
            return  # where it has never been another there is nothing to point at
        x, y = self._x(max(self.low.at.astimezone(self.series.zone), self.start)), float(self.low.price)
        if self.days >= _BY_DAY:
            x = min(x, self._x(self.end))
        self._dot(x, y, self.colours.low)
        text = self.say("lowest {price}", price=self._money(self.low.price))
        right = x > self._x(self.end) * 0.6
        self.axes.annotate(
            text, (x, y), xytext=(0 if right else -4, -11), textcoords="offset points", va="top",
            ha="right" if right else "left", fontproperties=self.font, fontsize=_TEXT, color=self.colours.low,
            parse_math=False,
        )  # fmt: skip

    def _dot(self, x: float, y: float, colour: str) -> None:
        self.axes.plot(
            [x], [y], marker="o", markersize=8, color=colour, markeredgecolor=self.colours.paper, markeredgewidth=1.5,
            clip_on=False, zorder=5,
        )  # fmt: skip

    def _money_ticks(self) -> None:
        from matplotlib.ticker import MaxNLocator

        low, high = self.axes.get_ylim()
        ticks = [one for one in MaxNLocator(5).tick_values(low, high) if low <= one <= high]
        self.axes.set_ylim(low, high)
        self.axes.set_yticks(ticks, [self._money(Decimal(str(round(one, 4)))) for one in ticks])
        for label in self.axes.get_yticklabels():
            label.set(fontproperties=self.font, fontsize=_SMALL, color=self.colours.faint, parse_math=False)

    def _legend(self) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        usual = any(one is not None for _, one in self.series.band(self.start, self.end, timedelta(days=1)))
        by_day = self.days >= _BY_DAY
        price = self.say("mean of the day, lowest to highest") if by_day else self.say("price per kWh")
        handles: list[Any] = [Line2D([], [], color=self.colours.line, linewidth=2.6, label=price)]
        if usual:
            label = self.say("usual") if by_day else self.say("usual at this hour")
            handles.append(Patch(color=self.colours.band, label=label))
        if self.ahead:
            label = self.say("by the tariff")
            handles.append(Line2D([], [], color=self.colours.line, linewidth=2.2, linestyle=_DOTTED, label=label))
        legend = self.axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(-0.175, -0.115), ncols=3, frameon=False,
            handlelength=1.3, columnspacing=1.4, borderaxespad=0,
        )  # fmt: skip
        for text in legend.get_texts():
            text.set(fontproperties=self.font, fontsize=_SMALL, color=self.colours.faint)

    # --- the head ---------------------------------------------------------------------------------------------

    def head(self, name: str, guns: str) -> None:
        figure = self.axes.figure
        title = self.say("Price, 24 hours back and ahead") if self.ahead else self.say(_TITLES[self.days])
        guns = fonts.drawable(guns, self.font).strip(" ·")
        self._write(figure, 0.04, 0.945, fonts.drawable(name, self.font), _TITLE, colour=self.colours.ink)
        self._write(figure, 0.04, 0.868, f"{title} · {guns}" if guns else title, _TEXT, colour=self.colours.faint)
        if self.badge.price is not None:
            now = self.say("{price}/kWh", price=self._money(self.badge.price))
            self._write(figure, 0.96, 0.800, now, _TITLE, colour=self.colours.ink, ha="right")
        grade = self.badge.grade
        colour = {Grade.GOOD: self.colours.good, Grade.DEAR: self.colours.dear}.get(grade, self.colours.faint)
        self._write(figure, 0.04, 0.800, prices.verdict(self.say, self.badge), _TEXT, colour=colour)

    def _write(self, where: Any, x: float, y: float, text: str, size: float, **how: Any) -> None:
        colour = how.pop("colour", self.colours.faint)
        more = {"transform": where.transAxes} if where is self.axes else {}
        where.text(x, y, text, fontproperties=self.font, fontsize=size, color=colour, va="center", parse_math=False,
                   **more, **how)  # fmt: skip

    # --- small things -----------------------------------------------------------------------------------------

    def _x(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds() / 3600

    def _times(self) -> Iterator[datetime]:
        """Round times of the place's own clock."""
        every = _TICK_EVERY[self.days] * (2 if self.ahead else 1)
        moment = datetime.combine(self.start.date(), time(0), self.series.zone)
        while moment <= self.right:
            if moment >= self.start:
                yield moment
            moment += every

    def _money(self, price: Decimal) -> str:
        return prices.money(self.say, price, self.currency)


def _known(*columns: list[float]) -> list[float]:
    return [one for column in columns for one in column if one == one]  # not a number: nobody knows


def _height(price: Decimal | None) -> float:
    return float("nan") if price is None else float(price)
