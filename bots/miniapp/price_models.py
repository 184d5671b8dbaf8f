"""The answer about prices over time as an OpenAPI schema. `prices.py` builds it; a test holds the two together."""

from __future__ import annotations

from pydantic import Field

from bots.miniapp.models import DecimalText, Model, Moment, Money
from core.prices.history import Basis, Grade
from core.station import Plug


class Step(Model):
    at: Moment
    per_kwh: DecimalText | None = Field(description="From then on; null: nobody knows")


class Usual(Model):
    low: DecimalText = Field(description="Half of the prices lie from `low` to `high`")
    median: DecimalText
    high: DecimalText
    basis: Basis = Field(description="This hour of this weekday for four weeks, or this hour of all days")


class UsualAt(Model):
    at: Moment
    usual: Usual | None = Field(description="Null: too new to say")


class Lowest(Model):
    per_kwh: DecimalText
    at: Moment


class PriceBadge(Model):
    grade: Grade
    text: str
    rule: str
    watched_days: int
    usual: Usual | None
    lowest_at_this_hour: Lowest | None


class BetterTime(Model):
    start_at: Moment
    total_now: Money
    total_then: Money
    saving: DecimalText


class WaitOrGo(Model):
    wait: bool
    text: str
    better: BetterTime | None


class DayPrices(Model):
    start: Moment = Field(description="Of 24 hours")
    low: DecimalText | None = Field(description="Null: nobody knows; likewise the others")
    mean: DecimalText | None
    high: DecimalText | None
    usual_low: DecimalText | None = Field(description="Mean of the hours of this day")
    usual_high: DecimalText | None


class PriceTexts(Model):
    """Sentences in the language asked for; "" where there is nothing to say."""

    guns: str
    now: str
    parts: str
    doubted: str
    badge: str
    rule: str
    usual: str
    lowest: str = Field(description="Of the last 90 days, whatever is asked for")
    cheapest: str
    advice: str = Field(description="For `kwh`, else 30, within 24 hours")


class PriceGroup(Model):
    plug: Plug
    power_kw: DecimalText | None
    guns: int
    currency: str
    per_kwh: DecimalText | None = Field(description="Now, of the first kWh, tax included as far as known")
    seen_at: Moment
    doubted: bool = Field(description="Something else was said that waits for a second reading")
    steps: list[Step] = Field(description="From the beginning of the time asked for; the first says what held then")
    usual: list[UsualAt] = Field(description="By hours, of one day also those of the next; none of 30 and 90 days")
    by_day: list[DayPrices] = Field(description="Of 30 or 90 days, else empty")
    lowest: Lowest | None
    badge: PriceBadge
    ahead: list[Step] = Field(description="What it will cost during the next 24 hours, by the tariff")
    cheapest_ahead: Step | None = Field(description="Where the price varies during the next 24 hours")
    advice: WaitOrGo | None = Field(description="For `kwh` until `by`; null without them, and without a tariff")
    text: PriceTexts


class StationPrices(Model):
    station_id: str
    time_zone: str
    days: int
    start: Moment
    end: Moment
    groups: list[PriceGroup] = Field(description="Guns that are the same to a driver; none where no price is known")
