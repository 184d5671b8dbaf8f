"""How good the lists were, against what every zone would really have cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bench.recommending.city import Floats
from bench.recommending.drivers import Truth

_AT = 10  # places that NDCG looks at


@dataclass(frozen=True)
class Measured:
    """Regrets in percent of the best choice's cost; `error` is the standard error of their mean."""

    regret: float
    error: float
    p95: float
    hit1: float
    hit3: float
    ndcg: float
    wait_min: float
    failed: float
    per_kwh: float

    def to_json(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure(truth: Truth, lists: Sequence[Sequence[int]]) -> Measured:
    """A list names zones, best first. Zones that are too far from where the driver really is are passed over."""
    rows = np.arange(len(lists))
    within = [[zone for zone in one if not np.isnan(truth.cost[row, zone])] for row, one in enumerate(lists)]
    first = np.array([one[0] for one in within])
    best = np.nanmin(truth.cost, axis=1)
    regret = (truth.cost[rows, first] / best - 1) * 100
    oracle = np.nanargmin(truth.cost, axis=1)
    return Measured(
        regret=float(regret.mean()),
        error=float(regret.std(ddof=1) / np.sqrt(len(regret))),
        p95=float(np.quantile(regret, 0.95)),
        hit1=float(np.mean(first == oracle)),
        hit3=float(np.mean([best_zone in one[:3] for best_zone, one in zip(oracle, within, strict=True)])),
        ndcg=float(np.mean([_ndcg(truth.cost[row], one) for row, one in enumerate(within)])),
        wait_min=float(truth.wait[rows, first].mean()),
        failed=float(truth.failed[rows, first].mean()),
        per_kwh=float(truth.per_kwh[rows, first].mean()),
    )


def _ndcg(cost: Floats, listed: Sequence[int]) -> float:
    """The gain of a zone is 1 for the least cost and 0 for the most, even in between."""
    dearest, span = np.nanmax(cost), np.nanmax(cost) - np.nanmin(cost)
    if span == 0:
        return 1.0
    gain = (dearest - cost) / span
    ideal = np.sort(gain[~np.isnan(gain)])[::-1][:_AT]
    got = gain[list(dict.fromkeys(listed))[:_AT]]
    discount = 1 / np.log2(np.arange(2, _AT + 2))
    return float((got * discount[: len(got)]).sum() / (ideal * discount[: len(ideal)]).sum())
