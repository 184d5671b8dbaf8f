"""A list of stations as an area that can be watched, the same in every chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from core.geo import Point
from core.prices.areas import LEAST_RADIUS_M, MOST_RADIUS_M
from core.prices.watching import Rule
from core.ranking import Offer, main_currency
from core.services import Services
from core.services.finder import FIRST_RADIUS_M
from core.services.watches import USUAL_PERCENT, Wishable
from core.station import Station
from core.user import User
from core.watch import Area, Needs, about
from core.wishes import Filters, Sort, Wishes

LOOKED_AT = 5
_A_BIT_LESS, _CENT = Decimal("0.95"), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Around:
    """The stations of a list as an area: how it is called, and what the cheapest of them asks for a kWh now.

    `dropped`: filters are on that a watch does not know.
    """

    area: Area
    label: str
    currency: str
    cheapest: Decimal | None
    dropped: bool

    @property
    def wishes(self) -> tuple[Wishable, ...]:
        return area_wishes(self.cheapest)


def around(services: Services, user: User, point: Point, radius_m: int | None = None) -> Around:
    """As the person's filters and the first list around the point see it; as wide as that list, or so wide."""
    finder, filters = services.finder, user.filters
    wishes = Wishes(energy_kwh=user.energy_kwh, mode=user.mode, sort=Sort.PRICE, filters=filters)
    cheap = finder.near(point, wishes, limit=LOOKED_AT)
    if radius_m is None:
        radius_m = min(max(cheap.radius_m, LEAST_RADIUS_M), MOST_RADIUS_M) if cheap.offers else FIRST_RADIUS_M
    nearest = finder.near(point, replace(wishes, sort=Sort.DISTANCE), limit=1).offers
    operators = [value for value, _ in finder.operators_near(point)] if len(filters.operators) == 1 else []
    operator_id = next((one for one in filters.operators if one in operators), "")
    centre = about(point)
    currency, cheapest = cheapest_of(cheap.offers)
    return Around(
        area=Area(centre, radius_m, needs(filters, cheap.offers, operator_id)),
        label=name_of(nearest[0].station) if nearest else f"{centre.lat:.3f}, {centre.lng:.3f}",
        currency=currency,
        cheapest=cheapest,
        dropped=_others(filters, operator_id),
    )


def needs(filters: Filters, offers: Sequence[Offer], operator_id: str = "") -> Needs:
    """Without a filter the plugs that the list is about: what a slow gun costs says nothing about fast ones."""
    plugs = filters.plugs or frozenset(one.connector.plug for one in offers)
    return Needs(plugs, filters.min_power_kw, operator_id)


def name_of(one: Station) -> str:
    return one.name or one.address


def cheapest_of(offers: Sequence[Offer]) -> tuple[str, Decimal | None]:
    """The currency most of them have, and the lowest price per kWh in it."""
    currency = main_currency(offers) or ""
    prices = [one.quote.price_per_kwh for one in offers if one.quote and one.currency == currency]
    return currency, min(prices, default=None)


def area_wishes(cheapest: Decimal | None) -> tuple[Wishable, ...]:
    """A price a little below the cheapest, and so much below what is usual."""
    usual = Wishable(Rule.BELOW_USUAL, Decimal(USUAL_PERCENT))
    below = None if cheapest is None else (cheapest * _A_BIT_LESS).quantize(_CENT, ROUND_DOWN)
    return (Wishable(Rule.BELOW, below), usual) if below else (usual,)


def _others(filters: Filters, operator_id: str) -> bool:
    """Whether filters are on beside those that a watch knows."""
    known = bool(filters.plugs) + (filters.min_power_kw is not None) + bool(operator_id)
    return filters.active > known
