"""The stations around the last search as something that can be watched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal

from core.geo import Point
from core.prices.areas import LEAST_RADIUS_M, MOST_RADIUS_M
from core.prices.watching import Rule
from core.ranking import main_currency
from core.services import Services
from core.services.finder import FIRST_RADIUS_M
from core.services.watches import USUAL_PERCENT, Wishable
from core.user import User
from core.watch import Area, Needs
from core.wishes import Sort, Wishes

LOOKED_AT = 5
# About a hundred metres: no finer is kept than where a watch was set from.
PLACES = 3
_A_BIT_LESS, _CENT = Decimal("0.95"), Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Around:
    """`cheapest` is what the cheapest station there asks for a kWh now. `dropped`: filters that a watch does not
    know are on."""

    area: Area
    label: str
    currency: str
    cheapest: Decimal | None
    dropped: bool

    @property
    def wishes(self) -> tuple[Wishable, ...]:
        """A price a little below the cheapest, and so much below what is usual."""
        usual = Wishable(Rule.BELOW_USUAL, Decimal(USUAL_PERCENT))
        below = None if self.cheapest is None else (self.cheapest * _A_BIT_LESS).quantize(_CENT, ROUND_DOWN)
        return (Wishable(Rule.BELOW, below), usual) if below else (usual,)


def around(services: Services, user: User, point: Point) -> Around:
    """As wide as the list around this point, and for what the person's filters ask."""
    finder, filters = services.finder, user.filters
    wishes = Wishes(energy_kwh=user.energy_kwh, mode=user.mode, sort=Sort.PRICE, filters=filters)
    cheap = finder.near(point, wishes, limit=LOOKED_AT)
    nearest = finder.near(point, replace(wishes, sort=Sort.DISTANCE), limit=1).offers
    radius_m = min(max(cheap.radius_m, LEAST_RADIUS_M), MOST_RADIUS_M) if cheap.offers else FIRST_RADIUS_M
    operators = {value for value, _ in finder.operators_near(point)} if len(filters.operators) == 1 else set()
    operator_id = next(iter(filters.operators & operators), "")
    known = bool(filters.plugs) + (filters.min_power_kw is not None) + bool(operator_id)
    here = point.wgs84
    centre = Point(round(here.lat, PLACES), round(here.lng, PLACES))
    station = nearest[0].station if nearest else None
    currency = main_currency(cheap.offers) or ""
    prices = [one.quote.price_per_kwh for one in cheap.offers if one.quote and one.currency == currency]
    return Around(
        area=Area(centre, radius_m, Needs(filters.plugs, filters.min_power_kw, operator_id)),
        label=(station.name or station.address) if station else f"{centre.lat:.3f}, {centre.lng:.3f}",
        currency=currency,
        cheapest=min(prices, default=None),
        dropped=filters.active > known,
    )
