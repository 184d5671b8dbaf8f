"""What a driver loses by going to the first station of the list, replayed on real prices of Shenzhen (UrbanEV, CC0).

    python -m bench.recommend [--requests 700] [--seed 7] [--data DIR] [--json]

Drivers anywhere in the city ask in hours as much as energy was drawn in them, in the weeks after the first eight,
which alone are learnt from. Candidates are the zones within 15 km; states are told an hour old. Whose hour is worth
10 CNY says "cheap", 30 "balanced", 60 or 100 "hurry". Regret is what the first place cost more than the best one
would have, in percent. The lists of "ours" are those of `core.ranking`, asked as the finder asks it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.recommending.city import City, missing, read_city
from bench.recommending.drivers import ask
from bench.recommending.herding import Outcome, cars, replay
from bench.recommending.ours import Ours
from bench.recommending.tables import USUAL_TOO, Table, by_driver, robustness

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "shenzhen"
# The bar: of nearest's regret, and in percent.
MOST_OF_NEAREST, MOST_PERCENT = 0.25, 2.0


def run(city: City, requests: int, seed: int) -> tuple[Table, Table, dict[str, Outcome]]:
    ours, asked = Ours(city), ask(city, requests, seed)
    drivers, robust = by_driver(city, ours, asked), robustness(city, ours, asked, seed)
    fleet = cars(city, seed)
    loop = {
        "as it was": replay(city, fleet, None),
        "ours": replay(city, fleet, ours),
        "ours, counts its advice": replay(city, fleet, ours, counts_sent=True),
    }
    return drivers, robust, loop


def verdict(drivers: Table, who: str) -> dict[str, float | bool]:
    """The worst driver of the table against the bar."""
    of_nearest = max(row[who].regret / row["nearest"].regret for row in drivers.values())
    percent = max(row[who].regret for row in drivers.values())
    return {
        "most_of_nearest": round(of_nearest, 3),
        "most_percent": round(percent, 2),
        "holds": of_nearest <= MOST_OF_NEAREST and percent <= MOST_PERCENT,
    }


def show(drivers: Table, robust: Table, loop: dict[str, Outcome]) -> None:
    names = list(next(iter(drivers.values())))
    print("Regret in percent, mean (95th percentile in brackets)")
    show_regrets(drivers)
    print("\nOver all drivers")
    print(f"{'':16}{'Hit@1':>8}{'Hit@3':>8}{'NDCG@10':>9}{'wait, min':>11}{'failed':>9}{'CNY/kWh':>9}")
    for name in names:
        rows = [row[name] for row in drivers.values()]
        means = {key: sum(getattr(one, key) for one in rows) / len(rows) for key in rows[0].to_json()}
        print(
            f"{name:16}{means['hit1']:8.2f}{means['hit3']:8.2f}{means['ndcg']:9.3f}{means['wait_min']:11.2f}"
            f"{means['failed']:9.1%}{means['per_kwh']:9.3f}"
        )
    print("\nWhat is left of it, for 30 CNY/h and 30 kWh")
    show_regrets(robust)
    print("\nThe closed loop, all cars")
    print(f"{'':24}{'wait, min':>11}{'95 %':>7}{'failed':>9}{'who did not ask':>17}{'cost, CNY':>11}{'fairness':>10}")
    for name, one in loop.items():
        print(
            f"{name:24}{one.wait_min:11.2f}{one.wait_p95:7.1f}{one.failed:9.2%}{one.others_wait_min:17.2f}"
            f"{one.cost:11.2f}{one.fairness:10.3f}"
        )


def show_regrets(table: Table) -> None:
    names = [name for name in next(iter(table.values())) if name != "oracle"]
    print(f"{'':36}" + "".join(f"{name:>16}" for name in names) + f"{'of nearest':>12}")
    for row_name, row in table.items():
        cells = "".join(f"{row[name].regret:8.2f} ({row[name].p95:5.1f})" for name in names)
        print(f"{row_name:36}{cells}{row['ours'].regret / row['nearest'].regret:12.2f}")
    error = max(row["ours"].error for row in table.values())
    print(f"The standard error of a mean of ours is at most {error:.2f}.")


def to_json(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    return {name: {who: one.to_json() for who, one in row.items()} for name, row in table.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=700)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if lacking := missing(given.data):
        print(f"skipped: {', '.join(lacking)} is missing", file=sys.stderr)
        return
    drivers, robust, loop = run(read_city(given.data), given.requests, given.seed)
    judged = {who: verdict(drivers, who) for who in ("ours", USUAL_TOO)}
    if given.json:
        tables = {"drivers": to_json(drivers), "robustness": to_json(robust)}
        print(json.dumps(tables | {"loop": {name: one.to_json() for name, one in loop.items()}, "bar": judged}))
        return
    show(drivers, robust, loop)
    print(f"\nThe bar: at most {MOST_OF_NEAREST} of nearest's regret and {MOST_PERCENT} % for every driver")
    for who, one in judged.items():
        holds = "holds" if one["holds"] else "does not hold"
        print(f"{who:16}{holds}: at worst {one['most_of_nearest']} of nearest's, {one['most_percent']} %")


if __name__ == "__main__":
    main()
