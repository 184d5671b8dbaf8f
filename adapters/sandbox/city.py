"""The sandbox city: about 300 made-up stations in Shenzhen, the same at every start from the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from adapters.sandbox.places import NEIGHBOURHOODS, Neighbourhood
from adapters.sandbox.prices import PLANS, DayPrices, day_prices

SEED = 102
STATIONS = 300
_METRES_PER_DEGREE = 111_320.0

IN_USE, MAINTENANCE, BUILDING = 50, 6, 1
PUBLIC, BUS, PRIVATE = 1, 100, 50


@dataclass(frozen=True, slots=True)
class Gun:
    id: str
    label: str
    power_kw: Decimal
    is_dc: bool


@dataclass(frozen=True, slots=True)
class Pile:
    id: str
    label: str
    power_kw: Decimal
    is_dc: bool
    guns: tuple[Gun, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A station of the city as its operator knows it. The position is GCJ-02."""

    id: str
    name: str
    area_code: str
    address: str
    lat: Decimal
    lng: Decimal
    hours: str
    parking: str
    facilities: str
    guide: str
    kind: int
    status: int
    construction: int
    popularity: float  # 1 is usual
    piles: tuple[Pile, ...]
    dc_prices: DayPrices
    ac_prices: DayPrices

    @property
    def guns(self) -> Iterator[Gun]:
        return (gun for pile in self.piles for gun in pile.guns)

    def prices(self, gun: Gun) -> DayPrices:
        return self.dc_prices if gun.is_dc else self.ac_prices


@dataclass(frozen=True)
class City:
    seed: int
    places: tuple[Place, ...]
    place_of: Mapping[str, Place] = field(repr=False)
    gun_of: Mapping[str, tuple[Place, Gun]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of station: how often, its name, what stands there ((power, DC or not, fewest and most guns), …)."""

    weight: int
    name: str
    construction: int
    stock: tuple[tuple[int, bool, int, int], ...]


_KINDS = (
    _Kind(30, "快充站", 9, ((120, True, 4, 12),)),
    _Kind(22, "快充站", 255, ((60, True, 4, 10),)),
    _Kind(14, "充电站", 1, ((60, True, 2, 6), (7, False, 2, 8))),
    _Kind(10, "慢充站", 1, ((7, False, 2, 12),)),
    _Kind(9, "超充站", 9, ((250, True, 4, 8),)),
    _Kind(6, "超充站", 3, ((480, True, 4, 8), (250, True, 2, 4))),
    _Kind(5, "充电枢纽站", 6, ((180, True, 8, 16), (120, True, 12, 24))),
    _Kind(1, "充电枢纽站", 5, ((180, True, 20, 30), (120, True, 24, 30))),
)
_SPOTS = (
    "春晖路", "文汇路", "青榕街", "听海路", "创想园", "云锦广场", "科汇大厦", "新荔花园", "星河里", "金穗市场",
    "凤翔公园", "体育公园", "锦绣天地", "和悦汇", "工业北区", "银杏停车楼", "地铁口", "文化馆", "联创园", "朝阳里",
)  # fmt: skip
_HOURS = (("00:00-24:00", 16), ("24小时", 4), ("周一至周日 06:00-22:00", 2), ("07:00-23:00", 2))
# Who charges stands for free for two hours. OCPI can say it as a price; T/CEC 102 has only the text.
TWO_HOURS_FREE, TWO_HOURS_S, AFTER_TWO_HOURS_YUAN = "充电免费停车2小时，超出后5元/小时", 7200, Decimal(5)
_PARKING = (
    ("免费停车", 5), ("停车免费", 3), (TWO_HOURS_FREE, 6),
    ("前1小时免费，之后按停车场标准收费", 4),
    ("停车费5元/小时", 4), ("停车收费，首小时10元，之后每小时2元", 2), ("", 1),
)  # fmt: skip
_FACILITIES = ("卫生间", "便利店", "餐饮", "休息室", "雨棚", "WiFi", "洗车", "无障碍车位")
_GUIDES = (
    "地面停车场，进门右转",
    "地下一层B区，跟随充电桩指示牌",
    "地下二层，近2号电梯",
    "停车楼三层",
    "北门进入，直行50米",
    "",
)
_SERVICE_FEES = tuple(Decimal(cents).scaleb(-2).quantize(Decimal("0.0001")) for cents in range(25, 81, 5))
_AC_FEE = Decimal("0.2000")


def build(seed: int = SEED) -> City:
    rng = random.Random(f"city:{seed}")
    spots = {hood: rng.sample(_SPOTS, len(_SPOTS)) for hood in NEIGHBOURHOODS}
    numbers: dict[str, int] = {}
    places = []
    for n in range(STATIONS):
        hood = NEIGHBOURHOODS[n % len(NEIGHBOURHOODS)]
        numbers[hood.area_code] = numbers.get(hood.area_code, 0) + 1
        station_id = f"{hood.area_code}{numbers[hood.area_code]:04d}"
        places.append(_place(rng, station_id, hood, spots[hood].pop(), n))
    return City(
        seed=seed,
        places=tuple(places),
        place_of={place.id: place for place in places},
        gun_of={gun.id: (place, gun) for place in places for gun in place.guns},
    )


def _place(rng: random.Random, station_id: str, hood: Neighbourhood, spot: str, n: int) -> Place:
    kind = rng.choices(_KINDS, [kind.weight for kind in _KINDS])[0]
    lat, lng = _position(rng, hood)
    service = rng.choice(_SERVICE_FEES)
    plan = rng.choices(PLANS, (10, 4, 3, 3))[0]
    # A few are not for everybody, or not now: what a real operator's list has, and a driver should not see.
    station_type = {50: BUS, 150: PRIVATE}.get(n, PUBLIC)
    status = {75: MAINTENANCE, 175: MAINTENANCE, 250: BUILDING}.get(n, IN_USE)
    return Place(
        id=station_id,
        name=f"{hood.district}·{hood.name}{spot}{kind.name}",
        area_code=hood.area_code,
        address=f"广东省深圳市{hood.district}区{hood.name}{spot}{rng.randint(1, 220)}号",
        lat=lat,
        lng=lng,
        hours=_weighted(rng, _HOURS),
        parking=_weighted(rng, _PARKING),
        facilities="、".join(rng.sample(_FACILITIES, rng.choice((0, 1, 1, 2, 2, 3, 4)))),
        guide=rng.choice(_GUIDES),
        kind=station_type,
        status=status,
        construction=kind.construction,
        popularity=rng.uniform(0.85, 1.15),
        piles=tuple(_piles(rng, station_id, kind)),
        dc_prices=day_prices(plan, service),
        ac_prices=day_prices(plan, _AC_FEE),
    )


def _position(rng: random.Random, hood: Neighbourhood) -> tuple[Decimal, Decimal]:
    """Evenly over the circle around the neighbourhood's middle."""
    away_m, bearing = hood.spread_m * math.sqrt(rng.random()), rng.uniform(0, 2 * math.pi)
    lat = hood.lat + away_m * math.cos(bearing) / _METRES_PER_DEGREE
    lng = hood.lng + away_m * math.sin(bearing) / (_METRES_PER_DEGREE * math.cos(math.radians(hood.lat)))
    return Decimal(f"{lat:.6f}"), Decimal(f"{lng:.6f}")


def _piles(rng: random.Random, station_id: str, kind: _Kind) -> Iterator[Pile]:
    """DC cabinets carry two guns, AC posts one. Labels count through the station."""
    pile_no = gun_no = 0
    for power, is_dc, fewest, most in kind.stock:
        per_pile = 2 if is_dc else 1
        for _ in range(max(rng.randint(fewest, most) // per_pile, 1)):
            pile_no += 1
            pile_id = f"{station_id}{pile_no:03d}"
            guns = []
            for side in range(1, per_pile + 1):
                gun_no += 1
                guns.append(Gun(f"{pile_id}{side:02d}", f"{gun_no:02d}号枪", Decimal(power), is_dc))
            yield Pile(pile_id, f"{pile_no:02d}号桩", Decimal(power), is_dc, tuple(guns))


def _weighted(rng: random.Random, choices: tuple[tuple[str, int], ...]) -> str:
    return rng.choices([text for text, _ in choices], [weight for _, weight in choices])[0]
